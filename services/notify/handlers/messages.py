"""Storing of messages, and the locked rows that make the order of events irrelevant."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.chassis.db.database import personal_keys_of
from services.chassis.runtime.logs import correlation_id
from services.notify.adapters.sealing import seal
from services.notify.domain.messages import Draft, State
from services.notify.models import ApplicationRow, MessageRow, PassRow


def lock_application(session: Session, application_id: UUID, reference: str) -> bool:
    """Insert or lock the application's row until the transaction ends; return whether it was erased."""
    row = insert(ApplicationRow).values(id=application_id, reference=reference)
    held = row.on_conflict_do_update(index_elements=[ApplicationRow.id], set_={"reference": reference})
    return session.execute(held.returning(ApplicationRow.erased_at)).scalar_one() is not None


@dataclass(frozen=True)
class KnownPass:
    """What is known of a pass so far."""

    revoked_at: datetime | None
    printed_at: datetime | None


def lock_pass(session: Session, number: str, application_id: UUID) -> KnownPass:
    """Insert or lock the pass's row until the transaction ends; return what it holds."""
    row = insert(PassRow).values(number=number, application_id=application_id)
    held = row.on_conflict_do_update(index_elements=[PassRow.number], set_={"application_id": application_id})
    known = session.execute(held.returning(PassRow.revoked_at, PassRow.printed_at)).one()
    return KnownPass(*known)


def store(
    session: Session,
    event_id: UUID,
    draft: Draft,
    now: datetime,
    *,
    application_id: UUID | None = None,
    pass_number: str | None = None,
    withdrawn: bool = False,
    erased: bool = False,
) -> None:
    """Store a message unless this event has created one already. The commit of a code wakes the sender.

    Args:
        session: the transaction.
        event_id: identifies the message together with its purpose.
        draft: the message.
        now: time of the event's handling.
        application_id: the application that it is about, if any.
        pass_number: the pass that it is about, if any.
        withdrawn: nobody should receive it any more; it is stored for the record.
        erased: nothing personal may be stored; the message is withdrawn.
    """
    message_id = uuid4()
    personal = None if erased else draft.personal
    state: State = "not_needed" if draft.route is None else "withdrawn" if withdrawn or erased else "queued"
    row = insert(MessageRow).values(
        id=message_id,
        event_id=event_id,
        purpose=draft.purpose,
        lane=draft.lane,
        channel=draft.route[0] if draft.route else draft.deliver_by,
        language=draft.language,
        application_id=application_id,
        pass_number=pass_number,
        personal=seal(message_id, personal, personal_keys_of(session)) if personal else None,
        state=state,
        due_at=now,
        correlation_id=correlation_id(),
        created_at=now,
        expires_at=draft.expires_at,
        ended_at=None if state == "queued" else now,
    )
    session.execute(row.on_conflict_do_nothing(index_elements=[MessageRow.event_id, MessageRow.purpose]))

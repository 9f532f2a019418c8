"""How messages get into their table, and the rows that keep the order of events irrelevant."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.chassis.runtime.logs import correlation_id
from services.notify.domain import Draft, State
from services.notify.models import Application, Message, Pass
from services.notify.sealing import seal


def is_erased(session: Session, application_id: UUID, reference: str) -> bool:
    """Remembers the application, holds its row until the transaction ends, and tells whether it was erased."""
    row = insert(Application).values(id=application_id, reference=reference)
    held = row.on_conflict_do_update(index_elements=[Application.id], set_={"reference": reference})
    return session.execute(held.returning(Application.erased_at)).scalar_one() is not None


@dataclass(frozen=True)
class KnownPass:
    """What is known of a pass so far."""

    revoked_at: datetime | None
    printed_at: datetime | None


def hold_pass(session: Session, number: str, application_id: UUID) -> KnownPass:
    """Remembers the pass and holds its row until the transaction ends."""
    row = insert(Pass).values(number=number, application_id=application_id)
    held = row.on_conflict_do_update(index_elements=[Pass.number], set_={"application_id": application_id})
    known = session.execute(held.returning(Pass.revoked_at, Pass.printed_at)).one()
    return KnownPass(*known)


def store(
    session: Session,
    event_id: UUID,
    draft: Draft,
    at: datetime,
    *,
    application_id: UUID | None = None,
    pass_number: str | None = None,
    withdrawn: bool = False,
    erased: bool = False,
) -> None:
    """Stores a message unless this event has made one already. The sender is woken when the transaction commits.

    Args:
        session: the transaction.
        event_id: with the purpose, what a message is unique by.
        draft: the message.
        at: now.
        application_id: what it is about, if an application.
        pass_number: what it is about, if a pass.
        withdrawn: nobody should get it any more; it is kept to tell the story.
        erased: nothing personal of it may be kept, so it is withdrawn, too.
    """
    message_id = uuid4()
    personal = None if erased else draft.personal
    state: State = "not_needed" if draft.route is None else "withdrawn" if withdrawn or erased else "queued"
    row = insert(Message).values(
        id=message_id,
        event_id=event_id,
        purpose=draft.purpose,
        lane=draft.lane,
        channel=draft.route[0] if draft.route else draft.deliver_by,
        language=draft.language,
        application_id=application_id,
        pass_number=pass_number,
        personal=seal(message_id, personal) if personal else None,
        state=state,
        due_at=at,
        correlation_id=correlation_id(),
        created_at=at,
        expires_at=draft.expires_at,
        ended_at=None if state == "queued" else at,
    )
    session.execute(row.on_conflict_do_nothing(index_elements=[Message.event_id, Message.purpose]))

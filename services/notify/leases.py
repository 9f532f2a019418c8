"""Messages out of their table and back: leased for a while, then settled with what became of them.

A lease is an id on the row and a time until when it holds. A sender that dies leaves both behind: once the time is
over the next one takes the message, and counts that the last try may have succeeded all the same. So does a try of
which the vendor said nothing: its lease stays until the next try is due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.orm import Session

from contracts.envelope import UnreadableEvent
from contracts.events import NotificationDelivered, NotificationFailed
from contracts.model import DeliverBy, Language
from services.chassis.messaging import outbox
from services.chassis.runtime import logs
from services.notify.domain import Delivered, Failed, Lane, Later, Outcome, Personal, Purpose
from services.notify.models import Message
from services.notify.sealing import unseal


@dataclass(frozen=True)
class Leased:
    """A message in a sender's hand. ``personal`` is None where it cannot be read any more."""

    id: UUID
    lease: UUID
    lane: Lane
    purpose: Purpose
    channel: DeliverBy
    language: Language
    application_id: UUID | None
    personal: Personal | None
    attempts: int
    created_at: datetime
    expires_at: datetime | None
    correlation_id: str


Settled = tuple[Leased, Outcome]


def take(session: Session, lane: Lane, limit: int, at: datetime, until: datetime) -> list[Leased]:
    """Leases what is due in a lane, the longest due first; rows that another sender is taking are passed over."""
    due = (
        select(Message.id)
        .where(Message.state == "queued", Message.lane == lane, Message.due_at <= at)
        .order_by(Message.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    lease = uuid4()
    unknown = case((Message.lease.is_not(None), 1), else_=0)
    hold = (
        update(Message)
        .where(Message.id == due.c.id)
        .values(
            lease=lease,
            due_at=until,
            attempts=Message.attempts + 1,
            possible_duplicates=Message.possible_duplicates + unknown,
        )
        .returning(Message)
        .execution_options(synchronize_session=False)
    )
    rows = sorted(session.scalars(hold), key=lambda row: row.created_at)
    return [_leased(row, lease) for row in rows]


def _leased(row: Message, lease: UUID) -> Leased:
    return Leased(
        id=row.id,
        lease=lease,
        lane=row.lane,
        purpose=row.purpose,
        channel=row.channel,
        language=row.language,
        application_id=row.application_id,
        personal=_personal(row),
        attempts=row.attempts,
        created_at=row.created_at,
        expires_at=row.expires_at,
        correlation_id=row.correlation_id,
    )


def _personal(row: Message) -> Personal | None:
    if row.personal is None:
        return None
    try:
        return unseal(row.id, row.personal)
    except UnreadableEvent:
        return None


def settle(session: Session, results: Sequence[Settled], at: datetime) -> None:
    """Records outcomes, and says those that are final. In the order of ids, so that two transactions never wait in a ring."""
    for message, outcome in sorted(results, key=lambda result: result[0].id):
        with logs.context(correlation_id=message.correlation_id):
            _settle(session, message, outcome, at)


def _settle(session: Session, message: Leased, outcome: Outcome, at: datetime) -> None:
    if isinstance(outcome, Delivered):
        _end_delivered(session, message, outcome, at)
    elif isinstance(outcome, Failed):
        _end_failed(session, message, outcome, at)
    elif isinstance(outcome, Later):
        lease = message.lease if outcome.may_have_arrived else None
        _change_own(session, message, due_at=outcome.at, lease=lease, reason=outcome.reason)
    else:
        _change_own(session, message, due_at=at, lease=None, attempts=Message.attempts - 1)


def _end_delivered(session: Session, message: Leased, outcome: Delivered, at: datetime) -> None:
    """It is true whoever holds the lease by now, and although the message was withdrawn meanwhile."""
    open_ = (Message.id == message.id) & Message.state.in_(("queued", "withdrawn"))
    values = {
        "state": "delivered",
        "ended_at": at,
        "lease": None,
        "reason": None,
        "provider_id": outcome.provider_id,
        **_forget(message),
    }
    if _changed(session, open_, values):
        event = NotificationDelivered(
            message_id=message.id,
            application_id=message.application_id,
            purpose=message.purpose,
            channel=message.channel,
        )
        outbox.add(session, event, at=at)


def _end_failed(session: Session, message: Leased, outcome: Failed, at: datetime) -> None:
    if _change_own(
        session,
        message,
        state=outcome.state,
        ended_at=at,
        lease=None,
        reason=outcome.reason,
        **_forget(message),
    ):
        event = NotificationFailed(
            message_id=message.id,
            application_id=message.application_id,
            purpose=message.purpose,
            channel=message.channel,
            reason=outcome.reason,
        )
        outbox.add(session, event, at=at)


def _forget(message: Leased) -> dict[str, None]:
    """A one-time code and its number are of no use to anybody once the message has ended."""
    return {"personal": None} if message.lane == "otp" else {}


def _change_own(session: Session, message: Leased, **values: object) -> bool:
    """Changes the row unless it was withdrawn, or the lease ran out and another sender has it."""
    own = (Message.id == message.id) & (Message.lease == message.lease) & (Message.state == "queued")
    return _changed(session, own, values)


def _changed(session: Session, which: ColumnElement[bool], values: Mapping[str, object]) -> bool:
    statement = update(Message).where(which).values(values).returning(Message.id)
    return session.execute(statement, execution_options={"synchronize_session": False}).first() is not None

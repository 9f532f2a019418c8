"""Leases of messages: a sender takes due messages for a limited time, then settles each with its outcome.

A lease is an ID on the row and the time at which it ends. A sender that dies leaves both behind: after that
time another sender takes the message, and counts that the last try may have succeeded. The same holds for a
try to which the vendor did not respond: its lease stays until the next try is due.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, case, select, update
from sqlalchemy.orm import Session

from contracts.envelope import PersonalKeyRing, UnreadableEvent
from contracts.events import NotificationDelivered, NotificationFailed
from contracts.model import DeliverBy, Language
from services.chassis.db.database import personal_keys_of
from services.chassis.messaging import outbox
from services.chassis.runtime import logs
from services.notify.adapters.sealing import unseal
from services.notify.domain.messages import Lane, Personal, Purpose
from services.notify.domain.outcomes import Delivered, Failed, Later, Outcome
from services.notify.models import MessageRow


@dataclass(frozen=True)
class Leased:
    """A message that a sender has leased. ``personal`` is None where it cannot be read any more."""

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


def take(session: Session, lane: Lane, limit: int, now: datetime, until: datetime) -> list[Leased]:
    """Lease due messages of a lane, the longest due first; skip rows that another sender is taking."""
    due = (
        select(MessageRow.id)
        .where(MessageRow.state == "queued", MessageRow.lane == lane, MessageRow.due_at <= now)
        .order_by(MessageRow.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    lease = uuid4()
    unknown = case((MessageRow.lease.is_not(None), 1), else_=0)
    hold = (
        update(MessageRow)
        .where(MessageRow.id == due.c.id)
        .values(
            lease=lease,
            due_at=until,
            attempts=MessageRow.attempts + 1,
            possible_duplicates=MessageRow.possible_duplicates + unknown,
        )
        .returning(MessageRow)
        .execution_options(synchronize_session=False)
    )
    keys = personal_keys_of(session)
    rows = sorted(session.scalars(hold), key=lambda row: row.created_at)
    return [
        Leased(
            id=row.id,
            lease=lease,
            lane=row.lane,
            purpose=row.purpose,
            channel=row.channel,
            language=row.language,
            application_id=row.application_id,
            personal=_unseal(row, keys),
            attempts=row.attempts,
            created_at=row.created_at,
            expires_at=row.expires_at,
            correlation_id=row.correlation_id,
        )
        for row in rows
    ]


def _unseal(row: MessageRow, keys: PersonalKeyRing) -> Personal | None:
    if row.personal is None:
        return None
    try:
        return unseal(row.id, row.personal, keys)
    except UnreadableEvent:
        return None


def settle(session: Session, results: Sequence[Settled], now: datetime) -> None:
    """Record outcomes, and publish the final ones.

    Rows are updated in the order of their IDs, so that two transactions cannot deadlock.
    """
    for message, outcome in sorted(results, key=lambda result: result[0].id):
        with logs.context(correlation_id=message.correlation_id):
            if isinstance(outcome, Delivered):
                _settle_delivered(session, message, outcome, now)
            elif isinstance(outcome, Failed):
                _settle_failed(session, message, outcome, now)
            elif isinstance(outcome, Later):
                lease = message.lease if outcome.may_have_arrived else None
                _change_own(session, message, due_at=outcome.at, lease=lease, reason=outcome.reason)
            else:
                _change_own(session, message, due_at=now, lease=None, attempts=MessageRow.attempts - 1)


def _settle_delivered(session: Session, message: Leased, outcome: Delivered, now: datetime) -> None:
    """Record a delivery, whoever has the lease by now, and even if the message was withdrawn meanwhile."""
    open_ = (MessageRow.id == message.id) & MessageRow.state.in_(("queued", "withdrawn"))
    values = {
        "state": "delivered",
        "ended_at": now,
        "lease": None,
        "reason": None,
        "provider_id": outcome.provider_id,
        **_erased(message),
    }
    if _changed(session, open_, values):
        event = NotificationDelivered(
            message_id=message.id,
            application_id=message.application_id,
            purpose=message.purpose,
            channel=message.channel,
        )
        outbox.add(session, event, at=now)


def _settle_failed(session: Session, message: Leased, outcome: Failed, now: datetime) -> None:
    if _change_own(
        session,
        message,
        state=outcome.state,
        ended_at=now,
        lease=None,
        reason=outcome.reason,
        **_erased(message),
    ):
        event = NotificationFailed(
            message_id=message.id,
            application_id=message.application_id,
            purpose=message.purpose,
            channel=message.channel,
            reason=outcome.reason,
        )
        outbox.add(session, event, at=now)


def _erased(message: Leased) -> dict[str, None]:
    """Erase the personal part of a one-time code, which nobody needs once the message has ended."""
    return {"personal": None} if message.lane == "otp" else {}


def _change_own(session: Session, message: Leased, **values: object) -> bool:
    """Update the row unless it was withdrawn, or the lease ended and another sender has it."""
    own = (MessageRow.id == message.id) & (MessageRow.lease == message.lease) & (MessageRow.state == "queued")
    return _changed(session, own, values)


def _changed(session: Session, which: ColumnElement[bool], values: Mapping[str, object]) -> bool:
    statement = update(MessageRow).where(which).values(values).returning(MessageRow.id)
    return session.execute(statement, execution_options={"synchronize_session": False}).first() is not None

"""Leases of messages: a sender takes due messages for a limited time, then settles each with its outcome.

A lease is an ID on the row and the time at which it ends. A sender that dies leaves both behind: after that
time another sender takes the message, and counts that the last try may have succeeded. The same holds for a
try to which the vendor did not respond: its lease stays until the next try is due.

Leases and due times follow the clock of the database, since those of two senders may differ by more than a
lease. The clock of the process decides only what has expired.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.envelope import PersonalKeyRing, UnreadableEvent
from contracts.events import NotificationDelivered, NotificationFailed
from contracts.model import DeliverBy, Language
from services.chassis.db import deferred_writes
from services.chassis.db.database import personal_keys_of
from services.chassis.messaging import outbox
from services.chassis.runtime import logs
from services.notify.adapters.sealing import unseal
from services.notify.domain.messages import Lane, Personal, Purpose
from services.notify.domain.outcomes import Delivered, Failed, Later, Outcome, Untried
from services.notify.models import PhoneMessageRow

_PHONE = PhoneMessageRow.metadata.tables["local_phone"]
_READ = (
    "id, lane, purpose, channel, language, application_id, personal, "
    "attempts, possible_duplicates, created_at, expires_at, correlation_id, traceparent"
)
_DUE = "state = 'queued' and due_at <= statement_timestamp()"
_LEASE = text(f"""
with codes as (
  select id from messages where {_DUE} and lane = 'otp' and 'otp' = any(:lanes)
  order by due_at limit :most for update skip locked
), others as (
  select id from messages where {_DUE} and lane = 'normal' and 'normal' = any(:lanes)
  order by due_at limit case when exists (select from codes) then 0 else :most end
  for update skip locked
)
update messages set
  lease = :lease, due_at = statement_timestamp() + make_interval(secs => :seconds), attempts = attempts + 1,
  possible_duplicates = possible_duplicates + (lease is not null)::int
where id = any(array(select id from codes union all select id from others))
returning {_READ}
""")  # noqa: S608  made of constants
_SETTLE = text("""
with given as (
  select * from json_to_recordset(cast(:outcomes as json)) as one(
    id uuid, own uuid, is_delivered bool, is_untried bool, state text, lease uuid, wait float8,
    ended_at timestamptz, reason text, provider_id text, is_erased bool
  )
), held as (
  select id from messages where id in (select id from given) order by id for update
)
update messages set
  state = given.state, lease = given.lease,
  due_at = coalesce(statement_timestamp() + make_interval(secs => given.wait), messages.due_at),
  attempts = attempts - is_untried::int, ended_at = given.ended_at, provider_id = given.provider_id,
  reason = case when is_untried then messages.reason else given.reason end,
  personal = case when is_erased then null else personal end
from held join given using (id)
where messages.id = held.id and case
  when is_delivered then messages.state in ('queued', 'withdrawn')
  else messages.state = 'queued' and messages.lease = own
end
returning messages.id
""")
"""A delivery is recorded whoever has the lease by now, and even if the message was withdrawn meanwhile. Any
other outcome counts only while the message is not withdrawn and the lease is the sender's own. Rows are
locked in the order of their IDs, so that two transactions cannot deadlock."""


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
    possible_duplicates: int
    created_at: datetime
    expires_at: datetime | None
    correlation_id: str
    traceparent: str | None


Settled = tuple[Leased, Outcome]


def take(session: Session, lanes: Sequence[Lane], limit: int, seconds: float) -> list[Leased]:
    """Lease due messages for so many seconds, the longest due first; skip rows that another sender is taking.

    All are codes, if any code is due in these lanes: nobody who waits for one waits for other messages.
    """
    lease = uuid4()
    keys = personal_keys_of(session)
    rows = session.execute(_LEASE, {"lanes": list(lanes), "most": limit, "seconds": seconds, "lease": lease})
    return [
        Leased(**{**row, "personal": _unseal(row["id"], row["personal"], keys)}, lease=lease)
        for row in sorted(rows.mappings(), key=lambda row: row["created_at"])
    ]


def _unseal(message_id: UUID, personal: str | None, keys: PersonalKeyRing) -> Personal | None:
    if personal is None:
        return None
    try:
        return unseal(message_id, personal, keys)
    except UnreadableEvent:
        return None


def settle(session: Session, results: Sequence[Settled], now: datetime) -> None:
    """Record outcomes, publish the final ones, and show on the local phone what is for it."""
    outcomes = [_changes(message, outcome, now) for message, outcome in results]
    changed = set(session.execute(_SETTLE, {"outcomes": json.dumps(outcomes, default=str)}).scalars())
    for message, outcome in results:
        if message.id in changed:
            with logs.context(correlation_id=message.correlation_id, traceparent=message.traceparent):
                _publish(session, message, outcome, now)
    shown = (outcome.phone_row for _, outcome in results if isinstance(outcome, Delivered))
    deferred_writes.insert(session, _PHONE, filter(None, shown), skip_existing=True)


def _changes(message: Leased, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return what an outcome changes, as `_SETTLE` expects it."""
    is_over = isinstance(outcome, Delivered | Failed)
    later = outcome if isinstance(outcome, Later) else None
    return {
        "id": message.id,
        "own": message.lease,
        "is_delivered": isinstance(outcome, Delivered),
        "is_untried": isinstance(outcome, Untried),
        "state": outcome.state if isinstance(outcome, Delivered | Failed) else "queued",
        "lease": message.lease if later and later.may_have_arrived else None,
        "wait": None if is_over else (later.at - now).total_seconds() if later else 0,
        "ended_at": now if is_over else None,
        "reason": outcome.reason if isinstance(outcome, Failed | Later) else None,
        "provider_id": outcome.provider_id if isinstance(outcome, Delivered) else None,
        "is_erased": is_over and message.lane == "otp",  # nobody needs a code once its message has ended
    }


def _publish(session: Session, message: Leased, outcome: Outcome, now: datetime) -> None:
    about = {
        "message_id": message.id,
        "application_id": message.application_id,
        "purpose": message.purpose,
        "channel": message.channel,
    }
    if isinstance(outcome, Delivered):
        outbox.add(session, NotificationDelivered(**about), at=now)
    elif isinstance(outcome, Failed):
        outbox.add(session, NotificationFailed(**about, reason=outcome.reason), at=now)

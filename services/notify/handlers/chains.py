"""The next step of a message's chain, when its channel failed or nobody has said that it arrived.

Whatever ends a step sets `next_at` on its row; only here the next one is made. The row stays locked and its
`next_at` is cleared in the transaction that makes it, so there is one next step, however many senders look.
"""

from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.events import NotificationFailed
from contracts.model import DeliverBy
from services.chassis.db import bulk
from services.chassis.db.database import after_commit, personal_keys_of
from services.chassis.messaging import outbox
from services.chassis.runtime import logs
from services.notify.adapters.sealing import seal, unseal_if_possible
from services.notify.domain import chains
from services.notify.domain.chains import Chains
from services.notify.domain.messages import Personal
from services.notify.domain.outcomes import TRIED_FOR, end_of, is_late
from services.notify.handlers.endings import end_chain
from services.notify.handlers.leases import addresses_of
from services.notify.handlers.messages import wake_sender
from services.notify.handlers.opt_outs import MOBILE_CHANNELS, STOPS
from services.notify.metrics import FALLBACKS
from services.notify.models import MessageRow

_MESSAGES = MessageRow.metadata.tables["messages"]
BATCH = 100
_TAKE = text(f"""
with due as (
  select id, application_id, personal, email_sealed, state = 'queued' as was_queued from messages
  where next_at <= statement_timestamp() and not exists (
    select from delivery_reports as reports
    where reports.provider = messages.provider and reports.provider_id = messages.provider_id
      and reports.status in ('delivered', 'read') and reports.applied_at is null
  ) and not exists (
    select from delivery_reports as reports
    where reports.message_id = messages.id
      and reports.status in ('delivered', 'read') and reports.applied_at is null
  )
  order by next_at limit :most for update skip locked
), known as (
  select id, erased_at from applications where id in (select application_id from due) for share skip locked
), held as (
  select due.*, known.erased_at is not null as is_erased
  from due left join known on known.id = due.application_id
  where due.application_id is null or known.id is not null
)
update messages set
  next_at = null,
  state = case when state = 'queued' then 'failed' else state end,
  reason = case
    when state = 'queued' or state = 'accepted' and coalesce(expires_at, created_at + :longest) > :now
    then 'unconfirmed' else reason
  end,
  ended_at = coalesce(ended_at, :now),
  personal = case
    when lane = 'otp' and (state <> 'queued' or expires_at <= :now) then null else messages.personal
  end
from held where messages.id = held.id
returning messages.*, held.is_erased, held.was_queued,
  held.personal as sealed, held.email_sealed as sealed_email,
  array(
    select other.channel from messages as other
    where other.event_id = messages.event_id and other.purpose = messages.purpose
    union all select about from opt_outs where {STOPS}
    union all {MOBILE_CHANNELS}
  ) as tried,
  exists (
    select from messages as other
    where other.event_id = messages.event_id and other.purpose = messages.purpose
      and other.state in ('delivered', 'read')
  ) as has_arrived,
  messages.purpose = 'pass_issued' and exists (
    select from passes where number = messages.pass_number and revoked_at is not null
  ) as is_revoked
""")  # noqa: S608  texts of our own
"""A message waits while a report that it has arrived waits for it. Its application is locked before the next
step is made, so that an erasure sees the step; where somebody else has the lock, the message waits, too. A
code that no vendor was given is kept while it is good: it may wait again (`endings`)."""
_MARK = text("update messages set undelivered_at = statement_timestamp() where id = :id")
_START = text("""
update messages set next_at = statement_timestamp() + make_interval(secs => :wait)
where id = any(array(
  select id from messages
  where state = 'queued' and next_at is null and due_at <= statement_timestamp()
    and lane = any(:lanes) and channel = :channel and purpose = any(:purposes)
  for update skip locked
))
""")


def take_next(session: Session, chains_: Chains, now: datetime, most: int = BATCH) -> int:
    """Take the next step of messages for which it is due; return how many there were.

    A pass whose chain ends without a sign that it arrived is marked for reception. Nothing more is sent about
    a pass that was revoked, or that is over. Where a message has failed and its time is over, its chain has
    ended: another channel would bring it too late. One that a vendor has accepted stays so, since its
    vendor may still report that it failed, which ends the chain then.

    Args:
        now: the time by the database's clock.
    """
    found = session.execute(_TAKE, {"most": most, "now": now, "longest": TRIED_FOR}).mappings().all()
    for row in found:
        with logs.context(correlation_id=row["correlation_id"], traceparent=row["traceparent"]):
            _take_one(session, row, chains_, now)
    return len(found)


def _take_one(session: Session, row: Any, chains_: Chains, now: datetime) -> None:
    if row["is_erased"] or row["is_replaced"] or row["state"] in ("withdrawn", "not_needed"):
        return
    if row["has_arrived"] or row["is_revoked"]:
        return
    about = {name: row[name] for name in ("application_id", "purpose", "channel")} | {"message_id": row["id"]}
    if is_late(end_of(row["expires_at"], row["created_at"]), now):
        if row["was_queued"]:
            end_chain(session, about, "expired", now, may_wait=False)
        elif row["state"] in ("failed", "expired") and row["reason"] != "unconfirmed":
            end_chain(session, about, row["reason"], now, may_wait=False)
        return
    keys = personal_keys_of(session)
    personal = unseal_if_possible(row["id"], row["sealed"], keys)
    other = unseal_if_possible(row["id"], row["sealed_email"], keys)
    addresses = addresses_of(row["channel"], personal, other.to if other else None)
    channel = chains.next_channel(chains_, row["purpose"], row["tried"], addresses)
    if channel is not None and personal is not None:
        _store_next(session, row, channel, personal, addresses)
        after_commit(session, FALLBACKS.labels(row["purpose"], row["channel"], channel).inc)
    elif row["purpose"] == "pass_issued":
        session.execute(_MARK, {"id": row["id"]})
    reason = row["reason"] or "unconfirmed"
    if channel is None:
        end_chain(session, about, reason, now)
    else:
        outbox.add(session, NotificationFailed(**about, reason=reason, next_channel=channel), at=now)


def _store_next(
    session: Session, row: Any, channel: DeliverBy, personal: Personal, addresses: chains.Addresses
) -> None:
    message_id, keys = uuid4(), personal_keys_of(session)
    to = addresses.on(channel)
    assert to is not None
    copied = (
        "event_id", "purpose", "lane", "language", "recipient", "application_id", "pass_number", "resend_of",
        "correlation_id", "traceparent", "created_at", "expires_at",
    )  # fmt: skip
    given = Personal(to, personal.owner, personal.parameters, personal.link)
    email = addresses.email if channel != "email" else None
    values = {
        **{name: row[name] for name in copied},
        "id": message_id,
        "channel": channel,
        "step": row["step"] + 1,
        "personal": seal(message_id, given, keys),
        "email_sealed": seal(message_id, Personal(email, None), keys) if email else None,
        "state": "queued",
        "due_at": "now",
        "attempts": 0,
        "possible_duplicates": 0,
    }
    bulk.insert_rows(session, _MESSAGES, [values])
    wake_sender(session, row["lane"], channel)


def start_clocks(session: Session, chains_: Chains, channels: list[DeliverBy]) -> None:
    """Let the wait of messages begin that are due and that no thread of their vendor has taken.

    Args:
        chains_: how long a message waits on each channel.
        channels: those whose vendor is left alone. The wait of codes begins on every channel.
    """
    for kind, steps in chains_.items():
        purposes = [purpose for purpose in chains.PURPOSES if chains.kind_of(purpose) == kind]
        for step in steps:
            if len(steps) > 1 and (kind == "code" or step.channel in channels):
                given = {
                    "wait": step.wait.total_seconds(),
                    "lanes": ["otp"] if kind == "code" else ["normal", "bulk"],
                    "channel": step.channel,
                    "purposes": purposes,
                }
                session.execute(_START, given)

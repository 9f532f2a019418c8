"""Leases of messages: a sender takes due messages for a limited time, then settles each with its outcome.

A lease is an ID on the row and the time at which it ends. A sender that dies leaves both behind: after that
time another sender takes the message, and counts that the last try may have succeeded. The same holds for a
try to which the vendor did not respond: its lease stays until the next try is due.

Leases and due times follow the clock of the database, since those of two senders may differ by more than a
lease. What has expired follows it, too: by the clock of one host that is wrong, everything would have.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import inf
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.events import NotificationDelivered
from contracts.model import DeliverBy, Language
from services.chassis.db import deferred_writes
from services.chassis.db.database import after_commit, personal_keys_of
from services.chassis.messaging import outbox
from services.chassis.runtime import logs
from services.chassis.runtime.clock import monotonic
from services.notify.adapters.sealing import unseal_if_possible
from services.notify.domain.chains import Addresses, Chains, next_channel, wait_of
from services.notify.domain.messages import Lane, Personal, Purpose, provider_id_digest
from services.notify.domain.outcomes import Delivered, Failed, Later, Outcome, Postponed, Untried
from services.notify.handlers import status_polls
from services.notify.handlers.endings import end_chain
from services.notify.handlers.opt_outs import IS_STOPPED, IS_WRONG_NUMBER, MOBILE_CHANNELS
from services.notify.metrics import CHAINS_ENDED, RECEIPTS_EXPECTED
from services.notify.models import PhoneMessageRow

_PHONE = PhoneMessageRow.metadata.tables["local_phone"]
_READ = f"""id, lane, purpose, channel, step, language, application_id, personal, email_sealed,
  attempts, possible_duplicates, created_at, expires_at, correlation_id, traceparent,
  statement_timestamp() as leased_at,
  array(
    select other.channel from messages as other
    where other.event_id = messages.event_id and other.purpose = messages.purpose
    union all {MOBILE_CHANNELS}
  ) as tried,
  purpose = 'pass_issued' and exists (
    select from passes where number = pass_number and revoked_at is not null
  ) as is_revoked,
  {IS_STOPPED} as is_opted_out,
  channel <> 'email' and {IS_WRONG_NUMBER} as is_wrong_number"""  # noqa: S608  texts of our own
_DUE = """state = 'queued' and due_at <= statement_timestamp() and channel = any(:channels)
  and (cast(:gap as float8) is null or recipient is null or not exists (
    select from messages as other
    where other.recipient = messages.recipient and other.channel = messages.channel
      and other.tried_at > statement_timestamp() - make_interval(secs => cast(:gap as float8))
  ))"""
_LEASE = text(f"""
with codes as (
  select id, recipient from messages where {_DUE} and lane = 'otp' and 'otp' = any(:lanes)
  order by due_at limit :most for update skip locked
), others as (
  select id, recipient from messages where {_DUE} and lane = 'normal' and 'normal' = any(:lanes)
  order by due_at limit case when exists (select from codes) then 0 else :most end
  for update skip locked
), bulk as (
  select id, recipient from messages where {_DUE} and lane = 'bulk' and 'bulk' = any(:lanes)
  order by due_at
  limit case when exists (select from codes) or exists (select from others) then 0 else :most end
  for update skip locked
)
update messages set
  tried_at = case when cast(:gap as float8) is null then tried_at else statement_timestamp() end,
  lease = :lease, due_at = statement_timestamp() + make_interval(secs => :seconds), attempts = attempts + 1,
  possible_duplicates = possible_duplicates + (lease is not null)::int
where id = any(array(
  select id from (
    select id, cast(:gap as float8) is null or recipient is null
      or row_number() over (partition by recipient order by id) = 1 as is_first
    from (
      select * from codes union all select * from others union all select * from bulk
    ) as found
  ) as ranked where is_first
))
returning {_READ}
""")  # noqa: S608  made of constants
"""With a gap, a person is given one message of a channel within so many seconds. Another sender must not
lease messages of the channel at the same time: `quotas.reserve` sees to that."""
_SETTLE = text("""
with given as (
  select * from json_to_recordset(cast(:outcomes as json)) as one(
    id uuid, own uuid, is_delivered bool, is_untried bool, state text, lease uuid, wait float8,
    ended_at timestamptz, reason text, provider text, provider_id text, is_erased bool,
    next_wait float8, is_undelivered bool
  )
), held as (
  select id from messages where id in (select id from given) order by id for update
)
update messages set
  state = given.state, lease = given.lease,
  due_at = coalesce(statement_timestamp() + make_interval(secs => given.wait), messages.due_at),
  attempts = attempts - is_untried::int, ended_at = given.ended_at,
  provider = given.provider, provider_id = given.provider_id,
  next_at = case
    when given.state = 'queued' and messages.next_at is not null then messages.next_at
    when messages.state <> 'queued' then null
    else statement_timestamp() + make_interval(secs => given.next_wait)
  end,
  undelivered_at = case
    when is_undelivered then statement_timestamp() when given.state = 'queued' then messages.undelivered_at
  end,
  reason = case when is_untried then messages.reason else given.reason end,
  failed_tries = case when is_untried or given.reason is null then failed_tries else
    case when jsonb_array_length(failed_tries) < 20 then failed_tries else failed_tries - 0 end
      || jsonb_build_object('at', statement_timestamp(), 'reason', given.reason)
  end,
  personal = case when is_erased then null else personal end
from held join given using (id)
where messages.id = held.id and case
  when is_delivered then messages.state in ('queued', 'withdrawn')
    or (messages.state = 'failed' and messages.reason = 'unconfirmed')
  else messages.state = 'queued' and messages.lease = own
end
returning messages.id, messages.is_replaced, messages.possible_duplicates
""")
"""A delivery is recorded whoever has the lease by now, and even if the message was withdrawn meanwhile, or
the chain went on. Nobody is told of one to a number that was changed meanwhile. Any other outcome counts only
while the message is queued and the lease is the sender's own. Rows are locked in the order of their IDs, so
that two transactions cannot deadlock."""

_ERASE_CODES = text("""
update messages set personal = null where id = any(array(
  select other.id from messages as other join messages as sent using (event_id, purpose)
  where sent.id = any(:ids) and other.state <> 'queued' and other.personal is not null
  for update of other skip locked
))
""")
"""Nobody needs a code any more that another channel has brought."""


@dataclass(frozen=True)
class Leased:
    """A message that a sender has leased. ``personal`` is None where it cannot be read any more."""

    id: UUID
    lease: UUID
    lane: Lane
    purpose: Purpose
    channel: DeliverBy
    step: int
    language: Language
    application_id: UUID | None
    personal: Personal | None
    email: str | None
    attempts: int
    possible_duplicates: int
    created_at: datetime
    expires_at: datetime | None
    correlation_id: str
    traceparent: str | None
    leased_at: datetime
    tried: Sequence[DeliverBy] = ()
    is_revoked: bool = False
    is_opted_out: bool = False
    is_wrong_number: bool = False
    is_counted: bool = False
    """Whether it is one of the messages that its vendor may be given today."""
    lease_ends: float = inf
    """By the monotonic clock of this process, and rather too early."""

    def by_clock(self, now: datetime) -> "Leased":
        """Return it with its times by a clock that shows ``now`` at the lease, and not by the database's."""
        ahead = now - self.leased_at
        expires_at = self.expires_at + ahead if self.expires_at else None
        return replace(self, created_at=self.created_at + ahead, expires_at=expires_at, leased_at=now)

    @property
    def addresses(self) -> Addresses:
        """Where else the person can be reached."""
        return addresses_of(self.channel, self.personal, self.email)


def addresses_of(channel: DeliverBy, personal: Personal | None, email: str | None) -> Addresses:
    """Return where the recipient of a message can be reached."""
    if personal is None:
        return Addresses(None, None)
    if channel == "email":
        return Addresses(personal.owner, personal.to)
    return Addresses(personal.to, email)


Settled = tuple[Leased, Outcome]


CHANNELS: Sequence[DeliverBy] = ("sms", "whatsapp", "email")
"""The channels on which messages are sent."""


def take(
    session: Session,
    lanes: Sequence[Lane],
    limit: int,
    seconds: float,
    channels: Sequence[DeliverBy] = CHANNELS,
    gap: float | None = None,
) -> list[Leased]:
    """Lease due messages for so many seconds, the longest due first; skip rows that another sender is taking.

    All are codes, if any code is due in these lanes: nobody who waits for one waits for other messages. What
    goes to very many is taken where nothing else is due.

    Args:
        seconds: how long the lease lasts.
        gap: a person gets one message of a channel within so many seconds; None for no such limit.
    """
    lease = uuid4()
    keys = personal_keys_of(session)
    given = {"lanes": list(lanes), "most": limit, "seconds": seconds, "lease": lease}
    ends = monotonic() + seconds
    rows = session.execute(_LEASE, {**given, "channels": list(channels), "gap": gap})
    leased = []
    for row in sorted(rows.mappings(), key=lambda row: row["created_at"]):
        facts = dict(row)
        personal = unseal_if_possible(row["id"], facts.pop("personal"), keys)
        other = unseal_if_possible(row["id"], facts.pop("email_sealed"), keys)
        email = other.to if other else None
        leased.append(Leased(**facts, lease=lease, personal=personal, email=email, lease_ends=ends))
    return leased


def settle(session: Session, results: Sequence[Settled], now: datetime, chains: Chains) -> None:
    """Record outcomes, publish the final ones, and show on the local phone what is for it.

    A message that failed on its channel is not published here where the chain goes on (`chains.take_next`).
    """
    outcomes = [_changes(message, outcome, now, chains) for message, outcome in results]
    settled = session.execute(_SETTLE, {"outcomes": json.dumps(outcomes, default=str)}).all()
    known = {row.id for row in settled}
    for message, outcome in results:
        if message.id in known and isinstance(outcome, Delivered) and outcome.is_asked:
            assert outcome.provider is not None
            assert outcome.provider_id is not None
            is_urgent = message.lane == "otp"
            status_polls.store(
                session, message.id, outcome.provider, outcome.provider_id, is_urgent=is_urgent
            )
    brought = [
        message.id
        for message, outcome in results
        if message.lane == "otp" and isinstance(outcome, Delivered) and outcome.state == "delivered"
    ]
    if brought:
        session.execute(_ERASE_CODES, {"ids": brought})
    changed = {row.id: row.possible_duplicates > 0 for row in settled if not row.is_replaced}
    for message, outcome in results:
        if message.id in changed:
            with logs.context(correlation_id=message.correlation_id, traceparent=message.traceparent):
                _publish(session, message, outcome, now, chains, possible_duplicate=changed[message.id])
    shown = (outcome.phone_row for _, outcome in results if isinstance(outcome, Delivered))
    deferred_writes.insert(session, _PHONE, filter(None, shown), skip_existing=True)


def _changes(message: Leased, outcome: Outcome, now: datetime, chains: Chains) -> dict[str, Any]:
    """Return what an outcome changes, as `_SETTLE` expects it."""
    is_over = isinstance(outcome, Delivered | Failed)
    later = outcome if isinstance(outcome, Later | Postponed) else None
    next_wait = _seconds_to_next(message, outcome, chains)
    sent = outcome if isinstance(outcome, Delivered) else Delivered()
    return {
        "id": message.id,
        "own": message.lease,
        "is_delivered": isinstance(outcome, Delivered),
        "is_untried": isinstance(outcome, Postponed | Untried),
        "state": outcome.state if isinstance(outcome, Delivered | Failed) else "queued",
        "lease": message.lease if isinstance(outcome, Later) and outcome.may_have_arrived else None,
        "wait": None if is_over else (later.at - now).total_seconds() if later else 0,
        "ended_at": now if is_over else None,
        "reason": outcome.reason if isinstance(outcome, Failed | Later) else None,
        "provider": sent.provider,
        "provider_id": provider_id_digest(sent.provider_id) if sent.provider_id is not None else None,
        # nobody needs a code once its message has ended
        "is_erased": is_over and message.lane == "otp" and next_wait is None,
        "next_wait": next_wait,
        "is_undelivered": isinstance(outcome, Failed)
        and next_wait is None
        and message.purpose == "pass_issued"
        and outcome.state == "failed",
    }


def _seconds_to_next(message: Leased, outcome: Outcome, chains: Chains) -> float | None:
    """Return after how many seconds the next step is due, or None where there is none."""
    wait = wait_of(chains, message.purpose, message.channel)
    if isinstance(outcome, Delivered):
        return wait.total_seconds() if wait and outcome.provider is not None else None
    if isinstance(outcome, Failed):
        return 0 if outcome.use_next and _has_next(message, chains) else None
    if isinstance(outcome, Later):
        return wait.total_seconds() if wait and _has_next(message, chains) else None
    return None


def _has_next(message: Leased, chains: Chains) -> bool:
    tried = {*message.tried, message.channel}
    return next_channel(chains, message.purpose, tried, message.addresses) is not None


def _publish(
    session: Session,
    message: Leased,
    outcome: Outcome,
    now: datetime,
    chains: Chains,
    *,
    possible_duplicate: bool,
) -> None:
    about = {
        "message_id": message.id,
        "application_id": message.application_id,
        "purpose": message.purpose,
        "channel": message.channel,
    }
    if isinstance(outcome, Delivered):
        outbox.add(session, NotificationDelivered(**about, possible_duplicate=possible_duplicate), at=now)
        if outcome.provider is None:
            after_commit(session, CHAINS_ENDED.labels(message.purpose, "reached").inc)
        else:
            after_commit(session, RECEIPTS_EXPECTED.labels(outcome.provider).inc)
    elif isinstance(outcome, Failed) and _seconds_to_next(message, outcome, chains) is None:
        end_chain(session, about, outcome.reason, now, may_wait=outcome.use_next)

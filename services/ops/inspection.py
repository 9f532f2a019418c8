"""What one database tells: its outbox; of notify channels, lanes and receipts, and of verify the gates."""

from dataclasses import dataclass, replace
from math import inf

from contracts.model import AHEAD
from contracts.ops import ChannelView, GateView, LaneView, ReceiptView, RefusedJob
from services.chassis.runtime.logs import logger
from services.ops.commands.jobs import STATUS as JOBS
from services.ops.commands.outbox import STATUS, Outbox
from services.ops.databases import DatabaseAway, Snapshot, snapshot

log = logger(__name__)
_CHANNELS = """
with recent as (
  select channel, state, ended_at, possible_duplicates, failed_tries from messages
  where created_at > now() - interval '1 day' and state not in ('withdrawn', 'not_needed')
), failures as (
  select channel, tried ->> 'reason' as reason, count(*) as number
  from recent, jsonb_array_elements(failed_tries) as tried
  where (tried ->> 'at')::timestamptz > now() - interval '1 hour'
  group by channel, reason
)
select channel, count(*) filter (where state in ('accepted', 'delivered', 'read')) as delivered,
       count(*) filter (where state = 'queued') as waiting,
       count(*) filter (where state in ('failed', 'expired')) as failed,
       max(ended_at) filter (where state in ('accepted', 'delivered', 'read')) as last_delivered_at,
       count(*) filter (where possible_duplicates > 0) as repeated,
       array(
         select reason from failures where failures.channel = recent.channel
         order by number desc, reason limit 3
       ) as reasons,
       (select count(*) from opt_outs where about = recent.channel || ' of nobody') as unknown_opt_outs
from recent group by channel order by channel
"""
_LANES = """
select lane, count(waiting.*) as waiting,
       greatest(coalesce(extract(epoch from now() - min(waiting.since)), 0), 0)::float8 as oldest_seconds
from (values ('otp'), ('normal'), ('bulk')) as lanes(lane)
left join (
  select lane, case when lane = 'otp' then queued_at else due_at end as since
  from messages where state = 'queued' and (lane = 'otp' or due_at <= now())
) as waiting using (lane)
group by lane order by lane desc
"""
_RECEIPTS = """
select provider, coalesce(accepted, 0) as accepted, coalesce(told, 0) as told, last_at
from (
  select provider, count(*) as accepted,
         count(*) filter (where state in ('delivered', 'read', 'failed')) as told
  from messages
  where provider is not null and created_at > now() - interval '1 day'
    and created_at < now() - interval '10 minutes'
  group by provider
) as sent full join (
  select provider, max(received_at) as last_at from delivery_reports group by provider
) as reports using (provider)
order by provider
"""
_LOG_ARCHIVED = """
select case when current_setting('archive_mode') <> 'off'
       then coalesce(extract(epoch from last_archived_time), 0)::float8 end
from pg_stat_archiver
"""
_GATES = """
select gate, coalesce(scans, 0) as scans, last_scan_at, clock_ahead
from (select unnest(gates) as gate from sites) as known
full join (
  select gate, count(*) as scans, max(recorded_at) as last_scan_at,
         extract(epoch from max(claimed_at - recorded_at))::float8 as clock_ahead
  from scans where recorded_at > now() - interval '1 day' group by gate
) as scanned using (gate)
order by gate
"""
_REVOCATIONS = {
    "issuance": "select extract(epoch from now() - max(signed_at))::float8 from status_list",
    "verify": "select extract(epoch from now() - max(complete_at))::float8 from status_list",
}
_UNSEALED = """
select coalesce(extract(epoch from now() - least({oldest})), 0)::float8
"""
_AUDIT_BYTES = """
select coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint from pg_inherits
where inhparent = 'audit_log'::regclass
"""
_OLDEST = """
(select min({at}) from {table}, (
  select coalesce(range_agg(positions), '{{}}') as positions
  from (select source, positions from audit_seals order by number desc limit 20000) as newest
  where source = '{table}'
) as sealed
where {at} > now() - interval '1 day' and not sealed.positions @> position)
"""
"""The oldest row of a day that no seal names, whatever else a seal says of itself.

In a day a service adds some 6,000 seals for a table, and has two tables at most.
"""


@dataclass(frozen=True)
class Inspected:
    """What a database told.

    All but the outbox is None where it knows nothing of it, or does not show it: after an upgrade, until
    `epass grants` has run.
    """

    outbox: Outbox
    channels: tuple[ChannelView, ...] | None = None
    lanes: tuple[LaneView, ...] | None = None
    receipts: tuple[ReceiptView, ...] | None = None
    gates: tuple[GateView, ...] | None = None
    refused: tuple[tuple[str, RefusedJob | None], ...] | None = None
    """Each job that destroys something, with its refusal if it is refused."""
    unsealed_seconds: float | None = None
    audit_bytes: int | None = None
    revocations_seconds: float | None = None
    """Of issuance and verify: how old the newest status list is; infinite where nobody knows."""
    log_archived_at: float | None = None
    """When its server archived a piece of its log last, 0 if never; None where it archives none."""


def inspect(url: str) -> Inspected:
    """Look into one database.

    Raises:
        DatabaseAway: it cannot be read.
    """
    with snapshot(url) as database:
        name = database.name
        inspected = Inspected(Outbox(name, *database.row(STATUS)))
        if name in _REVOCATIONS:
            inspected = replace(inspected, revocations_seconds=inf)
        try:
            (archived_at,) = database.row(_LOG_ARCHIVED)
            inspected = replace(inspected, log_archived_at=archived_at)
            if name in _REVOCATIONS:
                (age,) = database.row(_REVOCATIONS[name])
                if age is not None and age >= -AHEAD.total_seconds():  # else from the future: nobody knows
                    inspected = replace(inspected, revocations_seconds=max(age, 0.0))
            (size,) = database.row(_AUDIT_BYTES)
            inspected = replace(
                inspected,
                unsealed_seconds=_unsealed(database),
                audit_bytes=size,
                refused=_refused(database),
            )
            if name == "notify":
                inspected = replace(inspected, channels=database.read(ChannelView, _CHANNELS))
                lanes, receipts = database.read(LaneView, _LANES), database.read(ReceiptView, _RECEIPTS)
                return replace(inspected, lanes=lanes, receipts=receipts)
            if name == "verify":
                return replace(inspected, gates=database.read(GateView, _GATES))
        except DatabaseAway as error:
            log.warning("a database tells its outbox alone", why=str(error))
        return inspected


def _unsealed(database: Snapshot) -> float:
    """Return the age of the oldest row that has no seal, in seconds."""
    tables = [("audit_log", "at"), *([("scans", "recorded_at")] if database.name == "verify" else [])]
    oldest = ", ".join(_OLDEST.format(table=table, at=at) for table, at in tables)
    (age,) = database.row(_UNSEALED.format(oldest=oldest))
    return max(float(age), 0.0)


def _refused(database: Snapshot) -> tuple[tuple[str, RefusedJob | None], ...]:
    return tuple(
        (job, RefusedJob(name=job, since=since, reason=reason, detail=detail) if since else None)
        for job, _, since, reason, detail, *_ in database.stream(JOBS)
    )

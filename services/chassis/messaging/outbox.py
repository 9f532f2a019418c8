"""The outbox: an event is stored in the transaction of the state change that it reports.

The relay publishes it afterwards, at least once. It is told of an event that somebody waits for.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.orm import Session

from contracts.envelope import seal, signed_content
from contracts.events import BY_NAME, Event
from services.chassis.db import deferred_writes, wakeups
from services.chassis.db.database import event_key_of, personal_keys_of
from services.chassis.db.deferred_writes import Form
from services.chassis.db.locks import TRY_LOCK
from services.chassis.db.server import TIMELINE
from services.chassis.db.tables import FORGOTTEN
from services.chassis.messaging import signatures
from services.chassis.runtime.logs import correlation_id, traceparent

EPOCH_EVENTS = 1_000_000
"""More events than any subject gets."""
Row = dict[str, Any]


def add(session: Session, event: Event, *, at: datetime, expires_at: datetime | None = None) -> UUID:
    """Add an event to the outbox, in the session's transaction.

    It is stored with what else the transaction deferred (`deferred_writes`), just before the commit.
    ``seq`` is the next number of the event's subject.

    Args:
        session: the transaction of the state change; `session.info` has the keys that seal personal data.
        expires_at: after this time the event is of no use (a one-time code).

    Returns:
        The event's id.
    """
    row = new_row(session, event, at=at, expires_at=expires_at)
    add_rows(session, [row])
    event_id: UUID = row["id"]
    return event_id


def new_row(session: Session, event: Event, *, at: datetime, expires_at: datetime | None = None) -> Row:
    """Return the row of an event but for its number, with the correlation id of the caller."""
    event_id = uuid4()
    data, personal = seal(event, event_id, personal_keys_of(session))
    return {
        "id": event_id,
        "type": type(event).__name__,
        "version": event.version,
        "producer": event.producer,
        "subject": event.subject,
        "occurred_at": at,
        "expires_at": expires_at,
        "correlation_id": correlation_id()[:64],
        "traceparent": traceparent(),
        "data": data,
        "personal": personal,
        "is_only_one": event.is_only_one,
    }


def add_rows(session: Session, rows: Iterable[Row], *, only: str = "true") -> None:
    """Add events of `new_row`, numbered in this order.

    ``only`` is a condition made of constants; an event for which it does not hold is left out. The subjects'
    numbers are locked in the order of the subjects' names, just before the commit; a second
    transaction on one of them waits there.
    """
    form = _stored(EPOCH_EVENTS, only)
    for row in rows:
        deferred_writes.add(session, form, row)
        if not BY_NAME[row["type"]].can_wait:
            wakeups.wake(session, wakeups.OUTBOX)


def _sign(session: Session, rows: Sequence[Row]) -> None:
    """Sign the events of a transaction together."""
    signed = signatures.sign(event_key_of(session), [signed_content(row) for row in rows])
    for row, signature in zip(rows, signed, strict=True):
        row["signature"] = signature


@cache
def _stored(epoch_events: int, only: str) -> Form:
    """Return the form that gives each subject as many numbers as it has events, and stores the events.

    After a failover, and on another server, the numbers are higher than any that was published before, by
    ``epoch_events`` for each timeline: the new server may lack the last commits, and with them the numbers of
    events that consumers have seen. PostgreSQL's timeline is the first eight digits of the name of a WAL
    file; each promotion of a standby raises it. A dump into a new cluster and ``pg_upgrade`` begin with 1
    again, and with another system identifier; a restore into a new database of one server, with another OID.
    (Two restores of one dump begin with the same numbers: docs/backup.md.) One transaction notes the new
    server, and none waits for it.

    Housekeeping forgets the number of a subject after years: a later event of it is numbered above all
    forgotten ones, because its consumers may still know the number of its last one. The only event of a
    subject has number 1, and its subject no row in ``event_sequences``.
    """
    return Form(
        "outbox",
        f"""
        server as (
          select system_identifier, pg_database.oid::bigint as database, {TIMELINE} as timeline
          from pg_control_system(), pg_database where datname = current_database() and {{after}}
        ), epoch as (
          select server.*, known.base is null or is_other or server.timeline <> known.timeline as is_new,
            greatest(
              case
                when known.base is null then {epoch_events} * (server.timeline - 1)
                when is_other or server.timeline <> known.timeline then
                  greatest(known.base, (select max(seq) from event_sequences))
                  + {epoch_events} * case
                    when is_other then server.timeline else greatest(server.timeline - known.timeline, 1)
                  end
                else known.base
              end,
              (select seq from event_sequences where subject = '{FORGOTTEN}')
            ) as base
          from server left join event_epoch as known on true,
            lateral (
              select (server.system_identifier, server.database)
                <> (known.system_identifier, known.database) as is_other
            ) as compared
        ), noted as (
          insert into event_epoch (is_only, system_identifier, database, timeline, base)
          select true, system_identifier, database, timeline, base from epoch
          where case when is_new then {TRY_LOCK.format(name="event epoch")} end
          on conflict (is_only) do update set system_identifier = excluded.system_identifier,
            database = excluded.database, timeline = excluded.timeline,
            base = greatest(event_epoch.base, excluded.base)
        ), new as (
          select * from rows from (json_to_{{record}}(cast(:{{rows}} as json)) as (
            id uuid, type text, version int, producer text, subject text, occurred_at timestamptz,
            expires_at timestamptz, correlation_id text, traceparent text, data jsonb, personal text,
            signature text, is_only_one bool
          )) with ordinality as one(
            id, type, version, producer, subject, occurred_at,
            expires_at, correlation_id, traceparent, data, personal, signature, is_only_one, place
          ) where {only}
        ), numbered as (
          insert into event_sequences (subject, seq)
          select subject, count(*) + base from new, epoch where not is_only_one
          group by subject, base order by subject
          on conflict (subject) do update set
            seq = greatest(event_sequences.seq + excluded.seq - (select base from epoch), excluded.seq),
            used_in = excluded.used_in
          returning subject, seq
        ), {{name}} as (
          insert into outbox (
            id, type, version, producer, subject, seq,
            occurred_at, expires_at, correlation_id, traceparent, data, personal, signature
          )
          select
            id, type, version, producer, subject,
            coalesce(seq + 1 - row_number() over (partition by subject order by place desc), 1),
            occurred_at, expires_at, correlation_id, traceparent, data, personal, signature
          from new left join numbered using (subject) order by place
        )
        """,  # noqa: S608  made of constants
        is_last=True,
        complete=_sign,
    )

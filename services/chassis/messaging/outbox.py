"""The outbox: an event is stored in the transaction of the state change that it reports.

The relay publishes it afterwards, at least once.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.envelope import seal
from contracts.events import Event
from services.chassis.db.database import personal_keys_of
from services.chassis.db.tables import FORGOTTEN
from services.chassis.runtime.logs import correlation_id, traceparent

EPOCH_EVENTS = 1_000_000
"""More events than any subject gets."""
_BASE = f"""
  greatest(
    :epoch_events * (('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint - 1),
    (select coalesce(max(seq), 0) from event_sequences where subject = '{FORGOTTEN}')
  )
"""  # noqa: S608  made of constants
"""The number after which a new subject begins."""
_NEXT = f"""
  insert into event_sequences (subject, seq) values (:subject, 1 + {_BASE})
  on conflict (subject) do update
    set seq = greatest(event_sequences.seq + 1, excluded.seq), used_in = excluded.used_in
  returning seq
"""  # noqa: S608  made of constants
"""Take the next number of a subject; after a failover it is higher than any that was published before.

The first eight digits of the name of a WAL file are PostgreSQL's timeline, which each promotion of a standby
raises. A standby may lack the last commits, and with them the numbers of events that consumers have seen.
Housekeeping forgets the number of a subject after years: a later event of it is numbered above all forgotten
ones, because its consumers may still know the number of its last one.
"""
_ADD = """
with numbered as ({number})
insert into outbox (
  id, type, version, producer, subject, seq,
  occurred_at, expires_at, correlation_id, traceparent, data, personal
)
select
  :id, :type, :version, :producer, :subject, numbered.seq,
  :occurred_at, :expires_at, :correlation_id, :traceparent, cast(:data as jsonb), :personal
from numbered
"""
_ADD_NEXT = text(_ADD.format(number=_NEXT))
"""One statement takes the next number of the subject and stores the row with it."""
_ADD_ONLY_ONE = text(_ADD.format(number="select 1 as seq"))


_ADD_MANY = text(f"""
with epoch as (
  select {_BASE} as base
), new as (
  select * from unnest(
    cast(:ids as uuid[]), cast(:types as text[]), cast(:versions as int[]), cast(:producers as text[]),
    cast(:subjects as text[]), cast(:times as timestamptz[]), cast(:correlation_ids as text[]),
    cast(:traceparents as text[]), cast(:contents as jsonb[]), cast(:personals as text[])
  ) with ordinality as one(
    id, type, version, producer, subject, occurred_at, correlation_id, traceparent, data, personal, place
  )
), numbered as (
  insert into event_sequences (subject, seq)
  select subject, count(*) + base from new, epoch group by subject, base order by subject
  on conflict (subject) do update set
    seq = greatest(event_sequences.seq + excluded.seq - (select base from epoch), excluded.seq),
    used_in = excluded.used_in
  returning subject, seq
)
insert into outbox (
  id, type, version, producer, subject, seq, occurred_at, correlation_id, traceparent, data, personal
)
select
  id, type, version, producer, subject,
  seq + 1 - row_number() over (partition by subject order by place desc),
  occurred_at, correlation_id, traceparent, data, personal
from new join numbered using (subject) order by place
""")  # noqa: S608  made of constants
"""As ``_ADD``, for many events: a subject takes as many numbers as it has events among them."""


def add(session: Session, event: Event, *, at: datetime, expires_at: datetime | None = None) -> UUID:
    """Add an event to the outbox, in the session's transaction.

    ``seq`` is the next number of the event's subject. Its row stays locked until the transaction ends, so a
    second transaction on the same subject waits here. The only event of a subject has number 1, and no row.
    After a failover all numbers are higher than before.

    Args:
        session: the transaction of the state change; `session.info` has the keys that seal personal data.
        event: what happened.
        at: when it happened.
        expires_at: after this time the event is of no use (a one-time code).

    Returns:
        The event's id.
    """
    row = new_row(session, event, at=at, expires_at=expires_at)
    session.execute(_ADD_ONLY_ONE if event.is_only_one else _ADD_NEXT, row | {"epoch_events": EPOCH_EVENTS})
    event_id: UUID = row["id"]
    return event_id


def new_row(
    session: Session, event: Event, *, at: datetime, expires_at: datetime | None = None
) -> dict[str, Any]:
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
        "correlation_id": correlation_id(),
        "traceparent": traceparent(),
        "data": json.dumps(data),
        "personal": personal,
    }


def add_rows(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Add events of `new_row` to the outbox at once, numbered in this order. None of them expires.

    The subjects' numbers are locked in the order of the subjects' names.
    """
    columns = {
        "ids": "id",
        "types": "type",
        "versions": "version",
        "producers": "producer",
        "subjects": "subject",
        "times": "occurred_at",
        "correlation_ids": "correlation_id",
        "traceparents": "traceparent",
        "contents": "data",
        "personals": "personal",
    }
    arrays = {array: [row[column] for row in rows] for array, column in columns.items()}
    session.execute(_ADD_MANY, arrays | {"epoch_events": EPOCH_EVENTS})

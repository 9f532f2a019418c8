"""The outbox: an event is stored in the transaction of the state change that it reports.

The relay publishes it afterwards, at least once.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.event import listens_for
from sqlalchemy.orm import Session, SessionTransaction

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
_ADD = text(f"""
with epoch as (
  select {_BASE} as base
), new as (
  select * from rows from (json_to_recordset(cast(:rows as json)) as (
    id uuid, type text, version int, producer text, subject text, occurred_at timestamptz,
    expires_at timestamptz, correlation_id text, traceparent text, data jsonb, personal text, is_only_one bool
  )) with ordinality as one(
    id, type, version, producer, subject, occurred_at,
    expires_at, correlation_id, traceparent, data, personal, is_only_one, place
  )
), numbered as (
  insert into event_sequences (subject, seq)
  select subject, count(*) + base from new, epoch where not is_only_one
  group by subject, base order by subject
  on conflict (subject) do update set
    seq = greatest(event_sequences.seq + excluded.seq - (select base from epoch), excluded.seq),
    used_in = excluded.used_in
  returning subject, seq
)
insert into outbox (
  id, type, version, producer, subject, seq,
  occurred_at, expires_at, correlation_id, traceparent, data, personal
)
select
  id, type, version, producer, subject,
  coalesce(seq + 1 - row_number() over (partition by subject order by place desc), 1),
  occurred_at, expires_at, correlation_id, traceparent, data, personal
from new left join numbered using (subject) order by place
""")  # noqa: S608  made of constants
"""Give each subject as many numbers as it has events here, and store the rows with them.

After a failover the numbers are higher than any that was published before. The first eight digits of the name
of a WAL file are PostgreSQL's timeline, which each promotion of a standby raises. A standby may lack the last
commits, and with them the numbers of events that consumers have seen. Housekeeping forgets the number of a
subject after years: a later event of it is numbered above all forgotten ones, because its consumers may still
know the number of its last one. The only event of a subject has number 1, and its subject no row in
``event_sequences``.
"""
_ADDED = "events"
"""Where `session.info` has the events of the transaction that are not stored yet."""
Row = dict[str, Any]


def add(session: Session, event: Event, *, at: datetime, expires_at: datetime | None = None) -> UUID:
    """Add an event to the outbox, in the session's transaction.

    All events of a transaction are stored by one statement, just before its commit; `store` does it earlier.
    ``seq`` is the next number of the event's subject.

    Args:
        session: the transaction of the state change; `session.info` has the keys that seal personal data.
        event: what happened.
        at: when it happened.
        expires_at: after this time the event is of no use (a one-time code).

    Returns:
        The event's id.
    """
    row = new_row(session, event, at=at, expires_at=expires_at)
    session.info.setdefault(_ADDED, []).append((session.get_nested_transaction(), row))
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
        "correlation_id": correlation_id(),
        "traceparent": traceparent(),
        "data": data,
        "personal": personal,
        "is_only_one": event.is_only_one,
    }


def add_rows(session: Session, rows: Sequence[Row]) -> None:
    """Store events of `new_row` at once, numbered in this order.

    The subjects' numbers are locked in the order of the subjects' names, until the transaction ends; a second
    transaction on one of them waits here.
    """
    session.execute(_ADD, {"rows": json.dumps(rows, default=str), "epoch_events": EPOCH_EVENTS})


@listens_for(Session, "before_commit")
def store(session: Session) -> None:
    """Store the events that were added so far.

    The rows that they report are written first, so that their locks come before those of the numbers. Nothing
    is stored at the end of a savepoint: what is around it may add more, or be rolled back.
    """
    if session.in_nested_transaction():
        return
    added = session.info.pop(_ADDED, None)
    if added:
        session.flush()
        add_rows(session, [row for _, row in added])


@listens_for(Session, "after_soft_rollback")
def _forget(session: Session, ended: SessionTransaction) -> None:
    """Forget the events that were added in a transaction, or in a savepoint, that was rolled back."""
    added = session.info.get(_ADDED)
    if added and (ended.nested or ended.parent is None):  # else it is that of a flush
        session.info[_ADDED] = [one for one in added if ended.nested and not _is_within(one[0], ended)]


def _is_within(transaction: SessionTransaction | None, outer: SessionTransaction) -> bool:
    while transaction is not None and transaction is not outer:
        transaction = transaction.parent
    return transaction is outer

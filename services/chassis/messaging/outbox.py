"""The outbox: an event is stored in the transaction of the state change that it reports.

The relay publishes it afterwards, at least once.
"""

import json
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.envelope import seal
from contracts.events import Event
from services.chassis.db.database import personal_keys_of
from services.chassis.runtime.logs import correlation_id, traceparent

EPOCH_EVENTS = 1_000_000
"""More events than any subject gets."""
_NEXT = """
  insert into event_sequences (subject, seq) values (:subject, 1 + :epoch_events * (
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint - 1))
  on conflict (subject) do update
    set seq = greatest(event_sequences.seq + 1, excluded.seq), used_in = excluded.used_in
  returning seq
"""
"""Take the next number of a subject; after a failover it is higher than any that was published before.

The first eight digits of the name of a WAL file are PostgreSQL's timeline, which each promotion of a standby
raises. A standby may lack the last commits, and with them the numbers of events that consumers have seen.
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
    event_id = uuid4()
    data, personal = seal(event, event_id, personal_keys_of(session))
    session.execute(
        _ADD_ONLY_ONE if event.is_only_one else _ADD_NEXT,
        {
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
            "epoch_events": EPOCH_EVENTS,
        },
    )
    return event_id

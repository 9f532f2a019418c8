"""The inbox: a consumer handles an event once, because its mark is in the transaction of the effect."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_MARK = text("""
  insert into inbox (consumer, event_id)
  select :consumer, event_id from unnest(cast(:events as uuid[])) as event_id
  on conflict do nothing
  returning event_id
""")


def mark_seen(session: Session, consumer: str, events: Sequence[UUID]) -> set[UUID]:
    """Mark events as seen by a consumer (the name of its queue). Return those that were not marked before.

    A second delivery at the same moment waits here until the first transaction ends. Several events are
    marked in the order in which they are given.
    """
    marked = session.execute(_MARK, {"consumer": consumer, "events": list(events)})
    return set(marked.scalars())

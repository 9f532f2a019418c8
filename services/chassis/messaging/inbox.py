"""The inbox: a consumer handles an event once, because its mark is in the transaction of the effect."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_MARK = """
  insert into inbox (consumer, event_id)
  select :consumer, event_id from unnest(cast(:events as uuid[])) as event_id{limit}
  on conflict do nothing
  returning event_id
"""
_MARK_ONE = text(_MARK.format(limit=""))
_MARK_ALL = text(_MARK.format(limit=", set_config('lock_timeout', :lock_timeout, true)"))


def mark_seen(
    session: Session, consumer: str, events: Sequence[UUID], *, lock_timeout: str | None = None
) -> set[UUID]:
    """Mark events as seen by a consumer (the name of its queue). Return those that were not marked before.

    A second delivery at the same moment waits here until the first transaction ends. Several events are
    marked in the order in which they are given. ``lock_timeout`` is the limit on each wait for a lock, from
    here on until the transaction ends; None leaves it as it is.
    """
    given: dict[str, object] = {"consumer": consumer, "events": list(events)}
    if lock_timeout is None:
        marked = session.connection().execute(_MARK_ONE, given)
    else:
        marked = session.connection().execute(_MARK_ALL, {**given, "lock_timeout": lock_timeout})
    return set(marked.scalars())

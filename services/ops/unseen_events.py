"""Mark the events that a consumer has not received, so that the relay sends them again.

After a restore they were in the broker, or sent after the backup; after a failover their consumer has lost
what it had committed last. Outboxes store sent events for seven days, and inboxes
store received ones for longer, so that the two together show exactly which consumer lacks which event. Only
the gateways get events twice: they have no inbox, and a repeat does them no harm.
"""

from collections.abc import Callable
from typing import Any

import psycopg

from contracts.subscriptions import SERVICES, subscriptions

AT_A_TIME = 5_000
ON_THE_WAY_SECONDS = 60
"""An event that was sent so lately may still be in its queue."""
_SENT = """select position, id, type from outbox
    where sent_at < now() - make_interval(secs => %s) and position > %s order by position limit %s"""
_SEEN = "select event_id from inbox where consumer = %s and event_id = any(%s)"
_UNMARK = "update outbox set sent_at = null where id = any(%s)"
CONSUMERS: dict[str, list[tuple[str, str]]] = {}
for _one in subscriptions():
    CONSUMERS.setdefault(_one.event.__name__, []).append((_one.service, _one.queue))
"""Service and queue of each consumer, by event."""
Connect = Callable[[str], "psycopg.Connection[Any]"]


def mark_unsent(connect: Connect, *, sent_for: int = 0, only_count: bool = False) -> dict[str, int]:
    """Mark such events in every outbox as unsent; return how many, by their producer.

    Args:
        connect: opens a service's database as a role that may read inboxes and change outboxes, each
            statement a transaction of its own.
        sent_for: leave out what was sent within so many seconds.
        only_count: change nothing.
    """
    connections = {service: connect(service) for service in SERVICES}
    try:
        return {
            producer: _of_producer(outbox, connections, sent_for, only_count)
            for producer, outbox in connections.items()
        }
    finally:
        for connection in connections.values():
            connection.close()


def _of_producer(
    outbox: "psycopg.Connection[Any]",
    inboxes: dict[str, "psycopg.Connection[Any]"],
    sent_for: int,
    only_count: bool,
) -> int:
    marked, position = 0, 0
    while sent := outbox.execute(_SENT, (sent_for, position, AT_A_TIME)).fetchall():
        position = sent[-1][0]
        unseen: set[Any] = set()
        for event_type in {event_type for _, _, event_type in sent}:
            ids = {event_id for _, event_id, its_type in sent if its_type == event_type}
            for service, queue in CONSUMERS.get(event_type, []):
                unseen |= ids - {seen for (seen,) in inboxes[service].execute(_SEEN, (queue, list(ids)))}
        marked += len(unseen) if only_count else outbox.execute(_UNMARK, (list(unseen),)).rowcount
    return marked

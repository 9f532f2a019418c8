"""Poison messages: a message that kills its process is delivered again, and kills the next process.

It takes other messages along, which were prefetched with it. The broker counts deliveries, but cannot know
which of them is the cause. So messages that were delivered often are handled one at a time, and each start is
recorded first, in a transaction of its own. A message that was started three times and never ended is the
cause: it goes to the dead letters. The others end at their first start, and their record with it, also when
they end by an error: that is an attempt (``retry.py``), and no kill.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db.availability import StillAway, run_when_available
from services.chassis.db.database import Database
from services.chassis.db.tables import poison_starts
from services.chassis.messaging.retry import PermanentError

AFTER_DELIVERIES = 3
"""The number of earlier deliveries from which on a message may be a poison message."""
STARTS = 3
"""The number of starts after which a message that never ended goes to the dead letters."""
_one_at_a_time = threading.Lock()
_ended: set[tuple[str, UUID]] = set()
"""Starts that have ended in this process while the database was away: they do not count for the next one."""


class KillsItsProcess(PermanentError):
    """The message was started `STARTS` times and never came to an end."""


@contextmanager
def one_at_a_time(
    db: Database,
    consumer: str,
    event_id: UUID,
    deliveries: int,
    while_waiting: Callable[[], AbstractContextManager[object]] = nullcontext,
    patience: float = float("inf"),
) -> Iterator[None]:
    """Handle a message alone, with a record from its start to its end, if it was delivered often.

    Other messages pass.

    A start is not an attempt while the database is away.

    Args:
        db: where starts are recorded.
        consumer: the name of the queue.
        event_id: the event in the message.
        deliveries: how often the broker has delivered the message before.
        while_waiting: a context that is open during each wait for the database, such as a metric.
        patience: seconds to wait for the database.

    Raises:
        KillsItsProcess: it was started too often before.
        Stopping: the process stops while the database is away.
        StillAway: the start could not be recorded.
    """
    if deliveries < AFTER_DELIVERIES:
        yield
        return
    with _one_at_a_time:
        record = delete(poison_starts).where(
            poison_starts.c.consumer == consumer, poison_starts.c.event_id == event_id
        )
        key = (consumer, event_id)
        started_before = 0 if key in _ended else poison_starts.c.started
        start = insert(poison_starts).values(consumer=consumer, event_id=event_id, started=1)
        start = start.on_conflict_do_update(
            index_elements=["consumer", "event_id"], set_={"started": started_before + 1}
        )
        started = run_when_available(
            db,
            lambda session: session.execute(start.returning(poison_starts.c.started)).scalar_one(),
            part="consumer",
            patience=patience,
            while_waiting=while_waiting,
        )
        _ended.discard(key)
        if started > STARTS:
            raise KillsItsProcess
        try:
            yield
        finally:  # a process that is killed does not come here
            try:
                run_when_available(
                    db,
                    lambda session: session.execute(record),
                    part="consumer",
                    patience=patience,
                    while_waiting=while_waiting,
                )
            except StillAway:
                _ended.add(key)

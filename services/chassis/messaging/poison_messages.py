"""Poison messages: a message that kills its process is delivered again, and kills the next process.

It takes other messages along, which were prefetched with it. The broker counts deliveries, but cannot know
which of them is the cause. So messages that were delivered often are handled one at a time, and each start is
recorded first, in a transaction of its own. A message that was started three times and never ended is the
cause: it goes to the dead letters. The others end at their first start.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from services.chassis.db.database import Database
from services.chassis.db.tables import poison_starts
from services.chassis.messaging.retry import PermanentError

AFTER_DELIVERIES = 3
"""From so many earlier deliveries on, a message may be a poison message."""
STARTS = 3
_one_at_a_time = threading.Lock()


class KillsItsProcess(PermanentError):
    """The message was started so many times and never came to an end."""


@contextmanager
def guarded(db: Database, consumer: str, event_id: UUID, deliveries: int) -> Iterator[None]:
    """Handle a message that was delivered often alone, and record its start. Let other messages pass.

    Args:
        db: where starts are recorded.
        consumer: the name of the queue.
        event_id: the event in the message.
        deliveries: how often the broker has delivered the message before.

    Raises:
        KillsItsProcess: it was started too often before.
    """
    if deliveries < AFTER_DELIVERIES:
        yield
        return
    with _one_at_a_time:
        start = insert(poison_starts).values(consumer=consumer, event_id=event_id, started=1)
        start = start.on_conflict_do_update(
            index_elements=["consumer", "event_id"], set_={"started": poison_starts.c.started + 1}
        )
        with db.transaction() as session:
            started = session.execute(start.returning(poison_starts.c.started)).scalar_one()
        if started > STARTS:
            raise KillsItsProcess
        yield

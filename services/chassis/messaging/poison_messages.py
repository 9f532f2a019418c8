"""A message that kills its process comes again and kills the next one, and takes those along that were prefetched with it.

The broker counts deliveries, but cannot tell the culprit from the innocent. So a message that was delivered often is a
suspect: suspects are handled one at a time, and each start is written down first, in a transaction of its own. Who was
started three times without an end is the culprit and goes to the dead letters; the innocent end their first start.
"""

import threading
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from services.chassis.db.database import Database
from services.chassis.db.tables import suspects
from services.chassis.messaging.retry import PermanentError

AFTER_DELIVERIES = 3
STARTS = 3

alone = threading.Lock()
"""Held while a suspect is handled."""


class KillsItsProcess(PermanentError):
    """It was started so many times and never came to an end."""


def note_start(db: Database, consumer: str, event_id: UUID) -> None:
    """Writes down that a suspect is being started.

    Raises:
        KillsItsProcess: it was started too often before.
    """
    mark = insert(suspects).values(consumer=consumer, event_id=event_id, started=1)
    mark = mark.on_conflict_do_update(
        index_elements=["consumer", "event_id"], set_={"started": suspects.c.started + 1}
    )
    with db.transaction() as session:
        started = session.execute(mark.returning(suspects.c.started)).scalar_one()
    if started > STARTS:
        raise KillsItsProcess

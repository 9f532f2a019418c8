"""What the chassis' own tables hold for a time only: idempotency keys 24 h, inbox marks longer than any dead letter lives."""

from time import monotonic
from typing import Any

from sqlalchemy import delete, func, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.chassis.db.database import Database
from services.chassis.db.tables import idempotency_keys, inbox, suspects
from services.chassis.messaging.topology import DEAD_LETTER_DAYS
from services.chassis.rpc.idempotency import KEEP_HOURS
from services.chassis.runtime.lifecycle import Stopping, pause
from services.chassis.runtime.logs import logger

log = logger(__name__)
HOURLY = 3600.0
INBOX_DAYS = DEAD_LETTER_DAYS + 7
"""A dead letter may be replayed on its last day; its consumer must still know that it was done."""


def purge(db: Database) -> None:
    """Deletes what is too old."""
    for table, column, age in (
        (idempotency_keys, idempotency_keys.c.created_at, f"{KEEP_HOURS} hours"),
        (inbox, inbox.c.seen_at, f"{INBOX_DAYS} days"),
        (suspects, suspects.c.last_at, f"{INBOX_DAYS} days"),
    ):
        with db.transaction() as session:
            session.execute(delete(table).where(column < func.now() - text(f"interval '{age}'")))


def run(db: Database, *_: Any) -> None:
    """Purges once an hour until the process stops."""
    due = monotonic() + 60
    while True:
        try:
            pause(min(max(due - monotonic(), 0), 60))
            if monotonic() >= due:
                due = monotonic() + HOURLY
                purge(db)
        except (DBAPIError, PoolTimeout) as error:
            log.warning("housekeeping waits", error=type(error).__name__)
        except Stopping:
            return

"""Deletes old rows of the chassis' own tables.

Idempotency keys live for 24 hours, inbox marks and starts of poison messages longer than any dead letter. The
relay deletes old rows of the outbox.
"""

from time import monotonic

from sqlalchemy import delete, func, text

from services.chassis.db.database import Database
from services.chassis.db.tables import idempotency_keys, inbox, poison_starts
from services.chassis.messaging.topology import DEAD_LETTER_DAYS
from services.chassis.rpc.idempotency import KEEP_HOURS
from services.chassis.runtime.lifecycle import Stopping, pause
from services.chassis.runtime.logs import logger

log = logger(__name__)
HOUR_SECONDS = 3600.0
INBOX_DAYS = DEAD_LETTER_DAYS + 7
"""A dead letter may be replayed on its last day; its consumer must still know whether it was handled."""


def purge(db: Database) -> None:
    """Delete all rows that are too old, in one transaction for each table."""
    for table, column, age in (
        (idempotency_keys, idempotency_keys.c.created_at, f"{KEEP_HOURS} hours"),
        (inbox, inbox.c.seen_at, f"{INBOX_DAYS} days"),
        (poison_starts, poison_starts.c.last_at, f"{INBOX_DAYS} days"),
    ):
        with db.transaction() as session:
            session.execute(delete(table).where(column < func.now() - text(f"interval '{age}'")))


def run(db: Database) -> None:
    """Purge once an hour until the process stops. An error is logged, and the next hour tries again."""
    due = monotonic() + 60
    while True:
        try:
            pause(min(max(due - monotonic(), 0), 60))
            if monotonic() >= due:
                due = monotonic() + HOUR_SECONDS
                purge(db)
        except Stopping:
            return
        except Exception as error:  # whatever it is, old rows must not pile up in silence
            log.warning("housekeeping failed", exc_info=error)

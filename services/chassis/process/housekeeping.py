"""Deletes old rows of the chassis' own tables, and adds months to partitioned tables.

Idempotency keys live for 24 hours, inbox marks and starts of poison messages longer than any dead letter. The
relay deletes old rows of the outbox. The number of an application's or pass's newest event is forgotten with
the records; the highest that was forgotten is kept, and a later event gets a higher one (``outbox.py``).
"""

from sqlalchemy import ColumnElement, Table, func, literal, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from services.chassis.db import batches, destructive_jobs, partitions
from services.chassis.db.database import Database
from services.chassis.db.retention import kept_since
from services.chassis.db.tables import FORGOTTEN, event_sequences, idempotency_keys, inbox, poison_starts
from services.chassis.messaging.topology import DEAD_LETTER_DAYS
from services.chassis.rpc.idempotency import KEEP_HOURS
from services.chassis.runtime.clock import now
from services.chassis.runtime.jobs import Job

HOUR_SECONDS = 3600.0
_ENDING = ("application:", "pass:")
"""Subjects that end some time after the visit; others, such as a department, never do."""
INBOX_DAYS = DEAD_LETTER_DAYS + 7
"""A dead letter may be replayed on its last day; its consumer must still know whether it was handled."""


def run_once(db: Database, kept_months: int) -> None:
    """Add months ahead, then delete rows that are too old, in batches; `epass migrate` drops old months.

    Args:
        kept_months: of the settings.

    Raises:
        RunRefused: nothing was deleted, because a clock is in doubt.
    """
    with db.engine.begin() as connection:
        partitions.add_months(connection, now())
    doubt = destructive_jobs.doubt_portions(destructive_jobs.by_clock_alone)
    destructive_jobs.run(db.engine, "housekeeping", lambda: purge(db, kept_months), doubt)


def purge(db: Database, kept_months: int) -> None:
    """Delete all rows of the chassis' own tables that are too old."""
    before = kept_since(now(), kept_months)
    for table, column, age in (
        (idempotency_keys, idempotency_keys.c.created_at, f"{KEEP_HOURS} hours"),
        (inbox, inbox.c.seen_at, f"{INBOX_DAYS} days"),
        (poison_starts, poison_starts.c.last_at, f"{INBOX_DAYS} days"),
    ):
        _delete(db, table, column < func.now() - text(f"interval '{age}'"))
    subject = event_sequences.c.subject
    unused = event_sequences.c.used_in < before.date()
    forgotten = unused & or_(*(subject.startswith(kind) for kind in _ENDING))
    _keep_highest(db, forgotten)
    _delete(db, event_sequences, forgotten)


def _keep_highest(db: Database, which: ColumnElement[bool]) -> None:
    highest = (
        select(literal(FORGOTTEN), func.max(event_sequences.c.seq)).where(which).having(func.count() > 0)
    )
    row = insert(event_sequences).from_select(["subject", "seq"], highest)
    raised = {"seq": func.greatest(event_sequences.c.seq, row.excluded.seq)}
    with db.transaction() as session:
        session.execute(row.on_conflict_do_update(index_elements=["subject"], set_=raised))


def _delete(db: Database, table: Table, which: ColumnElement[bool]) -> None:
    batches.run(db, lambda session: batches.delete_batch(session, table, which))


def run(db: Database, kept_months: int) -> None:
    """Run once an hour until the process stops; ``kept_months`` is that of the settings."""
    Job("housekeeping", HOUR_SECONDS).repeat(lambda: run_once(db, kept_months), first=60)

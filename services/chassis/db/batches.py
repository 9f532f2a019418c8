"""Work on many rows in batches, each in a transaction of its own.

However many rows wait, no statement runs into its timeout, no lock is held for long, and what was done stays
done. Rows that somebody else has locked are left for the next time, so every replica may run the same job.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, any_, delete, func, literal_column, select
from sqlalchemy.orm import Session

from services.chassis.db.database import Database

ROWS = 500
"""Rows of a batch, where a job names no other number."""


def run(db: Database, work: Callable[[Session], int], rows: int = ROWS) -> None:
    """Repeat a piece of work, each time in a new transaction, until it finds less than a whole batch.

    Args:
        work: does at most one batch, and returns how many rows it found.
        rows: of a whole batch.
    """
    found = rows
    while found >= rows:
        with db.transaction() as session:
            found = work(session)


def delete_batch(
    session: Session, table: FromClause | type[Any], *which: ColumnElement[bool], rows: int = ROWS
) -> int:
    """Delete some of the rows that meet all conditions; return how many, at most ``rows``."""
    place: ColumnElement[str] = literal_column("ctid")
    found = select(place).select_from(table).where(*which).limit(rows).with_for_update(skip_locked=True)
    statement: Any = delete(table).where(place == any_(func.array(found.scalar_subquery())))  # type: ignore[arg-type]
    deleted = session.execute(statement.execution_options(synchronize_session=False))
    return deleted.rowcount  # type: ignore[attr-defined, no-any-return]  # of a CursorResult

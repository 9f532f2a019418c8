"""How PostgreSQL would run the queries of a piece of work."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.orm import Session

from services.chassis.db.database import Database


@contextmanager
def queries(database: Database, of: str) -> Iterator[list[tuple[str, Any]]]:
    """Collect the SELECT statements on a table, each with its parameters, that are sent in this block."""
    found: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        if statement.startswith("SELECT") and f"FROM {of} " in statement.replace("\n", " "):
            found.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    yield found
    event.remove(database.engine, "before_cursor_execute", note)


def plan(database: Database, statement: str, parameters: Any = None) -> str:
    """Return the plan of a statement for large tables: no table is read whole where an index serves."""
    with database.transaction() as session:
        session.execute(text("set local enable_seqscan = off"))
        connection = session.connection()
        return "\n".join(connection.exec_driver_sql(f"explain {statement}", parameters).scalars())


def planned_each_time(database: Database, work: Callable[[Session], object]) -> list[str]:
    """Return the statements of a piece of work that PostgreSQL plans anew each time, were the tables large.

    It gives five plans for the given values, and goes on so if a plan for any values looks dearer (PREPARE).
    The connection is a new one: an older one has also what other tests prepared.
    """
    database.engine.dispose()
    with database.queries() as session:
        session.execute(text("set enable_seqscan = off"))
        session.execute(text("set jit = off"))  # plans without such scans look dear enough to be compiled
        for _ in range(12):
            work(session)
        session.execute(text("reset enable_seqscan"))
        session.execute(text("reset jit"))
        prepared = "select statement from pg_prepared_statements where custom_plans > 5"
        return list(session.execute(text(prepared)).scalars())


def months(table: str, plan_: str) -> set[str]:
    """Return the partitions that a plan reads."""
    return set(re.findall(rf"on ({table}_(?:until_)?\d{{4}}_\d\d)\b", plan_))

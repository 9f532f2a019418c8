"""Wrong clocks for tests: of a process, by what its modules call, and of a database, as statements see it.

A function of the same name before ``pg_catalog`` on the search path stands in for the server's clock. No
clock of the machine is touched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import ModuleType

import pytest
from sqlalchemy import Connection, event, text

from services.chassis.db import destructive_jobs
from services.chassis.db.database import Database
from services.chassis.runtime import handlers
from tests.support.stack.databases import execute, owner_of

FUNCTIONS = [
    f"create function {{schema}}.{name}() returns timestamptz language sql stable as "
    "$$select current_setting('faked.now')::timestamptz$$"
    for name in ("now", "clock_timestamp")
]


class Clocks:
    """The clocks of one process and of its database.

    Args:
        process: the present instant by the process's clock, as `set` changes it.
        database: the same by the database's.
        leapt: the part of the database's time in which no time has passed.
    """

    def __init__(self, process: datetime, database: datetime) -> None:
        self.process, self.database, self.leapt = process, database, timedelta()

    def set(self, process: datetime, database: datetime | None = None) -> None:
        """Set both clocks; without ``database`` they agree."""
        self.process, self.database = process, database or process

    def boottime(self) -> float:
        """Return for how long the host has been on, in seconds."""
        return (self.database - self.leapt).timestamp()


@contextmanager
def faked(
    monkeypatch: pytest.MonkeyPatch, database: Database, at: datetime, *modules: ModuleType
) -> Iterator[Clocks]:
    """Give these modules, and all transactions of this database, a clock that stands still."""
    clocks = Clocks(at, at)
    for module in (destructive_jobs, handlers, *modules):
        monkeypatch.setattr(module, "now", lambda: clocks.process)
    monkeypatch.setattr(destructive_jobs, "boottime", clocks.boottime)
    monkeypatch.setattr(destructive_jobs, "_looks", {})

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("set local search_path = public, pg_catalog")
        connection.exec_driver_sql(f"set local faked.now = '{clocks.database.isoformat()}'")

    with owner_of(database).transaction() as owner:
        for function in FUNCTIONS:
            owner.execute(text(function.format(schema="public")))
    event.listen(database.engine, "begin", begin)
    try:
        yield clocks
    finally:
        event.remove(database.engine, "begin", begin)
        execute(owner_of(database), "drop function public.now(), public.clock_timestamp()")

"""What happens to a database server while a test runs: killed, restarted, read only."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection

from tests.support.stack.backends import TestStack
from tests.support.stack.running import eventually


@contextmanager
def postgres_away(stack: TestStack) -> Iterator[None]:
    """Kill the database server, as a crash would, and start it again after the block."""
    stack.kill_postgres()
    try:
        yield
    finally:
        stack.start_postgres()


@contextmanager
def superuser(stack: TestStack, database: str = "postgres") -> Iterator[Connection]:
    """Open a superuser's connection, each statement a transaction of its own."""
    url = stack.database_url("postgres", database).replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def end_sessions(connection: Connection, database: str) -> None:
    """End all other sessions of a database, as a server that restarts does."""
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (database,)
    )


@contextmanager
def read_only(stack: TestStack, database: str) -> Iterator[None]:
    """Let a database take no changes for the length of the block, as after a failover to a standby."""
    with superuser(stack) as connection:
        connection.execute(f"alter database {database} set default_transaction_read_only = on")
        end_sessions(connection, database)
        try:
            yield
        finally:
            connection.execute(f"alter database {database} reset default_transaction_read_only")


@contextmanager
def demoted(stack: TestStack, _database: str) -> Iterator[None]:
    """Let the server take no changes for the length of the block, in the sessions that it has."""
    with superuser(stack) as connection:
        connection.execute("alter system set default_transaction_read_only = on")
        connection.execute("select pg_reload_conf()")
        shown = "show default_transaction_read_only"
        eventually(lambda: connection.execute(shown).fetchone() == ("on",), "the sessions know it")
        try:
            yield
        finally:
            connection.execute("alter system reset default_transaction_read_only")
            connection.execute("select pg_reload_conf()")

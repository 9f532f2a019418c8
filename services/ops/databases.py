"""Connections to the services' databases, and read-only snapshots of them."""

import atexit
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, TypeVar

import click
import psycopg
from psycopg import IsolationLevel
from psycopg.rows import class_row

from services.chassis.db.connection_timeouts import TCP_OPTIONS, TimeoutConnection
from services.chassis.db.database import name_of
from services.ops.balances import InFlight

T = TypeVar("T")
Row = tuple[Any, ...]
Facts = Mapping[str, Any]
_OPTIONS = "-c statement_timeout=60000 -c timezone=UTC"
_ROWS_AT_ONCE = 2000
_kept: defaultdict[str, list[psycopg.Connection[Row]]] = defaultdict(list)
"""Connections of this process that nobody uses now, by address: a look each few seconds opens none."""


class _Connection(TimeoutConnection):
    response_timeout = 65.0  # longer than the statement_timeout above


class DatabaseAway(click.ClickException):
    """A database does not answer or does not let this role read, so the result of a command is unknown.

    The message has its name, not its address.
    """

    exit_code = 2


class Snapshot:
    """One database as of one moment."""

    def __init__(self, name: str, connection: psycopg.Connection[Row]) -> None:
        self.name = name
        self._connection = connection

    def row(self, query: str, facts: Facts | None = None) -> Row:
        """Return the one row of a query."""
        with _fault_of(self.name):
            found = self._connection.execute(query, facts).fetchone()
        assert found is not None
        return found

    def stream(self, query: str, facts: Facts | None = None) -> Iterator[Row]:
        """Yield the rows of a query; only a few thousand are in memory at a time."""
        with _fault_of(self.name), self._connection.cursor(name="stream") as cursor:
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(query, facts)

    def read(self, kind: type[T], query: str) -> tuple[T, ...]:
        """Return the rows of a query whose columns are named as the fields of ``kind``."""
        with _fault_of(self.name), self._connection.cursor(row_factory=class_row(kind)) as cursor:
            return tuple(cursor.execute(query))


@atexit.register
def _close_kept() -> None:
    for connections in _kept.values():
        for connection in connections:
            connection.close()


@contextmanager
def snapshots(urls: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, Snapshot]]:
    """Take snapshots of the named databases, in this order.

    Raises:
        DatabaseAway: one of them does not answer, is not among the addresses, or refuses to be read.
    """
    known = {name_of(url): url for url in urls}
    with _fault_of("one of the databases, when it was closed"), ExitStack() as open_:
        found = {}
        for name in names:
            if name not in known:
                raise DatabaseAway(f"{name}: EPASS_OPS_DATABASE_URLS does not name it")
            with _fault_of(name):
                found[name] = Snapshot(name, open_.enter_context(_transaction(known[name])))
        yield found


@contextmanager
def snapshot(url: str) -> Iterator[Snapshot]:
    """Take a snapshot of one database.

    Raises:
        DatabaseAway: it does not answer or refuses to be read.
    """
    name = name_of(url)
    with snapshots([url], [name]) as found:
        yield found[name]


@contextmanager
def _transaction(url: str) -> Iterator[psycopg.Connection[Row]]:
    """Begin to read a database as of now, on a connection that is kept for the next time if all goes well."""
    connection = _kept_or_new(url)
    try:
        yield connection
        connection.rollback()
    except BaseException:
        connection.close()
        raise
    _kept[url].append(connection)


def _kept_or_new(url: str) -> psycopg.Connection[Row]:
    with suppress(IndexError):
        while True:
            connection = _kept[url].pop()
            try:
                connection.execute("select now()")
            except psycopg.Error:  # its server was away meanwhile
                connection.close()
            else:
                return connection
    connection = connect(url)
    connection.autocommit = False
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    connection.execute("select now()")
    return connection


@contextmanager
def _fault_of(name: str) -> Iterator[None]:
    """Replace psycopg's error, which quotes addresses, by the database's name and the kind of the error."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseAway(f"{name}: {type(error).__name__}") from error


def connect(url: str) -> psycopg.Connection[Row]:
    """Open a connection on which each statement is a transaction of its own; the caller closes it.

    Where the address names several servers, it leads to the primary: a standby may lag behind.

    Raises:
        psycopg.Error: the database does not answer.
    """
    address = url.replace("postgresql+psycopg://", "postgresql://")
    return _Connection.connect(
        address,
        autocommit=True,
        connect_timeout=3,
        options=_OPTIONS,
        target_session_attrs="primary",
        **TCP_OPTIONS,
    )


_UNSENT = "select count(*) from outbox where sent_at is null and type = any(%(types)s)"


def in_flight(producer: Snapshot, overdue: int, *queues: str) -> InFlight:
    """Return what a balance needs to know of events that were published and not received."""
    types = [queue.partition(".")[2] for queue in queues]
    return InFlight(overdue, queues, producer.row(_UNSENT, {"types": types})[0])

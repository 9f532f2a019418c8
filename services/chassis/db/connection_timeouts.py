"""Connections to PostgreSQL that do not wait for ever: a server that says nothing for so long is left.

``statement_timeout`` is kept by the server, and TCP notices a peer that is gone. Neither helps against one that takes
bytes and answers none (a server that hangs, a proxy that lost its other side): only who waits can end that.
"""

from collections.abc import Generator
from typing import Any

from psycopg import AsyncConnection, Connection, OperationalError
from psycopg.pq import TransactionStatus

ANSWER_SECONDS = 10.0
"""For one answer. Longer than ``statement_timeout``, so that a server that lives speaks first."""
TCP: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
}
"""Options of a connection: a peer that is gone is noticed within 11 s (tcp_user_timeout is in milliseconds)."""
Wait = Generator[Any, Any, Any]


class BoundedConnection(Connection[Any]):
    """A connection that is closed, and so found broken by its pool, when its server does not answer."""

    answer_seconds = ANSWER_SECONDS

    def wait(self, gen: Wait, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's own, but never for ever.

        Raises:
            psycopg.OperationalError: no answer.
        """
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except OperationalError:
            _leave(self, timeout)
            raise


class BoundedAsyncConnection(AsyncConnection[Any]):
    """The same on asyncio."""

    answer_seconds = ANSWER_SECONDS

    async def wait(self, gen: Wait, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109  psycopg's own signature
        """As psycopg's own, but never for ever.

        Raises:
            psycopg.OperationalError: no answer.
        """
        try:
            return await super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except OperationalError:
            _leave(self, timeout)
            raise


def _leave(connection: BoundedConnection | BoundedAsyncConnection, timeout: float | None) -> None:
    """Closes a connection that still owes an answer; a caller with a limit of its own decides for itself."""
    if timeout is None and connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        connection.pgconn.finish()

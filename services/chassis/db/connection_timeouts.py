"""Connections to PostgreSQL that give up on a server that does not respond.

The server enforces ``statement_timeout``, and TCP notices a peer that is gone. Neither timeout fires when the
other side accepts data but never replies (a server that hangs, a proxy that lost its other side). Only the
client can end that wait.
"""

from collections.abc import Generator
from typing import Any

from psycopg import AsyncConnection, Connection, OperationalError
from psycopg.pq import TransactionStatus

RESPONSE_TIMEOUT = 10.0
"""Seconds for one response.

It is longer than ``statement_timeout``, so that a live server reports its own timeout first.
"""
TCP_OPTIONS: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,
}
"""libpq options that notice a peer that is gone within 11 s (tcp_user_timeout is in milliseconds)."""
Wait = Generator[Any, Any, Any]


class TimeoutConnection(Connection[Any]):
    """A connection that closes when its server does not respond, so that its pool finds it broken."""

    response_timeout = RESPONSE_TIMEOUT

    def wait(self, gen: Wait, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait as psycopg does, but no longer than the response timeout.

        Raises:
            psycopg.OperationalError: the server did not respond in time.
        """
        try:
            return super().wait(gen, interval, self.response_timeout if timeout is None else timeout)
        except OperationalError:
            _close_if_unanswered(self, timeout)
            raise


class AsyncTimeoutConnection(AsyncConnection[Any]):
    """A connection for asyncio that closes when its server does not respond, like `TimeoutConnection`."""

    response_timeout = RESPONSE_TIMEOUT

    async def wait(self, gen: Wait, interval: float = 0.1, timeout: float | None = None) -> Any:  # noqa: ASYNC109  psycopg's own signature
        """Wait as psycopg does, but no longer than the response timeout; wake up in between for nothing.

        Raises:
            psycopg.OperationalError: the server did not respond in time.
        """
        longest = self.response_timeout if timeout is None else timeout
        try:
            return await super().wait(gen, max(interval, longest), longest)
        except OperationalError:
            _close_if_unanswered(self, timeout)
            raise


def _close_if_unanswered(
    connection: TimeoutConnection | AsyncTimeoutConnection, timeout: float | None
) -> None:
    """Close a connection that still owes a response, unless the caller gave a timeout of its own."""
    if timeout is None and connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
        connection.pgconn.finish()

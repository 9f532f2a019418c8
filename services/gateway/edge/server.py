"""A uvicorn server that shuts down without losing a request.

uvicorn closes idle connections at once; a client that sends in that moment sees a reset and does not know the
outcome. Here the listener closes first, so that new clients are refused and turn to another gateway. Open
connections are served a little longer, and each response asks its client to close. Only then does uvicorn
stop, when the requests under way have ended.
"""

import asyncio
import socket
from collections.abc import Callable

import uvicorn

from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.health import Health
from services.chassis.runtime.lifecycle import freeze_heap

LEAVE_SECONDS = 2.0
"""How long clients get to close their connections.

A client that sends more seldom has an idle connection, which it sees closed before it sends again.
"""
KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection, so that they close it and no request is lost."""
STOP_SECONDS = 20
"""Requests under way get this long. Every request has a shorter limit of its own, so none should remain."""


class Server(uvicorn.Server):
    """A server that lets its clients leave before it stops.

    Args:
        config: of uvicorn.
        on_leave: ends endless streams of events.
        health: tells on its own port whether the loop of this server still turns.
    """

    def __init__(self, config: uvicorn.Config, on_leave: Callable[[], None], health: Health) -> None:
        super().__init__(config)
        self._on_leave = on_leave
        self._health = health

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then keep what the start has made out of every garbage collection."""
        self._health.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        freeze_heap()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the listener, wait for clients to leave, then stop."""
        for server in self.servers:
            server.close()
        self._on_leave()
        self.server_state.default_headers.append((b"connection", b"close"))
        until = monotonic() + LEAVE_SECONDS
        while self.server_state.connections and monotonic() < until:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

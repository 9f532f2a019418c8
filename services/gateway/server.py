"""uvicorn, but for how it ends: nobody's request is broken off, and no connection is closed on which one may just be coming.

uvicorn closes what is idle at once; a client that sends in that moment sees a reset and does not know the outcome. Here the
listener closes first, so that whoever connects is refused and turns to another gateway. Connections that are open are served
a little longer, each answer telling its client to close. Only then does uvicorn end, when the requests under way have.
"""

import asyncio
import socket
from time import monotonic

import uvicorn

LEAVE_SECONDS = 2.0
"""Clients get so long to leave; one that asks more seldom has an idle connection, which it sees closed before it asks again."""
KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep an idle connection, so that it is they who close it, knowing that nothing is under way."""
STOP_SECONDS = 20
"""Requests under way get so long; what then remains has outlived every limit of its own."""


class Server(uvicorn.Server):
    """Serves until told to stop, then lets its clients leave."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuses, lets leave, ends."""
        for server in self.servers:
            server.close()
        self.server_state.default_headers.append((b"connection", b"close"))
        until = monotonic() + LEAVE_SECONDS
        while self.server_state.connections and monotonic() < until:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

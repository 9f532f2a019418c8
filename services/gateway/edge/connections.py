"""The connections of clients: how many there are, how large their headers, and how slow they may be.

uvicorn waits for the rest of a request, and for a client that reads its answer, without end. So whoever opens
many connections and sends a byte now and then would take them all (slowloris). Here each step has a limit. A
process that has as many connections as it may have closes the slowest sender for each new client.
"""

import asyncio
import heapq
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.metrics import CLOSED_CONNECTIONS

MOST_CONNECTIONS = 2_000
"""Of one process; also the most requests under way."""
LARGEST_HEADERS = 64 * 1024
"""Bytes of one request: our own cookies take 37 KiB at most."""
HEADER_SECONDS = 10.0
BODY_SECONDS = 60.0
"""The largest file takes so long at 26 kilobits a second."""
READER_SECONDS = 60.0
"""For so long a client may read nothing of an answer that waits for it."""


class TooLarge(ValueError):
    """The headers of a request are too large."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends when its client is too slow or sends headers that are too large."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._requests = 0
        self._phase = ""
        """Which part of a request is expected: ``headers``, ``body``, or neither."""
        self._size = 0
        self._unfinished = 0
        self._watched: tuple[int, str] = (0, "")
        self._watch: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self.since = self.loop.time()
        """When the part of a request began that is awaited now."""

    @property
    def patience(self) -> tuple[bool, float] | None:
        """Return what the slowest sender has least of; None while a request is under way."""
        if self._phase:
            return False, self.since
        return (True, self.since) if self._is_idle else None

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new client in, and close the slowest ones for it if there are too many."""
        super().connection_made(transport)
        if len(self.connections) >= MOST_CONNECTIONS:
            self._make_room()
        self._follow()

    def _make_room(self) -> None:
        """Close the slowest twentieth: one by one, a flood would have them all compared for each client."""
        others = [one for one in self.connections if isinstance(one, BoundedProtocol) and one is not self]
        waiting = {one: patience for one in others if (patience := one.patience) is not None}
        for one in heapq.nsmallest(MOST_CONNECTIONS // 20 + 1, waiting, key=lambda one: waiting[one]):
            one.give_up("too_many")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        for timer in (self._watch, self._reader):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and notice how long a part of a request takes."""
        super().data_received(data)
        if self._phase == "headers":
            self._unfinished += len(data)
            if self._unfinished > LARGEST_HEADERS:
                self._size = self._unfinished
                self.send_400_response("")
        self._follow()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._requests += 1
        self._phase, self._size, self._unfinished = "headers", 0, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Expect the body, unless the headers are too large."""
        self._size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if self._size > LARGEST_HEADERS:
            raise TooLarge
        self._phase = "body"
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect nothing more."""
        self._phase = ""
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note since when the connection is idle."""
        self.since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed, and with 431 what is too large."""
        if self._size <= LARGEST_HEADERS:
            super().send_400_response(msg)
        elif not self.transport.is_closing():
            CLOSED_CONNECTIONS.labels("large_headers").inc()
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def pause_writing(self) -> None:
        """Expect the client to read."""
        super().pause_writing()
        self._reader = self.loop.call_later(READER_SECONDS, self.give_up, "slow_reader")

    def resume_writing(self) -> None:
        """Note that the client reads."""
        super().resume_writing()
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def give_up(self, why: str) -> None:
        """Close the connection at once."""
        CLOSED_CONNECTIONS.labels(why).inc()
        self.connections.discard(self)
        self.transport.abort()

    def _follow(self) -> None:
        """Start a timer when another part of a request is expected. A whole request needs none."""
        nothing_came = self._is_idle and self.timeout_keep_alive_task is None
        phase = self._phase or ("headers" if nothing_came else "")
        if (self._requests, phase) == self._watched and self._watch is not None:
            return
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._watched = (self._requests, phase)
        if phase and not self.transport.is_closing():
            self.since = self.loop.time()
            seconds = HEADER_SECONDS if phase == "headers" else BODY_SECONDS
            self._watch = self.loop.call_later(seconds, self.give_up, f"slow_{phase}")

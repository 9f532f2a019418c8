"""A TCP proxy with faults, on a thread of its own.

Latency, reset and half-open connections, and a broker that breaks off or hangs at one method of AMQP.
"""

import asyncio
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

PIECE = 65536
Method = tuple[int, int]
"""Class and method of AMQP 0-9-1."""
TUNE: Method = (10, 30)
OPEN_OK: Method = (10, 41)
CHANNEL_OPEN_OK: Method = (20, 11)
QUEUE_DECLARED: Method = (50, 11)
CONSUMING: Method = (60, 21)


class Frames:
    """Splits what a broker sends into frames of AMQP."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, piece: bytes) -> Iterator[tuple[bytes, Method | None]]:
        """Yield each whole frame, with its method where it is the frame of one."""
        self._rest += piece
        while len(self._rest) >= 7:
            kind, _, size = struct.unpack_from(">BHI", self._rest)
            if len(self._rest) < size + 8:
                return
            frame, self._rest = self._rest[: size + 8], self._rest[size + 8 :]
            yield frame, struct.unpack_from(">HH", frame, 7) if kind == 1 else None


@dataclass(eq=False)
class Pair:
    """A connection's two ends.

    A ``dead`` one accepts bytes and forwards nothing, not even a close, and stays so.
    """

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter | None = None
    dead: bool = False

    def abort(self) -> None:
        for end in (self.near, self.far):
            if end is not None:
                end.transport.abort()


class Proxy:
    """A proxy on ``port`` in front of one address.

    Args:
        host, port: of what is behind it.
    """

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="proxy")
        self._pairs: set[Pair] = set()
        self._tasks: set[asyncio.Task[Any] | None] = set()
        """Kept here, because nothing else refers to the task of a connection that is dead."""
        self._late, self._swallows = 0.0, False
        self._fault: tuple[Method, Literal["cut", "hang"]] | None = None
        self.faults = 0
        """How often a connection came to the method at which it broke off or hung."""
        self._server: asyncio.Server | None = None
        self.port = 0

    @contextmanager
    def latency(self, seconds: float) -> Iterator[None]:
        """Delay each piece by so many seconds, in each direction."""
        self._late = seconds
        try:
            yield
        finally:
            self._late = 0.0

    @contextmanager
    def half_open(self) -> Iterator[None]:
        """Let all connections, also new ones, silently lose whatever they are sent."""
        self._swallows = True
        for pair in list(self._pairs):
            pair.dead = True
        try:
            yield
        finally:
            self._swallows = False

    @contextmanager
    def fault_at(self, method: Method, how: Literal["cut", "hang"]) -> Iterator[None]:
        """Reset each new connection right after this method of the broker, or withhold it and the rest."""
        self._fault, self.faults = (method, how), 0
        try:
            yield
        finally:
            self._fault = None

    def cut(self) -> None:
        """Reset all connections, on both sides."""
        for pair in list(self._pairs):
            self._loop.call_soon_threadsafe(pair.abort)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pair = Pair(writer, dead=self._swallows)
        task = asyncio.current_task()
        self._pairs.add(pair)
        self._tasks.add(task)
        try:
            with suppress(OSError):
                await self._pass_on(pair, reader)
        finally:
            pair.abort()
            self._pairs.discard(pair)
            self._tasks.discard(task)

    async def _pass_on(self, pair: Pair, reader: asyncio.StreamReader) -> None:
        if pair.dead:
            await asyncio.Event().wait()
        far_reader, pair.far = await asyncio.open_connection(*self._behind)
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pump(pair, reader, pair.far))
            both.create_task(self._pump(pair, far_reader, pair.near, Frames()))

    async def _pump(
        self,
        pair: Pair,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        frames: Frames | None = None,
    ) -> None:
        fault = self._fault if frames else None
        with suppress(OSError):
            while piece := await reader.read(PIECE):
                await asyncio.sleep(self._late)
                if fault and frames:
                    passed = self._before_fault(pair, frames.split(piece), *fault)
                else:
                    passed = b"" if pair.dead else piece
                if passed:
                    writer.write(passed)
                    await writer.drain()
                if fault and pair.dead and fault[1] == "cut":
                    pair.abort()
                    return
        if pair.dead:
            await asyncio.Event().wait()
        writer.close()

    def _before_fault(
        self, pair: Pair, frames: Iterator[tuple[bytes, Method | None]], method: Method, how: str
    ) -> bytes:
        """Return what still goes through of these frames; a connection that came to the method is dead."""
        passed = b""
        for frame, of in frames:
            if pair.dead:
                break
            if of == method:
                self.faults += 1
                pair.dead = True
                passed += frame if how == "cut" else b""
            else:
                passed += frame
        return passed

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

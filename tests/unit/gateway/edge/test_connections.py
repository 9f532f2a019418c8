"""Slow and greedy clients, on real sockets: they are closed, and the others are served."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn

from services.chassis.runtime.health import Health
from services.gateway.edge import connections, server
from services.gateway.edge.connections import BoundedProtocol
from services.gateway.metrics import CLOSED_CONNECTIONS
from tests.support.stack.running import free_port

PATIENCE = 20
"""Seconds within which a client must be closed or answered; the limits here are far shorter."""
LARGE = 32 * 1024 * 1024
TWO_REQUESTS = b"POST / HTTP/1.1\r\nhost: x\r\n%s\r\n\r\n0\r\n\r\nGET /second HTTP/1.1\r\nhost: x\r\n\r\n"


async def app(scope, receive, send) -> None:
    """Read the whole body, then answer with a few bytes, or with very many."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.disconnect":
        return
    body = b"x" * LARGE if scope["path"] == "/large" else b"served"
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


Connect = Callable[[], "asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]]"]


@asynccontextmanager
async def running(protocol: type = BoundedProtocol) -> AsyncIterator[Connect]:
    """Run a server, and yield a function that connects to it."""
    port = free_port()
    config = uvicorn.Config(
        app,
        port=port,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        limit_concurrency=connections.MOST_CONNECTIONS,
        timeout_graceful_shutdown=0,
    )
    one = server.Server(config, lambda: None, Health())
    serving = asyncio.create_task(one.serve())
    while not one.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0.01)
    opened = []

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        opened.append(await asyncio.open_connection("127.0.0.1", port))
        return opened[-1]

    try:
        yield connect
    finally:
        for _, writer in opened:
            writer.close()
        one.should_exit = True
        await serving


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "freeze_heap", lambda: None)
    monkeypatch.setattr(server, "LEAVE_SECONDS", 0)
    for name in ("HEADER_SECONDS", "BODY_SECONDS", "READER_SECONDS"):
        monkeypatch.setattr(connections, name, 1.0)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return all that comes until the server closes the connection."""
    async with asyncio.timeout(PATIENCE):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def answer(connect: Connect, request: bytes = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n") -> bytes:
    """Send a request and return the status line.

    Whoever is closed tries again: on a busy machine a second may pass before the request is written.
    """
    for _ in range(5):
        reader, writer = await connect()
        writer.write(request)
        async with asyncio.timeout(PATIENCE):
            if line := await reader.readline():
                return line
    return b""


def closed(why: str) -> float:
    return CLOSED_CONNECTIONS.labels(why)._value.get()


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"", "slow_headers"),
        (b"\r\n", "slow_headers"),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ", "slow_headers"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nabc", "slow_body"),
        (b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nGET /b HTTP/1.1\r\nhost:", "slow_headers"),
    ],
)
async def test_a_slow_sender_is_closed_and_others_are_served(sent: bytes, why: str) -> None:
    before = closed(why)
    async with running() as connect:
        slow = [await connect() for _ in range(20)]
        for _, writer in slow:
            writer.write(sent)
        assert await answer(connect) == b"HTTP/1.1 200 OK\r\n"
        await asyncio.gather(*(ended(reader) for reader, _ in slow))
        assert closed(why) > before
        assert await answer(connect) == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "bounds",
    [
        b"content-length: 0\r\ncontent-length: 28",
        b"content-length: 0\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 0",
        b"content-length: +0",
        b"content-length: 0, 0",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding: xchunked",
        b"transfer-encoding : chunked",
        b"content-length : 0",
        b" content-length: 0",
    ],
)
async def test_a_request_whose_end_two_readers_may_see_at_two_places_is_refused(bounds: bytes) -> None:
    async with running() as connect:
        reader, writer = await connect()
        writer.write(TWO_REQUESTS % b"transfer-encoding: chunked")
        served = [await reader.readuntil(b"served") for _ in range(2)]
        assert all(b"200 OK" in one for one in served)
        reader, writer = await connect()
        writer.write(TWO_REQUESTS % bounds)
        assert b"200 OK" not in await ended(reader)


async def test_a_sender_that_drips_bytes_is_closed_all_the_same() -> None:
    async with running() as connect:
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\n")

        async def drip() -> None:
            while True:
                writer.write(b"x-slow: 1\r\n")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert b"200 OK" not in await ended(reader)
        dripping.cancel()


async def test_a_client_that_does_not_read_is_closed() -> None:
    before = closed("slow_reader")
    async with running() as connect:
        reader, writer = await connect()
        writer.write(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(PATIENCE):
            while closed("slow_reader") == before:  # noqa: ASYNC110  reading would spoil it
                await asyncio.sleep(0.05)
        assert len(await ended(reader)) < LARGE


async def test_an_idle_connection_and_a_request_under_way_outlive_these_limits() -> None:
    async with running() as connect:
        reader, writer = await connect()
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            async with asyncio.timeout(PATIENCE):
                await reader.readuntil(b"served")
            await asyncio.sleep(1.5)


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nhost: x\r\ncookie: " + b"c" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncookie: " + b"c" * 400_000,
        b"GET / HTTP/1.1\r\n" + b"x-many: 0123456789\r\n" * 4_000 + b"\r\n",
        b"GET /" + b"p" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["one", "endless", "many", "address"],
)
async def test_headers_that_are_too_large_are_refused(request_: bytes) -> None:
    async with running() as connect:
        assert b" 431 " in await answer(connect, request_)
        assert await answer(connect) == b"HTTP/1.1 200 OK\r\n"


async def test_large_headers_within_the_limit_are_served() -> None:
    async with running() as connect:
        request = b"GET / HTTP/1.1\r\nhost: x\r\ncookie: " + b"c" * 40_000 + b"\r\n\r\n"
        assert await answer(connect, request) == b"HTTP/1.1 200 OK\r\n"


async def crowd(monkeypatch: pytest.MonkeyPatch, protocol: type) -> list[bytes]:
    """Open more slow connections than a process may have, and return what others are answered."""
    monkeypatch.setattr(connections, "MOST_CONNECTIONS", 8)
    for name in ("HEADER_SECONDS", "BODY_SECONDS"):
        monkeypatch.setattr(connections, name, 600)
    answers = []
    async with running(protocol) as connect:
        for _ in range(5):
            for _ in range(8):
                _, writer = await connect()
                writer.write(b"GET / HTTP/1.1\r\nx-slow: ")
            answers.append(await answer(connect))
    return answers


async def test_a_crowd_of_slow_senders_makes_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(await crowd(monkeypatch, BoundedProtocol)) == {b"HTTP/1.1 200 OK\r\n"}


async def test_control_uvicorn_itself_refuses_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = await crowd(monkeypatch, connections.HttpToolsProtocol)
    assert set(answers) == {b"HTTP/1.1 503 Service Unavailable\r\n"}

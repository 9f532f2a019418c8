"""Processes are asked all at once: ready or not, which version, since when; a silent one is named."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from contracts.ops import ProcessView
from services.chassis.runtime.health import Health
from services.ops import processes
from tests.support.running import free_port


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as one:
        yield one


def serve(**checks: bool) -> str:
    health, port = Health(), free_port()
    health.checks = {name: lambda holds=holds: holds for name, holds in checks.items()}  # type: ignore[misc]
    assert health.serve("127.0.0.1", port) is not None
    return f"http://127.0.0.1:{port}"


def say_hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as some program that is none of ours."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    writer.close()


async def test_each_process_tells_whether_it_is_ready_its_version_and_since_when(
    http: httpx.AsyncClient,
) -> None:
    asked = (f"relay={serve(accounts=True)}", f"verify={serve(database=False, broker=True)}")
    ready, waits = await processes.look_at(http, asked, ())
    assert (ready.name, ready.state, ready.failing) == ("relay", "ready", ())
    assert ready.version.count(".") == 2
    assert ready.began_at is not None
    assert (waits.name, waits.state, waits.failing) == ("verify", "not_ready", ("database",))


async def test_a_silent_process_a_wrong_name_and_a_stranger_do_not_answer_and_hold_up_nobody(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "SECONDS", 2)  # what hangs costs as long, and what is well answers by then
    stranger = await asyncio.start_server(say_hello, "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        asked = (
            f"hangs=http://127.0.0.1:{silent.getsockname()[1]}",
            f"refuses=http://127.0.0.1:{free_port()}",
            "unknown=http://nobody.invalid:9100",
            f"stranger=http://127.0.0.1:{stranger.sockets[0].getsockname()[1]}",
            f"well={serve(broker=True)}",
        )
        found = await processes.look_at(http, asked, ())
    stranger.close()
    assert {one.name: one.state for one in found} == {
        "hangs": "no_answer",
        "refuses": "no_answer",
        "unknown": "no_answer",
        "stranger": "no_answer",
        "well": "ready",
    }


async def test_when_a_silent_process_answered_last_is_remembered(http: httpx.AsyncClient) -> None:
    port = free_port()
    health = Health()
    health.checks = {"broker": lambda: True}
    server = health.serve("127.0.0.1", port)
    assert server is not None
    asked = (f"relay=http://127.0.0.1:{port}",)
    before: tuple[ProcessView, ...] = await processes.look_at(http, asked, ())
    server.shutdown()
    server.server_close()
    async with httpx.AsyncClient(trust_env=False) as other:
        after = await processes.look_at(other, asked, before)
    assert (after[0].state, after[0].answered_at) == ("no_answer", before[0].answered_at)
    assert after[0].answered_at is not None


async def test_every_address_of_a_name_is_a_replica_of_its_own(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("127.0.0.1", port)), (0, 0, 0, "", ("127.0.0.2", port))]

    url = serve(broker=True)
    port = int(url.rpartition(":")[2])
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two, raising=False)
    found = await processes.look_at(http, (f"verify=http://verify:{port}",), ())
    assert [(one.address, one.state) for one in found] == [
        (f"127.0.0.1:{port}", "ready"),
        (f"127.0.0.2:{port}", "no_answer"),
    ]

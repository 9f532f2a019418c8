"""Processes are asked all at once: ready or not, which version, since when; a silent one is named."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from math import inf

import httpx
import pytest

from contracts.ops import JobView, ProcessView, VendorView
from services.chassis.runtime.health import Health
from services.ops import processes
from services.ops.exporter import Exporter
from services.ops.metrics import PROCESSES
from services.ops.settings import ExporterSettings
from tests.support.stack.running import free_port
from tests.support.stack.settings import make_settings


@pytest.fixture
async def http(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    monkeypatch.setattr(processes, "SECONDS", 20)  # a busy machine answers by then
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


GOOD = 'epass_build_info{version="1.2.3"} 1.0\nprocess_start_time_seconds 1.7e+09\n'


@asynccontextmanager
async def answering(ready: str = '{"broker": true}', metrics: str = GOOD) -> AsyncIterator[str]:
    """Serve two texts as /readyz and /metrics."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = (ready if b"/readyz" in await reader.readuntil(b"\r\n\r\n") else metrics).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
        with suppress(ConnectionError):  # who reads only the beginning closes the connection
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_the_many_metrics_of_a_busy_gateway_are_not_too_long(http: httpx.AsyncClient) -> None:
    others = 'epass_http_seconds_bucket{route="/",le="0.1"} 1\n' * 60_000
    async with answering(metrics=others + GOOD) as address:
        (gateway,) = await processes.look_at(http, (f"gateway={address}",), ())
    assert (gateway.state, gateway.version) == ("ready", "1.2.3")


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


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"ready": "[]"}, id="a list"),
        pytest.param({"ready": '"ready"'}, id="a text"),
        pytest.param({"ready": '{"broker": null}'}, id="a check that is neither true nor false"),
        pytest.param({"ready": "[" * 100_000}, id="lists in lists"),
        pytest.param({"ready": '{"%s": false}' % ("x" * 61)}, id="a check with a long name"),
        pytest.param({"ready": '{"broker": true}' + " " * processes.MOST_BYTES}, id="a long answer"),
        pytest.param({"metrics": "process_start_time_seconds NaN\n"}, id="began at no number"),
        pytest.param({"metrics": "process_start_time_seconds +Inf\n"}, id="began at infinity"),
        pytest.param({"metrics": "process_start_time_seconds 1e30\n"}, id="began in no year"),
        pytest.param({"metrics": "process_start_time_seconds 253402300799\n"}, id="began on the last day"),
        pytest.param({"metrics": "epass_clock_skew_seconds NaN\n"}, id="a clock without a number"),
        pytest.param({"metrics": "epass_clock_skew_seconds -Inf\n"}, id="a clock at infinity"),
        pytest.param({"metrics": 'epass_build_info{version="%s"} 1\n' % ("9" * 41)}, id="a long version"),
        pytest.param({"metrics": "epass_build_info{version= 1\n"}, id="no metrics"),
    ],
)
async def test_one_wrong_answer_is_none_and_the_others_are_heard(
    http: httpx.AsyncClient, given: dict[str, str]
) -> None:
    async with answering() as well, answering(**given) as wrong:
        found = await processes.look_at(http, (f"wrong={wrong}", f"well={well}"), ())
    assert [(one.name, one.state) for one in found] == [("wrong", "no_answer"), ("well", "ready")]


async def test_no_more_than_a_limited_part_of_an_answer_is_read(http: httpx.AsyncClient) -> None:
    ended = asyncio.Event()

    async def answer_for_ever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(ConnectionError):
            while True:
                writer.write(bytes(65_536))
                await writer.drain()
        ended.set()

    async with await asyncio.start_server(answer_for_ever, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        (found,) = await processes.look_at(http, (f"relay=http://127.0.0.1:{port}",), ())
        await ended.wait()
    assert found.state == "no_answer"


async def test_the_exporter_counts_the_processes_of_each_kind_by_their_state(http: httpx.AsyncClient) -> None:
    def counted(kind: str) -> dict[str, float]:
        samples = (sample for family in PROCESSES.collect() for sample in family.samples)
        return {one.labels["state"]: one.value for one in samples if one.labels["kind"] == kind and one.value}

    gateways = [f"gateway={serve(broker=broker)}" for broker in (True, False, False)]
    settings = make_settings(
        ExporterSettings, ops_processes=(*gateways, f"relay=http://127.0.0.1:{free_port()}")
    )
    assert await Exporter(settings, http).look_at_processes()
    assert counted("gateway") == {"ready": 1, "not_ready": 2}
    assert counted("relay") == {"no_answer": 1}
    well = make_settings(ExporterSettings, ops_processes=(gateways[0],))
    assert await Exporter(well, http).look_at_processes()
    assert counted("gateway") == {"ready": 1}


SENDER = (
    GOOD
    + """\
epass_provider_breaker{provider="msg91"} 2.0
epass_provider_breaker{provider="whatsapp_cloud"} 0.0
epass_provider_quota{provider="whatsapp_cloud"} 250.0
epass_provider_quota_left{provider="whatsapp_cloud"} 20.0
epass_provider_seconds_count{channel="sms",result="ok"} 9.0
"""
)


async def test_a_sender_tells_of_its_vendors(http: httpx.AsyncClient) -> None:
    async with answering(metrics=SENDER) as address:
        (sender,) = await processes.look_at(http, (f"sender={address}",), ())
    assert sender.vendors == (
        VendorView(provider="msg91", breaker="open"),
        VendorView(provider="whatsapp_cloud", breaker="closed", quota=250, quota_left=20),
    )


@pytest.mark.parametrize("breaker", ["3.0", "-9", "NaN"])
async def test_a_sender_that_says_nonsense_does_not_answer(http: httpx.AsyncClient, breaker: str) -> None:
    metrics = f'{GOOD}epass_provider_breaker{{provider="msg91"}} {breaker}\n'
    async with answering(metrics=metrics) as address:
        (sender,) = await processes.look_at(http, (f"sender={address}",), ())
    assert sender.state == "no_answer"


JOBS = (
    GOOD
    + """\
epass_job_success_age_seconds{job_name="close_overdue_visits"} 12.5
epass_job_interval_seconds{job_name="close_overdue_visits"} 60.0
"""
)


async def test_a_process_tells_when_its_jobs_succeeded(http: httpx.AsyncClient) -> None:
    async with answering(metrics=JOBS) as address:
        (verify,) = await processes.look_at(http, (f"verify={address}",), ())
    assert verify.jobs == (JobView(name="close_overdue_visits", interval=60, age=12.5),)


@pytest.mark.parametrize("age", ["-1.0", "NaN"])
async def test_a_process_whose_jobs_succeed_in_the_future_does_not_answer(
    http: httpx.AsyncClient, age: str
) -> None:
    async with answering(metrics=JOBS.replace("12.5", age)) as address:
        (verify,) = await processes.look_at(http, (f"verify={address}",), ())
    assert verify.state == "no_answer"


@pytest.mark.parametrize(("said", "age"), [("7.5", 7.5), ("+Inf", inf)])
async def test_a_gateway_tells_how_old_the_list_of_revoked_passes_is(
    http: httpx.AsyncClient, said: str, age: float
) -> None:
    metrics = f'{GOOD}epass_revocations_age_seconds{{at="gateway"}} {said}\n'
    async with answering(metrics=metrics) as address:
        (gateway,) = await processes.look_at(http, (f"gateway={address}",), ())
    assert gateway.revocations_seconds == age

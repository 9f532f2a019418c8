"""Health: a process is ready when all its checks are true, and serves this with its metrics."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.chassis.runtime.health import Health
from tests.support.stack.running import free_port


@pytest.fixture
def served():
    """Yield a health object and an HTTP client of its server."""
    health, port = Health(), free_port()
    server = health.serve("127.0.0.1", port)
    assert server is not None
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield health, client
    server.shutdown()
    server.server_close()


def test_a_process_is_ready_only_while_all_checks_are_true(served) -> None:
    health, client = served
    health.checks |= {"database": lambda: True, "broker": lambda: False}
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": True, "broker": False})
    health.checks["broker"] = lambda: True
    assert client.get("/readyz").status_code == 200


def test_a_process_that_is_not_ready_is_alive_and_has_metrics(served) -> None:
    health, client = served
    health.checks["database"] = lambda: False
    assert client.get("/healthz").status_code == 200
    assert "epass_retries_total" in client.get("/metrics").text
    assert client.get("/elsewhere").status_code == 404


def test_who_asks_for_some_metrics_gets_no_others(served) -> None:
    _, client = served
    asked = client.get("/metrics?name[]=epass_build_info&name[]=epass_nothing").text
    assert "epass_build_info{" in asked
    assert "python_info" not in asked


def test_a_process_whose_loop_hangs_is_neither_alive_nor_ready(
    served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.runtime.health.TURN_SECONDS", 0.1)
    health, client = served
    health.checks["broker"] = lambda: True
    hangs, goes_on = threading.Event(), threading.Event()

    async def work() -> None:
        health.loop = asyncio.get_running_loop()
        for path in ("/healthz", "/readyz"):
            assert (await asyncio.to_thread(client.get, path)).status_code == 200
        hangs.set()
        goes_on.wait()

    with ThreadPoolExecutor() as pool:
        worked = pool.submit(asyncio.run, work())
        hangs.wait()
        alive, ready = client.get("/healthz"), client.get("/readyz")
        goes_on.set()
        worked.result()
    assert alive.status_code == 503
    assert (ready.status_code, ready.json()) == (503, {"loop": False})
    assert client.get("/healthz").status_code == 503  # the loop has ended, and the process will


def test_a_process_that_has_named_no_check_yet_is_not_ready(served) -> None:
    _, client = served
    assert client.get("/readyz").status_code == 503


def test_port_0_serves_nowhere() -> None:
    assert Health().serve("127.0.0.1", 0) is None

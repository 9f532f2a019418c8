"""The health check of a container: which process is killed, and which is left to wait."""

from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

import pytest

from deploy.compose import health
from services.chassis.runtime.health import Health
from tests.support.stack.running import free_port
from tests.unit.deploy.compose_file import JOBS, KINDS, load


class ServedProcess:
    """A process with its health endpoint, and its health check."""

    def __init__(self, count: Path) -> None:
        self.health = Health()
        self.killed = 0
        self._count = count
        self.server: ThreadingHTTPServer | None = self.health.serve("127.0.0.1", free_port())
        assert self.server is not None
        self._port = self.server.server_address[1]

    def check(self) -> bool:
        return health.is_healthy(self._port, self._count, self._kill)

    def _kill(self) -> None:
        self.killed += 1

    def close(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


@pytest.fixture
def process(tmp_path: Path) -> Iterator[ServedProcess]:
    one = ServedProcess(tmp_path / "count")
    yield one
    one.close()


@pytest.mark.parametrize("ready", [True, False])
def test_a_container_is_healthy_while_its_process_is_ready(process: ServedProcess, ready: bool) -> None:
    process.health.checks["one"] = lambda: ready
    assert process.check() is ready


def test_a_process_that_hangs_is_killed_by_the_sixth_check(process: ServedProcess) -> None:
    process.health.checks["one"] = lambda: True
    assert process.check()
    process.close()
    killed = [(process.check(), process.killed)[1] for _ in range(12)]
    assert killed == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2]


def test_a_process_that_waits_for_its_broker_is_not_killed(process: ServedProcess) -> None:
    process.health.checks["broker"] = lambda: True
    assert process.check()
    process.health.checks["broker"] = lambda: False
    assert [process.check() for _ in range(12)] == [False] * 12
    assert not process.killed


def test_a_sign_of_life_between_the_checks_starts_the_count_again(process: ServedProcess) -> None:
    process.health.checks["one"] = lambda: True
    with patch.object(health, "answers", side_effect=[True, True, *[False] * 5] * 3):
        assert [process.check() for _ in range(18)] == [True, *[False] * 5] * 3
    assert not process.killed


def test_a_command_in_a_container_of_a_process_is_not_killed(process: ServedProcess) -> None:
    process.close()
    assert [process.check() for _ in range(12)] == [False] * 12
    assert not process.killed


def test_every_process_has_a_first_process_that_ends_with_it() -> None:
    services = load()["services"]
    assert all(services[name]["init"] is True for name in KINDS if name not in JOBS)

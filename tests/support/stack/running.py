"""Processes of the system under test: started, ready when /readyz answers 200, killed or stopped by id."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx

from tests.support.stack import forks
from tests.support.stack.forks import Fork
from tests.support.stack.plain_http import asks

T = TypeVar("T")


PORTS = range(10_000, 20_000)
"""Below what the kernel uses for outgoing connections, and those of stacks (`deploy/local/ports.py`)."""
MOST_WORKERS = 8
_chosen: set[int] = set()


def free_port() -> int:
    """Return a port that is free, and that neither this process nor another worker of pytest chooses again.

    Until its process listens, nobody else does: a worker would take another one's process for its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    while True:
        port = random.choice(PORTS[worker % MOST_WORKERS :: MOST_WORKERS])
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _chosen:
                _chosen.add(port)
                return port


def eventually(look: Callable[[], T | None], what: str, seconds: float = 20) -> T:
    """Return the first truthy result of ``look``; raise `AssertionError` when the time is over."""
    until = time.monotonic() + seconds
    while True:
        answer = look()
        if answer:
            return answer
        if time.monotonic() > until:
            raise AssertionError(f"not within {seconds} s: {what} (last: {answer!r})")
        time.sleep(0.02)


class Process:
    """One process of the system. ``code`` is the folder of its source, by default that of the tests."""

    def __init__(
        self,
        arguments: list[str],
        environment: dict[str, str],
        log: Path,
        *,
        inherit: bool = True,
        code: Path | None = None,
    ) -> None:
        self.code = code
        self.port = free_port()
        self.log = log
        self._arguments = arguments
        inherited = os.environ if inherit else {}
        self.environment = {
            **inherited,
            **environment,
            "EPASS_HEALTH_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        self._child: subprocess.Popen[bytes] | Fork | None = None

    def start(self, *, ready: bool = True) -> "Process":
        if forks.can_fork(self._arguments, self.environment, self.code):
            self._child = forks.fork(self._arguments, self.environment, self.log)
        else:
            self._child = self._spawn()
        if ready:
            self.wait_ready()
        return self

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as out:
            return subprocess.Popen(
                [sys.executable, *self._arguments],
                env=self.environment,
                cwd=self.code,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def is_ready(self) -> bool:
        try:
            return asks.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self, seconds: float = 30) -> None:
        def look() -> bool:
            assert self.alive, f"it ended: {self.log.read_text()[-2000:]}"
            return self.is_ready()

        eventually(
            look,
            f"ready: {' '.join(self._arguments)}; "
            f"{self.log.read_text()[-1500:] if self.log.exists() else ''}",
            seconds,
        )

    def metric(self, name: str, labels: str = "") -> float:
        """Return the sum of a metric's samples, of those in whose labels a text stands."""
        text = asks.get(f"http://127.0.0.1:{self.port}/metrics").text
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if line.startswith((name + "{", name + " ")) and labels in line
        )

    def kill(self) -> None:
        if self._child is not None and self.alive:
            os.kill(self._child.pid, signal.SIGKILL)
        if self._child is not None:
            self._child.wait(10)

    def signal(self, number: signal.Signals) -> None:
        assert self._child is not None
        os.kill(self._child.pid, number)

    def stop(self, seconds: float = 30) -> int:
        """Stop it (SIGTERM) and return its exit code, within so many seconds."""
        if self._child is None:
            return 0
        if self.alive:
            self.signal(signal.SIGTERM)
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"it has not stopped: {self.log.read_text()[-3000:]}") from error

    def log_lines(self) -> list[dict[str, Any]]:
        """Return the JSON lines of its log."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

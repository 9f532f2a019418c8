"""``make run`` as a person has it: a command in a terminal, its lines, and what it supervises."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.local.processes import MARK
from deploy.local.stack import Stack
from deploy.local.supervisor import State
from epass_client import Client
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually, free_port

PATIENCE = 90.0
"""Seconds for which a client repeats a call: longer than anything takes to begin again."""


class LocalRun:
    """A running ``make run`` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{free_port()}"
        self._terminal = folder.with_name("terminal.log")
        self._child: subprocess.Popen[bytes] | None = None
        self._https: list[httpx.Client] = []

    def start(self) -> None:
        """Start it and wait until it serves."""
        with self._terminal.open("wb") as out:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "deploy.local.run", "--folder", str(self.folder)],
                env={
                    **os.environ,
                    "PYTHONPATH": str(ROOT),  # so that `epass` runs this code, whatever is installed
                    "EPASS_GATEWAY_PORT": self.url.rpartition(":")[2],
                    "EPASS_RATE_LIMITS": "false",
                    "EPASS_UNDO_SECONDS": "0",
                },
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

        def serves() -> bool:
            assert self._child is not None
            assert self._child.poll() is None, self.terminal()
            return "It serves now" in self.terminal()

        eventually(serves, "it serves", 120)

    def stop(self) -> int:
        """Press Ctrl-C; return the exit code."""
        for http in self._https:
            http.close()
        assert self._child is not None
        self._child.send_signal(signal.SIGINT)
        return self._child.wait(40)

    def terminal(self) -> str:
        """Return what the terminal shows."""
        return self._terminal.read_text()

    def states(self) -> dict[str, State]:
        """Return the supervised processes by name."""
        return {state.name: state for state in Stack(self.folder).supervisor.states()}

    def status(self) -> "subprocess.CompletedProcess[str]":
        """Run ``deploy.local.status`` in another terminal."""
        return subprocess.run(
            [sys.executable, "-m", "deploy.local.status", "--folder", str(self.folder)],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def epass(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of `epass` as the administrator."""
        environment = {**os.environ, **Stack(self.folder).environment("administrator")}
        del environment[MARK]
        return subprocess.run(
            [sys.executable, "-m", "services.ops.cli", *arguments],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    def login(self, role: str) -> dict[str, str]:
        """Return a demo login."""
        login: dict[str, str] = json.loads((self.folder / "logins.json").read_text())[role]
        return login

    def http(self, timeout: float = 10) -> httpx.Client:
        """Return an HTTP client of the gateway, closed at the end."""
        http = httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)
        self._https.append(http)
        return http

    def client(self, token: str = "") -> Client:
        """Return a client of the interface that repeats a call until it has an outcome."""
        return Client(self.url, token, http=self.http(), repeat_seconds=PATIENCE)


@contextmanager
def local_run(folder: Path) -> Iterator[LocalRun]:
    """Run it for the length of the block."""
    running = LocalRun(folder)
    running.start()
    try:
        yield running
    finally:
        code = running.stop()
    assert code == 0, running.terminal()

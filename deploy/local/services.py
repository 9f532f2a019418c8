"""The processes of e-Pass: prepared (topology, migrations, seeds), then started through honcho.

Each process reads its settings from its own file in ``env/`` and writes to its own log in ``logs/``, so that
any one of them can be started by hand: ``set -a; . .local/env/verify.env; epass serve verify``. The commands
of ops use ``administrator.env``.
"""

import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from contracts.subscriptions import SERVICES
from deploy.local import logins, processes
from deploy.local.errors import StackFailed
from deploy.local.secrets import write_private
from deploy.local.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = Path(sys.executable).with_name("epass")
EPASS = [str(_SCRIPT)] if _SCRIPT.exists() else [sys.executable, "-m", "services.ops.cli"]
"""The installed command; a Python that has only the dependencies runs its module."""
COMMANDS = {
    **{name: f"serve {name}" for name in SERVICES},
    "relay": "relay",
    "sender": "sender",
    "gateway": "gateway",
    "exporter": "ops-exporter",
}
_STOPPED = re.compile(r"(\w+)\.1 stopped \(rc=(-?\d+)\)")


class Services:
    """Six services, relay, sender, gateway and exporter on one stack."""

    def __init__(self, stack: Stack, names: tuple[str, ...] = tuple(COMMANDS)) -> None:
        self.names = names
        self._stack = stack
        self._log = stack.logs / "honcho.log"
        self._manager: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Declare the topology, migrate and seed databases, grant relay and ops their rights; repeatable."""
        stack = self._stack
        file = stack.folder / "logins.json"
        logins.write(file, stack.secret_store)
        self._epass(
            [
                ("administrator", ["topology", "apply"]),
                *((service, ["migrate", service]) for service in SERVICES),
            ]
        )
        stack.grant_relay()
        stack.grant_ops()
        self._epass(
            [("approval", ["seed", "approval"]), ("accounts", ["seed", "accounts", "--logins", str(file)])]
        )

    def start(self) -> None:
        """Start every process under honcho, without waiting until they are ready."""
        self._write_settings("administrator")
        procfile = self._stack.folder / "Procfile"
        procfile.write_text("".join(f"{name}: {self._line(name)}\n" for name in self.names))
        command = [
            sys.executable,
            "-m",
            "honcho",
            "--no-colour",
            "-e",
            str(self._stack.folder / "none"),
            "-d",
            str(ROOT),
            "-f",
            str(procfile),
            "start",
        ]
        environment = {**processes.inherited(), processes.MARK: self._stack.id, "PYTHONUNBUFFERED": "1"}
        self._manager = processes.spawn(command, self._log, environment, cwd=ROOT)

    def wait_ready(self, seconds: float = 120) -> None:
        """Wait until every ``/readyz`` answers 200.

        Raises:
            StackFailed: a process ended, or the time passed; the message names it.
        """
        waiting = dict.fromkeys(self.names, "not reached")
        until = time.monotonic() + seconds
        with httpx.Client(timeout=2, trust_env=False) as client:
            while waiting and time.monotonic() < until:
                for name in list(waiting):
                    waiting[name] = _readiness(client, self.address(name))
                    if not waiting[name]:
                        del waiting[name]
                self.check()
                time.sleep(0.1)
        if waiting:
            reasons = ", ".join(f"{name} ({reason})" for name, reason in waiting.items())
            raise StackFailed(f"not ready within {seconds:.0f} s: {reasons}; see {self._stack.logs}")

    def wait(self) -> None:
        """Wait until a process ends, then raise `StackFailed` with its name."""
        while True:
            self.check()
            time.sleep(0.5)

    def check(self) -> None:
        """Raise `StackFailed` if a process has ended (honcho then stops the others)."""
        ended = _STOPPED.search(self._log.read_text(errors="replace"))
        if ended:
            log = self._stack.logs / f"{ended[1]}.log"
            why = (
                f"by signal {ended[2][1:]}"
                if ended[2][0] == "-"
                else f"with code {ended[2]}: {processes.last_line(log, 'Error')}"
            )
            raise StackFailed(f"{ended[1]} ended {why} ({log})")
        if self._manager is None or self._manager.poll() is not None:
            raise StackFailed(f"honcho ended: {processes.last_line(self._log)} ({self._log})")

    def stop(self, seconds: float = 10) -> None:
        """Stop every process in an orderly way; the stack's own ``stop`` kills those that do not react."""
        if self._manager:
            processes.end_child(self._manager, seconds, signal.SIGTERM)
            self._manager = None

    def address(self, name: str) -> str:
        """Return the address of a process's health endpoints; the gateway also serves there."""
        port = self._stack.gateway_port if name == "gateway" else self._stack.ports[name]
        return f"http://127.0.0.1:{port}"

    def _line(self, name: str) -> str:
        file, log = (
            shlex.quote(str(self._write_settings(name))),
            shlex.quote(str(self._stack.logs / f"{name}.log")),
        )
        return f"set -a; . {file}; exec {shlex.join(EPASS)} {COMMANDS[name]} > {log} 2>&1"

    def _write_settings(self, name: str) -> Path:
        folder = self._stack.folder / "env"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / f"{name}.env"
        settings = self._stack.environment(name)
        write_private(file, "".join(f"{key}={shlex.quote(value)}\n" for key, value in settings.items()))
        return file

    def _epass(self, commands: list[tuple[str, list[str]]]) -> None:
        """Run ``epass`` commands side by side, each with the settings of the process that is named first."""
        running = [(words, self._log_of(words), self._spawn(name, words)) for name, words in commands]
        try:
            for words, log, child in running:
                if child.wait():
                    raise StackFailed(
                        f"epass {' '.join(words)} failed: {processes.last_line(log, 'Error')} ({log})"
                    )
        finally:
            for _, _, child in running:
                processes.end_child(child, 2)

    def _spawn(self, name: str, words: list[str]) -> "subprocess.Popen[bytes]":
        environment = {**processes.inherited(), **self._stack.environment(name)}
        return processes.spawn([*EPASS, *words], self._log_of(words), environment, cwd=ROOT)

    def _log_of(self, words: list[str]) -> Path:
        return self._stack.logs / f"{'-'.join(words[:2])}.log"


def _readiness(client: httpx.Client, address: str) -> str:
    """Return why the process there is not ready; empty if it is."""
    try:
        answer = client.get(f"{address}/readyz")
    except httpx.HTTPError as error:
        return type(error).__name__
    return "" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:120]}"

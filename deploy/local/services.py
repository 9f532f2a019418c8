"""The processes of e-Pass: prepared (topology, migrations, seeds), then started by the supervisor.

Each process reads its settings from its own file in ``env/`` and writes to its own log in ``logs/``, so that
any one of them can be started by hand: ``set -a; . .local/env/verify.env; epass serve verify``. The commands
of ops use ``administrator.env``.
"""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from contracts.subscriptions import SERVICES
from deploy.local import logins, processes
from deploy.local.access import MIGRATE
from deploy.local.errors import StackFailed
from deploy.local.processes import Program
from deploy.local.secrets import write_private
from deploy.local.stack import Stack
from deploy.local.supervisor import Ended
from services.notify.settings import SenderSettings

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
GATE_FIRST = ("gateway", "verify")
"""The processes that a person at a gate waits for; on a busy machine they come before all others."""
NICENESS = 10
"""Of all others: beside one of the gate's, such a process gets a tenth of a busy processor (nice(1))."""


class Services:
    """Six services, relay, sender, gateway and exporter on one stack."""

    def __init__(self, stack: Stack, names: tuple[str, ...] = tuple(COMMANDS)) -> None:
        self.names = names
        self._stack = stack

    def prepare(self) -> None:
        """Declare the topology, migrate databases, grant each role its rights, and seed; repeatable."""
        stack = self._stack
        file = stack.folder / "logins.json"
        logins.write(file, stack.secret_store)
        self._epass(
            [
                ("administrator", ["topology", "apply"]),
                *((f"{MIGRATE}{service}", ["migrate", service]) for service in SERVICES),
            ]
        )
        stack.grant_rights()
        self._epass(
            [("approval", ["seed", "approval"]), ("accounts", ["seed", "accounts", "--logins", str(file)])]
        )

    def start(self) -> None:
        """Start every process under the supervisor, without waiting until they are ready."""
        self._write_settings("administrator")
        for name in self.names:
            self._stack.supervisor.launch(self._program(name))

    def wait_ready(self, seconds: float = 300) -> None:
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

    def check(self) -> None:
        """Raise `StackFailed` if a process has ended, or the supervisor itself."""
        for ended in self._stack.supervisor.ended():
            raise StackFailed(self.explain(ended))
        self._stack.supervisor.check()

    def explain(self, ended: Ended) -> str:
        """Return which process ended and how, with the last line of its log if it ended by itself."""
        if ended.how.startswith("by"):
            return f"{ended.name} ended {ended.how}"
        log = self._stack.logs / f"{ended.name}.log"
        return f"{ended.name} ended {ended.how}: {processes.last_line(log, 'Error')} ({os.path.relpath(log)})"

    def is_ready(self, name: str) -> bool:
        """Return whether the ``/readyz`` of a process answers 200."""
        with httpx.Client(timeout=2, trust_env=False) as client:
            return not _readiness(client, self.address(name))

    def stop(self) -> None:
        """Stop every process in an orderly way, all at once; kill those that do not react."""
        self._stack.supervisor.stop(self.names)

    def address(self, name: str) -> str:
        """Return the address of a process's health endpoints; the gateway also serves there."""
        port = self._stack.gateway_port if name == "gateway" else self._stack.ports[name]
        return f"http://127.0.0.1:{port}"

    def _program(self, name: str) -> Program:
        file = shlex.quote(str(self._write_settings(name)))
        command = f"{shlex.join(EPASS)} {COMMANDS[name]}"
        if name not in GATE_FIRST:
            command = f"nice -n {NICENESS} {command}"
        line = f"set -a; . {file}; exec {command}"
        return Program(name, ("sh", "-c", line), self._stack.logs / f"{name}.log")

    def _write_settings(self, name: str) -> Path:
        folder = self._stack.folder / "env"
        folder.mkdir(mode=0o700, exist_ok=True)
        file = folder / f"{name}.env"
        settings = self._stack.environment(name)
        if name == "sender":  # its file has its vendors, too, so that a command by hand has the same
            settings = vendors_of(os.environ) | settings
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
        program = Program(
            f"epass {' '.join(words)}",
            (*EPASS, *words),
            self._log_of(words),
            self._stack.environment(name),
        )
        return processes.spawn(program)

    def _log_of(self, words: list[str]) -> Path:
        return self._stack.logs / f"{'-'.join(words[:2])}.log"


def vendors_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what an environment says of the vendors of messages, and how they are used."""
    names = {f"EPASS_{name.upper()}" for name in SenderSettings.model_fields}
    return {name: value for name, value in environment.items() if name in names}


def gateway_port_of(folder: Path) -> int | None:
    """Return the port of the gateway that was started last in the folder of a stack."""
    file = folder / "env" / "gateway.env"
    if not file.exists():
        return None
    settings = dict(word.split("=", 1) for word in shlex.split(file.read_text()))
    return int(settings["EPASS_GATEWAY_PORT"])


def _readiness(client: httpx.Client, address: str) -> str:
    """Return why the process there is not ready; empty if it is."""
    try:
        answer = client.get(f"{address}/readyz")
    except httpx.HTTPError as error:
        return type(error).__name__
    return "" if answer.status_code == 200 else f"{answer.status_code} {answer.text[:120]}"

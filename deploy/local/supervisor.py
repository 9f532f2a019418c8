"""The supervisor of ``make run``: supervisord starts each program, and starts it again when it ends.

It is reached over a Unix socket that only its owner may use; no port is open. A program that ran for longer
than `STEADY_SECONDS` begins again at once. One that ended earlier waits a second longer each time, so that it
never spins, and is never given up. What happened is read from supervisord's own log.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from supervisor.states import ProcessStates
from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.local import processes
from deploy.local.errors import StackFailed
from deploy.local.processes import Program
from deploy.local.secrets import write_private

STEADY_SECONDS = 10
"""A program that ends earlier than that has not really begun."""
STOP_SECONDS = 30
"""After so long a program that shall stop is killed."""
LONGEST_SOCKET = 100
"""Bytes of a path; the kernel takes no longer one for a Unix socket."""
WITHOUT_WAITING = False
"""An argument of supervisord's interface."""
_CONFIGURATION = """\
[unix_http_server]
file = {folder}/socket
chmod = 0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[supervisord]
nodaemon = true
silent = true
logfile = {log}
logfile_maxbytes = 0
pidfile = {folder}/pid
directory = {root}

[include]
files = {folder}/*.program
"""
_PROGRAM = """\
[program:{name}]
command = /bin/sh -c {line}
autostart = true
autorestart = true
startsecs = {steady}
startretries = 1000000
stopsignal = {ends_by}
stopwaitsecs = {stop}
killasgroup = true
stdout_logfile = NONE
redirect_stderr = true
"""
_ALIVE = {ProcessStates.STARTING, ProcessStates.RUNNING, ProcessStates.STOPPING}
_BEGUN = re.compile(r"spawned: '(\S+)' with pid (\d+)")
_STEADY = re.compile(r"success: (\S+) entered RUNNING")
_ENDED = re.compile(r"exited: (\S+) \((?:terminated by (\w+)|exit status (\d+))")


@dataclass(frozen=True)
class Ended:
    """A program that ended although nobody stopped it.

    Args:
        name: of the program.
        how: ``by SIGKILL`` or ``with code 1``.
        failures: how often in a row it has ended before it was steady; 0 if it was.
    """

    name: str
    how: str
    failures: int

    @property
    def pause(self) -> int:
        """Seconds until it begins again."""
        return self.failures


class History:
    """What the log of supervisord says, line by line."""

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._steady: set[str] = set()

    def restarts(self, name: str) -> int:
        """Return how often a program began again."""
        return max(self.begun[name] - 1, 0)

    def read(self, line: str) -> Ended | None:
        """Take one line; return what ended, if anything did."""
        if begun := _BEGUN.search(line):
            self.begun[begun[1]] += 1
            self._steady.discard(begun[1])
        elif steady := _STEADY.search(line):
            self._steady.add(steady[1])
            del self._failures[steady[1]]
        elif ended := _ENDED.search(line):
            name, number, code = ended.groups()
            if name not in self._steady:
                self._failures[name] += 1
            return Ended(name, f"by {number}" if number else f"with code {code}", self._failures[name])
        return None


@dataclass(frozen=True)
class State:
    """A program as it is now; ``pid`` and ``uptime`` (seconds) are None while it does not run."""

    name: str
    pid: int | None
    uptime: int | None
    restarts: int


class Supervisor:
    """One supervisord, which is started with its first program.

    Args:
        folder: of its configuration and its socket.
        log: its log file, which is begun anew with each start.
        mark: the stack's id, which all programs have in their environment.
    """

    def __init__(self, folder: Path, log: Path, mark: str) -> None:
        self.log = log
        self._folder = folder
        self._mark = mark
        self._daemon: subprocess.Popen[bytes] | None = None
        self._history = History()
        self._read = 0

    def launch(self, program: Program) -> "Supervised":
        """Start a program, and begin it again whenever it ends.

        Raises:
            StackFailed: the supervisor does not work.
        """
        if self._daemon is None:
            self._start()
        program.log.write_bytes(b"")
        write_private(self._folder / f"{program.name}.program", _configuration_of(program))
        self.call("reloadConfig")
        try:
            self.call("addProcessGroup", program.name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_ADDED:
                raise
            self.call("startProcess", program.name, WITHOUT_WAITING)
        return Supervised(self, program)

    def stop(self, names: Iterable[str] = ()) -> None:
        """Stop these programs side by side; without names all of them, and the supervisor itself."""
        if self._daemon is None:
            return
        if names:
            self._stop_programs(set(names))
            return
        self._stop_programs({state.name for state in self.states()})
        processes.end_child(self._daemon, STOP_SECONDS)
        self._daemon = None

    def states(self) -> list[State]:
        """Return all programs, in the order in which they began; empty if no supervisor runs here.

        This also works from another process than the one that started it.
        """
        found = self._information()
        history = History()
        if found:
            for line in self.log.read_text(errors="replace").splitlines():
                history.read(line)
        return [
            State(name, found[name]["pid"], found[name]["now"] - found[name]["start"], restarts)
            if found[name]["state"] in _ALIVE
            else State(name, None, None, restarts)
            for name, restarts in ((name, history.restarts(name)) for name in history.begun)
        ]

    def ended(self) -> Iterator[Ended]:
        """Yield what has ended since the last call."""
        with self.log.open(errors="replace") as log:
            log.seek(self._read)
            while (line := log.readline()).endswith("\n"):
                self._read = log.tell()
                if ended := self._history.read(line):
                    yield ended

    def check(self) -> None:
        """Raise `StackFailed` if the supervisor itself has ended."""
        if self._daemon is None or self._daemon.poll() is not None:
            raise StackFailed(f"the supervisor ended: {processes.last_line(self.log)} ({self.log})")

    def _start(self, seconds: float = 20) -> None:
        """Start supervisord. If it is killed, the kernel ends the programs, so none is left behind."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for stale in self._folder.iterdir():
            stale.unlink()
        socket = self._folder / "socket"
        if len(os.fsencode(socket)) > LONGEST_SOCKET:
            raise StackFailed(f"{self._folder} is too long a path for a socket: choose a shorter folder")
        file = self._folder / "supervisord.conf"
        write_private(
            file,
            _CONFIGURATION.format(
                folder=_escaped(self._folder), log=_escaped(self.log), root=_escaped(processes.ROOT)
            ),
        )
        self.log.write_bytes(b"")
        self._read, self._history = 0, History()
        self._daemon = processes.spawn(
            Program(
                "supervisor",
                (sys.executable, "-m", "supervisor.supervisord", "-c", str(file)),
                self.log.with_name("supervisord.log"),
                {processes.MARK: self._mark, "PYTHONUNBUFFERED": "1"},
                ends_by="KILL",
            )
        )
        until = time.monotonic() + seconds
        while not self._answers():
            self.check()
            if time.monotonic() > until:
                raise StackFailed(f"the supervisor did not answer within {seconds:.0f} s ({self.log})")
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Return whether supervisord listens; its socket is there a moment before."""
        try:
            self.call("getPID")
        except (OSError, HTTPException):
            return False
        return True

    def _stop_programs(self, names: set[str]) -> None:
        for name in names:
            _ignore(Faults.NOT_RUNNING, self.call, "stopProcess", name, WITHOUT_WAITING)
        until = time.monotonic() + STOP_SECONDS + 2
        while time.monotonic() < until and any(
            info["state"] in _ALIVE for name, info in self._information().items() if name in names
        ):
            time.sleep(0.05)

    def _information(self) -> dict[str, dict[str, Any]]:
        try:
            return {info["name"]: info for info in self.call("getAllProcessInfo")}
        except (OSError, HTTPException):
            return {}

    def call(self, method: str, *arguments: object) -> Any:
        """Call a method of supervisord's interface.

        Raises:
            OSError: it does not run.
            xmlrpc.client.Fault: it refuses.
        """
        transport = SupervisorTransport(serverurl=f"unix://{self._folder / 'socket'}")
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as server:
            return getattr(server.supervisor, method)(*arguments)


class Supervised:
    """A program of the supervisor, with the methods of a child process."""

    def __init__(self, supervisor: Supervisor, program: Program) -> None:
        self._supervisor = supervisor
        self._program = program

    @property
    def pid(self) -> int:
        """Its process id, 0 while it does not run."""
        return int(self._information()["pid"])

    def poll(self) -> int | None:
        """Return None while it runs."""
        return None if self._information()["state"] in _ALIVE else 1

    def send_signal(self, sig: int, /) -> None:
        """Send a signal. After the one by which the program ends it does not begin again."""
        name = signal.Signals(sig).name.removeprefix("SIG")
        if name == self._program.ends_by:
            words: tuple[object, ...] = ("stopProcess", self._program.name, WITHOUT_WAITING)
        else:
            words = ("signalProcess", self._program.name, name)
        _ignore(Faults.NOT_RUNNING, self._supervisor.call, *words)

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None, /) -> int:
        """Wait until it does not run, at most ``timeout`` seconds.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        until = time.monotonic() + timeout if timeout is not None else float("inf")
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(self._program.name, timeout or 0)
            time.sleep(0.05)
        return code

    def _information(self) -> dict[str, Any]:
        info: dict[str, Any] = self._supervisor.call("getProcessInfo", self._program.name)
        return info


def _ignore(code: int, call: Any, *arguments: object) -> None:
    """Call over XML-RPC; ignore this one fault."""
    try:
        call(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise


def _configuration_of(program: Program) -> str:
    """Return the section of a program. Its shell replaces itself by it, and lets it append to its log."""
    unset = [word for name in os.environ if name.startswith(program.without) for word in ("-u", name)]
    added = [f"{name}={value}" for name, value in program.environment.items()]
    words = ["env", *(unset if program.without else []), *added, *program.guarded_command]
    line = f"exec {shlex.join(words)} >> {shlex.quote(str(program.log))} 2>&1"
    return _PROGRAM.format(
        name=program.name,
        line=_escaped(shlex.quote(line)),
        steady=STEADY_SECONDS,
        ends_by=program.ends_by,
        stop=STOP_SECONDS,
    )


def _escaped(text: object) -> str:
    """Escape the signs that supervisord's configuration replaces."""
    return str(text).replace("%", "%%")

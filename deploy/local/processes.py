"""Programs of a stack: started so that they end with their parent, found again by a mark, stopped by id.

The mark is the stack's random id in the environment. It finds exactly what a killed run has left behind. No
list of process ids is stored, so none can be out of date.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil

from deploy.local.errors import StackFailed

ROOT = Path(__file__).resolve().parents[2]
MARK = "EPASS_STACK"


@dataclass(frozen=True)
class Program:
    """What a stack runs, and how.

    Args:
        name: by which people call it.
        command: the words of its command.
        log: where its output goes.
        environment: what it gets beside this process's environment.
        without: prefixes of the names in this process's environment that it does not get.
        user: as whom it runs, if not as this process's user (that needs root).
        ends_by: the name of the signal that makes it end in an orderly way.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    user: str | None = None
    ends_by: str = "TERM"

    @property
    def guarded_command(self) -> list[str]:
        """The command as a child of a process with whose death, even by SIGKILL, it ends.

        The kernel then sends it ``ends_by``. It ties that to the thread that starts the child, so start it
        from a thread that lives as long as the stack.
        """
        return [
            "setpriv", "--pdeathsig", self.ends_by, *(_as_user(self.user) if self.user else []), "--",
            *self.command,
        ]  # fmt: skip


class Child(Protocol):
    """A program that was started, by `spawn` or by the supervisor; the names are those of ``Popen``."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float | None = None, /) -> int: ...


Launch = Callable[[Program], Child]
"""Starts a program, without waiting until it answers."""


def spawn(program: Program) -> "subprocess.Popen[bytes]":
    """Start a program in a session of its own, so that Ctrl-C at the terminal does not reach it."""
    with program.log.open("wb") as out:
        try:
            return subprocess.Popen(
                program.guarded_command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**inherited(*program.without), **program.environment}, cwd=ROOT, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise StackFailed(f"{error.filename} is missing (Debian: package util-linux)") from error


def run_as(user: str | None, command: list[str], **options: object) -> "subprocess.CompletedProcess[str]":
    """Run a short command to its end, as another user when ``user`` is given (that needs root)."""
    before = ["setpriv", *_as_user(user), "--"] if user else []
    return subprocess.run(before + command, text=True, capture_output=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def _as_user(user: str) -> list[str]:
    entry = pwd.getpwnam(user)
    return [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--init-groups"]


def inherited(*without: str) -> dict[str, str]:
    """Return this process's environment, without the names that begin with one of ``without``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(without)}


def marked(mark: str) -> Iterator[psutil.Process]:
    """Yield every live process that a stack with this id has started, also children; never this one."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                yield process
        except psutil.Error:
            continue


def working_in(folder: Path, name: str) -> Iterator[psutil.Process]:
    """Yield every live process called ``name`` whose working folder is ``folder``."""
    for process in psutil.process_iter():
        try:
            if process.name() == name and process.cwd() == str(folder):
                yield process
        except psutil.Error:
            continue


def end(processes: Iterable[psutil.Process], seconds: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Signal each to stop, wait so long for all of them, and kill those that are left."""
    signalled = list(processes)
    send(signalled, by)
    _, left = psutil.wait_procs(signalled, timeout=seconds)
    send(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to each that still exists."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def end_child(child: Child, seconds: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Stop a program, waiting at most ``seconds`` before it is killed."""
    if child.poll() is None:
        child.send_signal(by)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class Server(ABC):
    """A program of a stack that others ask, with a folder of its own; a subclass says how it is launched.

    Args:
        folder: of its configuration and its data.
        log: its log file.
        mark: the stack's id, by which the server of a killed run is found again.
        launch: starts it.
    """

    title: str
    error_words: tuple[str, ...] = ()
    """The line of the log with one of them says why it ended."""
    ends_by = signal.SIGTERM

    def __init__(self, folder: Path, log: Path, mark: str, launch: Launch) -> None:
        self.log = log
        self._folder = folder
        self._mark = mark
        self._launch = launch
        self._child: Child | None = None

    @abstractmethod
    def launch(self) -> None:
        """Start it, without waiting until it answers."""

    @abstractmethod
    def answers(self) -> bool:
        """Return whether it answers."""

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        self.wait()

    def wait(self, seconds: float = 60) -> None:
        """Wait until it answers, or raise `StackFailed`, with the last line of its log if it ended."""
        until = time.monotonic() + seconds
        while True:
            if not self.is_running():
                reason = last_line(self.log, *self.error_words)
                raise StackFailed(f"{self.title} did not start: {reason} ({self.log})")
            if self.answers():
                return
            if time.monotonic() > until:
                self.stop()
                raise StackFailed(f"{self.title} did not answer within {seconds:.0f} s ({self.log})")
            time.sleep(0.05)

    def is_running(self) -> bool:
        """Return whether the process that this object started is alive."""
        return self._child is not None and self._child.poll() is None

    def stop(self, seconds: float = 8) -> None:
        """Stop it in an orderly way: nothing is lost. Harmless when it is not running."""
        if self._child:
            end_child(self._child, seconds, self.ends_by)
            self._child = None

    def kill(self) -> None:
        """Kill it (SIGKILL), as a crash would; ``start`` brings it back with what it had stored."""
        if self._child:
            helpers = self._helpers()
            self._child.kill()
            self._child.wait()
            end(helpers, 5, signal.SIGKILL)
            self._child = None

    def suspend(self) -> None:
        """Stop it (SIGSTOP): connections stay open and nobody is answered, as when a machine hangs."""
        if self._child:
            self._child.send_signal(signal.SIGSTOP)  # first, so that it starts no helper meanwhile
            send(self._helpers(), signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after ``suspend`` (SIGCONT)."""
        if self._child:
            send(self._helpers(), signal.SIGCONT)
            self._child.send_signal(signal.SIGCONT)

    def _helpers(self) -> list[psutil.Process]:
        """Return processes that it has started, and that are killed and suspended with it."""
        return []


def last_line(log: Path, *words: str) -> str:
    """Return the last line of ``log`` that contains one of ``words``, else its last line."""
    lines = (
        [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if log.exists()
        else []
    )
    chosen = [line for line in lines if any(word in line for word in words)] or lines
    return chosen[-1][:300] if chosen else "it printed nothing"


def required(program: str, package: str) -> str:
    """Return the path of a program; raise `StackFailed` with its Debian package if it is missing."""
    found = shutil.which(program)
    if not found:
        raise StackFailed(f"{program} is missing: apt-get install {package}")
    return found

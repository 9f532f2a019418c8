"""Processes of a stack: started so that they end with their parent, found again by a mark, stopped by id.

The mark is the stack's random id in the environment. It finds exactly what a killed run has left behind. No
list of process ids is stored, so none can be out of date.
"""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from deploy.local.errors import StackFailed

MARK = "EPASS_STACK"


def spawn(
    command: list[str],
    log: Path,
    environment: Mapping[str, str],
    *,
    cwd: Path | None = None,
    user: str | None = None,
    ends_by: str = "TERM",
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, so that Ctrl-C at the terminal does not reach it.

    Its output goes to ``log``. If this process dies, even by SIGKILL, the kernel sends the child ``ends_by``.
    The kernel ties that to the calling thread, so call this from a thread that lives as long as the stack.
    """
    before = ["setpriv", "--pdeathsig", ends_by, *(_as_user(user) if user else []), "--"]
    with log.open("wb") as out:
        try:
            return subprocess.Popen(
                before + command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env=dict(environment), cwd=cwd, start_new_session=True,
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


def end_child(child: "subprocess.Popen[bytes]", seconds: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Stop a process that ``spawn`` started, waiting at most ``seconds`` before it is killed."""
    if child.poll() is None:
        child.send_signal(by)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


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

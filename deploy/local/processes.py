"""Processes of a stack: started so that they end with their parent, found again by a mark, stopped by id.

The mark is the stack's random id in the environment. It finds what a run that was killed has left behind, and
nothing else; no list of process ids has to be kept, so none can be out of date.
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

    Its output goes to ``log``. Should this process die, even by SIGKILL, the kernel sends it ``ends_by``; that is
    tied to the calling thread, so call from a thread that lives as long as the stack.
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
    """This process's environment, without the names that begin with one of ``without``."""
    return {name: value for name, value in os.environ.items() if not name.startswith(without)}


def marked(mark: str) -> Iterator[psutil.Process]:
    """Every live process that a stack with this id has started, also its children; never this one."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                yield process
        except psutil.Error:
            continue


def working_in(folder: Path, name: str) -> Iterator[psutil.Process]:
    """Every live process called ``name`` whose working folder is ``folder``."""
    for process in psutil.process_iter():
        try:
            if process.name() == name and process.cwd() == str(folder):
                yield process
        except psutil.Error:
            continue


def end(processes: Iterable[psutil.Process], seconds: float, by: signal.Signals = signal.SIGTERM) -> None:
    """Ask each to stop, wait so long for all of them, and kill what is left."""
    asked = list(processes)
    send(asked, by)
    _, left = psutil.wait_procs(asked, timeout=seconds)
    send(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """Signal each that is still there."""
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


def last_words(log: Path, *telling: str) -> str:
    """The last line of ``log`` that contains one of ``telling``, else its last line at all."""
    lines = (
        [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
        if log.exists()
        else []
    )
    chosen = [line for line in lines if any(word in line for word in telling)] or lines
    return chosen[-1][:300] if chosen else "it said nothing"


def required(program: str, package: str) -> str:
    """The path of a program, or a StackFailed that says which Debian package has it."""
    found = shutil.which(program)
    if not found:
        raise StackFailed(f"{program} is missing: apt-get install {package}")
    return found

"""Processes under test, forked from one that has imported what they all import.

A service imports 1,500 modules: two seconds of a processor, of which a test that starts or kills it has
nothing. A *nursery* imports libraries, contracts and the chassis once, and forks itself for each process. The
fork imports the modules of its own service, then runs as ``python -m MODULE`` does, with an environment, a
session, a log and a process id of its own. It shares nothing with others but what was imported: it can be
killed, and it ends when the nursery does.

There are two nurseries, since a service patches the standard library before it imports anything. A process
whose guards are taken out (`tests.support.chaos.sabotage`), whose code is that of another release, whose
clock is another, or whose settings are files, starts by itself.
"""

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

PATCHED, PLAIN = "patched", "plain"
NURSERIES = {
    "services.ops.serve": PATCHED,
    "tests.support.stack.probe.serve": PATCHED,
    "services.ops.cli": PLAIN,
}
"""Which nursery has what a module imports."""
READ_AT_ONCE = {"EPASS_SECRETS_DIR", "LD_PRELOAD"}
"""Names in the environment that are read before or while modules are imported."""


def can_fork(words: list[str], environment: dict[str, str], code: Path | None) -> bool:
    """Return whether a nursery has what ``python WORDS`` imports. Outside of pytest there are none."""
    return (
        "PYTEST_VERSION" in os.environ
        and code is None
        and words[0] == "-m"
        and words[1] in NURSERIES
        and words[2:3] != ["serve"]  # the command line replaces itself by another process
        and not READ_AT_ONCE & environment.keys()
    )


def fork(
    words: list[str],
    environment: dict[str, str],
    out: Path,
    err: Path | None = None,
    typed: Path = Path(os.devnull),
) -> "Fork":
    """Start ``python WORDS`` from its nursery.

    Args:
        words: ``-m``, a module and its arguments.
        environment: all of it.
        out: a file to which its output is appended.
        err: a file for its errors; by default the same.
        typed: a file with its input.
    """
    kind = NURSERIES[words[1]]
    out.touch()  # it is there at once, as that of a process that is started
    with _lock:
        if kind not in _nurseries:
            _nurseries[kind] = Nursery(kind)
    return _nurseries[kind].fork(words[1:], environment, typed, out, err or out)


def run(
    words: list[str],
    environment: dict[str, str],
    *,
    typed: str = "",
    code: Path | None = None,
    seconds: float = 120,
) -> "subprocess.CompletedProcess[str]":
    """Run ``python WORDS`` to its end, from a nursery if one has what it imports; return what it printed."""
    if not can_fork(words, environment, code):
        command = [sys.executable, *words]
        return subprocess.run(
            command, env=environment, cwd=code, input=typed, text=True, capture_output=True, check=False,
            timeout=seconds,
        )  # fmt: skip
    with TemporaryDirectory() as name:
        out, err, keys = (Path(name, one) for one in ("out", "err", "typed"))
        keys.write_text(typed)
        child = fork(words, environment, out, err, keys)
        try:
            ended = child.wait(seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        return subprocess.CompletedProcess(words, ended, out.read_text(), err.read_text())


def close() -> None:
    """End the nurseries, and with them every fork that still runs."""
    for nursery in _nurseries.values():
        nursery.close()
    _nurseries.clear()


class Nursery:
    """The parent of the forks of one kind, a child of this process."""

    def __init__(self, kind: str) -> None:
        self._lock = Lock()
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stack.nursery", kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("EPASS_")}
            | {"PYTHONUNBUFFERED": "1"},
        )

    def fork(self, words: list[str], environment: dict[str, str], *files: Path) -> "Fork":
        """Ask for a process with these files as its input, output and errors."""
        request = {"words": words, "environment": environment, "files": [str(file) for file in files]}
        with self._lock:
            pid = self._ask(request)
        return Fork(self, pid)

    def code_of(self, pid: int) -> int:
        """Return the exit code of a process that has ended."""
        with self._lock:
            return self._ask({"ended": pid})

    def close(self) -> None:
        """End it."""
        self._child.communicate()

    def _ask(self, request: dict[str, object]) -> int:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(json.dumps(request).encode() + b"\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        assert answer, "the nursery has ended"
        return int(answer)


_nurseries: dict[str, Nursery] = {}
_lock = Lock()


class Fork:
    """A process that was forked, with the methods of `subprocess.Popen`."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._nursery = nursery
        self._ends = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended, and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self.returncode is None:
            poll = select.poll()
            poll.register(self._ends, select.POLLIN)
            if not poll.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self.returncode = self._nursery.code_of(self.pid)
            os.close(self._ends)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal if it has not ended."""
        if self.poll() is None:
            signal.pidfd_send_signal(self._ends, number)

    def kill(self) -> None:
        """Kill it (SIGKILL)."""
        self.send_signal(signal.SIGKILL)

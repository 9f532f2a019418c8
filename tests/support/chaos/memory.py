"""How much memory the processes of a system have needed at most, against the limit of deploy/compose.yaml."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.stack.paths import ROOT
from tests.support.stack.running import Process
from tests.support.stack.yaml_files import load

LIMIT_MB = int(
    load((ROOT / "deploy" / "compose.yaml").read_text())["x-process"]["mem_limit"].removesuffix("m")
)


class Peaks:
    """The highest resident memory of each process so far, in MB; look before a process is killed."""

    def __init__(self, processes: Mapping[str, Process]) -> None:
        self._processes = processes
        self.highest: dict[str, float] = {}

    def look(self) -> None:
        """Look at what is alive."""
        for name, process in self._processes.items():
            with suppress(OSError, AssertionError):
                self.highest[name] = max(self.highest.get(name, 0.0), peak_mb(process.pid))

    def above_limit(self) -> dict[str, float]:
        """Return who would have been killed in its container."""
        return {name: peak for name, peak in self.highest.items() if peak > LIMIT_MB}


def peak_mb(pid: int) -> float:
    """Return the highest resident memory of a process so far; 0 if it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def within_limit(processes: Mapping[str, Process]) -> Iterator[None]:
    """Check after the block that nobody who lives then has needed more than a container has."""
    yield
    peaks = Peaks(processes)
    peaks.look()
    assert not peaks.above_limit(), f"more than {LIMIT_MB} MB: {peaks.above_limit()}"

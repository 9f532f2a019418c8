"""What one measurement took: seconds, and processor time by part."""

import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import psutil

from bench import processor
from deploy.local.stack import Stack


@dataclass
class Meter(AbstractContextManager["Meter"]):
    """Measures the block of a ``with`` statement.

    Attributes:
        others: processor seconds that other programs of the machine took.
        units: what the block did, for the figures per unit; set it before `figures` is called.
    """

    stack: Stack
    units: int = 0
    seconds: float = 0.0
    used: Counter[str] = field(default_factory=Counter)
    client: float = 0.0
    others: float = 0.0

    def __enter__(self) -> Self:
        self._machine = _machine()
        self._before, self._client = processor.seconds(self.stack), _own()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.seconds = time.perf_counter() - self._began
        self.client = _own() - self._client
        used = processor.seconds(self.stack)
        used.subtract(self._before)
        # Both are counted in ticks, so the difference may be a little below zero.
        self.others = max(_machine() - self._machine - used.total() - self.client, 0.0)
        self.used = Counter({part: seconds for part, seconds in used.items() if seconds > 0})

    def figures(self) -> dict[str, Any]:
        """Return units a second, processor milliseconds a unit, and how many processors each part used."""
        busy = {part: used / self.seconds for part, used in self.used.most_common()}
        return {
            "units": self.units,
            "seconds": round(self.seconds, 3),
            "per_s": round(self.units / self.seconds, 1),
            "processor_ms": {part: round(used * 1000 / self.units, 3) for part, used in self.used.items()},
            "processor_ms_in_all": round(self.used.total() * 1000 / self.units, 3),
            "busy": {part: round(cores, 4) for part, cores in busy.items() if cores >= 0.001},
            "processors_used": round(self.used.total() / self.seconds + self.client / self.seconds, 2),
            "others": round(self.others / self.seconds, 2),
            "client": round(self.client / self.seconds, 2),
        }


def _machine() -> float:
    """Return the processor seconds that the whole machine has used."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _own() -> float:
    times = psutil.Process(os.getpid()).cpu_times()
    return float(times.user + times.system)


def wait_until(look: Callable[[], bool], what: str, seconds: float = 120, pause: float = 0.02) -> None:
    """Look again and again until it is so.

    Raises:
        TimeoutError: it was not so in time.
    """
    until = time.monotonic() + seconds
    while not look():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(pause)

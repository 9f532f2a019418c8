"""Both clocks. Only entrypoints and processes read them; handlers get the time as the argument ``now``.

The wall clock says when something happened: it is stored, signed, sent and shown. Somebody may set it, so
nothing waits by it. The monotonic clock says how long something takes: it only goes forward, and its number
means nothing to another process. `pyproject.toml` forbids to read any clock elsewhere.
"""

import time
from datetime import UTC, datetime
from time import monotonic

from contracts.model import AHEAD, IST, is_ahead

__all__ = ["AHEAD", "IST", "boottime", "is_ahead", "monotonic", "now"]


def boottime() -> float:
    """Return the monotonic clock, in seconds, with the time for which the host was suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def now() -> datetime:
    """Return the current instant in UTC, by the wall clock."""
    return datetime.now(UTC)

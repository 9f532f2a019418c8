"""Clocks that are set while their processes live: libfaketime reads by how much from a file, once a second.

What measures durations stays right, as on a host whose clock is set. The databases' clock is not touched.
"""

from collections.abc import Iterable
from pathlib import Path

from tests.support.stack.running import Process

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
"""None where libfaketime is not installed: `deploy/local/bootstrap faketime`."""


class Clocks:
    """The clocks of some processes, by their names. They can be set from the next start of a process on."""

    def __init__(self, folder: Path, processes: dict[str, Process]) -> None:
        self._files = {name: folder / f"{name}.clock" for name in processes}
        self.set(0)
        for name, process in processes.items():
            process.environment |= {
                "LD_PRELOAD": str(LIBRARY),
                "FAKETIME_TIMESTAMP_FILE": str(self._files[name]),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                # Else each wait for the interpreter's lock ends at once, and is repeated: threads use a core.
                "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            }

    def set(self, seconds: float, names: Iterable[str] = ()) -> None:
        """Let clocks be ahead by so many seconds, or behind; all of them if no names are given."""
        for name in names or self._files:
            new = self._files[name].with_suffix(".new")
            new.write_text(f"{seconds:+.0f}s\n")
            new.replace(self._files[name])

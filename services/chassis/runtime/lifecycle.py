"""The end of a process's start, the signal that stops it, and a pause that this interrupts."""

import gc
import threading

from services.chassis.runtime.logs import logger

log = logger(__name__)

stopping = threading.Event()
"""Set once, by the signal that stops the process."""


class Stopping(Exception):
    """The process stops; unfinished work goes back to where it came from."""


def freeze_heap() -> None:
    """Leave what exists now out of every garbage collection. Call it when the process has started.

    Imported modules are several hundred thousand objects, which never become garbage. A full collection looks
    at each of them: 80 to 100 ms in which the process answers nobody.
    """
    gc.collect()
    gc.freeze()
    log.info("started", frozen=gc.get_freeze_count())


def pause(seconds: float, stop: threading.Event = stopping) -> None:
    """Sleep for so many seconds.

    Raises:
        Stopping: the process is stopping.
    """
    if stop.wait(seconds):
        raise Stopping

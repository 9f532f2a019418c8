"""The signal that stops the process, and a pause that it interrupts."""

import threading

stopping = threading.Event()
"""Set once, by the signal that stops the process."""


class Stopping(Exception):
    """The process stops; unfinished work goes back to where it came from."""


def pause(seconds: float, stop: threading.Event = stopping) -> None:
    """Sleep for so many seconds.

    Raises:
        Stopping: the process is stopping.
    """
    if stop.wait(seconds):
        raise Stopping

"""Whether this process is stopping, and waiting that ends when it does."""

import threading

stopping = threading.Event()
"""Set once, by the signal that stops the process."""


class Stopping(Exception):
    """The process stops; what was not finished goes back to where it came from."""


def pause(seconds: float) -> None:
    """Sleeps.

    Raises:
        Stopping: the process was told to stop.
    """
    if stopping.wait(seconds):
        raise Stopping

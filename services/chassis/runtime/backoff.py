"""The one policy for reconnecting, to the broker and to a database: exponential backoff with jitter.

The pauses stay short, because a reconnect costs little and somebody waits behind each of these connections.
The delays before a failed event is delivered again are another matter: see ``retry.py``.
"""

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

SHORTEST, LONGEST = 0.1, 1.0
"""Seconds between two tries."""
WAIT = wait_random_exponential(multiplier=2 * SHORTEST, min=SHORTEST, max=LONGEST)
"""A random pause, so that replicas do not return in step. Its upper bound doubles with each failure."""


class Backoff:
    """The pauses of one connection that is opened again and again, for as long as its process lives.

    Call `next_pause` after each failure, wait that long, and call `reset` once the connection has done its
    work.

    Args:
        longest: seconds. It is more than `LONGEST` only where each try costs others something.
    """

    def __init__(self, longest: float = LONGEST) -> None:
        self._wait = wait_random_exponential(multiplier=2 * SHORTEST, min=SHORTEST, max=longest)
        self._tries = RetryCallState(Retrying(), None, (), {})

    def next_pause(self) -> float:
        """Return the seconds to wait before the next try."""
        seconds = self._wait(self._tries)
        self._tries.attempt_number += 1
        return seconds

    def reset(self) -> None:
        """Begin again with a short pause, because the connection works."""
        self._tries.attempt_number = 1


def retrying(errors: tuple[type[BaseException], ...], seconds: float) -> Retrying:
    """Return a tenacity controller that repeats a call for so many seconds, then raises the last error.

    Args:
        errors: what is tried again; any other error is raised at once.
        seconds: no try begins later than this after the first.
    """
    return Retrying(
        retry=retry_if_exception_type(errors), wait=WAIT, stop=stop_after_delay(seconds), reraise=True
    )

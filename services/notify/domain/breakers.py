"""A circuit breaker: a vendor that fails again and again is left alone for a while.

Our own, since the libraries hold a lock during the call, or let every thread try at once when the pause is
over (decision 52). ``now`` is a number of seconds by the monotonic clock: a wall clock that is set back would
leave the vendor alone for as long.
"""

import threading
from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "half_open", "open"]
FAILURES = 10
"""So many failures in a row open the breaker."""
PAUSE = 15.0
"""So many seconds it stays open. Then one message is the test, and the others wait for what becomes of it."""
SLOW_GAP = 1.0
"""Seconds between two messages to a vendor that has said that it gets too many."""


@dataclass(frozen=True)
class Permit:
    """How many messages may be sent now, and the number of the test if the one message is that."""

    number: int
    test: int | None = None
    is_turn: bool = False
    """Whether it is the one message of its second that a vendor gets that asked for less."""


class Breaker:
    """The breaker of one vendor, for several threads of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._until: float | None = None
        self._slow_until = self._next = 0.0
        self._test_ends: float | None = None
        self._tests = 0

    def state(self, now: float) -> State:
        """Return the state, for metrics and for who looks."""
        with self._lock:
            if self._until is None:
                return "closed"
            return "open" if now < self._until else "half_open"

    def may_send(self, now: float, most: int) -> Permit:
        """Return how many messages may be sent now, at most ``most``; it is 1 where that one is the test.

        It is 1, now and then, while the vendor is given less. A test whose sender reports nothing is
        forgotten after another pause.
        """
        with self._lock:
            if self._until is None and now < self._slow_until:
                if now < self._next:
                    return Permit(0)
                self._next = now + SLOW_GAP
                return Permit(1, is_turn=True)
            if self._until is None:
                return Permit(most)
            if now < self._until or (self._test_ends is not None and now < self._test_ends):
                return Permit(0)
            self._test_ends = now + PAUSE
            self._tests += 1
            return Permit(1, self._tests)

    def cancel_test(self, permit: Permit) -> None:
        """Let another thread test, or take the turn, if this was the permit to: there was nothing to send."""
        with self._lock:
            if permit.is_turn:
                self._next = 0.0
            if permit.test is not None and permit.test == self._tests:
                self._test_ends = None

    def succeed(self) -> None:
        """Record that the vendor gave an answer: it works, whatever it thinks of the message."""
        with self._lock:
            if self._until is None or self._test_ends is not None:
                self._failures, self._until, self._test_ends = 0, None, None

    def fail(self, now: float) -> None:
        """Record that the vendor failed; open the breaker if that was the test, or the last of too many."""
        with self._lock:
            self._failures += 1
            if self._test_ends is not None or (self._until is None and self._failures >= FAILURES):
                self._until, self._test_ends = now + PAUSE, None

    def is_slow(self, now: float) -> bool:
        """Return whether the vendor is given less, because it asked for that."""
        with self._lock:
            return now < self._slow_until

    def slow_down(self, now: float, until: float) -> None:
        """Give the vendor one message at a time until then: it works, and gets too many.

        If the one that was too many was the test, it has succeeded: else a vendor that works would stay open.
        """
        with self._lock:
            if self._test_ends is not None:
                self._failures, self._until, self._test_ends = 0, None, None
            self._slow_until = max(self._slow_until, until)
            self._next = now + SLOW_GAP

    def pause(self, until: float) -> None:
        """Leave the vendor alone until then, because it asked for that."""
        with self._lock:
            self._until = max(self._until or until, until)
            self._test_ends = None

"""Limits on attempts: how long somebody waits after wrong passwords, or after many requests from one source.

Times and counts come in as arguments.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.errors import TooManyAttempts

FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
FAILURES_COUNT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Limit:
    """At most ``times`` within a sliding window."""

    times: int
    within: timedelta

    def wait(self, nth_newest: datetime | None, now: datetime) -> int:
        """Return the seconds until one more is allowed.

        Args:
            nth_newest: when the ``times``-th newest happened; None if there were fewer.
            now: this instant.
        """
        return 0 if nth_newest is None else seconds_until(nth_newest + self.within, now)


FAILURES_OF_ADDRESS = Limit(30, timedelta(minutes=15))
"""More than for an account: a whole office may share one address."""
SENDS_TO_NUMBER = (Limit(3, timedelta(minutes=10)), Limit(10, timedelta(days=1)))
SENDS_FROM_ADDRESS = Limit(20, timedelta(minutes=10))
SENDS_OF_SITE = Limit(300, timedelta(minutes=1))


def account_wait(failures: int, last: datetime | None, now: datetime) -> int:
    """Return the seconds until a password of this account may be tried again.

    The wait after the n-th failure in a row is 2^n seconds, from the fifth failure on. It is never more than
    a quarter of an hour, so that nobody can lock somebody else out for ever.
    """
    if last is None or failures < FREE_FAILURES:
        return 0
    wait = min(timedelta(seconds=2 ** min(failures, 16)), LONGEST_WAIT)
    return seconds_until(last + wait, now)


def seconds_until(instant: datetime, now: datetime) -> int:
    """Return whole seconds, rounded up; 0 if the instant has passed."""
    return max(math.ceil((instant - now).total_seconds()), 0)


def refuse_while(seconds: int) -> None:
    """Raise `TooManyAttempts` if there are seconds to wait."""
    if seconds > 0:
        raise TooManyAttempts("too many attempts, wait and try again", retry_after=seconds)

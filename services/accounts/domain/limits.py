"""Limits on attempts: how long somebody waits after wrong passwords, or after many requests from one source.

Times and counts come in as arguments.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.errors import TooManyAttempts
from contracts.proof_of_work import LEAST_ANSWERS, MOST_ANSWERS

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
        """
        return 0 if nth_newest is None else seconds_until(nth_newest + self.within, now)


Limits = tuple[Limit, ...]
FAILURES_OF_ADDRESS = (Limit(30, timedelta(minutes=15)),)
"""More than for one login: a whole office may share one address."""
FAILURES_OF_STRANGERS = (Limit(20, timedelta(hours=1)), Limit(100, timedelta(days=1)))
"""Wrong passwords of one login from all devices that it does not know, whatever their addresses.

The second is the most that NIST SP 800-63B (5.2.2) allows, a day.
"""
SENDS_TO_NUMBER_FROM_SOURCE = (Limit(3, timedelta(minutes=10)), Limit(10, timedelta(days=1)))
"""Codes to one number that one address, or one device that proved the number, asks for."""
SENDS_TO_NUMBER = (Limit(9, timedelta(minutes=10)), Limit(30, timedelta(days=1)))
"""Codes to one number that strangers ask for, so that nobody floods a phone.

The same holds for all devices together that proved the number: each right code makes another one.
"""
SHARED_SENDS_TO_NUMBER = (Limit(10, timedelta(days=1)),)
LATER_SENDS_FROM_SOURCE = (Limit(2, timedelta(days=1)),)
"""After the shared ones an address gets two: so a few addresses do not use up a number's codes of a day."""
FAILURES_OF_DEVICES = (Limit(100, timedelta(days=1)),)
"""Wrong passwords of one login from all devices together that it knows: each sign-in may make another one."""
UNUSED_FROM_ADDRESS = (Limit(300, timedelta(minutes=10)), Limit(3_000, timedelta(days=1)))
"""Codes that one address asked for and nobody has typed.

Codes that were typed do not count: thousands of visitors may share the address of a mobile operator or a
Sewa Kendra. ``python -m bench.limits`` prints the arithmetic.
"""
MOST_UNTYPED = 10
"""Untyped codes of an hour to unproved numbers that one address may have from half of the ceiling on.

They fall to one at the ceiling. They hold for an address of which fewer codes were typed than not: of the
address of a mobile operator most are.
"""
CEILING_WITHIN = timedelta(hours=1)
"""For so long a code counts that went to an unproved number: one that nobody has ever proved."""


@dataclass(frozen=True)
class Pressure:
    """What is asked of strangers while very many codes are asked for.

    Attributes:
        answers: of a proof of work.
        untyped: codes of an address that nobody types.
    """

    answers: int
    untyped: Limit


def pressure(untyped: int, ceiling: int) -> Pressure | None:
    """Return what is asked of strangers, whose answers and limits follow from how many codes are untyped.

    Nothing is asked below half of the ceiling; from there on more, up to the ceiling, where nothing helps.

    Args:
        untyped: codes that went to unproved numbers within `CEILING_WITHIN`, and that nobody has typed.
        ceiling: how many there may be.
    """
    if 2 * untyped < ceiling:
        return None
    part = min(2 * untyped / ceiling - 1, 1)
    answers = LEAST_ANSWERS + round(part * (MOST_ANSWERS - LEAST_ANSWERS))
    return Pressure(answers, Limit(max(round((1 - part) * MOST_UNTYPED), 1), CEILING_WITHIN))


def source_wait(failures: int, last: datetime | None, now: datetime) -> int:
    """Return the seconds until a source may try a password of a login again.

    The wait after the n-th failure in a row is 2^n seconds, from the fifth failure on. It is never more than
    a quarter of an hour.

    Args:
        failures: wrong passwords of this login from this device, or else from this address.
        last: when the last of them came.
    """
    if last is None or failures < FREE_FAILURES:
        return 0
    wait = min(timedelta(seconds=2 ** min(failures, 16)), LONGEST_WAIT)
    return seconds_until(last + wait, now)


def seconds_until(instant: datetime, now: datetime) -> int:
    """Return whole seconds, rounded up; 0 if the instant has passed."""
    return max(math.ceil((instant - now).total_seconds()), 0)


def refuse_while(waits: Mapping[str, int]) -> None:
    """Raise `TooManyAttempts` if one of some limits asks for a wait.

    Args:
        waits: seconds by the name of a limit. The longest is the fact ``retry_after``, and its name the fact
            ``limit``.
    """
    limit = max(waits, key=lambda name: waits[name])
    if waits[limit] > 0:
        raise TooManyAttempts("too many attempts, wait and try again", retry_after=waits[limit], limit=limit)

"""The part of an application's timeline that is about the last day on which its visitor came."""

from collections.abc import Sequence
from datetime import date, timedelta

from contracts.model import IST
from contracts.rpc.application import TimelineEntry

CLOCKS_DIFFER = timedelta(minutes=5)
"""So much later than what is said of it an entry may be, by the clock of its gate."""


def of_last_day(entries: Sequence[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    """Return what happened on the last day on which the visitor came, and after it.

    The whole day: the clock of a gate may be a few seconds ahead of the office's that answers it.
    """
    came = (entry.at.astimezone(IST).date() for entry in entries if entry.what == "entered")
    last = max(came, default=date.min)
    return tuple(entry for entry in entries if entry.at.astimezone(IST).date() >= last)

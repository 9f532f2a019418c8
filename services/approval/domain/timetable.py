"""The opening hours of a site as periods: weekly hours that hold from a day on, until the next period begins.

Pure. The rows of a `SiteRecord` say the same by weekday; what is written here is always all seven days.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import pairwise

from contracts.events import OpeningHours
from contracts.visiting_rules import Window

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MOST_WINDOWS = 4
"""How often a site may open on one day."""
_WINDOW = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Weekly hours from a day on: the windows of each weekday in their order, none where it is closed."""

    starts: date
    weekdays: tuple[tuple[Window, ...], ...]


def periods(hours: Iterable[OpeningHours]) -> list[Period]:
    """Return the periods of opening hours, by their first day; one that is closed altogether is one too."""
    rows = list(hours)
    first_days = {row.valid_from for row in rows} | {row.valid_to + _DAY for row in rows if row.valid_to}
    return [
        Period(day, tuple(_windows(rows, weekday, day) for weekday in range(7))) for day in sorted(first_days)
    ]


def with_period(hours: Iterable[OpeningHours], period: Period) -> tuple[OpeningHours, ...]:
    """Return opening hours that follow a period from its first day until the next period that was planned."""
    others = [one for one in periods(hours) if one.starts != period.starts]
    return _rows(sorted([*others, period], key=lambda one: one.starts))


def without_period(hours: Iterable[OpeningHours], starts: date) -> tuple[OpeningHours, ...]:
    """Return opening hours that go on as before on a day on which they were to change."""
    return _rows([one for one in periods(hours) if one.starts != starts])


def read_windows(text: str) -> tuple[Window, ...] | None:
    """Return the windows of one day, such as ``09:00-13:00 14:00-17:00``; None if the text is no such."""
    found = []
    for part in text.split():
        match = _WINDOW.fullmatch(part)
        if match is None:
            return None
        opens, opens_minute, closes, closes_minute = map(int, match.groups())
        found.append((time(opens, opens_minute), time(closes, closes_minute)))
    ends = [instant for window in found for instant in window]
    in_order = all(earlier < later for earlier, later in pairwise(ends))
    return tuple(found) if in_order and len(found) <= MOST_WINDOWS else None


def write_windows(windows: Sequence[Window]) -> str:
    """Return the windows of one day as `read_windows` takes them."""
    return " ".join(f"{opens:%H:%M}-{closes:%H:%M}" for opens, closes in windows)


def _windows(rows: Iterable[OpeningHours], weekday: int, day: date) -> tuple[Window, ...]:
    return tuple(
        sorted(
            (row.opens, row.closes)
            for row in rows
            if row.weekday == weekday
            and row.valid_from <= day
            and (row.valid_to is None or day <= row.valid_to)
        )
    )


def _rows(ordered: Sequence[Period]) -> tuple[OpeningHours, ...]:
    ends = [*(period.starts - _DAY for period in ordered[1:]), None]
    return tuple(
        OpeningHours(weekday=weekday, opens=opens, closes=closes, valid_from=period.starts, valid_to=last_day)
        for period, last_day in zip(ordered, ends, strict=True)
        for weekday, windows in enumerate(period.weekdays)
        for opens, closes in windows
    )

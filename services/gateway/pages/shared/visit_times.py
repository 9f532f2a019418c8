"""The days and times that a form offers for a visit, by the opening hours of a site."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from contracts.events import SiteRecord
from contracts.visiting_rules import SHORTEST_WINDOW, Calendar, Window, windows_on
from services.chassis.runtime.clock import IST, now
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.view import View

STEP = timedelta(minutes=30)


@dataclass(frozen=True)
class Day:
    """A day on which a site is open."""

    day: date
    windows: tuple[Window, ...]
    is_today: bool = False


def open_days(record: SiteRecord, furthest_days: int, at: datetime) -> Iterator[Day]:
    """Yield the days that can be chosen, with their hours; today from the current half hour on."""
    calendar = Calendar(at, furthest_days)
    for day in calendar.days():
        windows, is_today = windows_on(record, day), day == calendar.today
        if is_today:
            windows = tuple(_left(windows, at.astimezone(IST)))
        if windows:
            yield Day(day, windows, is_today)


def _left(windows: Iterable[Window], there: datetime) -> Iterator[Window]:
    running = time(there.hour, there.minute - there.minute % 30)
    for opens, closes in windows:
        if (
            datetime.combine(there, closes) - datetime.combine(there, max(opens, there.time()))
            >= SHORTEST_WINDOW
        ):
            yield max(opens, running), closes


def begins(days: Iterable[Day]) -> list[time]:
    """Return every half hour at which a visit can begin on any of the days."""
    return sorted(
        {
            at
            for one in days
            for window in one.windows
            for at in _half_hours(window)
            if _between(at, window[1]) >= SHORTEST_WINDOW
        }
    )


def ends(days: Iterable[Day]) -> list[time]:
    """Return every half hour at which a visit can end, and the closing times."""
    return sorted(
        {
            at
            for one in days
            for window in one.windows
            for at in (*_half_hours(window), window[1])
            if at > window[0]
        }
    )


def _half_hours(window: Window) -> Iterator[time]:
    at = datetime.combine(date.min, window[0])
    while at.time() < window[1] and at.date() == date.min:
        yield at.time()
        at += STEP


def _between(start: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)


def usual_windows(days: Iterable[Day]) -> tuple[Window, ...]:
    """Return the hours of most days."""
    counted = Counter(one.windows for one in days if not one.is_today)
    return counted.most_common(1)[0][0] if counted else ()


async def offered(view: View, site_code: str) -> dict[str, Any]:
    """Return what the fields of a visit's time offer at a site; nothing where the site is not known."""
    record = await directory.site(view, site_code)
    days = list(open_days(record, view.caller.state.settings.furthest_days, now())) if record else []
    # A department needs time: not today, unless the applicant chooses it.
    first = next((one.day for one in days if not one.is_today), None)
    return {
        "days": days,
        "begins": begins(days),
        "ends": ends(days),
        "usual_hours": usual_windows(days),
        "first": first,
    }

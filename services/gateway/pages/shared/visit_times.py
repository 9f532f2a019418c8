"""The days and times that a form offers for a visit, by the opening hours of a site."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from contracts.events import SiteRecord
from contracts.rpc.approval.capacity import Availability, WindowAvailability
from contracts.visiting_rules import SHORTEST_SLOT, Calendar, Window, windows_on
from services.chassis.runtime.clock import IST, now
from services.gateway.handlers import visit_requests
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.questions import Problems
from services.gateway.pages.shared.view import View

STEP = timedelta(minutes=30)
NOON = time(13)
"""Until then is morning, and after it afternoon."""
HALVES: dict[str, Window] = {"am": (time.min, NOON), "pm": (NOON, time.max)}
USUAL_HALVES: dict[str, Window] = {"am": (time(9), NOON), "pm": (NOON, time(17))}
"""Hours for a day on which there are none, so that the services say what is wrong with it."""
BUTTONS = 6
"""So many of the next days are buttons at once: three rows on a phone."""


@dataclass(frozen=True)
class Day:
    """A day on which a visit can be asked for.

    Args:
        day: the date.
        windows: the open hours; of a department that takes so many people only, those with free places, or
            all on a full day.
        is_today: whether it is today.
        is_full: whether no window has places for the party.
    """

    day: date
    windows: tuple[Window, ...]
    is_today: bool = False
    is_full: bool = False


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
        if _between(max(opens, there.time()), closes) >= SHORTEST_SLOT:
            yield max(opens, running), closes


def begins(days: Iterable[Day]) -> list[time]:
    """Return every half hour at which a visit can begin on any of the days."""
    windows = {window for one in days for window in one.windows}
    return sorted({at for one in windows for at in _half_hours(one) if _between(at, one[1]) >= SHORTEST_SLOT})


def ends(days: Iterable[Day]) -> list[time]:
    """Return every half hour at which a visit can end, and the closing times."""
    windows = {window for one in days for window in one.windows}
    return sorted({at for one in windows for at in (*_half_hours(one), one[1]) if at > one[0]})


def _half_hours(window: Window) -> Iterator[time]:
    at = datetime.combine(date.min, window[0])
    while at.time() < window[1] and at.date() == date.min:
        yield at.time()
        at += STEP


def _between(start: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)


def half_of(windows: Iterable[Window], half: str) -> Window | None:
    """Return the longest open hours in one half of a day; None where there are none for a visit."""
    begins, ends = HALVES[half]
    within = [(max(opens, begins), min(closes, ends)) for opens, closes in windows]
    fitting = [one for one in within if one[0] < one[1] and _between(*one) >= SHORTEST_SLOT]
    return max(fitting, key=lambda one: _between(*one), default=None)


async def settle(
    view: View,
    site_code: str,
    department: str,
    party: int,
    slots: list[dict[str, str]],
    *,
    waits: bool = False,
) -> tuple[list[dict[str, str]], Problems]:
    """Return the slots of a form with the hours of each half that was chosen, and the problems of halves.

    A day on which nobody is received gets usual hours: the services know what is wrong with the day. On a
    full day the hours are those of the department where the visitor ``waits`` for a place.
    """
    if not any(slot.get("half") for slot in slots):
        return slots, {}
    days = {one.day.isoformat(): one for one in (await offered(view, site_code, department, party))["days"]}
    settled: list[dict[str, str]] = []
    problems: Problems = {}
    for number, slot in enumerate(slots):
        half, known = slot.get("half", ""), days.get(slot["date"])
        hours = None
        if half and known and known.is_full and not waits:
            problems[f"date-{number}"] = "window_full"
        elif half:
            hours = half_of(known.windows, half) if known else USUAL_HALVES[half]
            problems |= {} if hours else {f"half-{number}": "half_closed"}
        settled.append(slot | {"from": f"{hours[0]:%H:%M}", "to": f"{hours[1]:%H:%M}"} if hours else slot)
    return settled, problems


def with_halves(slots: Iterable[dict[str, str]], days: Iterable[Day]) -> list[dict[str, str]]:
    """Return stored slots, each with the half of the day that has its hours, if any."""
    known = {one.day.isoformat(): one.windows for one in days}

    def half(slot: dict[str, str]) -> dict[str, str]:
        hours = {
            one: half_of(known[slot["date"]], one) if slot["date"] in known else USUAL_HALVES[one]
            for one in HALVES
        }
        wanted = (slot["from"], slot["to"])
        fits = (one for one, at in hours.items() if at and (f"{at[0]:%H:%M}", f"{at[1]:%H:%M}") == wanted)
        return {"half": found} if "half" not in slot and (found := next(fits, None)) else {}

    return [slot | half(slot) for slot in slots]


def usual_windows(days: Iterable[Day]) -> tuple[Window, ...]:
    """Return the hours of most days."""
    counted = Counter(one.windows for one in days if not one.is_today)
    return counted.most_common(1)[0][0] if counted else ()


def days_with_places(days: Iterable[Day], places: Availability, party: int) -> Iterator[Day]:
    """Yield the days on which the department receives visitors, each with the hours that are still free."""
    known = {one.day: one.windows for one in places.days}
    for one in days:
        if one.day not in known:
            continue
        possible = [
            (window.free, (max(opens, window.start), min(closes, window.end)))
            for window in known[one.day]
            for opens, closes in one.windows
            if opens < window.end and window.start < closes
        ]
        free = _joined(hours for places_left, hours in possible if places_left >= party)
        yield replace(one, windows=free or _joined(hours for _, hours in possible), is_full=not free)


def free_windows(places: Availability, party: int, most: int) -> list[tuple[date, WindowAvailability]]:
    """Return the next windows, with their days, in which a party finds places; at most so many."""
    free = ((one.day, window) for one in places.days for window in one.windows if window.free >= party)
    return list(islice(free, most))


def _joined(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Return windows in their order, those that touch as one."""
    joined: list[Window] = []
    for start, end in sorted(windows):
        begins_at = joined.pop()[0] if joined and joined[-1][1] >= start else start
        joined.append((begins_at, end))
    return tuple(joined)


async def offered(view: View, site_code: str, department: str, party: int = 1) -> dict[str, Any]:
    """Return what the fields of a visit's time offer; nothing where the site is not known.

    Args:
        view: of the page.
        site_code: where the visit is.
        department: that is visited; its visiting hours and free places count, where it has set them.
        party: how many people come.
    """
    record = await directory.site(view, site_code)
    days = list(open_days(record, view.caller.state.settings.furthest_days, now())) if record else []
    places = await visit_requests.availability(view.caller, department, site_code) if days else None
    closed = {one.day: one for one in places.closed} if places else {}
    closed_days = [closed[one.day] for one in days if one.day in closed]
    days = [one for one in days if one.day not in closed]
    limited = places is not None and places.limited
    if places is not None and limited:
        days = list(days_with_places(days, places, party))
    free = [one for one in days if not one.is_full]
    usual = usual_windows(free)
    # A department needs time: not today, unless the applicant chooses it.
    first = next((one for one in free if not one.is_today), None)
    return {
        "days": days,
        "free_days": free,
        "buttons": BUTTONS,
        "halves": {half: half_of(usual, half) for half in HALVES},
        "begins": begins(free),
        "ends": ends(free),
        "usual_hours": usual,
        "limited": limited,
        "closed_days": closed_days,
        "first": first,
    }

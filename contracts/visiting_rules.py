"""Rules of visits: opening hours, windows of time, companions, entry margins, and their error codes.

Pure: the time, the furthest day and the margin are arguments. Application, approval, issuance and the
gateway's pages use these rules; what only a form of one service checks (names, IDs, officers) is not here.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal

from pydantic import Field

from contracts.events import ClosedDay, SiteRecord
from contracts.model import IST, Channel, Language, Slot, Wire

SHORTEST_SLOT = timedelta(minutes=15)
"""A slot that is requested or approved lasts at least this long."""

MOST_INVITED = 40
"""How many people a department may invite at once."""

MOST_COMPANIONS: dict[Channel, int] = {
    "portal": 5, "kiosk": 50, "counter": 50, "invitation": MOST_INVITED - 1
}  # fmt: skip
"""How many people may accompany an applicant, by the channel of the application."""

PROBLEMS: dict[str, str] = {
    "closed_site": "this site has no opening hours on the days for which a visit can be requested",
    "date_past": "this date has passed",
    "date_too_far": "this date is too far away",
    "closed_day": "the site is closed on this day",
    "outside_hours": "this is outside the site's hours",
    "window_order": "a window ends after it starts",
    "window_too_short": "a window has at least 15 minutes",
    "window_over": "this window of today has passed",
    "duplicate_slot": "this date and time is given twice",
    "too_many_companions": "these are more companions than this channel takes",
}
"""Error code → its sentence for developers. The pages translate the codes
(``services/gateway/pages/shared/messages.py``)."""

Window = tuple[time, time]
"""Start and end of open hours on one day, Indian Standard Time."""


@dataclass(frozen=True)
class Calendar:
    """The days for which a visit can be requested, counted from one instant in India.

    Args:
        now: the instant, with any time zone.
        furthest_days: how many days after today the last one is.
    """

    now: datetime
    furthest_days: int

    @property
    def today(self) -> date:
        """The date in India."""
        return self.now.astimezone(IST).date()

    @property
    def furthest(self) -> date:
        """The last day."""
        return self.today + timedelta(days=self.furthest_days)

    def days(self) -> Iterator[date]:
        """Yield every day, today first."""
        return (self.today + timedelta(days=ahead) for ahead in range(self.furthest_days + 1))


@dataclass(frozen=True)
class SlotProblem:
    """What is wrong with a slot: a member of it, by its name on the wire, and a code of ``PROBLEMS``."""

    member: Literal["date", "from", "to"]
    code: str


def windows_on(site: SiteRecord, day: date) -> tuple[Window, ...]:
    """Return the open hours of a site on a day; empty where it is closed."""
    if any(closed.day == day for closed in site.closed_days):
        return ()
    return tuple(
        (hours.opens, hours.closes)
        for hours in site.hours
        if hours.weekday == day.weekday()
        and hours.valid_from <= day
        and (hours.valid_to is None or day <= hours.valid_to)
    )


class ClosedWish(Wire):
    """A date on which a visit was asked for and cannot take place, because site or department closed it."""

    day: date
    closed_by: Literal["site", "department"]
    reason: str
    """Of a site its own words, of a department a `ClosureReason`."""
    reason_translations: dict[Language, str] = Field(default_factory=dict)
    """The words of a site in other languages."""


def closed_wishes(
    slots: Iterable[Slot], site: SiteRecord | None, of_department: Iterable[ClosedDay]
) -> tuple[ClosedWish, ...]:
    """Return which days of these slots are closed, each once, in their order.

    Args:
        slots: what was asked for.
        site: of the visit, if it is known.
        of_department: the days that the department closed.
    """
    closed = {
        one.day: ClosedWish(day=one.day, closed_by="department", reason=one.reason) for one in of_department
    }
    for one in site.closed_days if site else ():
        closed[one.day] = ClosedWish(
            day=one.day, closed_by="site", reason=one.reason, reason_translations=one.reason_translations
        )
    return tuple(closed[day] for day in sorted({slot.day for slot in slots} & closed.keys()))


def opens_within(site: SiteRecord, calendar: Calendar) -> bool:
    """Return whether a site is open on any day of the calendar."""
    return any(windows_on(site, day) for day in calendar.days())


def end_of(slot: Slot) -> datetime:
    """Return the instant at which a slot ends."""
    return datetime.combine(slot.day, slot.end, IST)


def entry_window(slot: Slot, margin: timedelta) -> tuple[datetime, datetime]:
    """Return from when to when entry is open: the slot with the margin on both sides."""
    return datetime.combine(slot.day, slot.start, IST) - margin, end_of(slot) + margin


def slot_problem(slot: Slot, open_windows: Iterable[Window] | None, calendar: Calendar) -> SlotProblem | None:
    """Return the first thing that is wrong with a slot, or None if a visit can take place then.

    Args:
        slot: the window that is requested or is to be approved.
        open_windows: the site's hours on the day of the slot; None leaves them unchecked.
        calendar: the days that are possible.
    """
    return (
        _length_problem(slot)
        or _day_problem(slot, calendar)
        or (None if open_windows is None else _hours_problem(slot, tuple(open_windows)))
    )


def _length_problem(slot: Slot) -> SlotProblem | None:
    length = end_of(slot) - datetime.combine(slot.day, slot.start, IST)
    if length <= timedelta():
        return SlotProblem("to", "window_order")
    return SlotProblem("to", "window_too_short") if length < SHORTEST_SLOT else None


def _day_problem(slot: Slot, calendar: Calendar) -> SlotProblem | None:
    if slot.day < calendar.today:
        return SlotProblem("date", "date_past")
    if slot.day > calendar.furthest:
        return SlotProblem("date", "date_too_far")
    return SlotProblem("to", "window_over") if end_of(slot) <= calendar.now else None


def _hours_problem(slot: Slot, open_windows: tuple[Window, ...]) -> SlotProblem | None:
    if not open_windows:
        return SlotProblem("date", "closed_day")
    if any(opens <= slot.start and slot.end <= closes for opens, closes in open_windows):
        return None
    starts_inside = any(opens <= slot.start < closes for opens, closes in open_windows)
    return SlotProblem("to" if starts_inside else "from", "outside_hours")

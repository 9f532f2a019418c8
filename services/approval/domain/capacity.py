"""Whether a department has places for a visit: its windows on a day, and what is booked in them.

A visit takes its places in every window that it touches, so that no window ever expects more people than it
takes. Pure: the capacity and the bookings are arguments.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from contracts.capacity import Capacity
from contracts.errors import Conflict, InvalidInput
from contracts.model import Slot

PROBLEMS: dict[str, str] = {
    "department_closed": "the department receives no visitors on this day",
    "department_hours": "this is outside the department's visiting hours",
    "window_full": "this window has too few free places for the party",
}
"""Error code → its sentence for developers. The pages translate the codes."""


@dataclass(frozen=True)
class Window:
    """A part of a day and how many people it takes."""

    start: time
    end: time
    places: int


@dataclass(frozen=True)
class Booking:
    """An approved visit: its time on one day, and how many people come."""

    start: time
    end: time
    party: int


def windows_on(capacity: Capacity, day: date) -> tuple[Window, ...]:
    """Return the windows of a day in their order; empty where the department receives nobody."""
    if day in capacity.closed:
        return ()
    length = timedelta(minutes=capacity.window_minutes)
    return tuple(
        Window(start, end, hours.places)
        for hours in capacity.days
        if hours.weekday == day.weekday()
        for start, end in _pieces(hours.opens, hours.closes, length)
    )


def free_places(window: Window, bookings: Iterable[Booking]) -> int:
    """Return how many people more a window takes; never below 0, also after its places were reduced."""
    taken = sum(one.party for one in bookings if one.start < window.end and window.start < one.end)
    return max(window.places - taken, 0)


def hours_problem(capacity: Capacity, slot: Slot) -> tuple[str, str] | None:
    """Return the member of a slot at which the department receives nobody, and a code; None if it does."""
    windows = windows_on(capacity, slot.day)
    if not windows:
        return "date", "department_closed"
    if slot.start < windows[0].start:
        return "from", "department_hours"
    return ("to", "department_hours") if windows[-1].end < slot.end else None


def require_places(capacity: Capacity, slot: Slot, party: int, bookings: Iterable[Booking]) -> None:
    """Raise unless every window that the slot touches has places for the whole party.

    Args:
        capacity: of the department.
        slot: the time of the visit.
        party: how many people come.
        bookings: all other visits to the department on the day of the slot.

    Raises:
        InvalidInput: the department receives nobody on this day, or not for the whole slot.
        Conflict: ``window_full``, with the window's day, start and end, the people it still takes, and the
            party.
    """
    problem = hours_problem(capacity, slot)
    if problem is not None:
        member, code = problem
        raise InvalidInput.of(f"slot.{member}", code, PROBLEMS[code])
    booked = tuple(bookings)
    for window in windows_on(capacity, slot.day):
        if not (slot.start < window.end and window.start < slot.end):
            continue
        free = free_places(window, booked)
        if free < party:
            raise Conflict(
                PROBLEMS["window_full"],
                code="window_full",
                date=slot.day.isoformat(),
                start=f"{window.start:%H:%M}",
                end=f"{window.end:%H:%M}",
                free=free,
                party=party,
            )


def _pieces(opens: time, closes: time, length: timedelta) -> Iterator[tuple[time, time]]:
    """Yield the windows of a length; the last one ends when the department closes."""
    at, until = datetime.combine(date.min, opens), datetime.combine(date.min, closes)
    while at < until:
        yield at.time(), min(at + length, until).time()
        at += length

"""Whether a department has places for a visit: its windows on a day, and what is booked in them.

A visit takes its places in every window that it touches, so that no window ever expects more people than it
takes. Pure: the capacity and the bookings are arguments.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from contracts.capacity import Capacity
from contracts.errors import Conflict, InvalidInput
from contracts.model import IST, Slot

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


KEEPS_TURN = timedelta(hours=24)
"""Until so long before their visit nobody passes those who wait, however few places they need."""
DAYTIME = time(7), time(21)
"""An offer of the night counts from the morning."""
NOTICE = timedelta(minutes=30)
"""An offer ends at least so long before the visit begins: they still have to come."""


@dataclass(frozen=True)
class Waiting:
    """Somebody who waits for places: what they wait for, and whether they keep their turn."""

    key: UUID
    slot: Slot
    party: int
    keeps_turn: bool = True


@dataclass(frozen=True)
class Turn:
    """Whose turn it is on one day.

    Args:
        offered: the keys of those for whom there are places now, in their order.
        bookings: those of the day, with theirs.
        kept: windows in which no place is for anybody else, since somebody waits there for more.
    """

    offered: tuple[UUID, ...]
    bookings: tuple[Booking, ...]
    kept: frozenset[Window]


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


def turn(capacity: Capacity | None, waiting: Sequence[Waiting], bookings: Iterable[Booking]) -> Turn:
    """Return whose turn it is of those who wait on one day.

    Whoever needs more places than there are keeps those that are free in their windows, until they give way
    the day before: then a smaller party behind them may come, since else the places would stay empty. A party
    that is larger than its window keeps nobody waiting.

    Args:
        capacity: of the department; None where nothing limits it.
        waiting: in their order, without those who have an offer.
        bookings: of the day, offered places too.
    """
    if capacity is None:
        return Turn(tuple(one.key for one in waiting), tuple(bookings), frozenset())
    offered: list[UUID] = []
    booked, kept = list(bookings), set[Window]()
    for one in waiting:
        touched = _touched(capacity, one.slot)
        if any(window.places < one.party for window in touched) or hours_problem(capacity, one.slot):
            continue
        if kept.isdisjoint(touched) and all(free_places(window, booked) >= one.party for window in touched):
            offered.append(one.key)
            booked.append(Booking(one.slot.start, one.slot.end, one.party))
        elif one.keeps_turn:
            kept.update(touched)
    return Turn(tuple(offered), tuple(booked), frozenset(kept))


def offered_until(slot: Slot, now: datetime, live: timedelta) -> datetime | None:
    """Return until when a place that is offered now can be accepted; None if the visit begins too soon."""
    there = now.astimezone(IST)
    if not DAYTIME[0] <= there.time() < DAYTIME[1]:
        morning = there.date() if there.time() < DAYTIME[0] else there.date() + timedelta(days=1)
        there = datetime.combine(morning, DAYTIME[0], IST)
    until = there + live
    return until if until + NOTICE <= datetime.combine(slot.day, slot.start, IST) else None


def may_wait(capacity: Capacity, slot: Slot, party: int) -> bool:
    """Return whether every window that a slot touches takes so many people at all."""
    return all(window.places >= party for window in _touched(capacity, slot))


def require_places(
    capacity: Capacity,
    slot: Slot,
    party: int,
    bookings: Iterable[Booking],
    before: Sequence[Waiting] = (),
) -> None:
    """Raise unless every window that the slot touches has places for the whole party, and for who waits.

    Args:
        capacity: of the department.
        slot: the time of the visit.
        party: how many people come.
        bookings: all other visits to the department on the day of the slot.
        before: those who wait for a place on that day, and come first.

    Raises:
        InvalidInput: the department receives nobody on this day, or not for the whole slot.
        Conflict: ``window_full``, with the window's day, start and end, the people it still takes, and the
            party.
    """
    problem = hours_problem(capacity, slot)
    if problem is not None:
        member, code = problem
        raise InvalidInput.of(f"slot.{member}", code, PROBLEMS[code])
    of_others = turn(capacity, before, bookings)
    for window in _touched(capacity, slot):
        free = 0 if window in of_others.kept else free_places(window, of_others.bookings)
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


def _touched(capacity: Capacity, slot: Slot) -> tuple[Window, ...]:
    """Return the windows in which a visit takes its places."""
    windows = windows_on(capacity, slot.day)
    return tuple(one for one in windows if slot.start < one.end and one.start < slot.end)


def _pieces(opens: time, closes: time, length: timedelta) -> Iterator[tuple[time, time]]:
    """Yield the windows of a length; the last one ends when the department closes."""
    at, until = datetime.combine(date.min, opens), datetime.combine(date.min, closes)
    while at < until:
        yield at.time(), min(at + length, until).time()
        at += length

"""The places of a department: what it takes, what is free, and the bookings of approved visits.

Every approved visit is booked, also where nothing limits it, so that a capacity that is set later counts it.
Approvals for one department and day come one after the other: each takes the same lock after the lock of its
review, and after it nothing for which anybody waits who holds a day or a review. The closing of a day takes
it too, after the lock of the directory: a change of the directory waits for reviews, so nobody may wait for
the directory while they hold a day. What is taken is counted from the bookings; there is no counter that
could differ from them.
"""

import itertools
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.capacity import Capacity
from contracts.errors import NotFound
from contracts.events import SiteRecord
from contracts.model import IST, Slot
from contracts.rpc.approval.capacity import (
    Availability,
    AvailabilityQuestion,
    CapacityView,
    DayAvailability,
    SetCapacity,
    WindowAvailability,
)
from contracts.rpc.call import Call
from contracts.second_factor import require_fresh
from contracts.visiting_rules import SHORTEST_SLOT, Calendar, windows_on
from services.approval.domain import capacity as rules
from services.approval.domain import closures
from services.approval.handlers import reference_data
from services.approval.handlers.authorization import deciding_department, login_of, own_department
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.places import WaitRow, waits
from services.approval.models.reviews import BookingRow, CapacityRow, ReviewRow
from services.chassis.db.locks import lock
from services.chassis.db.upserts import put
from services.chassis.rpc.idempotency import once


def view_capacity(call: Call, session: Session) -> CapacityView:
    """Return what the principal's department takes, and who set it.

    Raises:
        Forbidden: the principal is of no department.
    """
    return _view(session, own_department(call.principal))


def set_capacity(
    request: SetCapacity, call: Call, session: Session, now: datetime, *, furthest_days: int
) -> CapacityView:
    """Set what the principal's department takes. Visits that are approved already stay.

    Raises:
        Forbidden: the principal is no login of a department; or ``second_factor_stale``, if nobody could ask
            for a visit any more.
    """
    department, login = deciding_department(call.principal), login_of(call.principal)
    days = Calendar(now, furthest_days).days()
    if request.capacity and not any(rules.windows_on(request.capacity, day) for day in days):
        require_fresh(call.principal, now)

    def effect() -> str:
        content = request.capacity.model_dump(mode="json") if request.capacity else None
        values = {"content": content, "set_by": login, "set_at": now}
        put(session, CapacityRow, {"department": department}, values)
        return department

    route = f"approval.{rpc.approval.capacity.SET_CAPACITY.name}"
    return once(session, call, route, request, effect, lambda name: _view(session, name), reference=str)


def availability(
    request: AvailabilityQuestion, session: Session, now: datetime, *, furthest_days: int
) -> Availability:
    """Return each day on which a visit to a department can take place, with its windows and free places.

    A window is shown as far as the site is open in it. Windows of today that are over, and days that the
    department closed at short notice, are left out. ``limited`` is false, and there are no days, where the
    department has set no capacity.

    Raises:
        NotFound: there is no such department or no such site.
    """
    calendar = Calendar(now, furthest_days)
    data = reference_data.current(session, calendar.today)
    if request.department not in data.departments:
        raise NotFound("there is no such department", code="unknown_department")
    site = data.sites.get(request.site) if request.site else None
    if site is None and request.site:
        raise NotFound("there is no such site", code="unknown_site")
    closed = data.closed_days(request.department, calendar.today, calendar.furthest)
    capacity = data.capacities.get(request.department)
    if capacity is None:
        return Availability(limited=False, closed=closed)
    booked = bookings(session, request.department, calendar.today, calendar.furthest)
    queues = waiting(session, request.department, calendar.today, calendar.furthest, now)
    days = []
    for day in sorted({*calendar.days()} - {one.day for one in closed}):
        turn = rules.turn(capacity, queues.get(day, ()), booked.get(day, ()))
        possible = [
            WindowAvailability(
                start=start,
                end=end,
                places=window.places,
                free=0 if window in turn.kept else rules.free_places(window, turn.bookings),
            )
            for window in rules.windows_on(capacity, day)
            for start, end in _open_parts(site, day, window)
            if datetime.combine(day, end, IST) > now
        ]
        if possible:
            days.append(DayAvailability(day=day, windows=tuple(possible)))
    return Availability(limited=True, days=tuple(days), closed=closed)


def book(
    session: Session,
    review: ReviewRow,
    slots: Iterable[Slot],
    party: int,
    data: ReferenceData,
    now: datetime,
) -> None:
    """Book the places of an approved visit, whose review and days the transaction has locked.

    Places that are offered to it are its own, however many the department takes now. Who waits comes before
    who does not, and before who waits for another time.

    Args:
        review: of the visit.
        slots: the time on each of its days.
        party: how many people come.
        data: as it was read after the days were locked.

    Raises:
        InvalidInput: ``day_closed``, with the fact ``reason``.
        InvalidInput, Conflict: as `rules.require_places`; nothing is booked then.
    """
    capacity = data.capacities.get(review.department)
    held = {
        one.day: one for one in session.scalars(select(BookingRow).where(BookingRow.review_id == review.id))
    }
    release(session, review.id)
    for slot in slots:
        for closed in data.closed_days(review.department, slot.day, slot.day):
            raise closures.refusal(closed.reason)
        own = held.get(slot.day)
        is_held = own is not None and (own.start, own.end) == (slot.start, slot.end) and party <= own.party
        if capacity is not None and not is_held:
            booked = bookings(session, review.department, slot.day, slot.day).get(slot.day, ())
            queue = waiting(session, review.department, slot.day, slot.day, now).get(slot.day, [])
            line = [one for one in queue if one.key != review.id or one.slot == slot]
            before = itertools.takewhile(lambda one: one.key != review.id, line)
            rules.require_places(capacity, slot, party, booked, tuple(before))
        take(session, review, slot, party)


def take(session: Session, review: ReviewRow, slot: Slot, party: int) -> None:
    """Store that a visit takes places on a day, which the transaction has locked."""
    session.add(
        BookingRow(
            review_id=review.id,
            day=slot.day,
            department=review.department,
            start=slot.start,
            end=slot.end,
            party=party,
        )
    )
    session.flush()


def waiting(
    session: Session, department: str, first: date, last: date, now: datetime
) -> dict[date, list[rules.Waiting]]:
    """Return who waits for places of a department and has no offer, by day and in their order.

    The key of each is that of its review.
    """
    rows = session.scalars(
        select(WaitRow)
        .join(ReviewRow, waits())
        .where(WaitRow.department == department, WaitRow.day.between(first, last))
        .where(WaitRow.offered_until.is_(None))
        .order_by(WaitRow.position)
    )
    found: dict[date, list[rules.Waiting]] = {}
    for row in rows:
        found.setdefault(row.day, []).append(in_line(row.review_id, row.slot, row.party, now))
    return found


def in_line(review_id: UUID, slot: Slot, party: int, now: datetime) -> rules.Waiting:
    """Return somebody who waits, as they count now."""
    begins = datetime.combine(slot.day, slot.start, IST)
    return rules.Waiting(review_id, slot, party, begins - now > rules.KEEPS_TURN)


def lock_of(department: str, day: date) -> str:
    """Return the name of the lock of a day.

    Approvals for a department and day, and the closing of this day, come one after the other by it.
    """
    return f"capacity:{department}:{day}"


def lock_days(session: Session, department: str, days: Iterable[date]) -> None:
    """Lock days of a department, in one order, so that two visits on several days cannot deadlock."""
    for day in sorted(days):
        lock(session, lock_of(department, day))


def release(session: Session, review_id: UUID, day: date | None = None) -> None:
    """Give back the places of a visit that does not take place, or not on one day; it may have none."""
    of_day = () if day is None else (BookingRow.day == day,)
    session.execute(delete(BookingRow).where(BookingRow.review_id == review_id, *of_day))


def bookings(
    session: Session, department: str, first: date, last: date, leave_out: Iterable[UUID] = ()
) -> dict[date, list[rules.Booking]]:
    """Return the bookings of a department from the first to the last day, those of the same time together.

    Those of the reviews ``leave_out`` are over.
    """
    rows = session.execute(
        select(BookingRow.day, BookingRow.start, BookingRow.end, func.sum(BookingRow.party))
        .where(BookingRow.department == department, BookingRow.day.between(first, last))
        .where(BookingRow.review_id.not_in(tuple(leave_out)))
        .group_by(BookingRow.day, BookingRow.start, BookingRow.end)
    )
    found: dict[date, list[rules.Booking]] = {}
    for day, start, end, party in rows:
        found.setdefault(day, []).append(rules.Booking(start, end, party))
    return found


def _open_parts(site: SiteRecord | None, day: date, window: rules.Window) -> Iterator[tuple[time, time]]:
    """Yield the parts of a window in which the site is open, as far as a visit fits into them."""
    for opens, closes in windows_on(site, day) if site else ((window.start, window.end),):
        start, end = max(opens, window.start), min(closes, window.end)
        if datetime.combine(day, end) - datetime.combine(day, start) >= SHORTEST_SLOT:
            yield start, end


def _view(session: Session, department: str) -> CapacityView:
    waits_here = select(func.count()).select_from(WaitRow).join(ReviewRow, waits())
    waiting_ones = session.scalar(waits_here.where(WaitRow.department == department)) or 0
    row = session.scalars(
        select(CapacityRow)
        .where(CapacityRow.department == department)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return CapacityView(department=department, waiting=waiting_ones)
    capacity = Capacity.model_validate(row.content, extra="ignore") if row.content else None
    return CapacityView(
        department=department,
        capacity=capacity,
        set_by=row.set_by,
        set_at=row.set_at,
        waiting=waiting_ones,
    )

"""The places of a department: what it takes, what is free, and the bookings of approved visits.

Every approved visit is booked, also where nothing limits it, so that a capacity that is set later counts it.
Approvals for one department and day come one after the other: each takes the same lock after the lock of its
review, and nothing after it, so that no two can wait for each other. The closing of a day takes it too, after
the lock of the directory: a change of the directory waits for reviews, so nobody may wait for the directory
while they hold a day. What is taken is counted from the bookings; there is no counter that could differ from
them.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.capacity import Capacity
from contracts.errors import NotFound
from contracts.events import SiteRecord
from contracts.model import IST, Slot
from contracts.rpc.approval import (
    Availability,
    AvailabilityQuestion,
    CapacityView,
    ClosedDate,
    DayAvailability,
    SetCapacity,
    WindowAvailability,
)
from contracts.rpc.call import Call
from contracts.visiting_rules import SHORTEST_WINDOW, Calendar, windows_on
from services.approval.domain import capacity as rules
from services.approval.domain import closures
from services.approval.handlers.authorization import deciding_department, login_of, own_department
from services.approval.handlers.directory import department_record, site_record
from services.approval.models import BookingRow, CapacityRow, ClosureRow, ReviewRow
from services.chassis.db.locks import lock
from services.chassis.rpc.idempotency import once


def view_capacity(call: Call, session: Session) -> CapacityView:
    """Return what the principal's department takes, and who set it.

    Raises:
        Forbidden: the principal is of no department.
    """
    return _view(session, own_department(call.principal))


def set_capacity(request: SetCapacity, call: Call, session: Session, now: datetime) -> CapacityView:
    """Set what the principal's department takes. Visits that are approved already stay.

    Raises:
        Forbidden: the principal is no login of a department.
    """
    department, login = deciding_department(call.principal), login_of(call.principal)

    def effect() -> str:
        content = request.capacity.model_dump(mode="json") if request.capacity else None
        values = {"content": content, "set_by": login, "set_at": now}
        session.execute(
            insert(CapacityRow)
            .values(department=department, **values)
            .on_conflict_do_update(index_elements=[CapacityRow.department], set_=values)
        )
        return department

    route = f"approval.{rpc.approval.SET_CAPACITY.name}"
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
    if department_record(session, request.department) is None:
        raise NotFound("there is no such department", code="unknown_department")
    site = site_record(session, request.site) if request.site else None
    if site is None and request.site:
        raise NotFound("there is no such site", code="unknown_site")
    calendar = Calendar(now, furthest_days)
    closed = tuple(
        ClosedDate(day=one.day, reason=one.reason)
        for one in closures_of(session, request.department, calendar.today, calendar.furthest)
    )
    capacity = capacity_of(session, request.department)
    if capacity is None:
        return Availability(limited=False, closed=closed)
    bookings = _bookings(session, request.department, calendar.today, calendar.furthest)
    days = []
    for day in sorted({*calendar.days()} - {one.day for one in closed}):
        possible = [
            WindowAvailability(
                start=start,
                end=end,
                places=window.places,
                free=rules.free_places(window, bookings.get(day, ())),
            )
            for window in rules.windows_on(capacity, day)
            for start, end in _open_parts(site, day, window)
            if datetime.combine(day, end, IST) > now
        ]
        if possible:
            days.append(DayAvailability(day=day, windows=tuple(possible)))
    return Availability(limited=True, days=tuple(days), closed=closed)


def capacity_of(session: Session, department: str) -> Capacity | None:
    """Return what a department takes; None where nothing limits it."""
    content = session.scalar(select(CapacityRow.content).where(CapacityRow.department == department))
    return Capacity.model_validate(content) if content else None


def book(session: Session, review: ReviewRow, slots: Iterable[Slot], party: int) -> None:
    """Book the places of an approved visit, whose review the transaction has locked.

    Raises:
        InvalidInput: ``day_closed``, with the fact ``reason``.
        InvalidInput, Conflict: as `rules.require_places`; nothing is booked then.
    """
    for slot in sorted(slots, key=lambda one: one.day):  # in one order, so that two visits cannot deadlock
        lock_day(session, review.department, slot.day)
        for closed in closures_of(session, review.department, slot.day, slot.day):
            raise closures.refusal(closed.reason)
        _require_places(session, review.department, slot, party)
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


def lock_day(session: Session, department: str, day: date) -> None:
    """Let approvals for a department and day, and the closing of this day, come one after the other."""
    lock(session, f"capacity:{department}:{day}")


def closures_of(
    session: Session, department: str, first: date, last: date | None = None
) -> Sequence[ClosureRow]:
    """Return the closings of a department that hold, from the first to the last day, in their order."""
    row = ClosureRow
    holds = (row.department == department, row.lifted_at.is_(None), row.day >= first)
    until = () if last is None else (row.day <= last,)
    return session.scalars(select(row).where(*holds, *until).order_by(row.day)).all()


def release(session: Session, review_id: UUID, day: date | None = None) -> None:
    """Give back the places of a visit that does not take place, or not on one day; it may have none."""
    of_day = () if day is None else (BookingRow.day == day,)
    session.execute(delete(BookingRow).where(BookingRow.review_id == review_id, *of_day))


def _require_places(session: Session, department: str, slot: Slot, party: int) -> None:
    """Check the places after the lock was taken; both reads see what was committed before it was."""
    capacity = capacity_of(session, department)
    if capacity is not None:
        bookings = _bookings(session, department, slot.day, slot.day).get(slot.day, ())
        rules.require_places(capacity, slot, party, bookings)


def _bookings(session: Session, department: str, first: date, last: date) -> dict[date, list[rules.Booking]]:
    """Return the bookings of a department from the first to the last day, those of the same time together."""
    rows = session.execute(
        select(BookingRow.day, BookingRow.start, BookingRow.end, func.sum(BookingRow.party))
        .where(BookingRow.department == department, BookingRow.day.between(first, last))
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
        if datetime.combine(day, end) - datetime.combine(day, start) >= SHORTEST_WINDOW:
            yield start, end


def _view(session: Session, department: str) -> CapacityView:
    row = session.scalars(
        select(CapacityRow)
        .where(CapacityRow.department == department)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        return CapacityView(department=department)
    capacity = Capacity.model_validate(row.content) if row.content else None
    return CapacityView(department=department, capacity=capacity, set_by=row.set_by, set_at=row.set_at)

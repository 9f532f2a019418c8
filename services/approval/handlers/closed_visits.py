"""The visits that a closed day affects: which they are, and how their visitors are asked for another date.

A closing takes the lock of department and day that every approval takes. So once it has committed, nobody
approves a visit on that day any more, and the job that asks its visitors sees every approval that came
before. The job also finds what arrives later: an application that was on its way, or that was forwarded here.
"""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, cast, exists, func, or_, select, union_all
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, aliased

from contracts.events import ApplicationDetails, VisitDayClosed
from contracts.model import IST, Slot
from contracts.rpc.approval.closures import AffectedReview, ClosingQuestion
from contracts.visiting_rules import end_of
from services.approval.domain import reviews
from services.approval.handlers import capacity, corrections, held_decisions, reference_data
from services.approval.handlers.event_handlers import take_later_revision
from services.approval.models.reviews import BookingRow, ClosureRow, DecisionRow, ReviewRow
from services.chassis.db import pages
from services.chassis.db.server import is_future
from services.chassis.messaging import outbox

BATCH = 100
"""How many visitors are asked to choose another date in one transaction."""
NEW = timedelta(minutes=10)
"""How long a closing is looked at each time that the job runs, since most of its visitors are found then."""
LATER = timedelta(minutes=1)
"""After how long the job looks again at an older closing of which it has found nobody."""


class AffectedVisits:
    """The conditions for the reviews that a closed day affects, as of an instant."""

    def __init__(self, session: Session, department: str, day: date, now: datetime) -> None:
        there = now.astimezone(IST)
        holds = (ClosureRow.department == department, ClosureRow.lifted_at.is_(None))
        closed = select(cast(ClosureRow.day, Text)).where(*holds)
        self.session, self.day = session, day
        self.booked: tuple[ColumnElement[bool], ...] = (
            BookingRow.department == department,
            BookingRow.day == day,
        )
        if day == there.date():  # whoever did not come in time is not told that they cannot come
            self.booked += (BookingRow.end > there.time().replace(tzinfo=None),)
        of_review = BookingRow.review_id == ReviewRow.id
        has_booking = exists().where(of_review, *self.booked).correlate(ReviewRow)
        not_come = or_(ReviewRow.entered_on.is_(None), ReviewRow.entered_on != day)
        self.approved = and_(ReviewRow.status == "approved", has_booking, not_come)
        other = aliased(BookingRow)
        to_come = or_(
            other.day > there.date(),
            and_(other.day == there.date(), other.end > there.time().replace(tzinfo=None)),
        )
        stays = (other.day != day, other.day.not_in(select(ClosureRow.day).where(*holds)), to_come)
        self.has_other_booking = exists(
            select(1).select_from(other).where(other.review_id == ReviewRow.id, *stays).correlate(ReviewRow)
        )
        self.asked_for_it = and_(
            ReviewRow.status == "pending",
            ReviewRow.standing_state.is_(None),  # a standing pass takes no places
            ReviewRow.department == department,
            ReviewRow.details.contains({"preferred": [{"date": day.isoformat()}]}),
        )
        wish = func.jsonb_array_elements(ReviewRow.details["preferred"], type_=JSONB).column_valued("wish")
        wished = wish["date"].astext
        left = (wished >= there.date().isoformat(), wished != day.isoformat(), wished.not_in(closed))
        self.has_other_day = exists(select(1).where(*left).correlate(ReviewRow))
        self.only_that_day = and_(self.asked_for_it, ~self.has_other_day)
        # Indexes find the candidates; the condition beside them is checked again on the row that was locked.
        booked = select(BookingRow.review_id).where(*self.booked)
        candidates = union_all(booked, select(ReviewRow.id).where(self.only_that_day))
        self.told = (ReviewRow.id.in_(candidates), self.approved | self.only_that_day)

    def page(self, request: ClosingQuestion) -> tuple[tuple[AffectedReview, ...], str | None]:
        """Return those who have to choose anew, who applied first before others, and the next cursor."""
        row = ReviewRow
        of_review = and_(BookingRow.review_id == row.id, *self.booked)
        other = aliased(BookingRow)
        days = select(func.array_agg(other.day)).where(other.review_id == row.id).scalar_subquery()
        query = select(row, BookingRow, days, self.has_other_booking).outerjoin(BookingRow, of_review)
        shown, following = pages.read(
            self.session, query.where(*self.told), row.submitted_at, row.id, request, oldest_first=True
        )
        return tuple(self._item(*one) for one in shown), following

    def _item(
        self, row: ReviewRow, booking: BookingRow | None, days: list[date] | None, has_other: bool
    ) -> AffectedReview:
        application = row.application
        wish = next((slot for slot in application.preferred if slot.day == self.day), None)
        return AffectedReview.from_attributes(
            row,
            slot=Slot(day=booking.day, start=booking.start, end=booking.end) if booking else wish,
            party=booking.party if booking else application.party,
            days=tuple(sorted(days or ())) if booking else (),
            keeps_pass=booking is not None and has_other,
        )


def ask_visitors(session: Session, now: datetime) -> int:
    """Ask visitors of closed days to choose another date, at most BATCH; return how many were asked.

    A decision, the places that it gives back and its event are stored in one transaction, so a process that
    is killed loses and repeats none. Replicas may run this at once: a review that one of them has locked, or
    that a decision has locked, is skipped and comes next time. So is a closing that is being lifted, or that
    another replica works on. An older closing of which nobody is found is looked at again after `LATER`; a
    time beyond that was set by a clock that was ahead, and does not count.
    """
    closing = ClosureRow
    is_time = or_(closing.look_at <= now, is_future(closing.look_at - LATER, now))
    due = (closing.lifted_at.is_(None), closing.day >= now.astimezone(IST).date(), is_time)
    closings = select(closing).where(*due).order_by(closing.look_at, closing.id)
    asked = 0
    for closed in session.scalars(closings.with_for_update(key_share=True, skip_locked=True)).all():
        found = AffectedVisits(session, closed.department, closed.day, now)
        visits = select(ReviewRow).where(*found.told).order_by(ReviewRow.id)
        rows = session.scalars(visits.limit(BATCH - asked).with_for_update(skip_locked=True)).all()
        for row in rows:
            _ask(session, row, closed, now)
        if not rows and closed.closed_at <= now - NEW:
            closed.look_at = now + LATER
        asked += len(rows)
        if asked == BATCH:
            break
    return asked


def tell_of_lifted(session: Session, now: datetime) -> int:
    """Tell visitors who were asked for another date, and have not chosen one, that the day is offered again.

    At most BATCH; return how many. Each is told once, also where several replicas run this.
    """
    closing, decision, newer = ClosureRow, DecisionRow, aliased(DecisionRow)
    is_latest = ~exists().where(newer.review_id == decision.review_id, newer.number > decision.number)
    due = (
        closing.lifted_at.is_not(None),
        closing.day >= now.astimezone(IST).date(),
        decision.status == "returned",
        decision.reopened_at.is_(None),
        decision.revision == ReviewRow.revision,
        ReviewRow.status == "returned",
    )
    found = (
        select(ReviewRow, decision, closing.day, closing.lifted_by)
        .join(decision, decision.review_id == ReviewRow.id)
        .join(closing, closing.id == decision.closure_id)
        .where(*due, is_latest)
        .order_by(ReviewRow.id)
        .limit(BATCH)
        .with_for_update(of=(ReviewRow, decision), skip_locked=True)
    )
    rows = session.execute(found).all()
    for row, told, day, lifted_by in rows:
        assert lifted_by is not None
        told.reopened_at = now
        outbox.add(session, reviews.reopen_day(row.as_domain(), day, lifted_by), at=now)
    return len(rows)


def _ask(session: Session, row: ReviewRow, closed: ClosureRow, now: datetime) -> None:
    """End what was decided, and ask for another date; who had asked for one already waits for its decision.

    Where that date is over or closed too, its revision is the one that is answered. A visit that can go on
    on another of its days stays approved for those.
    """
    held_decisions.let_go(session, row)
    if remaining := _remaining_days(session, row, closed.day, now):
        _drop_day(session, row, closed, remaining, now)
        return
    corrections.take_effect(session, row, now)
    later = row.later
    if later is not None and not _may_take_place(session, row.department, later, now):
        row.application, row.later, later = later, None, None
    event = reviews.close_day(row.as_domain(), closed.as_domain())
    capacity.release(session, row.id)
    _record(row, event, closed, now, status="returned")
    row.status = "returned"
    if later is not None:
        take_later_revision(session, row, later, now)
    outbox.add(session, event, at=now)


def _remaining_days(session: Session, row: ReviewRow, closed: date, now: datetime) -> tuple[date, ...]:
    """Return the other days of a visit that are not closed; none where no such day is to come."""
    today = now.astimezone(IST).date()
    data = reference_data.current(session, today)
    gone = {closed, *(one.day for one in data.closed_days(row.department, today))}
    booked = select(BookingRow).where(BookingRow.review_id == row.id).order_by(BookingRow.day)
    left = [one for one in session.scalars(booked) if one.day not in gone]
    is_to_come = any(datetime.combine(one.day, one.end, IST) > now for one in left)
    return tuple(one.day for one in left) if is_to_come else ()


def _drop_day(
    session: Session, row: ReviewRow, closed: ClosureRow, remaining: tuple[date, ...], now: datetime
) -> None:
    """Take a closed day out of an approved visit; its other terms stay as they were decided."""
    approved = row.decision
    assert approved is not None
    slot = Slot.model_validate(approved.slot).model_copy(update={"day": remaining[0]})
    event = reviews.close_day(row.as_domain(), closed.as_domain(), remaining)
    capacity.release(session, row.id, closed.day)
    _record(
        row,
        event,
        closed,
        now,
        status="approved",
        slot=slot.model_dump(mode="json"),
        gate=approved.gate,
        entries=approved.entries,
        vehicle_allowed=approved.vehicle_allowed,
        further_days=list(remaining[1:]),
        days_reason=approved.days_reason,
    )
    outbox.add(session, event, at=now)


def _record(row: ReviewRow, event: VisitDayClosed, closed: ClosureRow, now: datetime, **terms: Any) -> None:
    """Record what a closing decided about a visit."""
    row.decisions.append(
        DecisionRow(
            number=len(row.decisions) + 1,
            revision=event.revision,
            department=event.department,
            decided_by=event.decided_by,
            decided_at=now,
            note=closed.note,
            closure_id=closed.id,
            closed_day=closed.day,
            **terms,
        )
    )


def _may_take_place(
    session: Session, department: str, application: ApplicationDetails, now: datetime
) -> bool:
    """Return whether a preferred window is to come, on a day that the department has not closed."""
    today = now.astimezone(IST).date()
    data = reference_data.current(session, today)
    closed = {one.day for one in data.closed_days(department, today)}
    return any(end_of(slot) > now and slot.day not in closed for slot in application.preferred)

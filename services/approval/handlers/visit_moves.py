"""A visitor who came and cannot be received today: their visit is approved for another day, with free places.

It is a decision of the department like the one before it, about the same revision and the same people.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, InvalidInput
from contracts.events import VisitMoved
from contracts.model import Slot
from contracts.rpc.call import Call
from contracts.visiting_rules import Calendar, slot_problem, windows_on
from services.approval.domain.reviews import PROBLEMS
from services.approval.handlers import capacity, held_decisions, reference_data
from services.approval.handlers.authorization import login_of
from services.approval.handlers.delegations import decides_for
from services.approval.models.reviews import BookingRow, DecisionRow, ReviewRow
from services.chassis.messaging import outbox


def move(
    session: Session, call: Call, review: ReviewRow, slot: Slot, now: datetime, furthest_days: int
) -> None:
    """Approve a visit, whose review is locked, for another day as well, and publish it.

    Raises:
        Forbidden: as `decides_for`; an assistant decides nothing.
        Conflict: ``not_approved``, it is approved no more; ``comes_again``, another of its days is to come,
            or it is a standing pass;
            ``second_officer``, two officers would have to approve it.
        InvalidInput, Conflict: no visit can take place then, or there is no free place.
    """
    calendar = Calendar(now, furthest_days)
    held_decisions.let_go(session, review)
    capacity.lock_days(session, review.department, (slot.day,))
    data = reference_data.current(session, calendar.today)
    on_behalf_of = decides_for(session, call.principal, review, now, None, data, prepares=False)
    before = review.decision
    if review.status != "approved" or before is None:
        raise Conflict("this visit is not approved any more", code="not_approved")
    if review.is_watched:
        raise Conflict("two officers approve this visit", code="second_officer")
    to_come = select(BookingRow.day).where(BookingRow.review_id == review.id, BookingRow.day > calendar.today)
    if review.standing_state is not None or session.scalars(to_come.limit(1)).first() is not None:
        raise Conflict("another day of this visit is still to come", code="comes_again")
    site = data.sites.get(review.site)
    wrong = slot_problem(slot, windows_on(site, slot.day) if site else (), calendar)
    if wrong is not None:
        raise InvalidInput.of(f"slot.{wrong.member}", wrong.code, PROBLEMS[wrong.code])
    if slot.day == calendar.today:
        raise InvalidInput.of("slot.date", "another_day", "choose another day than today")
    capacity.book(session, review, (slot,), review.application.party, data, now)
    by = login_of(call.principal)
    review.decisions.append(
        DecisionRow(
            number=len(review.decisions) + 1,
            revision=before.revision,
            status="approved",
            department=review.department,
            decided_by=by,
            on_behalf_of=on_behalf_of,
            decided_at=now,
            slot=slot.model_dump(mode="json"),
            gate=before.gate,
            entries=before.entries,
            vehicle_allowed=before.vehicle_allowed,
        )
    )
    event = VisitMoved(
        application_id=review.application_id,
        reference=review.reference,
        review_id=review.id,
        revision=before.revision,
        department=review.department,
        decided_by=by,
        on_behalf_of=on_behalf_of,
        slot=slot,
    )
    outbox.add(session, event, at=now)

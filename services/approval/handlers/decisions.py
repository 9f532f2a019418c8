"""What a department's login does to a review. The row is locked first, so that of two decisions at once one is told of the other."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.events import Decision as DecisionEvent
from contracts.model import ReviewStatus
from contracts.rpc.approval import Approve, Forward, Reject, Return, ReviewView, Withdraw
from contracts.rpc.call import Call
from services.approval import domain
from services.approval.handlers.access import login_of, own_review
from services.approval.handlers.directory import department_record, site_record
from services.approval.handlers.reviews import view
from services.approval.models import Decision, Forwarding, Review
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.settings import settings

Command = Approve | Reject | Return | Forward | Withdraw


def approve(request: Approve, call: Call, session: Session, at: datetime) -> ReviewView:
    """Approves; everything that issuing the pass needs is told.

    Raises:
        NotFound, Conflict, InvalidInput: as :func:`services.approval.domain.approve`.
    """

    def effect(review: Review, by: str) -> None:
        furthest = settings().furthest_days
        event = domain.approve(
            review.as_domain(),
            request,
            site_record(session, review.site),
            by=by,
            at=at,
            furthest_days=furthest,
        )
        terms = Decision(
            slot=event.slot.model_dump(mode="json"),
            gate=event.gate,
            entries=event.entries,
            vehicle_allowed=event.vehicle_allowed,
        )
        _decide(session, review, "approved", event, terms, at)

    return _command(session, call, rpc.approval.APPROVE.name, request, effect)


def reject(request: Reject, call: Call, session: Session, at: datetime) -> ReviewView:
    """Rejects, with a reason and a note.

    Raises:
        NotFound, Conflict, InvalidInput: as :func:`services.approval.domain.reject`.
    """

    def effect(review: Review, by: str) -> None:
        event = domain.reject(review.as_domain(), request, by=by)
        _decide(
            session, review, "rejected", event, Decision(reason=event.reason, note=event.personal.note), at
        )

    return _command(session, call, rpc.approval.REJECT.name, request, effect)


def return_to_applicant(request: Return, call: Call, session: Session, at: datetime) -> ReviewView:
    """Sends it back, with what is missing.

    Raises:
        NotFound, Conflict, InvalidInput: as :func:`services.approval.domain.send_back`.
    """

    def effect(review: Review, by: str) -> None:
        event = domain.send_back(review.as_domain(), request, by=by)
        _decide(session, review, "returned", event, Decision(note=event.personal.note), at)

    return _command(session, call, rpc.approval.RETURN.name, request, effect)


def withdraw(request: Withdraw, call: Call, session: Session, at: datetime) -> ReviewView:
    """Takes an approval back.

    Raises:
        NotFound, Conflict: as :func:`services.approval.domain.withdraw`.
    """

    def effect(review: Review, by: str) -> None:
        event = domain.withdraw(review.as_domain(), request, by=by)
        _decide(session, review, "withdrawn", event, Decision(reason=event.reason), at)

    return _command(session, call, rpc.approval.WITHDRAW.name, request, effect)


def forward(request: Forward, call: Call, session: Session, at: datetime) -> ReviewView:
    """Passes it on: from now on it lies with the other department, or is the visit of another officer.

    Raises:
        NotFound, Conflict, InvalidInput: as :func:`services.approval.domain.forward`.
    """

    def effect(review: Review, by: str) -> None:
        record = department_record(session, request.department or review.department)
        department, officer = domain.forward(review.as_domain(), request, record)
        review.forwardings.append(
            Forwarding(
                number=len(review.forwardings) + 1,
                revision=review.revision,
                from_department=review.department,
                to_department=department,
                to_officer=officer,
                forwarded_by=by,
                forwarded_at=at,
            )
        )
        if department != review.department:
            review.forwarded_from = review.department
        review.department, review.officer = department, officer

    return _command(session, call, rpc.approval.FORWARD.name, request, effect)


def _command(
    session: Session, call: Call, route: str, request: Command, effect: Callable[[Review, str], None]
) -> ReviewView:
    """Carries a command out once; a repeat is answered even where the review lies with another department by now."""

    def carry_out() -> str:
        review = own_review(session, call.principal, request.review_id)
        effect(review, login_of(call.principal))
        return str(review.id)

    def answer(review_id: str) -> ReviewView:
        return view(session.scalars(select(Review).where(Review.id == UUID(review_id))).one())

    return once(session, call, f"approval.{route}", request, carry_out, answer)


def _decide(
    session: Session,
    review: Review,
    status: ReviewStatus,
    event: DecisionEvent,
    terms: Decision,
    at: datetime,
) -> None:
    """Writes a decision down and tells of it."""
    terms.number = len(review.decisions) + 1
    terms.revision, terms.status, terms.department = event.revision, status, event.department
    terms.decided_by, terms.decided_at = event.decided_by, at
    review.decisions.append(terms)
    review.status = status
    outbox.add(session, event, at=at)

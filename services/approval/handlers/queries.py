"""Queries: a department's queue, a search, one review, and where an application waits."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.errors import NotFound
from contracts.model import Slot
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval import (
    DecisionView,
    ReviewId,
    ReviewList,
    ReviewQuestion,
    ReviewSearch,
    ReviewView,
    Whereabouts,
)
from contracts.rpc.call import Call
from services.approval.handlers.authorization import readable
from services.approval.models import DecisionRow, ReviewRow
from services.chassis.db import cursors

MOST_HITS = 50


def list_reviews(request: ReviewQuestion, call: Call, session: Session) -> ReviewList:
    """Return a page of the principal's queue, the longest waiting first.

    Raises:
        Forbidden: the principal is neither an auditor nor of a department.
        InvalidInput: ``after`` is not one of our cursors.
    """
    query = (
        select(ReviewRow)
        .where(readable(call.principal))
        .order_by(ReviewRow.waiting_since, ReviewRow.id)
        .limit(request.limit + 1)
    )
    if request.status is not None:
        query = query.where(ReviewRow.status == request.status)
    if request.after is not None:
        position = tuple_(*cursors.decode(request.after, UUID))
        query = query.where(tuple_(ReviewRow.waiting_since, ReviewRow.id) > position)
    rows = session.scalars(query).all()
    page = rows[: request.limit]
    return _list(page, cursors.encode(page[-1].waiting_since, page[-1].id) if len(rows) > len(page) else None)


def search_reviews(request: ReviewSearch, call: Call, session: Session) -> ReviewList:
    """Return the newest fifty that match a reference, however typed, or part of a name.

    Raises:
        Forbidden: the principal is neither an auditor nor of a department.
    """
    q = request.q.replace("\x00", "").strip()
    rows = session.scalars(
        select(ReviewRow)
        .where(readable(call.principal), _matches(q))
        .order_by(ReviewRow.waiting_since.desc(), ReviewRow.id)
        .limit(MOST_HITS)
    ).all()
    return _list(reversed(rows))


def view_review(request: ReviewId, call: Call, session: Session) -> ReviewView:
    """Return one review.

    Raises:
        Forbidden: the principal is neither an auditor nor of a department.
        NotFound: there is no such review, or another department has it.
    """
    row = session.scalars(
        select(ReviewRow).where(ReviewRow.id == request.review_id, readable(call.principal))
    ).one_or_none()
    if row is None:
        raise NotFound("there is no such review")
    return view(row)


def whereabouts(request: ReferenceOnly, session: Session) -> Whereabouts:
    """Return the department with which an application waits, and since when; nothing personal.

    The gateway asks only after the application service has shown the application to the caller.

    Raises:
        NotFound: no application waits under this reference, or none is known yet.
    """
    try:
        reference = parse_reference(request.reference)
    except ValueError:
        raise NotFound("there is no such application") from None
    row = session.scalars(
        select(ReviewRow).where(ReviewRow.reference == reference, ReviewRow.status == "pending")
    ).one_or_none()
    if row is None:
        raise NotFound("it does not wait for a decision")
    arrivals = (
        forwarding.forwarded_at
        for forwarding in row.forwardings
        if forwarding.to_department == row.department != forwarding.from_department
    )
    return Whereabouts(department=row.department, since=max([row.waiting_since, *arrivals]))


def view(row: ReviewRow) -> ReviewView:
    """Return a review as a department sees it."""
    application = row.application
    applicant = application.personal.applicant
    return ReviewView(
        id=row.id,
        reference=application.reference,
        revision=application.revision,
        status=row.status,
        department=row.department,
        officer=row.officer,
        site=application.site,
        channel=application.channel,
        kind=application.kind,
        name=applicant.name,
        name_latin=applicant.name_latin,
        official=applicant.official,
        id_type=applicant.id_type,
        id_last4=applicant.id_last4,
        companions=application.personal.companions,
        party=application.party,
        purpose_kind=application.purpose_kind,
        purpose=application.personal.purpose,
        preferred=application.preferred,
        vehicle=application.personal.vehicle,
        assistance=application.assistance,
        mobile_proved=application.mobile_proved,
        submitted_at=row.submitted_at,
        escalated=row.escalated,
        forwarded_from=row.forwarded_from,
        decision=_decision_view(row.decision) if row.decision else None,
    )


def _decision_view(row: DecisionRow) -> DecisionView:
    return DecisionView(
        status=row.status,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        reason=row.reason,
        note=row.note,
        slot=Slot.model_validate(row.slot) if row.slot else None,
        gate=row.gate,
        entries=row.entries,
        vehicle_allowed=row.vehicle_allowed,
    )


def _list(rows: Iterable[ReviewRow], following: str | None = None) -> ReviewList:
    return ReviewList(items=tuple(view(row) for row in rows), next=following)


def _matches(q: str) -> ColumnElement[bool]:
    """Return the condition for a search. A name can look like a reference, so both are compared."""
    named = ReviewRow.name.icontains(q, autoescape=True) | ReviewRow.name_latin.icontains(q, autoescape=True)
    try:
        return named | (ReviewRow.reference == parse_reference(q))
    except ValueError:
        return named

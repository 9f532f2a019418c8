"""What the desk reads: the queue, a search, one review."""

import base64
import binascii
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.errors import InvalidInput, NotFound
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval import ReviewId, ReviewList, ReviewQuestion, ReviewSearch, ReviewView, Whereabouts
from contracts.rpc.call import Call
from services.approval.handlers.access import readable
from services.approval.models import Review

MOST_HITS = 50


def list_reviews(question: ReviewQuestion, call: Call, session: Session) -> ReviewList:
    """The principal's queue, the longest waiting first, in pages.

    Raises:
        InvalidInput: ``after`` is no cursor of ours.
    """
    chosen = (
        select(Review)
        .where(readable(call.principal))
        .order_by(Review.waiting_since, Review.id)
        .limit(question.limit + 1)
    )
    if question.status is not None:
        chosen = chosen.where(Review.status == question.status)
    if question.after is not None:
        chosen = chosen.where(tuple_(Review.waiting_since, Review.id) > tuple_(*_position(question.after)))
    found = session.scalars(chosen).all()
    page = found[: question.limit]
    return _listed(page, _cursor(page[-1]) if len(found) > question.limit else None)


def search_reviews(question: ReviewSearch, call: Call, session: Session) -> ReviewList:
    """The newest fifty by a reference, however typed, or by part of a name."""
    q = question.q.replace("\x00", "").strip()
    newest = Review.waiting_since.desc(), Review.id
    found = session.scalars(
        select(Review).where(readable(call.principal), _answers(q)).order_by(*newest).limit(MOST_HITS)
    ).all()
    return _listed(reversed(found))


def view_review(question: ReviewId, call: Call, session: Session) -> ReviewView:
    """One review.

    Raises:
        NotFound: there is no such review, or another department has it.
    """
    review = session.scalars(
        select(Review).where(Review.id == question.review_id, readable(call.principal))
    ).one_or_none()
    if review is None:
        raise NotFound("there is no such review")
    return view(review)


def whereabouts(question: ReferenceOnly, session: Session) -> Whereabouts:
    """Which department has an application that waits, for whom the application service has shown it: nothing personal is told.

    Raises:
        NotFound: none waits under this reference, or none yet.
    """
    try:
        wanted = parse_reference(question.reference)
    except ValueError:
        raise NotFound("there is no such application") from None
    review = session.scalars(
        select(Review).where(Review.reference == wanted, Review.status == "pending")
    ).one_or_none()
    if review is None:
        raise NotFound("it does not wait for a decision")
    arrivals = (
        one.forwarded_at
        for one in review.forwardings
        if one.to_department == review.department != one.from_department
    )
    return Whereabouts(department=review.department, since=max([review.waiting_since, *arrivals]))


def view(review: Review) -> ReviewView:
    """A review as the desk sees it."""
    now = review.as_domain()
    application, applicant = now.application, now.application.personal.applicant
    return ReviewView(
        id=review.id,
        reference=application.reference,
        revision=application.revision,
        status=now.status,
        department=now.department,
        officer=now.officer,
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
        submitted_at=review.submitted_at,
        escalated=review.escalated,
        forwarded_from=review.forwarded_from,
        decision=now.decision,
    )


def _listed(reviews: Iterable[Review], following: str | None = None) -> ReviewList:
    return ReviewList(items=tuple(view(review) for review in reviews), next=following)


def _answers(q: str) -> ColumnElement[bool]:
    """Whether a review is what was searched for. A name can look like a reference, so both are asked."""
    named = Review.name.icontains(q, autoescape=True) | Review.name_latin.icontains(q, autoescape=True)
    try:
        return named | (Review.reference == parse_reference(q))
    except ValueError:
        return named


def _cursor(last: Review) -> str:
    return base64.urlsafe_b64encode(f"{last.waiting_since.isoformat()} {last.id}".encode()).decode()


def _position(cursor: str) -> tuple[datetime, UUID]:
    try:
        instant, review_id = base64.urlsafe_b64decode(cursor).decode().split()
        position = datetime.fromisoformat(instant), UUID(review_id)
    except (binascii.Error, UnicodeError, ValueError) as error:
        raise InvalidInput.of("after", "not_a_cursor") from error
    return position

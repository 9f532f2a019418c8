"""What is heard of applications. The same state follows from the same events in whatever order, however often.

Details are the newest by ``seq``; an ending is final and kept also for an application that is not known yet.
"""

from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    AboutApplication,
    ApplicationCancelled,
    ApplicationDetails,
    ApplicationExpired,
    PersonalDataErased,
)
from services.approval import domain
from services.approval.models import HeardApplication, Review

D = TypeVar("D", bound=ApplicationDetails)
A = TypeVar("A", bound=AboutApplication)


def application_stated(received: Received[D], session: Session) -> None:
    """An application was submitted or amended: it waits for a decision about its newest revision."""
    heard, review = _of(session, received.event.application_id)
    if review is None:
        review = _new_review(received.event, received.occurred_at)
        session.add(review)
    review.submitted_at = min(review.submitted_at, received.occurred_at)
    if received.seq > heard.details_seq:
        heard.details_seq = received.seq
        _restate(review, received.event, received.occurred_at)
    _apply_ending(review, heard)


def application_cancelled(received: Received[ApplicationCancelled], session: Session) -> None:
    """Nobody comes; what was approved is revoked by issuance, which hears the cancellation itself."""
    heard, review = _of(session, received.event.application_id)
    heard.cancelled_at = received.occurred_at
    _apply_ending(review, heard)


def application_expired(received: Received[ApplicationExpired], session: Session) -> None:
    """Its dates passed without a decision."""
    heard, review = _of(session, received.event.application_id)
    heard.expired_at = received.occurred_at
    _apply_ending(review, heard)


def personal_data_erased(received: Received[PersonalDataErased], session: Session) -> None:
    """Who applied, who came along and what was written about them is forgotten."""
    heard, review = _of(session, received.event.application_id)
    heard.erased_at = received.occurred_at
    _apply_ending(review, heard)


def _of(session: Session, application_id: UUID) -> tuple[HeardApplication, Review | None]:
    """What was heard of an application, locked so that its other events wait, and its review."""
    session.execute(insert(HeardApplication).values(application_id=application_id).on_conflict_do_nothing())
    heard = session.scalars(
        select(HeardApplication).where(HeardApplication.application_id == application_id).with_for_update()
    ).one()
    review = session.scalars(
        select(Review).where(Review.application_id == application_id).with_for_update()
    ).one_or_none()
    return heard, review


def _new_review(application: ApplicationDetails, at: datetime) -> Review:
    return Review(
        application_id=application.application_id,
        application=application,
        status="pending",
        department=application.department,
        officer=application.officer,
        submitted_at=at,
        waiting_since=at,
        escalated=0,
        decisions=[],
    )


def _restate(review: Review, application: ApplicationDetails, at: datetime) -> None:
    """Replaces the details; a new revision waits for a decision of its own, unless an approval crossed it on the way."""
    if application.revision > review.revision:
        if review.status in domain.STANDING:
            return
        review.status, review.waiting_since, review.escalated = "pending", at, 0
    review.officer = domain.officer_after(review.department, review.officer, review.application, application)
    review.application = application


def _apply_ending(review: Review | None, heard: HeardApplication) -> None:
    if review is None:
        return
    review.status = domain.status_after(review.status, heard.ending)
    if heard.erased_at:
        review.application = review.application.model_copy(update={"personal": domain.ERASED})
        for decision in review.decisions:
            decision.note = ""

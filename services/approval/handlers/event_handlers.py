"""What approval does when an application changes.

The same events lead to the same state in any order and number.

Details are the newest by ``seq``; how an application ended is final, and stored also for one that is not
known yet.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import case, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    ApplicationCancelled,
    ApplicationCorrected,
    ApplicationDetails,
    ApplicationExpired,
    ApplicationSubmitted,
    MobileChanged,
    PassScanned,
    PersonalDataErased,
    VisitorPhotographed,
)
from contracts.model import IST
from services.approval.domain import reviews
from services.approval.handlers import (
    capacity,
    corrections,
    held_decisions,
    reference_data,
    visits,
    watchlist,
)
from services.approval.handlers.decisions import approve_invitation
from services.approval.handlers.delegations import stand_in_of
from services.approval.handlers.reference_data import VERSION
from services.approval.models.reviews import ApplicationRow, ReviewRow
from services.chassis.db.upserts import locked
from services.chassis.runtime.logs import traceparent

D = TypeVar("D", bound=ApplicationDetails)
_SCANNED = text("""
update reviews set
  entered_on = greatest(entered_on, day), last_left_at = greatest(last_left_at, latest)
from (
  select id, day, latest
  from json_to_recordset(cast(:scans as json)) as scan(application_id uuid, day date, latest timestamptz)
  join reviews using (application_id)
  where day > coalesce(entered_on, '-infinity') or latest > coalesce(last_left_at, '-infinity')
  order by application_id
  for no key update of reviews
) as scanned
where reviews.id = scanned.id
""")
"""Locks reviews in the order in which other batches of events lock them.

Not against a new row that refers to one: whoever holds a visit tells its office, and so adds one.
"""


class UnknownApplication(Exception):
    """The application of an event is not here (yet); the delivery is retried later."""


def handle_application_submitted(
    received: Received[ApplicationSubmitted], session: Session, now: datetime, *, furthest_days: int
) -> None:
    """Store a new application; the officer who invited somebody has approved the visit already."""
    handle_application_submitted_or_amended(received, session)
    if received.event.channel == "invitation":
        approve_invitation(received.event, session, now, furthest_days=furthest_days)


def handle_application_submitted_or_amended(received: Received[D], session: Session) -> None:
    """Store the newest revision of an application; its review waits for a decision."""
    event, at = received.event, received.occurred_at
    watchlist.await_confirmations(session)
    new = insert(ApplicationRow).values(application_id=event.application_id, details_seq=received.seq)
    stored = session.execute(new.on_conflict_do_nothing().returning(VERSION)).first()
    if stored is not None:
        row = _new_review(event, at)
        session.add(row)
        if isinstance(event, ApplicationCorrected):
            corrections.hear(row, event, at)
        _place(session, row, at)
        data = reference_data.current(session, at.astimezone(IST).date(), stored[0])
    else:
        application, known = _locked(session, event.application_id)
        row = known or _new_review(event, at)
        session.add(row)
        row.submitted_at = min(row.submitted_at, at)
        if received.seq < application.mobile_seq:
            event = reviews.with_contact_of(event, row.application)
        if received.seq > application.details_seq:
            application.details_seq, row.traceparent = received.seq, traceparent()
            if application.expired_at and at > application.expired_at:
                application.expired_at = None  # its day was closed after it had expired: it begins anew
            _replace_details(session, row, event, at)
        _place(session, row, at)
        _apply_outcome(session, row, application)
        if isinstance(event, ApplicationCorrected) and received.seq == application.details_seq:
            corrections.tell(session, row, event, at)
        data = reference_data.current(session, at.astimezone(IST).date())
    if isinstance(event, ApplicationCorrected) and event.names_another:
        row.forget_photograph(received.seq)
    if row.status in watchlist.COMING:
        watchlist.mark(session, row, at, data)


def handle_mobile_changed(received: Received[MobileChanged], session: Session) -> None:
    """Store the number at which the applicant is told what the department decides; look it up, too.

    What the watchlist has found by the number before stays.

    Raises:
        UnknownApplication: its details are not here (yet).
    """
    event, at = received.event, received.occurred_at
    watchlist.await_confirmations(session)
    application, row = _locked(session, event.application_id)
    if application.erased_at or received.seq <= application.mobile_seq:
        return
    if row is None:
        raise UnknownApplication
    application.mobile_seq = received.seq
    if received.seq > application.details_seq:
        before = row.application
        row.application = reviews.reached_at(before, event.personal.mobile, event.deliver_by)
        watchlist.keep_matches(session, row, before)
    if row.status in watchlist.COMING:
        watchlist.mark(session, row, at, reference_data.current(session, at.astimezone(IST).date()))


def handle_application_cancelled(received: Received[ApplicationCancelled], session: Session) -> None:
    """Close the review; issuance subscribes to the cancellation too, and revokes the pass."""
    application, row = _locked(session, received.event.application_id)
    application.cancelled_at = received.occurred_at
    _apply_outcome(session, row, application)


def handle_application_expired(received: Received[ApplicationExpired], session: Session) -> None:
    """Close the review if nobody decided before the preferred dates passed.

    An expiry from before the newest details is over: the applicant has chosen another date since.
    """
    application, row = _locked(session, received.event.application_id)
    if received.seq > application.details_seq:
        application.expired_at = received.occurred_at
    _apply_outcome(session, row, application)


def handle_visitor_photographed(received: Received[VisitorPhotographed], session: Session) -> None:
    """Store whether there is a photograph of a visitor; the newest word counts.

    Raises:
        UnknownApplication: its details are not here (yet).
    """
    row, seq = ReviewRow, received.seq
    is_newest = func.coalesce(row.photographed_seq, 0) < seq
    told = update(row).where(row.application_id == received.event.application_id)
    told = told.values(
        photographed=case((is_newest, not received.event.erased), else_=row.photographed),
        photographed_seq=func.greatest(row.photographed_seq, seq),
    )
    if not session.execute(told.returning(row.id)).all():
        raise UnknownApplication


def handle_passes_scanned(
    received: Sequence[Received[PassScanned]],
    session: Session,
    now: datetime,
    *,
    arrival_messages: int = 20,
    visit_wait_minutes: int = 30,
) -> None:
    """Record for each application the last entry and the last exit, and the visit of each day."""
    scans: dict[UUID, dict[str, Any]] = {}
    for event in sorted((one.event for one in received), key=lambda event: event.scanned_at):
        known = scans.setdefault(event.application_id, {"application_id": event.application_id})
        if event.verdict == "admit":
            known["day"] = event.scanned_at.astimezone(IST).date()
        elif event.verdict == "exit" and event.inside == 0:
            known["latest"] = event.scanned_at
    if scans:
        session.connection().execute(_SCANNED, {"scans": json.dumps(list(scans.values()), default=str)})
    visits.hear_scans(received, session, now, arrival_messages, timedelta(minutes=visit_wait_minutes))


def handle_personal_data_erased(received: Received[PersonalDataErased], session: Session) -> None:
    """Erase the applicant, their companions and what was written about them."""
    application, row = _locked(session, received.event.application_id)
    application.erased_at = received.occurred_at
    _apply_outcome(session, row, application)


def _locked(session: Session, application_id: UUID) -> tuple[ApplicationRow, ReviewRow | None]:
    """Return the state of an application, locked so that its other events wait, and its review."""
    application = locked(session, ApplicationRow, application_id=application_id)
    if not application.details_seq:  # it is not known yet: only its end may have arrived
        return application, None
    row = session.scalars(
        select(ReviewRow).where(ReviewRow.application_id == application_id).with_for_update()
    ).one_or_none()
    if row is not None:
        held_decisions.let_go(session, row)
    return application, row


def _new_review(application: ApplicationDetails, submitted_at: datetime) -> ReviewRow:
    return ReviewRow(
        application_id=application.application_id,
        application=application,
        status="pending",
        department=application.department,
        officer=application.officer,
        submitted_at=submitted_at,
        waiting_since=submitted_at,
        escalated=0,
        escalate_at=submitted_at,
        decisions=[],
        traceparent=traceparent(),
    )


def take_later_revision(session: Session, row: ReviewRow, later: ApplicationDetails, now: datetime) -> None:
    """Let a revision that an approval had crossed wait for a decision, because that approval has ended."""
    row.later = None
    _replace_details(session, row, later, now)
    _place(session, row, now)


def _replace_details(
    session: Session, row: ReviewRow, application: ApplicationDetails, changed_at: datetime
) -> None:
    """Replace the details; a new revision waits for its own decision, unless an approval came first.

    A correction does not begin the wait again.
    """
    is_corrected, takes_effect = isinstance(application, ApplicationCorrected), True
    if isinstance(application, ApplicationCorrected):
        takes_effect = corrections.hear(row, application, changed_at)
    if application.revision > row.revision:
        if row.status in reviews.WITH_PASS:
            row.later = application
            return
        if row.status != "pending" or not is_corrected:
            row.status, row.waiting_since, row.escalated = "pending", changed_at, 0
            row.escalate_at = changed_at
        row.drop_first_approval()
    if not takes_effect:
        return
    row.officer = reviews.officer_after(row.department, row.officer, row.application, application)
    before, row.application = row.application, application
    watchlist.keep_matches(session, row, before)


def _place(session: Session, row: ReviewRow, at: datetime) -> None:
    """Lead the visit to whoever stands in for its officer at that time, and place it in their queue.

    A visit that was forwarded since stays with whom it was forwarded to.
    """
    named = row.application.officer
    if named is not None and named in (row.officer, row.instead_of) and row.status == "pending":
        stand_in = stand_in_of(session, row.department, named, row.application.preferred)
        row.officer, row.instead_of = (stand_in, named) if stand_in else (named, None)
    row.plan(at.astimezone(IST).date())


def _apply_outcome(session: Session, row: ReviewRow | None, application: ApplicationRow) -> None:
    if row is None:
        return
    row.status = reviews.status_after(row.status, application.outcome)
    if row.status == "closed":
        capacity.release(session, row.id)
        corrections.drop(row)
        if row.standing_state == "waiting":  # one in force stays one of whoever is inside with it
            row.standing_state = row.standing_until = None
    if application.erased_at:
        corrections.drop(row)
        row.application = row.application.model_copy(update={"personal": reviews.ERASED})
        for decision in row.decisions:
            decision.note = decision.days_reason = ""
        for first in row.first_approvals:
            first.days_reason = ""
        row.matches.clear()

"""What each event does: it stores a message, or withdraws a queued one. Nothing is sent here.

Handlers commute: events that arrive twice or in another order end in the same rows.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts import events
from contracts.envelope import Received
from services.chassis.db.database import after_commit
from services.notify.domain import message_builders, templates
from services.notify.domain.messages import Draft
from services.notify.handlers import directory
from services.notify.handlers.messages import (
    ALREADY_STORED,
    ENOUGH,
    NEWER,
    lock_application,
    lock_pass,
    pass_link,
    store,
    to_present_number,
)
from services.notify.handlers.prints import publish_printed
from services.notify.metrics import LEFT_OUT
from services.notify.models import MessageRow, PassRow

D = TypeVar("D", bound=message_builders.OfADepartment)
E = TypeVar("E", bound=events.ApplicationEnded)


def handle_otp_requested(received: Received[events.OtpRequested], session: Session, now: datetime) -> None:
    """Store the one-time code, in its own lane."""
    store(session, received.id, message_builders.otp(received), now)


def handle_login_issued(received: Received[events.LoginIssued], session: Session, now: datetime) -> None:
    """Store the message to the holder of the new login."""
    store(session, received.id, message_builders.login_issued(received.event), now)


def handle_access_changed(received: Received[events.AccessChanged], session: Session, now: datetime) -> None:
    """Store the message to somebody who should know that access was given or taken."""
    store(session, received.id, message_builders.access_changed(received.event), now)


def handle_request_answered(
    received: Received[events.RequestAnswered], session: Session, now: datetime, public_url: str
) -> None:
    """Store the message that a complaint or another request was answered."""
    store(session, received.id, message_builders.request_answered(received.event, public_url), now)


def handle_breach_notice_requested(
    received: Received[events.BreachNoticeRequested], session: Session, now: datetime, public_url: str
) -> None:
    """Store the message that somebody's data was seen or taken, to the number that they have now."""
    event = received.event
    draft = message_builders.breach_notice(event, public_url)
    if event.application_id is None:
        store(session, received.id, draft, now)
        return
    known = lock_application(session, event.application_id, event.reference)
    draft = to_present_number(session, draft, event.application_id, known)
    store(session, received.id, draft, now, application_id=event.application_id, erased=known.is_erased)


def handle_application_submitted(
    received: Received[events.ApplicationSubmitted], session: Session, now: datetime, public_url: str
) -> None:
    """Store the message with the reference; an invited visitor, who did not apply, gets the pass only."""
    if received.event.channel == "invitation":
        return
    event = received.event
    site = directory.site_name(session, event.site, event.language)
    _store_naming_department(
        received,
        session,
        now,
        lambda department: message_builders.application_submitted(event, public_url, department, site),
    )


def handle_visit_day_closed(
    received: Received[events.VisitDayClosed], session: Session, now: datetime, public_url: str
) -> None:
    """Store the message that a day of the visit is closed; it also tells what becomes of the pass."""

    def build(department: str) -> Draft:
        if received.event.remaining_days:
            return message_builders.day_dropped(received, public_url, department)
        return message_builders.day_closed(received.event, public_url, department)

    _store_naming_department(received, session, now, build)


def _about_application(
    build: Callable[[E, str], Draft],
) -> Callable[[Received[E], Session, datetime, str], None]:
    """Return the handler that stores the message which ``build`` makes of an event and our address."""

    def handle(received: Received[E], session: Session, now: datetime, public_url: str) -> None:
        event = received.event
        known = lock_application(session, event.application_id, event.reference)
        draft = to_present_number(session, build(event, public_url), event.application_id, known)
        store(session, received.id, draft, now, application_id=event.application_id, erased=known.is_erased)

    return handle


def _naming_department(
    build: Callable[[D, str, str], Draft],
) -> Callable[[Received[D], Session, datetime, str], None]:
    """Return the same kind of handler; ``build`` also gets the name of the event's department."""

    def handle(received: Received[D], session: Session, now: datetime, public_url: str) -> None:
        def named(department: str) -> Draft:
            return build(received.event, public_url, department)

        _store_naming_department(received, session, now, named)

    return handle


def _store_naming_department(
    received: Received[D],
    session: Session,
    now: datetime,
    build: Callable[[str], Draft],
    unless: str | None = None,
) -> None:
    """Store the message that ``build`` makes of the department's name."""
    event = received.event
    proved = isinstance(event, events.ApplicationSubmitted) and event.mobile_proved
    known = lock_application(session, event.application_id, event.reference, event.department, proved=proved)
    language = message_builders.language_of(event)
    draft = build(templates.department(event.department, known.department or {}, language))
    draft = to_present_number(session, draft, event.application_id, known)
    store(
        session,
        received.id,
        draft,
        now,
        application_id=event.application_id,
        erased=known.is_erased,
        unless=unless,
    )


handle_application_cancelled = _about_application(message_builders.application_cancelled)
handle_application_expired = _about_application(message_builders.application_expired)
handle_pass_rejected = _naming_department(message_builders.rejected)
handle_pass_returned = _naming_department(message_builders.returned)
handle_visit_day_reopened = _naming_department(message_builders.day_reopened)
handle_visitor_announced = _naming_department(message_builders.visitor_announced)
handle_place_offered = _naming_department(message_builders.place_offered)
handle_review_escalated = _naming_department(message_builders.review_escalated)


def handle_visitor_called(
    received: Received[events.VisitorCalled], session: Session, now: datetime, public_url: str
) -> None:
    """Store what the office says, unless a newer answer came first; nothing more comes of an older one.

    Its ``created_at`` is when the office answered, by which the newest is known.
    """
    event, row = received.event, MessageRow

    def build(department: str) -> Draft:
        return message_builders.visitor_called(event, public_url, department)

    _store_naming_department(received, session, received.occurred_at, build, NEWER)
    older = (
        row.application_id == event.application_id,
        row.purpose == "visitor_called",
        row.created_at < received.occurred_at,
        row.state.in_(("queued", "accepted", "failed")),
    )
    for one in session.scalars(select(row).where(*older).order_by(row.id).with_for_update()).all():
        one.next_at, one.is_replaced = None, True
        if one.state == "queued":
            one.state, one.ended_at = "withdrawn", now


def handle_pass_issued(
    received: Received[events.PassIssued], session: Session, now: datetime, public_url: str
) -> None:
    """Store the message with the pass, withdrawn if it is already revoked; publish an earlier print.

    A pass has one such message, of the event that arrives first. Where a day was closed since, an update may
    come before the first event, and the days that are left count. After it, whoever lost a day was told so by
    the message about the closed day.
    """
    event = received.event
    known = lock_pass(session, event.pass_number, event.application_id, event.reference, event.site)
    site = directory.site_name(session, event.site, event.language)
    gate = directory.gate_name(session, event.site, event.gate, event.language)
    draft = message_builders.pass_issued(event, public_url, site, gate)
    is_first = store(
        session,
        received.id,
        to_present_number(session, draft, event.application_id, known),
        now,
        application_id=event.application_id,
        pass_number=event.pass_number,
        withdrawn=known.revoked_at is not None,
        erased=known.is_erased,
        unless=ALREADY_STORED,
    )
    if is_first and known.printed_at is not None:
        publish_printed(session, event.pass_number, event.application_id, known.printed_at)


def handle_visit_near(
    received: Received[events.VisitNear], session: Session, now: datetime, public_url: str
) -> None:
    """Store the reminder of a visit, unless its pass is revoked or its visitor has had enough messages.

    What they had before the day that is near does not count for a later day, of which they get only this.
    """
    event = received.event
    known = lock_pass(session, event.pass_number, event.application_id, event.reference, event.site)
    gate = directory.gate_name(session, event.site, event.gate, event.language)
    room = directory.room_of(session, event.department, event.officer)
    draft = message_builders.visit_reminder(event, public_url, gate, room)
    _store_unless_enough(
        received,
        session,
        now,
        to_present_number(session, draft, event.application_id, known),
        pass_number=event.pass_number,
        withdrawn=known.revoked_at is not None,
        erased=known.is_erased,
        is_counted=not event.later_day,
    )


def handle_visitor_left(
    received: Received[events.VisitorLeft], session: Session, now: datetime, public_url: str
) -> None:
    """Store the question whether a visitor was met. Its link opens the page of their pass.

    Where the message with the pass is gone, it leads to the status of the application.
    """
    event = received.event
    known = lock_application(session, event.application_id, event.reference, event.department)
    department = templates.department(event.department, known.department or {}, event.language)
    link = pass_link(session, event.application_id) or message_builders.status_link(
        event.reference, event.language, public_url
    )
    draft = message_builders.visit_question(event, department, link)
    draft = to_present_number(session, draft, event.application_id, known)
    _store_unless_enough(received, session, now, draft, erased=known.is_erased)


def _store_unless_enough(
    received: Received[events.VisitNear] | Received[events.VisitorLeft],
    session: Session,
    now: datetime,
    draft: Draft,
    *,
    pass_number: str | None = None,
    withdrawn: bool = False,
    erased: bool,
    is_counted: bool = True,
) -> None:
    """Store a message that nobody needs, unless its visitor has had enough of them; count one left out."""
    is_stored = store(
        session,
        received.id,
        draft,
        now,
        application_id=received.event.application_id,
        pass_number=pass_number,
        withdrawn=withdrawn,
        erased=erased,
        unless=ENOUGH[draft.purpose] if is_counted else None,
    )
    if not is_stored:
        after_commit(session, LEFT_OUT.labels(draft.purpose).inc)


def handle_pass_revoked(
    received: Received[events.PassRevoked], session: Session, now: datetime, public_url: str
) -> None:
    """Withdraw a pass or reminder that is still queued; store the message about its end if that is news."""
    event = received.event
    known = lock_pass(session, event.pass_number, event.application_id, event.reference)
    session.execute(
        update(PassRow)
        .where(PassRow.number == event.pass_number, PassRow.revoked_at.is_(None))
        .values(revoked_at=received.occurred_at)
    )
    waiting = (
        (MessageRow.pass_number == event.pass_number)
        & MessageRow.purpose.in_(("pass_issued", "visit_reminder"))
        & (MessageRow.state == "queued")
    )
    session.execute(update(MessageRow).where(waiting).values(state="withdrawn", ended_at=now))
    draft = message_builders.pass_revoked(event, public_url)
    if draft is not None:
        store(
            session,
            received.id,
            to_present_number(session, draft, event.application_id, known),
            now,
            application_id=event.application_id,
            pass_number=event.pass_number,
            erased=known.is_erased,
        )

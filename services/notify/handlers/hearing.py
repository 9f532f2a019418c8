"""What happens on each event: a message is stored, or one that waits is withdrawn. Nothing is sent here.

All of it commutes: an event heard twice, or before the one that it follows, ends in the same rows.
"""

from datetime import datetime
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.orm import Session

from contracts import events
from contracts.envelope import Received
from contracts.events import AboutApplication
from services.notify import drafts
from services.notify.domain import Draft
from services.notify.handlers.printing import say_printed
from services.notify.handlers.storing import hold_pass, is_erased, store
from services.notify.models import Message, Pass

A = TypeVar("A", bound=AboutApplication)


def otp_requested(received: Received[events.OtpRequested], session: Session, at: datetime) -> None:
    """A code is to be sent, in the lane of its own."""
    store(session, received.id, drafts.otp(received), at)


def login_issued(received: Received[events.LoginIssued], session: Session, at: datetime) -> None:
    """The holder hears of the new login."""
    store(session, received.id, drafts.login_issued(received.event), at)


def application_submitted(
    received: Received[events.ApplicationSubmitted], session: Session, at: datetime, public_url: str
) -> None:
    """The applicant gets the reference."""
    _tell(received, session, at, drafts.application_submitted(received.event, public_url))


def application_cancelled(
    received: Received[events.ApplicationCancelled], session: Session, at: datetime
) -> None:
    """The applicant gets a confirmation."""
    _tell(received, session, at, drafts.application_cancelled(received.event))


def application_expired(
    received: Received[events.ApplicationExpired], session: Session, at: datetime, public_url: str
) -> None:
    """The applicant hears that nobody decided."""
    _tell(received, session, at, drafts.application_expired(received.event, public_url))


def pass_rejected(
    received: Received[events.PassRejected], session: Session, at: datetime, public_url: str
) -> None:
    """The applicant hears why."""
    _tell(received, session, at, drafts.rejected(received.event, public_url))


def pass_returned(
    received: Received[events.PassReturned], session: Session, at: datetime, public_url: str
) -> None:
    """The applicant hears what is missing."""
    _tell(received, session, at, drafts.returned(received.event, public_url))


def review_escalated(received: Received[events.ReviewEscalated], session: Session, at: datetime) -> None:
    """The department's duty contact hears of it."""
    _tell(received, session, at, drafts.review_escalated(received.event))


def _tell(received: Received[A], session: Session, at: datetime, draft: Draft) -> None:
    event = received.event
    erased = is_erased(session, event.application_id, event.reference)
    store(session, received.id, draft, at, application_id=event.application_id, erased=erased)


def pass_issued(
    received: Received[events.PassIssued], session: Session, at: datetime, public_url: str
) -> None:
    """The applicant gets the pass, unless it is revoked already. One that was printed before says so now."""
    event = received.event
    erased = is_erased(session, event.application_id, event.reference)
    known = hold_pass(session, event.pass_number, event.application_id)
    store(
        session,
        received.id,
        drafts.pass_issued(event, public_url),
        at,
        application_id=event.application_id,
        pass_number=event.pass_number,
        withdrawn=known.revoked_at is not None,
        erased=erased,
    )
    if known.printed_at is not None:
        say_printed(session, event.pass_number, event.application_id, known.printed_at)


def pass_revoked(received: Received[events.PassRevoked], session: Session, at: datetime) -> None:
    """The pass is not sent any more if it still waits; the applicant hears of the end, where that is news to him."""
    event = received.event
    erased = is_erased(session, event.application_id, event.reference)
    hold_pass(session, event.pass_number, event.application_id)
    session.execute(
        update(Pass)
        .where(Pass.number == event.pass_number, Pass.revoked_at.is_(None))
        .values(revoked_at=received.occurred_at)
    )
    waiting = (
        (Message.pass_number == event.pass_number)
        & (Message.purpose == "pass_issued")
        & (Message.state == "queued")
    )
    session.execute(update(Message).where(waiting).values(state="withdrawn", ended_at=at))
    draft = drafts.pass_revoked(event)
    if draft is not None:
        store(
            session,
            received.id,
            draft,
            at,
            application_id=event.application_id,
            pass_number=event.pass_number,
            erased=erased,
        )

"""From an event to the message it calls for: who gets it, and the words that fill its template."""

from datetime import timedelta

from contracts.envelope import Received
from contracts.events import (
    ApplicationEnded,
    ApplicationSubmitted,
    LoginIssued,
    OtpRequested,
    PassIssued,
    PassRejected,
    PassReturned,
    PassRevoked,
    ReviewEscalated,
)
from contracts.model import Language
from services.chassis.runtime.clock import IST
from services.notify import wording
from services.notify.domain import Draft, Purpose

OTP_LIFE = timedelta(minutes=10)
ESCALATION_LANGUAGE: Language = "en"
"""A duty contact has no language of its own in the event."""


def otp(received: Received[OtpRequested]) -> Draft:
    """A one-time code, of no use after the instant that its envelope names (or the house's ten minutes)."""
    event = received.event
    until = received.expires_at or received.occurred_at + OTP_LIFE
    return Draft(
        purpose="otp",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.mobile,
        email=None,
        parameters={"code": event.personal.code, "until": wording.hour(until.astimezone(IST).time())},
        expires_at=until,
    )


def login_issued(event: LoginIssued) -> Draft:
    """A new login, without its password."""
    return Draft(
        purpose="login_issued",
        language=event.language,
        deliver_by="sms",
        mobile=event.personal.mobile,
        email=event.personal.email,
        parameters={"login_id": event.login_id},
    )


def application_submitted(event: ApplicationSubmitted, public_url: str) -> Draft:
    """It arrived."""
    return Draft(
        purpose="application_submitted",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.applicant.mobile,
        email=event.personal.applicant.email,
        parameters={
            "reference": event.reference,
            "site": wording.site(event.site, event.language),
            "department": wording.department(event.department),
            "url": public_url,
        },
    )


def application_cancelled(event: ApplicationEnded) -> Draft:
    """It was cancelled, and a pass with it."""
    return _about_an_end(event, "application_cancelled", {})


def application_expired(event: ApplicationEnded, public_url: str) -> Draft:
    """Nobody decided in time."""
    return _about_an_end(event, "application_expired", {"url": public_url})


def _about_an_end(event: ApplicationEnded, purpose: Purpose, words: dict[str, str]) -> Draft:
    return Draft(
        purpose=purpose,
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.mobile,
        email=event.personal.email,
        parameters={"reference": event.reference, **words},
    )


def rejected(event: PassRejected, public_url: str) -> Draft:
    """The department refused, and why in a word; its note is for the page."""
    return _about_a_decision(
        event, "rejected", {"reason": wording.reason(event.reason, event.language), "url": public_url}
    )


def returned(event: PassReturned, public_url: str) -> Draft:
    """The department asks for more."""
    return _about_a_decision(
        event, "returned", {"note": wording.note(event.personal.note), "url": public_url}
    )


def _about_a_decision(event: PassRejected | PassReturned, purpose: Purpose, words: dict[str, str]) -> Draft:
    return Draft(
        purpose=purpose,
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.contact.mobile,
        email=event.personal.contact.email,
        parameters={
            "reference": event.reference,
            "department": wording.department(event.department),
            **words,
        },
    )


def pass_issued(event: PassIssued, public_url: str) -> Draft:
    """The pass: number, day, window, site, gate and link. Of no use once entry is over."""
    link = f"{public_url.rstrip('/')}/p/{event.personal.link_code}"
    return Draft(
        purpose="pass_issued",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.applicant.mobile,
        email=event.personal.applicant.email,
        parameters={
            "number": event.pass_number,
            "site": wording.site(event.site, event.language),
            "date": wording.day(event.slot.day),
            "start": wording.hour(event.slot.start),
            "end": wording.hour(event.slot.end),
            "gate": wording.gate(event.gate, event.language),
            "link": link,
        },
        link=link,
        expires_at=event.valid_to,
    )


def pass_revoked(event: PassRevoked) -> Draft | None:
    """The pass admits nobody any more; None where the person knows already: replaced, or cancelled by himself."""
    if event.replaced or event.reason == "cancelled":
        return None
    return Draft(
        purpose="pass_revoked",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.mobile,
        email=event.personal.email,
        parameters={"number": event.pass_number, "reference": event.reference},
        expires_at=event.valid_to,
    )


def review_escalated(event: ReviewEscalated) -> Draft:
    """To the department's duty contact, by whichever way there is."""
    contact = event.personal.contact
    return Draft(
        purpose="review_escalated",
        language=ESCALATION_LANGUAGE,
        deliver_by="sms" if contact.mobile else "email",
        mobile=contact.mobile,
        email=contact.email,
        parameters={
            "reference": event.reference,
            "department": wording.department(event.department),
            "since": wording.moment(event.waiting_since),
        },
    )

"""The message that an event calls for: its recipient, and the parameters of its template.

The names of a department, a site and a gate are handed in, as a message has them.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType

from contracts.envelope import Received
from contracts.events import (
    AccessChanged,
    ApplicationCancelled,
    ApplicationEnded,
    ApplicationExpired,
    ApplicationSubmitted,
    BreachNoticeRequested,
    LoginIssued,
    MobileChanged,
    OtpRequested,
    PassIssued,
    PassRejected,
    PassReturned,
    PassRevoked,
    RequestAnswered,
    ReviewEscalated,
    RevocationPersonal,
    VisitDayClosed,
    VisitDayReopened,
)
from contracts.model import IST, SHORT_LINK, Contact, Language, Person
from services.chassis.runtime.time_words import short_time, time_of_day
from services.notify.domain import templates
from services.notify.domain.messages import TOKEN, VISITS, Draft, Purpose

OTP_LIFE = timedelta(minutes=10)
ToApplicant = PassRejected | PassReturned | VisitDayClosed | VisitDayReopened
"""Decisions of a department that the applicant is told."""
OfADepartment = ApplicationSubmitted | ToApplicant | ReviewEscalated
"""Events whose message names a department."""
ESCALATION_LANGUAGE: Language = "en"
"""Language of messages to a duty contact, for whom the event names none."""


def otp(received: Received[OtpRequested]) -> Draft:
    """Build the message with a one-time code, which expires with its envelope, or after ten minutes."""
    event = received.event
    until = received.expires_at or received.occurred_at + OTP_LIFE
    return Draft(
        purpose="otp",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.mobile,
        email=None,
        parameters={
            "code": event.personal.code,
            "until": short_time(until.astimezone(IST).time(), event.language),
        },
        expires_at=until,
    )


def login_issued(event: LoginIssued) -> Draft:
    """Build the message about a new login; it does not contain the password."""
    return Draft(
        purpose="login_issued",
        language=event.language,
        deliver_by="sms",
        mobile=event.personal.mobile,
        email=event.personal.email,
        parameters={"login_id": event.login_id},
    )


def access_changed(event: AccessChanged) -> Draft:
    """Build the message to somebody who should know that access was given or taken."""
    return Draft(
        purpose="access_changed",
        language=event.language,
        deliver_by="sms",
        mobile=event.personal.mobile,
        email=event.personal.email,
        parameters={
            "login_id": event.login_id,
            "what": templates.reason(event.what, event.language, "access"),
            "by": event.changed_by,
        },
    )


def application_submitted(event: ApplicationSubmitted, public_url: str, department: str, site: str) -> Draft:
    """Build the confirmation that an application arrived."""
    words = {"site": site, "department": department}
    return _to_applicant("application_submitted", event, event.personal.applicant, public_url, words)


def status_link(reference: str, language: Language, public_url: str) -> str:
    """Return the short link to the status page of an application, in the language of the message.

    The page asks for the last four digits of the mobile: whoever sees the link learns nothing more from it.
    """
    return f"{public_url.rstrip('/')}/{language}/s/{reference}"


def _to_applicant(
    purpose: Purpose,
    event: ApplicationSubmitted | ApplicationEnded | ToApplicant | PassRevoked,
    to: Person | Contact | RevocationPersonal,
    public_url: str,
    words: Mapping[str, str] = MappingProxyType({}),
) -> Draft:
    """Build a message with the reference and the link to the status, beside these words."""
    link = status_link(event.reference, event.language, public_url)
    parameters = {"reference": event.reference, "url": link, **words}
    return Draft(purpose, event.language, event.deliver_by, to.mobile, to.email, parameters)


def language_of(event: OfADepartment) -> Language:
    """Return the language of the message about an event."""
    return event.language or ESCALATION_LANGUAGE


def application_cancelled(event: ApplicationCancelled, public_url: str) -> Draft:
    """Build the confirmation that an application, and its pass with it, was cancelled."""
    return _to_applicant("application_cancelled", event, event.personal, public_url)


def application_expired(event: ApplicationExpired, public_url: str) -> Draft:
    """Build the message that an application expired because nobody decided in time."""
    return _to_applicant("application_expired", event, event.personal, public_url)


def mobile_changed(event: MobileChanged) -> Draft:
    """Build the notice to the number before that it was changed; it does not tell the new number.

    It has no link: the page of the status asks for the new number's digits.
    """
    return Draft(
        purpose="mobile_changed",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.before,
        email=None,
        parameters={"reference": event.reference},
    )


def request_answered(event: RequestAnswered, public_url: str) -> Draft:
    """Build the message that a complaint or another request was answered; its page has the words."""
    link = f"{public_url.rstrip('/')}/{event.language}/requests/{event.request_number}"
    return Draft(
        purpose="request_answered",
        language=event.language,
        deliver_by="sms",
        mobile=event.personal.mobile,
        email=None,
        parameters={"reference": event.request_number, "url": link},
    )


def breach_notice(event: BreachNoticeRequested, public_url: str) -> Draft:
    """Build the message that data of an application, or a request, was seen or taken; its page has the words.

    It begins as an SMS: what WhatsApp lets through in a day is for passes.
    """
    link = f"{public_url.rstrip('/')}/{event.language}/breaches/{event.breach}"
    return Draft(
        purpose="breach_notice",
        language=event.language,
        deliver_by="sms" if event.personal.mobile else "email",
        mobile=event.personal.mobile,
        email=event.personal.email,
        parameters={"reference": event.reference, "url": link},
    )


def rejected(event: PassRejected, public_url: str, department: str) -> Draft:
    """Build the message that the department refused, and why."""
    grounds = templates.grounds(event.reason, event.language)
    words = {"department": department, "reason": grounds}
    return _to_applicant("rejected", event, event.personal.contact, public_url, words)


def returned(event: PassReturned, public_url: str, department: str) -> Draft:
    """Build the message that the department needs more; the page says what."""
    words = {"department": department}
    return _to_applicant("returned", event, event.personal.contact, public_url, words)


def day_closed(event: VisitDayClosed, public_url: str, department: str) -> Draft:
    """Build the message that the department closed the day of the visit: why, and where to choose another."""
    grounds = templates.grounds(event.reason, event.language, "closure")
    words = {"department": department, "date": templates.day(event.day), "reason": grounds}
    return _to_applicant("day_closed", event, event.personal.contact, public_url, words)


def day_dropped(received: Received[VisitDayClosed], public_url: str, department: str) -> Draft:
    """Build the message that one day of a visit falls away: why, and on which days the pass stays valid."""
    event = received.event
    today = received.occurred_at.astimezone(IST).date()
    to_come = [day for day in event.remaining_days if day >= today] or event.remaining_days
    grounds = templates.grounds(event.reason, event.language, "closure")
    words = {
        "department": department,
        "date": templates.day(event.day),
        "days": templates.days(to_come, event.language),
        "reason": grounds,
    }
    return _to_applicant("day_dropped", event, event.personal.contact, public_url, words)


def day_reopened(event: VisitDayReopened, public_url: str, department: str) -> Draft:
    """Build the message that the closed day of the visit is offered again, and where to choose a date."""
    words = {"department": department, "date": templates.day(event.day)}
    return _to_applicant("day_reopened", event, event.personal.contact, public_url, words)


def pass_issued(event: PassIssued, public_url: str, site: str, gate: str) -> Draft:
    """Build the message with the pass: number, days, hours, site, gate, link. It expires when entry ends.

    The text has a short link, which leads to the page: with the whole one a text in Punjabi or Hindi would
    take four segments.

    The token is for its picture, the reference and the days are for the reader's calendar.
    """
    link = f"{public_url.rstrip('/')}/p/{event.personal.link_code}"
    token = {} if event.personal.token is None else {TOKEN: event.personal.token}
    days = (event.slot.day, *event.further_days)
    hours = ([datetime.combine(day, at, IST) for at in (event.slot.start, event.slot.end)] for day in days)
    visits = [f"{start.isoformat()}/{end.isoformat()}" for start, end in hours]
    return Draft(
        purpose="pass_issued",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=event.personal.applicant.mobile,
        email=event.personal.applicant.email,
        parameters={
            "number": event.pass_number,
            "reference": event.reference,
            "site": site,
            "date": templates.days(days, event.language),
            "start": time_of_day(event.slot.start, event.language),
            "end": time_of_day(event.slot.end, event.language),
            "gate": gate,
            "link": f"{public_url.rstrip('/')}/q/{event.personal.link_code[:SHORT_LINK]}",
            VISITS: " ".join(visits),
            **token,
        },
        link=link,
        expires_at=event.ends_at,
    )


def pass_revoked(event: PassRevoked, public_url: str) -> Draft | None:
    """Build the message that a pass was revoked, and why; return None where another message says so already.

    That is where it was replaced, where the applicant cancelled, and where the department closed the day.
    """
    if event.replaced or event.reason in ("cancelled", "day_closed"):
        return None
    grounds = (
        templates.grounds(event.withdrawn_for, event.language)
        if event.withdrawn_for
        else templates.grounds(event.reason, event.language, "revocation")
    )
    words = {"number": event.pass_number, "reason": grounds}
    draft = _to_applicant("pass_revoked", event, event.personal, public_url, words)
    return replace(draft, expires_at=event.valid_to)


def review_escalated(event: ReviewEscalated, public_url: str, department: str) -> Draft:
    """Build the message to the duty contact of a step, by SMS if they have a mobile, else by email.

    It leads to where they see who waits, and says nothing about the visitor.
    """
    contact, language = event.personal.contact, language_of(event)
    where = "counter" if event.step == "reception" else "desk"
    return Draft(
        purpose="review_escalated",
        language=language,
        deliver_by="sms" if contact.mobile else "email",
        mobile=contact.mobile,
        email=contact.email,
        parameters={
            "reference": event.reference,
            "department": department,
            "since": templates.moment(event.waiting_since, language),
            "url": f"{public_url.rstrip('/')}/{language}/{where}",
        },
    )

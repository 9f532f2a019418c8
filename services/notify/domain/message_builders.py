"""The message that an event calls for: its recipient, and the parameters of its template.

The names of a department, a site and a gate are handed in, as a message has them.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, time, timedelta
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
    PlaceOffered,
    RequestAnswered,
    ReviewEscalated,
    RevocationPersonal,
    VisitDayClosed,
    VisitDayReopened,
    VisitNear,
    VisitorAnnounced,
    VisitorCalled,
    VisitorLeft,
)
from contracts.model import IST, MOST_DAYS, SHORT_LINK, Announcement, Contact, Language, Person
from services.chassis.runtime.time_words import short_time, time_of_day
from services.notify.domain import templates
from services.notify.domain.messages import TOKEN, VISITS, Draft, Purpose

OTP_LIFE = timedelta(minutes=10)
ToApplicant = PassRejected | PassReturned | VisitDayClosed | VisitDayReopened | VisitorCalled
"""Decisions of a department that the applicant is told."""
OfADepartment = (
    ApplicationSubmitted | PlaceOffered | ReviewEscalated | ToApplicant | VisitorAnnounced | VisitorLeft
)
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


def visitor_called(event: VisitorCalled, public_url: str, department: str) -> Draft:
    """Build the message to a visitor who is inside; it is over with the day, or when their wait is."""
    words = {"department": department, "what": templates.visit_answer(event)}
    draft = _to_applicant("visitor_called", event, event.personal.contact, public_url, words)
    return replace(draft, expires_at=event.wait_until or datetime.combine(event.day, time.max, IST))


def visit_reminder(event: VisitNear, public_url: str, gate: str, room: str) -> Draft:
    """Build the reminder of a visit: when, at which gate, which room, what to bring, and who is to answer.

    Nobody has proved an email address, and the link opens the pass: it goes there to those only who have no
    mobile, as the pass does.
    """
    to = event.personal
    return Draft(
        purpose="visit_reminder",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=to.mobile,
        email=None if to.mobile else to.email,
        parameters={
            "number": event.pass_number,
            "date": templates.day(event.slot.day),
            "start": time_of_day(event.slot.start, event.language),
            "gate": gate,
            "room": templates.room(room, event.language),
            "documents": templates.documents(to.id_type, event.language),
            "link": f"{public_url.rstrip('/')}/q/{to.link_code[:SHORT_LINK]}",
        },
        expires_at=event.until,
    )


def visit_question(event: VisitorLeft, department: str, link: str) -> Draft:
    """Build the question to a visitor who has left: whether they were met. Its link is that of their pass."""
    to = event.personal
    return Draft(
        purpose="visit_question",
        language=event.language,
        deliver_by=event.deliver_by,
        mobile=to.mobile,
        email=None if to.mobile else to.email,
        parameters={"reference": event.reference, "department": department, "link": link},
        expires_at=event.until,
    )


def place_offered(event: PlaceOffered, public_url: str, department: str) -> Draft:
    """Build the message that a place is free for whoever waited; it expires with the offer."""
    contact, language = event.personal.contact, event.language
    return Draft(
        purpose="place_offered",
        language=language,
        deliver_by=event.deliver_by,
        mobile=contact.mobile,
        email=contact.email,
        parameters={
            "reference": event.reference,
            "department": department,
            "date": templates.day(event.slot.day),
            "start": time_of_day(event.slot.start, language),
            "until": templates.moment(event.until, language),
            "url": f"{public_url.rstrip('/')}/{language}/w/{event.personal.code}",
        },
        expires_at=event.until,
    )


def pass_issued(event: PassIssued, public_url: str, site: str, gate: str) -> Draft:
    """Build the message with the pass: number, days, hours, site, gate, link. It expires when entry ends.

    The text has a short link, which leads to the page: with the whole one a text in Punjabi or Hindi would
    take four segments.

    The token is for its picture, the reference and the days are for the reader's calendar.
    """
    link = f"{public_url.rstrip('/')}/p/{event.personal.link_code}"
    token = {} if event.personal.token is None else {TOKEN: event.personal.token}
    days = (event.slot.day, *event.further_days)
    # The calendar entry of a standing pass, which may be for 130 days, is that of its first days.
    hours = (
        [datetime.combine(day, at, IST) for at in (event.slot.start, event.slot.end)]
        for day in days[:MOST_DAYS]
    )
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


OF_ANNOUNCEMENTS: Mapping[Announcement, Purpose] = {
    "arrived": "visitor_arrived",
    "many": "visitors_many",
    "unanswered": "visitor_unanswered",
}


def visitor_announced(event: VisitorAnnounced, public_url: str, department: str) -> Draft:
    """Build the message to an office about a visitor who is inside; it says nothing about the visitor.

    It leads to the page that answers this visit, or to where its reader sees all who wait.
    """
    contact, language, code = event.personal.contact, language_of(event), event.personal.link_code
    where = f"v/{code}" if code else "counter" if event.step == "reception" else "desk/visits"
    words = {"department": department, "url": f"{public_url.rstrip('/')}/{language}/{where}"}
    if event.about != "many":
        since = time_of_day(event.since.astimezone(IST).time(), language)
        words |= {"reference": event.reference, "since": since}
    return Draft(
        purpose=OF_ANNOUNCEMENTS[event.about],
        language=language,
        deliver_by=event.deliver_by if contact.mobile else "email",
        mobile=contact.mobile,
        email=contact.email,
        parameters=words,
        expires_at=event.answer_until,
    )

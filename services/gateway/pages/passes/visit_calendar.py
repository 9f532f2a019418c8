"""A visit as an iCalendar file (RFC 5545). It holds neither the link nor the number of the pass: calendars are shared."""

from datetime import datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from contracts.model import Language
from contracts.rpc.issuance import PassView
from services.gateway.pages.passes.facts import Facts
from services.gateway.pages.shared.languages import _, texts
from services.gateway.pages.shared.vocabulary import ID_TYPES

INDIA = ZoneInfo("Asia/Kolkata")
"""By name: a calendar wants the zone, not only its offset."""
VISIT = _("Visit to the secretariat")
WHERE_THE_PASS_IS = _("The pass with its QR code is in the message on your phone.")


def of(shown: PassView, facts: Facts, language: Language, at: datetime) -> bytes:
    """The file.

    Args:
        shown: the pass.
        facts: where the visit is and to whom.
        language: of its texts.
        at: when it is made.
    """
    event = Event()
    event.add("uid", f"{shown.reference}@e-pass")
    event.add("dtstamp", at)
    event.add("dtstart", datetime.combine(shown.slot.day, shown.slot.start, INDIA))
    event.add("dtend", datetime.combine(shown.slot.day, shown.slot.end, INDIA))
    event.add("summary", _summary(facts, language))
    event.add("location", _location(shown, facts, language))
    event.add("description", _description(shown, language))
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Government of Punjab//e-Pass//EN")
    calendar.add_component(event)
    calendar.add_missing_timezones()
    content: bytes = calendar.to_ical()
    return content


def _summary(facts: Facts, language: Language) -> str:
    visit = texts(language).gettext(VISIT)
    return (
        f"{visit}: {facts.department.name.get(language, facts.department.code)}"
        if facts.department
        else visit
    )


def _location(shown: PassView, facts: Facts, language: Language) -> str:
    say = texts(language).gettext
    gate = f"{say('Gate')} {shown.gate}" if shown.gate else say("Any gate")
    if facts.site is None:
        return f"{shown.site}, {gate}"
    return ", ".join(
        part
        for part in (facts.site.name.get(language, shown.site), facts.site.address.get(language, ""), gate)
        if part
    )


def _description(shown: PassView, language: Language) -> str:
    say = texts(language).gettext
    kind = shown.applicant.id_type
    carry = (
        f"{say('Bring this ID proof, the original')}: {say(ID_TYPES[kind])}"
        if kind
        else say("Bring an original ID proof")
    )
    return f"{say('Reference')} {shown.reference}\n{carry}\n{say(WHERE_THE_PASS_IS)}"

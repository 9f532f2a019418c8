"""A visit as an iCalendar file (RFC 5545). It has no link or pass number: people share calendars."""

from datetime import datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from contracts.model import Language
from contracts.rpc.issuance import PassView
from services.gateway.pages.passes.facts import Facts, gate_of
from services.gateway.pages.shared.languages import _, texts
from services.gateway.pages.shared.vocabulary import ID_TYPES

INDIA = ZoneInfo("Asia/Kolkata")
"""By name: a calendar needs the zone, not only its offset."""
VISIT = _("Visit to the secretariat")
WHERE_THE_PASS_IS = _("The pass with its QR code is in the message on your phone.")


def of(shown: PassView, facts: Facts, language: Language, now: datetime) -> bytes:
    """Return the file, with an event for each day."""
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//Government of Punjab//e-Pass//EN")
    for number, day in enumerate((shown.slot.day, *shown.further_days)):
        event = Event()
        event.add("uid", f"{shown.reference}{f'-{number + 1}' if number else ''}@e-pass")
        event.add("dtstamp", now)
        event.add("dtstart", datetime.combine(day, shown.slot.start, INDIA))
        event.add("dtend", datetime.combine(day, shown.slot.end, INDIA))
        event.add("summary", _summary(facts, language))
        event.add("location", _location(shown, facts, language))
        event.add("description", _description(shown, language))
        calendar.add_component(event)
    calendar.add_missing_timezones()
    content: bytes = calendar.to_ical()
    return content


def _summary(facts: Facts, language: Language) -> str:
    visit = texts(language).gettext(VISIT)
    department = facts.department
    return f"{visit}: {department.name.get(language, department.code)}" if department else visit


def _location(shown: PassView, facts: Facts, language: Language) -> str:
    translate = texts(language).gettext
    gate = gate_of(shown, facts, language) or translate("Any gate")
    if facts.site is None:
        return f"{shown.site}, {gate}"
    parts = (facts.site.name.get(language, shown.site), facts.site.address.get(language, ""), gate)
    return ", ".join(filter(None, parts))


def _description(shown: PassView, language: Language) -> str:
    translate = texts(language).gettext
    kind = shown.applicant.id_type
    carry = translate("Bring this ID card, the original" if kind else "Bring an original ID card")
    carry += f": {translate(ID_TYPES[kind])}" if kind else ""
    return f"{translate('Reference')} {shown.reference}\n{carry}\n{translate(WHERE_THE_PASS_IS)}"

"""The timeline of an application in words, with details such as channel, reason and gate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from contracts.model import IST, Language
from contracts.rpc.application import TimelineEntry
from services.chassis.runtime.time_words import time_of_day
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.languages import _, day_in_words, texts
from services.gateway.pages.shared.view import View
from services.gateway.pages.shared.vocabulary import (
    CLOSURES,
    CORRECTED,
    NOT_MET,
    REASONS,
    TIMELINE_ENTRIES,
    name_of,
)

MESSAGES: dict[str, str] = {
    "application_submitted": _("Confirmation of your application"),
    "application_cancelled": _("Notice that your visit is cancelled"),
    "application_expired": _("Notice that nobody decided in time"),
    "rejected": _("Notice that the department did not approve"),
    "returned": _("Notice that something is missing"),
    "day_closed": _("Notice that the day of the visit is closed"),
    "day_dropped": _("Notice that one day of the visit is closed"),
    "day_reopened": _("Notice that the day of the visit is offered again"),
    "pass_issued": _("Your pass"),
    "pass_revoked": _("Notice that your pass was cancelled"),
    "review_escalated": _("A reminder to the department"),
    "visit_reminder": _("A reminder of your visit"),
    "visit_question": _("The question whether you were met"),
    "visitor_called": _("What the office says to you"),
    "visitor_arrived": _("A message to the office that you have come"),
    "visitors_many": _("A message to the office that visitors have come"),
    "visitor_unanswered": _("A reminder to the office that you wait"),
    "wrong_number": _("Further messages about this application"),
}
CHANNELS: dict[str, str] = {
    "sms": _("by SMS"),
    "whatsapp": _("by WhatsApp"),
    "email": _("by email"),
    "printed": _("printed at the reception counter"),
}
REVOCATIONS: dict[str, str] = {
    "withdrawn": _("The department withdrew its approval"),
    "cancelled": _("The visit was cancelled"),
    "reissued": _("A new pass replaced it"),
    "security": _("For security reasons"),
    "day_closed": _("The department closed the day of the visit"),
    "suspended": _("It is suspended. A new pass comes when that is lifted"),
}
NOTED = ("rejected", "returned", "withdrawn", "day_closed", "day_dropped")
"""Decisions that come with a note."""
MESSAGE_REASONS: dict[str, str] = {
    "expired": _("It was too late to send it"),
    "unconfirmed": _("Nobody has confirmed that it arrived"),
    "not_on_whatsapp": _("This number is not on WhatsApp"),
    "opted_out": _("The holder of this number does not want such messages"),
    "wrong_number": _("The holder of this number says that it is the wrong number"),
}
NEXT_TRY = _("It is sent again, %(channel)s")
PERHAPS_TWICE = _("You may have got it twice")
AT_THE_COUNTER = _("At the reception counter")
ON_BEHALF = _("On behalf of %(officer)s")
BY_THE_OFFICER = _("By the data officer, as you asked")
ROOM = _("Room %(room)s")
UNTIL = _("until %(time)s")
SAID_BY_VISITOR = _("You said so")
TO_CONFIRM = _("The department has to confirm it")
OTHER_DATES = _("Other dates asked for")
ESCALATIONS: dict[str, str] = {
    "stand_in": _("The visit is near: the officer's stand-in was asked to decide"),
    "head": _("The visit is near: the head of the department was asked to decide"),
    "reception": _("The visit is near: the reception was asked to help"),
}
VISIT_ANSWERS: dict[str, str] = {
    "come_up": _("You may come now"),
    "wait": _("You are asked to wait"),
    "somebody_else": _("You may come now; another officer will see you"),
    "not_today": _("The visit is not possible today"),
}
VISIT_OUTCOMES: dict[str, str] = {"met": _("The visit has taken place"), "not_met": _("You were not met")}


@dataclass(frozen=True)
class Line:
    """One entry: when, what, and its details."""

    at: datetime
    what: str
    details: tuple[str, ...]


@dataclass(frozen=True)
class Words:
    """The words of a timeline in one language, with the names of departments and officers by code."""

    language: Language
    departments: Mapping[str, str]
    officers: Mapping[str, str] = field(default_factory=dict)
    gate_name: Callable[[str], str] = str

    def name(self, known: Mapping[str, str], value: object) -> str:
        """Return the name of a value."""
        return name_of(known, str(value), self.language)

    def translate(self, text: str) -> str:
        """Return a text of this module in the language."""
        return texts(self.language).gettext(text)


async def in_words(view: View, entries: Sequence[TimelineEntry], note: str | None = None) -> list[Line]:
    """Return a timeline in words, with the departments' names in the reader's language."""
    officers = {}
    for facts in (entry.facts for entry in entries if "on_behalf_of" in entry.facts):
        code = str(facts["on_behalf_of"])
        known = await view.caller.state.officers.find(str(facts.get("department", "")), code)
        officers[code] = known.name[view.language] if known else code
    departments, gate_name = await directory.department_names(view), await directory.gate_names(view)
    return lines(entries, Words(view.language, departments, officers, gate_name), note)


def lines(entries: Sequence[TimelineEntry], words: Words, note: str | None = None) -> list[Line]:
    """Return a timeline in words; the note stands beside the last decision, with which it came."""
    decided = [number for number, entry in enumerate(entries) if entry.what in NOTED]
    noted = decided[-1] if note and decided else None
    return [
        Line(
            entry.at,
            _what(entry, words),
            (*_details(entry, words), *((note,) if number == noted and note else ())),
        )
        for number, entry in enumerate(entries)
    ]


def _what(entry: TimelineEntry, words: Words) -> str:
    if entry.what == "amended" and entry.facts.get("changed") == "dates":
        return words.translate(OTHER_DATES)
    if entry.what == "escalated" and entry.facts.get("step") in ESCALATIONS:
        return words.name(ESCALATIONS, entry.facts["step"])
    if entry.what == "visit_answered":
        return words.name(VISIT_ANSWERS, entry.facts.get("answer", "wait"))
    if entry.what == "visit_ended":
        return words.name(VISIT_OUTCOMES, entry.facts.get("outcome", ""))
    return words.name(TIMELINE_ENTRIES, entry.what)


def _details(entry: TimelineEntry, words: Words) -> tuple[str, ...]:
    describe = _DESCRIBED.get(entry.what)
    return tuple(one for one in describe(entry.facts, words) if one) if describe else ()


Facts = Mapping[str, str | int]


def _decision(facts: Facts, words: Words) -> tuple[str, ...]:
    department, officer = str(facts.get("department", "")), str(facts.get("on_behalf_of", ""))
    return (
        words.departments.get(department, department),
        words.translate(ON_BEHALF) % {"officer": words.officers.get(officer, officer)} if officer else "",
        words.name(REASONS, facts["reason"]) if "reason" in facts else "",
        day_in_words(date.fromisoformat(str(facts["closed"])), words.language) if "closed" in facts else "",
        words.name(CLOSURES, facts["closure"]) if "closure" in facts else "",
    )


def _message(facts: Facts, words: Words) -> tuple[str, ...]:
    message = (
        f"{words.name(MESSAGES, facts.get('purpose', ''))}, {words.name(CHANNELS, facts.get('channel', ''))}"
    )
    reason, following = facts.get("reason"), facts.get("next")
    return (
        message,
        words.translate(MESSAGE_REASONS[str(reason)]) if reason in MESSAGE_REASONS else "",
        words.translate(NEXT_TRY) % {"channel": words.name(CHANNELS, following)} if following else "",
        words.translate(PERHAPS_TWICE) if facts.get("possible_duplicate") else "",
    )


def _passage(facts: Facts, words: Words) -> tuple[str, ...]:
    persons = int(facts.get("count", 1))
    people = texts(words.language).ngettext("%(num)s person", "%(num)s people", persons) % {"num": persons}
    return (f"{words.gate_name(str(facts.get('gate', '')))}, {people}",)


def _clock(instant: str, language: Language) -> str:
    return time_of_day(datetime.fromisoformat(instant).astimezone(IST).time(), language)


def _answer(facts: Facts, words: Words) -> tuple[str, ...]:
    """Return who says it, and the room or the time."""
    until = facts.get("until")
    return (
        words.departments.get(str(facts["department"]), str(facts["department"])),
        words.translate(ROOM) % {"room": facts["room"]} if "room" in facts else "",
        words.translate(UNTIL) % {"time": _clock(str(until), words.language)} if until else "",
    )


def _correction(facts: Facts, words: Words) -> tuple[str, ...]:
    fields = [words.name(CORRECTED, one) for one in str(facts.get("fields", "")).split(",") if one]
    return (
        ", ".join(fields),
        words.translate(BY_THE_OFFICER) if facts.get("by") == "privacy" else "",
        words.translate(TO_CONFIRM) if facts.get("waits") else "",
    )


_DESCRIBED: dict[str, Callable[[Facts, Words], tuple[str, ...]]] = {
    **dict.fromkeys((*NOTED, "approved", "visit_moved", "day_reopened", "escalated"), _decision),
    **dict.fromkeys(("message_delivered", "message_arrived", "message_read", "message_failed"), _message),
    **dict.fromkeys(("entered", "left"), _passage),
    "visit_answered": _answer,
    "visit_ended": lambda facts, words: (
        words.name(NOT_MET, facts["reason"]) if "reason" in facts else "",
        words.translate(SAID_BY_VISITOR) if facts.get("said_by") == "visitor" else "",
    ),
    **dict.fromkeys(
        ("corrected", "correction_waits", "correction_applied", "correction_refused"), _correction
    ),
    "pass_revoked": lambda facts, words: (words.name(REVOCATIONS, facts.get("reason", "")),),
    **dict.fromkeys(
        ("cancelled", "mobile_changed"),
        lambda facts, words: (words.translate(AT_THE_COUNTER) if facts.get("by") == "counter" else "",),
    ),
}

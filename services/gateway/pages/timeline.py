"""What happened to an application, in words, with everything that is known of it: which message by which channel, why, at which gate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from contracts.model import Language
from contracts.rpc.application import TimelineEntry
from services.gateway.pages.languages import _, texts
from services.gateway.pages.vocabulary import HAPPENINGS, REASONS, name_of

MESSAGES: dict[str, str] = {
    "application_submitted": _("Confirmation of your application"),
    "application_cancelled": _("Notice that your visit is cancelled"),
    "application_expired": _("Notice that nobody decided in time"),
    "rejected": _("Notice that the department did not approve"),
    "returned": _("Notice that something is missing"),
    "pass_issued": _("Your pass"),
    "pass_revoked": _("Notice that your pass was cancelled"),
    "review_escalated": _("A reminder to the department"),
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
}
TOO_LATE = _("It was too late to send it")
AT_THE_COUNTER = _("At the reception counter")
OTHER_DATES = _("Other dates asked for")


@dataclass(frozen=True)
class Line:
    """One entry: when, what, and its particulars."""

    at: datetime
    what: str
    particulars: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What words are needed for: a language, and the departments' names in it by code."""

    language: Language
    departments: Mapping[str, str]

    def word(self, words: Mapping[str, str], value: object) -> str:
        """What a value is called."""
        return name_of(words, str(value), self.language)

    def say(self, text: str) -> str:
        """A text of this module."""
        return texts(self.language).gettext(text)


def lines(entries: Sequence[TimelineEntry], told: Told, note: str | None = None) -> list[Line]:
    """A timeline in words; the note stands beside the decision that it came with, which is the last one."""
    decided = [number for number, entry in enumerate(entries) if entry.what in ("rejected", "returned")]
    noted = decided[-1] if note and decided else None
    return [
        Line(
            entry.at,
            _what(entry, told),
            (*_particulars(entry, told), *((note,) if number == noted and note else ())),
        )
        for number, entry in enumerate(entries)
    ]


def _what(entry: TimelineEntry, told: Told) -> str:
    if entry.what == "amended" and entry.facts.get("changed") == "dates":
        return told.say(OTHER_DATES)
    return told.word(HAPPENINGS, entry.what)


def _particulars(entry: TimelineEntry, told: Told) -> tuple[str, ...]:
    describe = _DESCRIBED.get(entry.what)
    return tuple(one for one in describe(entry.facts, told) if one) if describe else ()


Facts = Mapping[str, str | int]


def _decision(facts: Facts, told: Told) -> tuple[str, ...]:
    department = str(facts.get("department", ""))
    return told.departments.get(department, department), told.word(
        REASONS, facts["reason"]
    ) if "reason" in facts else ""


def _message(facts: Facts, told: Told) -> tuple[str, ...]:
    message = (
        f"{told.word(MESSAGES, facts.get('purpose', ''))}, {told.word(CHANNELS, facts.get('channel', ''))}"
    )
    return message, told.say(TOO_LATE) if facts.get("reason") == "expired" else ""


def _passage(facts: Facts, told: Told) -> tuple[str, ...]:
    persons = int(facts.get("count", 1))
    said = texts(told.language).ngettext("%(num)s person", "%(num)s people", persons) % {"num": persons}
    return (f"{facts.get('gate', '')}, {said}",)


_DESCRIBED: dict[str, Callable[[Facts, Told], tuple[str, ...]]] = {
    **dict.fromkeys(("approved", "rejected", "returned", "withdrawn", "escalated"), _decision),
    **dict.fromkeys(("message_delivered", "message_failed"), _message),
    **dict.fromkeys(("entered", "left"), _passage),
    "pass_revoked": lambda facts, told: (told.word(REVOCATIONS, facts.get("reason", "")),),
    "cancelled": lambda facts, told: (told.say(AT_THE_COUNTER) if facts.get("by") == "counter" else "",),
}

"""The texts of messages: templates and names from ``templates/*.toml``, in Punjabi, Hindi and English.

A template is data. Operators in India accept a text only in the form in which it was registered (TRAI's DLT
rules): ``version`` rises with every change of a text, and the administrator's file says which version is
registered (``domain/registrations.py``). `VARIABLES` are all that may differ from one message to another;
none is a person's name, the purpose of a visit, or somebody's own words.
"""

import re
import string
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

from babel.dates import format_date

from contracts.events import VisitorCalled
from contracts.model import IST, Language
from services.chassis.runtime.time_words import time_of_day
from services.notify.domain.messages import Purpose
from services.notify.domain.sms_segments import count_units, is_gsm

FOLDER = Path(__file__).parent.parent / "templates"
ReasonKind = Literal["reason", "closure", "revocation", "access"]
"""The tables of reasons in ``words.toml``."""
NAME_UNITS = 30
"""The longest name of a site, a department or a gate, since each takes room from the rest of the text."""
VARIABLES: Mapping[str, str] = {
    "code": "{#numeric#}",
    **dict.fromkeys(
        (
            "number",
            "reference",
            "login_id",
            "by",
            "what",
            "reason",
            "department",
            "site",
            "gate",
            "date",
            "days",
            "start",
            "end",
            "since",
            "until",
            "room",
            "documents",
            "yes",
            "no",
        ),
        "{#alphanumeric#}",
    ),
    "reply_to": "{#cbn#}",
    **dict.fromkeys(("url", "link"), "{#url#}"),
}
"""Every variable of every text, with the tag under which operators register it (TRAI's direction of 18
November 2025)."""
PLAIN_PUNCTUATION = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
"""Typographic punctuation, which alone would make an English SMS UCS-2 and so twice as long."""


_IS_A_DEPARTMENT = re.compile(r"^Department of (?:the )?| (?:Department|ਵਿਭਾਗ|विभाग)$", re.IGNORECASE)
_LOCALES: Mapping[Language, str] = {"pa": "pa_Guru_IN", "hi": "hi_IN", "en": "en_IN"}
_TO: Mapping[Language, str] = {"pa": "ਤੋਂ", "hi": "से", "en": "to"}
_AND: Mapping[Language, str] = {"pa": "ਅਤੇ", "hi": "और", "en": "and"}
_DAYS: Mapping[Language, str] = {"pa": "ਦਿਨ", "hi": "दिन", "en": "days"}


class Unrenderable(ValueError):
    """A template has a placeholder for which the message has no parameter."""


@dataclass(frozen=True)
class Template:
    """One purpose in one language."""

    version: int
    whatsapp_template: str
    """Name of the template at WhatsApp, the same for all languages."""
    text: str
    whatsapp_picture_template: str = ""
    """Name of the template with a picture above the text and a button instead of the link."""
    email_notice: str = ""
    """The text of an email to an address that nobody has proved, where it is another; no operator sees it."""
    whatsapp_version: int = 0
    """The version of the texts below; that of ``text`` where there are none."""
    whatsapp: str = ""
    """The body at WhatsApp, with the variables of ``text``, where Meta would refuse that: it takes no body
    that begins or ends with a variable, or has two of them beside each other."""
    whatsapp_picture: str = ""
    """The body of the template with a picture: that without its link."""
    whatsapp_button: str = ""
    """The words of its button, which opens the link."""
    reply_version: int = 0
    """The version of both texts below, in place of the two versions above."""
    reply: str = ""
    """The text of a question that can be answered by an SMS to `reply_to`: ``yes`` or ``no``."""
    whatsapp_reply: str = ""
    """The body of one that can be answered at WhatsApp, with the variables of ``text``."""

    def taking_replies(self) -> "Template":
        """Return it with the texts that ask for a reply; as it is, where it asks nothing."""
        if not self.reply:
            return self
        return replace(
            self,
            version=self.reply_version,
            text=self.reply,
            whatsapp_version=self.reply_version,
            whatsapp=self.whatsapp_reply,
        )

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names of its parameters, in order of first appearance, each once."""
        return tuple(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(self.text) if name))

    def render(self, parameters: Mapping[str, str]) -> str:
        """Return the text with its parameters filled in.

        Raises:
            Unrenderable: a parameter is missing.
        """
        try:
            return self.text.format_map(parameters)
        except KeyError as error:
            raise Unrenderable(f"no {error.args[0]}") from None


def find(purpose: Purpose, language: Language) -> Template:
    """Return the template of a purpose in a language."""
    return _templates()[purpose, language]


def find_for_sms(purpose: Purpose, language: Language, reply_to: str) -> tuple[Template, Mapping[str, str]]:
    """Return the template of an SMS, and the parameters that say how to answer it.

    Args:
        purpose, language: of the message.
        reply_to: the number that takes replies, after the word with which they begin, if there is one;
            empty where nobody can reply.
    """
    template = find(purpose, language)
    if not reply_to or not template.reply:
        return template, {}
    *keyword, number = reply_to.split()
    yes, no = (" ".join((*keyword, digit)) for digit in "12")
    return template.taking_replies(), {"yes": yes, "no": no, "reply_to": number}


def knows(purpose: Purpose, language: Language) -> bool:
    """Return whether this release has the text of a purpose."""
    return (purpose, language) in _templates()


@lru_cache(maxsize=1)
def _templates() -> dict[tuple[Purpose, Language], Template]:
    found = {}
    for purpose in get_args(Purpose):
        content = tomllib.loads((FOLDER / f"{purpose}.toml").read_text(encoding="utf-8"))
        for language in get_args(Language):
            version, texts = content["version"], content[language]
            found[purpose, language] = Template(
                version,
                content["whatsapp_template"],
                whatsapp_picture_template=content.get("whatsapp_picture_template", ""),
                whatsapp_version=content.get("whatsapp_version", version),
                reply_version=content.get("reply_version", 0),
                **{"whatsapp": texts["text"], **texts},
            )
    return found


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, dict[Language, str]]]:
    return tomllib.loads((FOLDER / "words.toml").read_text(encoding="utf-8"))


def site(code: str, names: Mapping[Language, str], language: Language) -> str:
    """Return a site's name: that of the directory, else the one that we know of the code, else the code."""
    name = names.get(language, "").strip() or _words()["site"].get(code, {}).get(language, code)
    return shorten(name, NAME_UNITS)


def visit(language: Language) -> str:
    """Return what a calendar calls a visit."""
    return _words()["calendar"]["visit"][language]


def department(code: str, names: Mapping[Language, str], language: Language) -> str:
    """Return a department's name, without the word for a department, which the templates have, and without
    what is in brackets, for there is little room.

    Without a name it is derived from the code: ``public_works`` is Public Works.
    """
    name = names.get(language, "").strip() or names.get("en", "").strip()
    if not name:
        name = code.replace("_", " ").replace("-", " ").title() if code.islower() else code
    short = _IS_A_DEPARTMENT.sub("", name.partition("(")[0].strip()).strip()
    return shorten(short or name, NAME_UNITS)


def gate(code: str | None, names: Mapping[Language, str], language: Language) -> str:
    """Return a gate's name, else its number, for the templates have the word before it; or the word for any.

    The number of ``PCS1-G1`` is 1.
    """
    if not code:
        return _words()["gate"]["any"][language]
    return shorten(names.get(language, "").strip() or code.rpartition("-G")[2] or code, NAME_UNITS)


def room(number: str, language: Language) -> str:
    """Return the room of an officer, or where to ask for it."""
    return shorten(number, NAME_UNITS) if number.strip() else _words()["room"]["any"][language]


def documents(id_type: str | None, language: Language) -> str:
    """Return the name of the ID card that a visitor brings, or the word for any."""
    known = _words()["card"]
    return known.get(id_type or "any", known["any"])[language]


def reason(code: str, language: Language, kind: ReasonKind = "reason") -> str:
    """Return in words why an application was refused, a day was closed, or what happened to a login."""
    known = _words()[kind]
    return known.get(code, known["other"])[language]


def day(value: date) -> str:
    """Return a date as ``31-12-2026``."""
    return f"{value:%d-%m-%Y}"


def days(values: Sequence[date], language: Language) -> str:
    """Return the days of a visit as people say them: ``26 to 28 November 2026``.

    Where that has no room, an English month has its short name, as nobody has to guess it. Where that does
    not help, the first and the last day stand with their number; the page of the pass names each.

    Args:
        values: one day or more, in their order.
        language: of the words.
    """
    if len(values) == 1:
        return day(values[0])
    for form in ("MMMM", "MMM") if language == "en" else ("MMMM",):
        words = _days_in_words(values, form, language)
        if count_units(words) <= NAME_UNITS:
            return words
    begins, ends = f"{values[0]:%d-%m}", f"{values[-1]:%d-%m-%Y}"
    return f"{begins} {_TO[language]} {ends}, {len(values)} {_DAYS[language]}"


def _days_in_words(values: Sequence[date], form: str, language: Language) -> str:
    """Return days with the names of their months, each month once: ``27, 28 and 30 November 2026``."""
    spans: list[tuple[date, date]] = []
    for _, run in groupby(enumerate(values), lambda pair: pair[1].toordinal() - pair[0]):
        days = [value for _, value in run]
        joined = len(days) > 2 or days[0].month != days[-1].month
        spans += [(days[0], days[-1])] if joined else [(one, one) for one in days]
    parts = []
    for (first, last), following in zip(spans, [*spans[1:], None], strict=True):
        begins = (
            f"{first.day}" if first.month == last.month else f"{first.day} {_month(first, form, language)}"
        )
        ends = f" {_TO[language]} {last.day}" if first != last else ""
        changes = following is None or following[0].month != last.month
        parts.append(f"{begins}{ends}{f' {_month(last, form, language)}' if changes else ''}")
    *before, end = parts
    words = f"{', '.join(before)} {_AND[language]} {end}" if before else end
    return f"{words} {values[-1].year}"


def _month(value: date, form: str, language: Language) -> str:
    return format_date(value, form, locale=_LOCALES[language])


def moment(value: datetime, language: Language) -> str:
    """Return an instant as ``31-12-2026, 9:30 am`` in Indian Standard Time."""
    there = value.astimezone(IST)
    return f"{day(there.date())}, {time_of_day(there.time(), language)}"


def grounds(code: str, language: Language, kind: ReasonKind = "reason") -> str:
    """Return why an application was refused, or a day was closed, as a sentence.

    The department's own words are on the page that the message links to: no text with words of somebody's own
    can be registered.
    """
    given = reason(code, language, kind)
    return given + ("." if language == "en" else "।")


MOST_OF_A_VARIABLE = 40
"""UTF-16 units that operators of SMS allow for one variable of a registered text."""


def visit_answer(event: VisitorCalled) -> str:
    """Return what the office says to a visitor, as a sentence."""
    code: str = event.answer
    if event.room:
        code = {"come_up": "come_to", "somebody_else": "somebody_else_at"}.get(code, code)
    if event.come_back:
        code = "not_today_but"
    date = day(event.come_back) if event.come_back else ""
    until = time_of_day(event.wait_until.astimezone(IST).time(), event.language) if event.wait_until else ""
    said = _words()["visit"][code][event.language].format(room=event.room, until=until, date=date)
    return shorten(said, MOST_OF_A_VARIABLE)


def shorten(text: str, most: int) -> str:
    """Return a text on one line, shortened between words to at most so many UTF-16 units.

    A first word that is too long is cut, never inside a character or before a vowel sign.
    """
    line = " ".join(text.translate(PLAIN_PUNCTUATION).split())
    if count_units(line) <= most:
        return line
    end = "..." if is_gsm(line) else "…"
    kept = line
    while count_units(kept) > most - len(end):
        kept = kept[:-1]
    if line[len(kept)] != " ":
        between_words = kept.rpartition(" ")[0]
        while not between_words and unicodedata.category(line[len(kept)]).startswith("M"):
            kept = kept[:-1]
        kept = between_words or kept
    return kept.rstrip(" ,;:-") + end

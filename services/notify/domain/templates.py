"""The texts of messages: templates and names from ``templates/*.toml``, in Punjabi, Hindi and English.

A template is data. Operators in India accept a text only in the form in which it was registered (TRAI's DLT
rules), so that each language has the ID of its registration, and ``version`` rises with every change of a
text.
"""

import string
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

from contracts.model import IST, Language
from services.chassis.runtime.time_words import time_of_day
from services.notify.domain.messages import Purpose
from services.notify.domain.sms_segments import count_units, is_gsm

FOLDER = Path(__file__).parent.parent / "templates"
ReasonKind = Literal["reason", "closure"]
"""The tables of reasons in ``words.toml``."""
VARIABLE_UNITS = 30
"""What an operator's template allows one variable, in UTF-16 units."""
WORDS_UNITS = 3 * VARIABLE_UNITS
"""What a template allows a department's own words: it is registered with three variables side by side."""
PLAIN_PUNCTUATION = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
"""Typographic punctuation, which alone would make an English SMS UCS-2 and so twice as long."""


class Unrenderable(ValueError):
    """A template has a placeholder for which the message has no parameter."""


@dataclass(frozen=True)
class Template:
    """One purpose in one language."""

    version: int
    whatsapp_template: str
    """Name of the template at WhatsApp, the same for all languages."""
    dlt_template_id: str
    """ID of the template at the operators; empty until the state has registered it."""
    text: str

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


@lru_cache(maxsize=1)
def _templates() -> dict[tuple[Purpose, Language], Template]:
    found = {}
    for purpose in get_args(Purpose):
        content = tomllib.loads((FOLDER / f"{purpose}.toml").read_text(encoding="utf-8"))
        for language in get_args(Language):
            found[purpose, language] = Template(
                content["version"], content["whatsapp_template"], **content[language]
            )
    return found


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, dict[Language, str]]]:
    return tomllib.loads((FOLDER / "words.toml").read_text(encoding="utf-8"))


def site(code: str, language: Language) -> str:
    """Return a site's name."""
    return shorten(_words()["site"].get(code, {}).get(language, code), VARIABLE_UNITS)


def department(code: str) -> str:
    """Return a department's name derived from its code: ``public_works`` is Public Works."""
    name = code.replace("_", " ").replace("-", " ").title() if code.islower() else code
    return shorten(name, VARIABLE_UNITS)


def gate(code: str | None, language: Language) -> str:
    """Return a gate's code, which is on its sign, or the word for any gate."""
    return shorten(code, VARIABLE_UNITS) if code else _words()["gate"]["any"][language]


def reason(code: str, language: Language, kind: ReasonKind = "reason") -> str:
    """Return the reason for which an application was refused, or a day was closed, in words."""
    return _words()[kind][code][language]


def day(value: date) -> str:
    """Return a date as ``31-12-2026``."""
    return f"{value:%d-%m-%Y}"


def days(values: Sequence[date]) -> str:
    """Return the days of a visit as ``27,28,30-11-2026`` or ``30-11,1,2-12-2026``; seven fit a variable.

    Args:
        values: one day or more, in their order.
    """
    if len(values) == 1:
        return day(values[0])
    months = groupby(values, lambda value: (value.year, value.month))
    named = [f"{','.join(str(value.day) for value in days)}-{month:02}" for (_, month), days in months]
    return f"{','.join(named)}-{values[-1].year}"


def moment(value: datetime, language: Language) -> str:
    """Return an instant as ``31-12-2026, 9:30 am`` in Indian Standard Time."""
    there = value.astimezone(IST)
    return f"{day(there.date())}, {time_of_day(there.time(), language)}"


def grounds(code: str, note: str, language: Language, kind: ReasonKind = "reason") -> str:
    """Return why an application was refused, or a day was closed: the reason, and the department's own words
    as far as they fit.

    Where the reason is "another reason", its words say more and stand alone. It ends like a sentence.
    """
    given = reason(code, language, kind)
    if note.strip():
        given = note if code == "other" else f"{given} - {note}"
    sentence = shorten(given, WORDS_UNITS - 1)
    stop = "." if language == "en" else "।"
    return sentence if sentence.endswith((".", "।", "…", "!", "?")) else sentence + stop


def words(text: str) -> str:
    """Return a department's own words as far as a template has room for them."""
    return shorten(text, WORDS_UNITS)


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

"""The words of messages: templates and names from ``templates/*.toml``, in Punjabi, Hindi and English.

A template is data: operators in India let a text through only as it was registered (TRAI's DLT rules), so each
language carries the id of its registration, and ``version`` rises with every change of a text.
"""

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import get_args

from contracts.model import Language
from services.chassis.runtime.clock import IST
from services.notify.domain import Purpose

FOLDER = Path(__file__).parent / "templates"
NOTE_LENGTH = 90


class Unrenderable(ValueError):
    """A template asks for a word that the message does not have."""


@dataclass(frozen=True)
class Template:
    """One purpose in one language."""

    version: int
    whatsapp_template: str
    """Its name at WhatsApp, the same for all languages."""
    dlt_template_id: str
    """Its id at the operators; empty until the state has registered it."""
    text: str

    @property
    def placeholders(self) -> tuple[str, ...]:
        """The names in its text, in order, each once."""
        return tuple(dict.fromkeys(name for _, name, _, _ in string.Formatter().parse(self.text) if name))

    def render(self, parameters: Mapping[str, str]) -> str:
        """The text with its words filled in.

        Raises:
            Unrenderable: a parameter is missing.
        """
        try:
            return self.text.format_map(parameters)
        except KeyError as error:
            raise Unrenderable(f"no {error.args[0]}") from None


@lru_cache(maxsize=1)
def templates() -> dict[tuple[Purpose, Language], Template]:
    """Every template."""
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
    """A site's name."""
    return _words()["site"].get(code, {}).get(language, code)


def department(code: str) -> str:
    """A department's name as far as its code tells it: ``public_works`` is Public Works."""
    return code.replace("_", " ").replace("-", " ").title() if code.islower() else code


def gate(code: str | None, language: Language) -> str:
    """A gate as its sign reads, or the word for any."""
    return code or _words()["gate"]["any"][language]


def reason(code: str, language: Language) -> str:
    """Why an application was refused."""
    return _words()["reason"][code][language]


def day(value: date) -> str:
    """31-12-2026."""
    return f"{value:%d-%m-%Y}"


def hour(value: time) -> str:
    """09:30."""
    return f"{value:%H:%M}"


def moment(value: datetime) -> str:
    """31-12-2026 09:30, Indian Standard Time."""
    return f"{value.astimezone(IST):%d-%m-%Y %H:%M}"


def note(text: str) -> str:
    """A department's note on one line, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= NOTE_LENGTH else f"{line[:NOTE_LENGTH].rsplit(' ', 1)[0]}…"

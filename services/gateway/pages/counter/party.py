"""Companions pasted as a list, one per line: ``name, kind of ID, last four`` or ``name, child``.

Commas, semicolons or the tabs of a spreadsheet separate the parts. The kind of ID may be missing or empty.
"""

import re
from dataclasses import dataclass

from contracts.visiting_rules import MOST_COMPANIONS
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.languages import LANGUAGES, texts
from services.gateway.pages.shared.vocabulary import ID_TYPES

MOST = MOST_COMPANIONS["counter"]
DEFAULT_ID_TYPE = "other_photo_id"
_PARTED = re.compile(r"[,;\t]")
_NUMBERED = re.compile(r"^\s*\d{1,2}\s*[.)]\s*")
_SHORT = {
    "aadhar": "aadhaar", "uid": "aadhaar", "dl": "driving_licence", "driving license": "driving_licence",
    "licence": "driving_licence",
    "license": "driving_licence", "voter": "voter_id", "voter id": "voter_id", "epic": "voter_id",
    "pan card": "pan", "govt": "government_id",
    "govt id": "government_id", "government": "government_id", "official": "government_id",
    "other": "other_photo_id",
    "ਆਧਾਰ": "aadhaar", "आधार": "aadhaar", "ਵੋਟਰ ਕਾਰਡ": "voter_id", "वोटर कार्ड": "voter_id", "ਪੈਨ": "pan",
    "पैन": "pan",
    "ਸਰਕਾਰੀ ਪਛਾਣ ਪੱਤਰ": "government_id", "सरकारी पहचान पत्र": "government_id",
}  # fmt: skip
"""Short forms that operators write → kind of ID."""
LineProblem = tuple[int, str]
"""Number of a line, from 1, and the code of its problem."""


@dataclass(frozen=True)
class Party:
    """The companions of a pasted list.

    Args:
        companions: as answers; a line with a problem is there too, as far as it could be read.
        lines: number of the line of each companion.
        problems: of lines that could not be read.
    """

    companions: list[Answers]
    lines: list[int]
    problems: list[LineProblem]

    def problem_at(self, path: str, code: str) -> LineProblem | None:
        """Return the line of a problem that the service found at a field such as ``companions.3.name``."""
        match = re.match(r"companions\.(\d+)\.", path)
        return (self.lines[int(match[1])], code) if match else None


def read(text: str) -> Party:
    """Read a pasted list."""
    party = Party([], [], [])
    for number, line in enumerate(text.splitlines(), start=1):
        parts = [part.strip() for part in _PARTED.split(_NUMBERED.sub("", line))]
        if not any(parts):
            continue
        one, problem = _companion(parts)
        party.companions.append(one)
        party.lines.append(number)
        if problem:
            party.problems.append((number, problem))
    return party


def _companion(parts: list[str]) -> tuple[Answers, str]:
    *before, last = parts
    if before and last.casefold() in _words_for("Child"):
        name = ", ".join(before)
        return {"name": name, "child": True}, "" if name else "name_missing"
    name, kind = (", ".join(before[:-1]), before[-1]) if len(before) > 1 else (", ".join(before) or last, "")
    one: Answers = {
        "name": name,
        "child": False,
        "id_type": DEFAULT_ID_TYPE if not kind else _kind_of(kind),
        "id_last4": last,
    }
    if not before or not last:
        return one, "companion_id_missing"
    if not name:
        return one, "name_missing"
    return one, "" if one["id_type"] else "id_type_unknown"


def _kind_of(word: str) -> str | None:
    """Return the kind of ID that a word means in any of the languages."""
    wanted = " ".join(word.casefold().replace("_", " ").split())
    if wanted in _SHORT:
        return _SHORT[wanted]
    return next(
        (
            kind
            for kind, name in ID_TYPES.items()
            if wanted == kind.replace("_", " ") or wanted in _words_for(name)
        ),
        None,
    )


def _words_for(english: str) -> set[str]:
    return {texts(language).gettext(english).casefold() for language in LANGUAGES}

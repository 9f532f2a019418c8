"""A list of people, pasted or typed one per line.

Commas, semicolons or the tabs of a spreadsheet separate the parts of a line; lines may be numbered.
"""

import re
from collections.abc import Iterator

from services.gateway.pages.shared.languages import LANGUAGES, texts
from services.gateway.pages.shared.vocabulary import ID_TYPES

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
DEFAULT_ID_TYPE = "other_photo_id"
"""Kind of an ID whose line has its last four only."""
LineProblem = tuple[int, str]
"""Number of a line, from 1, and the code of its problem."""


def lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and parts of each line that is not empty."""
    for number, line in enumerate(text.splitlines(), start=1):
        parts = [part.strip() for part in _PARTED.split(_NUMBERED.sub("", line))]
        if any(parts):
            yield number, parts


def id_type_of(word: str) -> str | None:
    """Return the kind of ID that a word means in any of the languages."""
    wanted = " ".join(word.casefold().replace("_", " ").split())
    if wanted in _SHORT:
        return _SHORT[wanted]
    return next(
        (
            kind
            for kind, name in ID_TYPES.items()
            if wanted == kind.replace("_", " ") or wanted in words_for(name)
        ),
        None,
    )


def words_for(english: str) -> set[str]:
    """Return a word of the pages in all languages, in small letters."""
    return {texts(language).gettext(english).casefold() for language in LANGUAGES}

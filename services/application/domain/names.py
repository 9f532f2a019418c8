"""Checks of people's names: one field in any of the three scripts, and the Latin spelling for the gate."""

import unicodedata

from services.application.domain.findings import Findings
from services.application.domain.text import one_line, without_aadhaar
from services.application.domain.transliteration import suggest_latin

LONGEST = 100
_SIGNS = " .'\u2019\u2018\u02bc`/@-\u2010\u2013,()\u0970\u0a76\u200c\u200d"
"""Signs between letters, with the abbreviation signs of both Indic scripts and the joiners."""
_LATIN = ("LATIN ", "COMBINING ", "DIGIT ")
_SCRIPTS = (*_LATIN, "GURMUKHI ", "DEVANAGARI ")


def name_of(findings: Findings, field: str, text: str) -> str:
    """Return a name, cleaned; if it is not acceptable, record a problem and return an empty text."""
    name = without_aadhaar(findings, field, one_line(text))
    problem = _problem(name)
    if problem:
        findings.refuse(field, problem)
    return "" if problem else name


def latin_name_of(findings: Findings, field: str, text: str | None, name: str) -> str:
    """Return the name in Latin letters: as given, else as written if it is Latin, else transliterated."""
    given = without_aadhaar(findings, field, one_line(text or ""))
    if not given and _is_written_in(name, _LATIN):
        return name  # also an empty one: its problem is recorded at the name itself
    given = given or suggest_latin(name)[:LONGEST].rstrip()
    problem = _problem(given) or (None if _is_written_in(given, _LATIN) else "name_not_latin")
    if problem:
        findings.refuse(field, problem)
    return given


def _problem(name: str) -> str | None:
    if not name:
        return "name_missing"
    if len(name) > LONGEST:
        return "name_too_long"
    if not _is_written_in(name, _SCRIPTS) or not any(char.isalpha() for char in name):
        return "name_characters"
    return None


def _is_written_in(name: str, scripts: tuple[str, ...]) -> bool:
    for char in name:
        is_letter = unicodedata.category(char)[0] in "LM" or unicodedata.category(char) == "Nd"
        if char not in _SIGNS and not (is_letter and unicodedata.name(char, "").startswith(scripts)):
            return False
    return True

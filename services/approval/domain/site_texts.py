"""Texts of the site: what is wrong in one. Pure."""

from collections.abc import Mapping
from typing import get_args

from contracts.errors import FieldError, InvalidInput
from contracts.model import Language
from contracts.site_texts import LONGEST_LINE, TextLine, TextName

MOST_BYTES = 150_000
"""Of all texts together: the gateways fetch them in one message."""


def checked(name: TextName, words: Mapping[Language, str]) -> dict[Language, str]:
    """Return a text without the languages in which it is empty; nothing if it is to be the usual one.

    A line is there in all languages or in none. A page may lack a language: its readers see another one.

    Raises:
        InvalidInput: with every problem, in fields such as ``text_pa``.
    """
    written = {language: text.replace("\r\n", "\n").strip() for language, text in words.items()}
    written = {language: text for language, text in written.items() if text}
    problems = []
    for language in get_args(Language) if written else ():
        text = written.get(language, "")
        if name in get_args(TextLine):
            problem = "empty" if not text else "one_line" if "\n" in text else ""
            problem = problem or ("line_too_long" if len(text) > LONGEST_LINE else "")
        else:
            first = text.partition("\n")[0]
            problem = "no_title" if text and not (first.startswith("# ") and first[2:].strip()) else ""
        if problem:
            problems.append(FieldError(field=f"text_{language}", code=problem))
    if problems:
        raise InvalidInput("this text cannot be shown", fields=tuple(problems))
    return written

"""The opening hours of a week on a form and in a table.

A cell has the hours of a day: ``09:00-13:00 14:00-17:00``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from itertools import groupby
from typing import Literal

from fastapi.datastructures import FormData

from contracts.model import Language
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.languages import hours_in_words, week_in_words

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WINDOWS = 2
"""For how many openings of a day the form has fields at least."""
MOST_WINDOWS = 4
State = Literal["past", "now", "coming"]


@dataclass(frozen=True)
class Week:
    """The hours of a week in words, what the form's fields hold, and whether they hold now."""

    state: State
    words: list[tuple[str, Sequence[str]]]
    """Days, such as ``Monday – Friday``, and when the site is open on them."""
    fields: dict[str, list[tuple[str, str]]]
    """By weekday: from and to of each opening, with empty ones to fill in."""


def read_hours(form: FormData) -> dict[str, str]:
    """Return the cell of each weekday of a form."""
    cells = {}
    for weekday in WEEKDAYS:
        pairs = [
            (text_of(form, f"{weekday}-from-{at}"), text_of(form, f"{weekday}-to-{at}"))
            for at in range(1, MOST_WINDOWS + 1)
        ]
        cells[weekday] = " ".join(f"{opens}-{closes}" for opens, closes in pairs if opens or closes)[:60]
    return cells


def weeks(lines: Iterable[Mapping[str, str]], today: str, language: Language) -> dict[str, Week]:
    """Return the week of each line by its key, ``site/day``. Lines are in the order of sites and days."""
    found = {}
    for _site, of_site in groupby(lines, key=lambda cells: cells["site"]):
        ordered = list(of_site)
        for at, cells in enumerate(ordered):
            following = ordered[at + 1]["valid_from"] if at + 1 < len(ordered) else ""
            state: State = "past" if following and following <= today else "now"
            state = "coming" if cells["valid_from"] > today else state
            opened = [[_window(part, language) for part in cells[name].split()] for name in WEEKDAYS]
            week = Week(
                state, week_in_words(opened, language), {name: _fields(cells[name]) for name in WEEKDAYS}
            )
            found["/".join((cells["site"], cells["valid_from"]))] = week
    return found


def _window(text: str, language: Language) -> str:
    opens, _dash, closes = text.partition("-")
    try:
        return hours_in_words(time.fromisoformat(opens), time.fromisoformat(closes), language)
    except ValueError:
        return text


def _fields(text: str) -> list[tuple[str, str]]:
    pairs = [(opens, closes) for opens, _dash, closes in (part.partition("-") for part in text.split())]
    return [*pairs, *[("", "")] * (WINDOWS - len(pairs))]

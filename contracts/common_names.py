"""Common names of Punjab and its neighbours: how each is customarily spelt in Latin letters.

``common_names.csv`` is data: one name a line, with its forms in Gurmukhi and Devanagari and with other Latin
spellings that people use. Where two names share a form, the first line is the customary one.
"""

import csv
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("common_names.csv")


@dataclass(frozen=True)
class CommonName:
    """A name: its customary Latin spelling, its forms in Indic scripts, other Latin spellings."""

    customary: str
    forms: tuple[str, ...]
    alternates: tuple[str, ...] = ()


def customary(word: str) -> str | None:
    """Return the customary Latin spelling of a word in an Indic script; None if it is no common name."""
    name = common_name(word)
    return name.customary if name and _key(word) in name.forms else None


def common_name(word: str) -> CommonName | None:
    """Return the common name of which a word is one spelling, in any script; None if there is none."""
    return _by_spelling().get(_key(word))


@cache
def read() -> tuple[CommonName, ...]:
    """Return the list."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return tuple(
            CommonName(row["customary"], tuple(row["forms"].split()), tuple(row["alternates"].split()))
            for row in csv.DictReader(file)
        )


@cache
def _by_spelling() -> dict[str, CommonName]:
    """Return the names by each of their spellings; a customary one wins over another name's alternate."""
    found: dict[str, CommonName] = {}
    for of in (lambda name: (name.customary, *name.forms), lambda name: name.alternates):
        for name in read():
            for spelling in of(name):
                found.setdefault(_key(spelling), name)
    return found


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()

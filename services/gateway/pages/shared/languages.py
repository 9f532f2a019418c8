"""The three languages of the pages: texts from the ``.po`` files, dates and numbers as each of them writes them.

An English sentence is its own key. The catalogues are read when the process starts; nothing has to be compiled first.
"""

from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel import Locale
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from contracts.model import Language
from services.chassis.runtime.clock import IST

LANGUAGES: tuple[Language, ...] = ("pa", "hi", "en")
ENDONYMS: dict[Language, str] = {"pa": "ਪੰਜਾਬੀ", "hi": "हिन्दी", "en": "English"}
_LOCALES: dict[Language, Locale] = {
    "pa": Locale("pa", "IN", script="Guru"),
    "hi": Locale("hi", "IN"),
    "en": Locale("en", "IN"),
}


def _(text: str) -> str:
    """Marks a text for the catalogues where it is written before its language is known."""
    return text


@cache
def texts(language: Language) -> NullTranslations:
    """The catalogue of a language."""
    if language == "en":
        return NullTranslations()
    with files("services.gateway").joinpath(f"translations/{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def preferred(accept_language: str) -> Language:
    """The first of ours that a browser asks for; Punjabi where it asks for none of them."""
    asked = [part.partition(";")[0].strip().lower()[:2] for part in accept_language.split(",")]
    return next((one for code in asked for one in LANGUAGES if one == code), "pa")


def day_in_words(day: date, language: Language) -> str:
    """A date with its weekday: ``Tuesday, 1 December 2026``."""
    return format_date(day, "EEEE, d MMMM y", locale=_LOCALES[language])


def time_of_day(at: time, language: Language) -> str:
    """A time of day: ``10:30 am``; in Punjabi and Hindi with the part of the day before it, as people say it."""
    return format_time(at, "h:mm a" if language == "en" else "B h:mm", locale=_LOCALES[language])


def instant_in_words(at: datetime, language: Language) -> str:
    """An instant in India: ``1 December 2026, 10:30 am``."""
    there = at.astimezone(IST)
    return (
        f"{format_date(there, 'd MMMM y', locale=_LOCALES[language])}, {time_of_day(there.time(), language)}"
    )


def number(value: float, language: Language) -> str:
    """A number as the language groups it."""
    return format_decimal(value, locale=_LOCALES[language])

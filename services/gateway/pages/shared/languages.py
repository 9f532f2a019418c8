"""The three languages of the pages: texts from the ``.po`` files, dates and numbers in local form.

An English sentence is its own key. The catalogues are read at first use and need no compiling.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from io import BytesIO
from itertools import groupby
from math import ceil

from babel import Locale
from babel.dates import format_date, get_day_names, get_month_names
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from contracts.model import MOST_DAYS, Language
from services.chassis.runtime.clock import IST
from services.chassis.runtime.time_words import span, time_of_day

LANGUAGES: tuple[Language, ...] = ("pa", "hi", "en")
ENDONYMS: dict[Language, str] = {"pa": "ਪੰਜਾਬੀ", "hi": "हिन्दी", "en": "English"}
_LOCALES: dict[Language, Locale] = {
    "pa": Locale("pa", "IN", script="Guru"),
    "hi": Locale("hi", "IN"),
    "en": Locale("en", "IN"),
}


def _(text: str) -> str:
    """Mark a text for the catalogues at a place where its language is not known yet."""
    return text


@cache
def texts(language: Language) -> NullTranslations:
    """Return the catalogue of a language."""
    if language == "en":
        return NullTranslations()
    with files("services.gateway").joinpath(f"translations/{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def preferred(accept_language: str) -> Language:
    """Return the first of the three languages that a browser asks for.

    The default is Punjabi.
    """
    asked = [part.partition(";")[0].strip().lower()[:2] for part in accept_language.split(",")]
    return next((one for code in asked for one in LANGUAGES if one == code), "pa")


def day_in_words(day: date, language: Language) -> str:
    """Return a date with its weekday: ``Tuesday, 1 December 2026``."""
    return format_date(day, "EEEE, d MMMM y", locale=_LOCALES[language])


def days_in_words(days: Sequence[date], language: Language) -> str:
    """Return the days of a visit: ``27–29 November 2026``, ``27–28 November and 2 December 2026``.

    One day has its weekday, as in :func:`day_in_words`. Of more days than an ordinary visit has, those of a
    standing pass, the weekdays are named: ``Monday, Friday: 2 March 2026 – 28 August 2026``.
    """
    if len(days) == 1:
        return day_in_words(days[0], language)
    if len(days) > MOST_DAYS:
        weekdays = sorted({day.weekday() for day in days})
        each = ", ".join(weekday_in_words(weekday, language) for weekday in weekdays)
        return f"{each}: {_run_in_words((days[0], days[-1]), 'd MMMM y', language)}"
    runs: list[list[date]] = []
    for day in days:
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    one_year = days[0].year == days[-1].year
    form = "d MMMM" if one_year else "d MMMM y"
    words = format_list([_run_in_words(run, form, language) for run in runs], locale=_LOCALES[language])
    return f"{words} {days[-1].year}" if one_year else words


def _run_in_words(run: Sequence[date], form: str, language: Language) -> str:
    first, last = run[0], run[-1]
    if first == last:
        return format_date(first, form, locale=_LOCALES[language])
    same_month = (first.year, first.month) == (last.year, last.month)
    begins = format_date(first, "d" if same_month else form, locale=_LOCALES[language])
    dash = "–" if same_month else " – "
    return f"{begins}{dash}{format_date(last, form, locale=_LOCALES[language])}"


def iso_day_in_words(day: str, language: Language) -> str:
    """Return a date that is written as ``2026-12-01``, with its weekday; another text as it is."""
    try:
        return day_in_words(date.fromisoformat(day), language)
    except ValueError:
        return day


def short_day(day: date, language: Language) -> str:
    """Return a date for a table: ``1 Dec 2026``."""
    return format_date(day, "d MMM y", locale=_LOCALES[language])


def day_of(at: datetime, language: Language) -> str:
    """Return the day of an instant in Indian time, for a table: ``1 Dec 2026``."""
    return short_day(at.astimezone(IST).date(), language)


def day_and_month(day: date, language: Language) -> str:
    """Return a date without its year: ``1 December``."""
    return format_date(day, "d MMMM", locale=_LOCALES[language])


def month_in_words(month: date, language: Language) -> str:
    """Return a month: ``December 2026``."""
    return format_date(month, "LLLL y", locale=_LOCALES[language])


def month_names(language: Language) -> list[str]:
    """Return the names of the twelve months, as a date has them."""
    names = get_month_names("wide", "format", _LOCALES[language])
    return [str(names[month]) for month in range(1, 13)]


def duration_in_words(seconds: int, language: Language) -> str:
    """Return a length of time in its largest unit, rounded up: ``45 minutes``, ``3 hours``, ``2 days``.

    Hours are used up to two days.
    """
    catalogue = texts(language)
    minutes, hours, days = (max(ceil(seconds / unit), 1) for unit in (60, 3_600, 86_400))
    if seconds < 3_600:
        return catalogue.ngettext("%(num)s minute", "%(num)s minutes", minutes) % {"num": minutes}
    if seconds < 2 * 86_400:
        return catalogue.ngettext("%(num)s hour", "%(num)s hours", hours) % {"num": hours}
    return catalogue.ngettext("%(num)s day", "%(num)s days", days) % {"num": days}


def weekday_in_words(weekday: int, language: Language) -> str:
    """Return the name of a weekday; 0 is Monday."""
    return str(get_day_names("wide", "stand-alone", _LOCALES[language])[weekday])


def hours_in_words(start: time, end: time, language: Language) -> str:
    """Return from when to when on a day: ``10:00 am – 12:00 pm``."""
    return span(time_of_day(start, language), time_of_day(end, language), language)


def week_in_words(opened: Sequence[Sequence[str]], language: Language) -> list[tuple[str, Sequence[str]]]:
    """Return days with the same hours together, such as ``Monday – Friday``, each with its hours.

    Args:
        opened: the hours of each day of a week in words, Monday first; none of a day that is closed.
    """
    words = []
    for hours, group in groupby(range(7), key=lambda weekday: opened[weekday]):
        days = [weekday_in_words(weekday, language) for weekday in group]
        words.append((days[0] if len(days) == 1 else span(days[0], days[-1], language), hours))
    return words


def instant_in_words(at: datetime, language: Language) -> str:
    """Return an instant in Indian time: ``1 December 2026, 10:30 am``."""
    there = at.astimezone(IST)
    day = format_date(there, "d MMMM y", locale=_LOCALES[language])
    return f"{day}, {time_of_day(there.time(), language)}"


def number(value: float, language: Language) -> str:
    """Return a number with the digit grouping of the language."""
    return format_decimal(value, locale=_LOCALES[language])

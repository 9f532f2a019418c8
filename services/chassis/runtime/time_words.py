"""Times of day as people say them in Punjabi, Hindi and English, for pages and messages alike.

CLDR gives forms of Punjabi and Hindi that stand beside a verb (ਸ਼ਾਮੀਂ, ਰਾਤੀਂ). In front of a time the plain
noun is said.
"""

from collections.abc import Mapping
from datetime import time

from contracts.model import Language

_PARTS_OF_DAY: Mapping[Language, tuple[tuple[int, str], ...]] = {
    "pa": ((4, "ਰਾਤ"), (12, "ਸਵੇਰੇ"), (16, "ਦੁਪਹਿਰ"), (20, "ਸ਼ਾਮ"), (24, "ਰਾਤ")),
    "hi": ((4, "रात"), (12, "सुबह"), (16, "दोपहर"), (20, "शाम"), (24, "रात")),
}
"""The parts of a day, each with the hour at which it ends."""
_FORMS: Mapping[Language, str] = {"pa": "{part} {time} ਵਜੇ", "hi": "{part} {time} बजे", "en": "{time} {part}"}
_SPANS: Mapping[Language, str] = {
    "pa": "{start} ਤੋਂ {end} ਤੱਕ",
    "hi": "{start} से {end} तक",
    "en": "{start} – {end}",
}


def time_of_day(at: time, language: Language) -> str:
    """Return a time of day: ``10:30 am``; in Punjabi and Hindi the part of the day stands in front of it."""
    part = (
        next(name for end, name in _PARTS_OF_DAY[language] if at.hour < end)
        if language in _PARTS_OF_DAY
        else "am"
        if at.hour < 12
        else "pm"
    )
    return _FORMS[language].format(part=part, time=f"{at.hour % 12 or 12}:{at:%M}")


def short_time(at: time, language: Language) -> str:
    """Return a time within the hour, for a text with little room: ``10:30 am``, ``10:30 ਵਜੇ``."""
    words = time_of_day(at, language)
    return words if language == "en" else words.partition(" ")[2]


def span(start: str, end: str, language: Language) -> str:
    """Return from when to when, of two times or instants in words: ``10:00 am – 12:00 pm``."""
    return _SPANS[language].format(start=start, end=end)

"""ID proofs: only the last four characters are ever stored, and a full Aadhaar number is never accepted.

An Aadhaar number has twelve digits: the first is 2 to 9, the last is a Verhoeff check digit (UIDAI).
"""

import re
import unicodedata
from collections.abc import Iterator

from stdnum.in_ import aadhaar

from contracts.mobile import ascii_digits

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015./_]+")
_RUN = re.compile(r"[0-9](?:(?:[\W_]{0,3}|[\s\-\u2010-\u2015.]{4,})[0-9]){11,}")
"""Digits with what may divide them: white space, hyphens and full stops, or up to three other signs."""
_DAY, _MONTH, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:19|20)[0-9]{2}"
_OTHER = re.compile(
    rf"(?<![0-9])(?:{_YEAR}([-/.]){_MONTH}\1{_DAY}|{_DAY}([-/.]){_MONTH}\2{_YEAR})(?![0-9])"
    r"|\+91[ -]?[6-9][0-9]{4}[ -]?[0-9]{5}(?![0-9])"
)
"""Dates, and mobile numbers with their country: no digit of them is one of an Aadhaar number."""
_TWELVE, _MOST = 12, 16
"""More than twelve digits up to so many may be a number with some beside it, without anything between."""
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"


class NotLastFour(ValueError):
    """An ID field holds something other than four characters; ``code`` is ``full_number`` or ``not_four``."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def last_four(text: str) -> str:
    """Return the last four characters of a typed ID: letters in capitals, digits of any script as 0 to 9.

    Raises:
        NotLastFour: more than four characters (``full_number``), or fewer, or other signs (``not_four``).
    """
    compact = _SEPARATORS.sub("", ascii_digits(text)).upper()
    if len(compact) > 4:
        raise NotLastFour("full_number")
    if not re.fullmatch(r"[0-9A-Z]{4}", compact):
        raise NotLastFour("not_four")
    return compact


def mask_aadhaar(text: str) -> tuple[str, bool]:
    """Return free text with every valid Aadhaar number masked, and whether there was one.

    A masked number shows its last four digits. Signs that nobody sees hide none, nor do letters that only
    change another one (Lm), such as the Arabic tatweel, whatever script its digits are of. ``maskAadhaar``
    of the gate's app does the same; contracts/samples/masked_texts.json holds both to it.
    """
    seen = [at for at, char in enumerate(text) if not _is_skipped(char)]
    plain = ascii_digits("".join(text[at] for at in seen))
    plain = _OTHER.sub(lambda match: "x" * len(match.group()), plain)
    masked, position = [], 0
    for run in _RUN.finditer(plain):
        for first, last, last_four_digits in _numbers(run.group()):
            masked += [text[position : seen[run.start() + first]], f"XXXX XXXX {last_four_digits}"]
            position = seen[run.start() + last] + 1
    return "".join([*masked, text[position:]]), bool(masked)


def _is_skipped(char: str) -> bool:
    return unicodedata.category(char) in {"Cf", "Lm", "Mn", "Me"} or char in _BLANK_LETTERS


def _numbers(run: str) -> Iterator[tuple[int, int, str]]:
    """Yield where in a run of digits Aadhaar numbers begin and end, and their last four digits.

    Such a number begins and ends where something divides the digits. If a few digits too many stand together,
    or if the whole run is divided alike and has a few too many, all of them are taken for it.
    """
    places = [at for at, char in enumerate(run) if char.isdecimal()]
    digits = "".join(run[at] for at in places)
    starts = [0] + [n for n in range(1, len(places)) if places[n] > places[n - 1] + 1] + [len(places)]
    is_alike = len({run[places[n - 1] + 1 : places[n]] for n in starts[1:-1]}) <= 1
    done = 0
    for at, start in enumerate(starts[:-1]):
        ends = [end for end in starts[at + 1 : at + 1 + _MOST] if _TWELVE <= end - start <= _MOST]
        for end in ends:
            is_one = end == starts[at + 1] or (is_alike and end - start == len(digits))
            if start < done or not (is_one or end - start == _TWELVE):
                continue
            windows = (digits[n : n + _TWELVE] for n in range(start, end - _TWELVE + 1))
            found = next(filter(aadhaar.is_valid, windows), None)
            if found is not None:
                yield places[start], places[end - 1], found[-4:]
                done = end

"""ID proofs: only the last four characters are ever stored, and a full Aadhaar number is never accepted.

An Aadhaar number has twelve digits: the first is 2 to 9, the last is a Verhoeff check digit (UIDAI).
"""

import re

from stdnum.in_ import aadhaar

from contracts.mobile import ascii_digits

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015./_]+")
_TWELVE = re.compile(r"(?<!\d)\d(?:[\s\-\u2010-\u2015.]*\d){11}(?!\d)")


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

    A masked number shows its last four digits.
    """
    plain = ascii_digits(text)
    masked, position, found = [], 0, False
    for match in _TWELVE.finditer(plain):
        digits = _SEPARATORS.sub("", match.group())
        if aadhaar.is_valid(digits):
            masked += [text[position : match.start()], f"XXXX XXXX {digits[-4:]}"]
            position, found = match.end(), True
    return "".join([*masked, text[position:]]), found

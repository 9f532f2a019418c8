"""Registration numbers of vehicles: what is one, and which spellings are of the same vehicle.

The app of a gate does the same (``web/gate/core/plates.ts``). ``contracts/samples/plates.json`` is what both
make of a table of texts.
"""

import re

from contracts.mobile import ascii_digits

_SEPARATORS = re.compile(r"[\W_]+")
_PLATE = re.compile(
    r"[A-Z]{2}\d{1,2}[A-Z]{0,3}\d{1,4}"  # CH01AB1234, PB10 4321 (Central Motor Vehicles Rules 1989, rule 50)
    r"|\d{2}BH\d{4}[A-Z]{1,2}"  # the Bharat series, 22BH1234AA
    r"|[A-Z]{3}\d{1,4}"  # before 1989, CHK1234
    r"|\d{1,3}(CD|CC|UN)\d{1,4}"  # missions
    r"|\d{2}[A-Z]\d{5,6}[A-Z]?"  # the forces
)
"""As loosely as they are painted."""
_END = re.compile(r"[0-9]{4}")
_LAST_DIGITS = re.compile(r"([0-9]+)[^0-9]*$")
_LEADING_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_READ_AS = str.maketrans("OI", "01")
"""No series has these letters, since they are taken for digits (and are painted and typed so)."""


def parse_plate(text: str) -> str:
    """Return a registration number in capitals, with the digits 0 to 9 and no separators.

    Raises:
        ValueError: it is none.
    """
    plate = _plain(text)
    if not _PLATE.fullmatch(plate):
        raise ValueError("this is no registration number of a vehicle")
    return plate


def is_plate(text: str) -> bool:
    """Return whether a text is one to look for a vehicle by: its number, or the last four digits of it."""
    plain = _plain(text)
    return bool(
        _END.fullmatch(plain) or _PLATE.fullmatch(plain) or _PLATE.fullmatch(plain.translate(_READ_AS))
    )


def names_plate(text: str, plate: str) -> bool:
    """Return whether a text for which `is_plate` holds is a spelling of a registration number, or its end.

    Zeros before a number are left out or painted (CH 1 AB 12, CH 01 AB 0012), and O and I are written for 0
    and 1.
    """
    wanted, key = _plain(text), canonical(plate)
    if not _END.fullmatch(wanted):
        return canonical(wanted) == key
    end = _LAST_DIGITS.search(key)
    return end is not None and end[1].zfill(4)[-4:] == wanted


def last_digits(text: str) -> str:
    """Return digits that every plate has in it which `names_plate` a text: for a search to begin with."""
    end = _LAST_DIGITS.search(_plain(text))
    return end[1][-4:].lstrip("0") if end is not None else ""


def canonical(text: str) -> str:
    """Return what all spellings of a registration number have in common."""
    return _LEADING_ZEROS.sub("", _plain(text).translate(_READ_AS))


def _plain(text: str) -> str:
    return _SEPARATORS.sub("", ascii_digits(text)).upper()

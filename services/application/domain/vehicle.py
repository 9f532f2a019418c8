"""Registration numbers of vehicles in India, as loosely as they are painted."""

import re

from contracts.mobile import ascii_digits
from services.application.domain.findings import Findings
from services.application.domain.text import one_line

_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015.]+")
_NUMBER = re.compile(
    r"[A-Z]{2}\d{1,2}[A-Z]{0,3}\d{1,4}"  # CH01AB1234, PB10 4321 (Central Motor Vehicles Rules 1989, rule 50)
    r"|\d{2}BH\d{4}[A-Z]{1,2}"  # the Bharat series, 22BH1234AA
    r"|[A-Z]{3}\d{1,4}"  # before 1989, CHK1234
    r"|\d{1,3}(CD|CC|UN)\d{1,4}"  # missions
    r"|\d{2}[A-Z]\d{5,6}[A-Z]?"  # the forces
)


def vehicle_of(findings: Findings, field: str, text: str | None) -> str | None:
    """A number in capitals without spaces, or None where none is given."""
    number = _SEPARATORS.sub("", ascii_digits(one_line(text or ""))).upper()
    if number and not _NUMBER.fullmatch(number):
        findings.refuse(field, "vehicle_invalid")
    return number or None

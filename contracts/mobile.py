"""Mobile numbers: parse them as people write them, in any script, to E.164."""

import re
import unicodedata
from collections.abc import Iterable

import phonenumbers

from contracts.model import DeliverBy


def ascii_digits(text: str) -> str:
    """Return the same text with the digits of any script (Gurmukhi, Devanagari) as 0 to 9."""
    return "".join(
        str(unicodedata.digit(char)) if char.isdigit() and unicodedata.digit(char, -1) >= 0 else char
        for char in text
    )


def only_digits(text: str) -> str:
    """Return the digits of a text, as 0 to 9."""
    return re.sub(r"\D", "", ascii_digits(text))


def parse_mobile(text: str) -> str:
    """Return a mobile as E.164. Ten digits, a leading 0 and a leading 91 mean India.

    Raises:
        ValueError: no possible number, or an Indian one that is no mobile.
    """
    digits = ascii_digits(text).strip()
    try:
        number = phonenumbers.parse(digits, "IN")
    except phonenumbers.NumberParseException as error:
        raise ValueError("not a mobile number") from error
    if not phonenumbers.is_valid_number(number):
        raise ValueError("not a mobile number")
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if phonenumbers.number_type(number) not in mobile:
        raise ValueError("not a mobile number")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_in_countries(mobile: str, codes: Iterable[str]) -> bool:
    """Return whether a mobile (E.164) is of one of some countries. No country's code begins another's."""
    return mobile.startswith(tuple(f"+{code}" for code in codes))


def channel_to(mobile: str, wanted: DeliverBy) -> DeliverBy:
    """Return the channel to somebody who has this number (E.164): the wanted one, unless it was paper.

    An Indian SMS route reaches no foreign number; those get WhatsApp.
    """
    if wanted in ("sms", "printed"):
        return "sms" if mobile.startswith("+91") else "whatsapp"
    return wanted

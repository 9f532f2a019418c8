"""Which passwords a person may choose. How a password is hashed is not here."""

import re
import unicodedata

from contracts.errors import InvalidInput

SHORTEST = 12
_COMMON = frozenset([
    "password1234", "password12345", "password123456", "passwordpassword", "administrator",
    "administrator1", "123456789012", "1234567890123", "12345678901234", "123412341234", "123123123123",
    "112233445566", "qwertyuiop12", "qwertyuiop123", "qwerty123456", "qwertyqwerty", "1qaz2wsx3edc",
    "1q2w3e4r5t6y", "qazwsxedcrfv", "zaq12wsxcde3", "abcdefghijkl", "abcd12345678", "abc123abc123",
    "iloveyou1234", "welcome12345", "welcome@1234", "changeme1234", "letmein12345", "p@ssw0rd1234",
    "passw0rd1234", "pass@1234567", "india1234567", "india@123456", "punjab123456", "punjab@12345",
    "chandigarh12", "chandigarh123", "chandigarh@1", "secretariat1", "secretariat12", "secretariat123",
    "waheguru1234", "satsriakal12",
])  # fmt: skip
"""The most common ones of those that are long enough."""


def normalized(password: str) -> str:
    """Return one spelling for what looks the same: keyboards compose accents and vowel signs differently.

    This is Unicode's form NFC (RFC 8265, OpaqueString).
    """
    return unicodedata.normalize("NFC", password)


def check_new(new: str, *, current: str, login_id: str) -> None:
    """Raise an error unless the new password is long, different, not the login id, and not a common one.

    Raises:
        InvalidInput: field ``new`` with ``too_short``, ``same_as_current``, ``contains_login_id`` or
            ``too_common``.
    """
    plain = normalized(new)
    letters = _letters(plain)
    if len(plain) < SHORTEST:
        raise InvalidInput.of("new", "too_short", f"at least {SHORTEST} characters")
    if plain == normalized(current):
        raise InvalidInput.of("new", "same_as_current")
    if login_id.casefold() in plain.casefold() or _letters(login_id) in letters:
        raise InvalidInput.of("new", "contains_login_id")
    if plain.casefold() in _COMMON or letters in _COMMON or len(set(plain.casefold())) < 4:
        raise InvalidInput.of("new", "too_common")


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())

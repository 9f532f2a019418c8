"""Which passwords a person may choose. How a password is hashed is not here."""

import re
import unicodedata
from importlib.resources import files

from contracts.errors import InvalidInput

SHORTEST = 12
_SHORTEST_WORD = 4
_MOST_DIGITS = 4
"""A year or a counter that people put after a word."""
_OF_THIS_PLACE = frozenset([
    "administrator", "amritsar", "bharat", "chandigarh", "changeme", "epass", "gurdwara", "haryana",
    "hindustan", "india", "jalandhar", "ludhiana", "mohali", "patiala", "punjab", "punjabi", "satsriakal",
    "secretariat", "sikh", "singh", "vidhansabha", "visitor", "waheguru", "welcome", "abcdefghijkl",
    "123412341234", "zaq12wsxcde3",
])  # fmt: skip
_COMMON = _OF_THIS_PLACE | {
    line
    for line in files(__package__).joinpath("common_passwords.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
}
_LOOKALIKES = str.maketrans("@$!013", "asioie")
"""Signs by which people replace a letter."""


def normalized(password: str) -> str:
    """Return one spelling for what looks the same: keyboards compose accents and vowel signs differently.

    This is Unicode's form NFC (RFC 8265, OpaqueString).
    """
    return unicodedata.normalize("NFC", password)


def check_new(new: str, *, current: str, login_id: str) -> None:
    """Raise an error unless the new password is long, different, not the login id, and not a common one.

    Hardly any of the commonest passwords has twelve characters: people make a longer one out of two of them,
    or of one and a number. So this is what is refused.

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
    if len(set(plain.casefold())) < 4 or any(_is_common(text) for text in (plain.casefold(), letters)):
        raise InvalidInput.of("new", "too_common")


def _is_common(text: str) -> bool:
    """Return whether a text is a short one repeated, or one or two common passwords and up to four digits."""
    if re.fullmatch(r"(.{1,6})\1+", text):
        return True
    digits = re.search(rf"\d{{0,{_MOST_DIGITS}}}$", text)
    shortest = len(text) - len(digits[0]) if digits else len(text)
    return any(_is_made_of_common(text[:end]) for end in range(shortest, len(text) + 1))


def _is_made_of_common(text: str) -> bool:
    return _is_known(text) or any(
        _is_known(text[:middle]) and _is_known(text[middle:])
        for middle in range(_SHORTEST_WORD, len(text) - _SHORTEST_WORD + 1)
    )


def _is_known(word: str) -> bool:
    return word in _COMMON or word.translate(_LOOKALIKES) in _COMMON


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())

"""Passwords: how they are hashed (argon2id, RFC 9106), what a good one is, and the one-time initial ones.

Hashing holds the processor and 19 MiB for tens of milliseconds: call :func:`hashed` and :func:`matches` through
``cpu.offload``, with no transaction open.
"""

import hashlib
import hmac
import re
import unicodedata
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from contracts.errors import InvalidInput
from services.chassis.runtime.settings import settings

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's Password Storage Cheat Sheet: argon2id, m = 19 MiB, t = 2, p = 1."""
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$kcmEXyEhfJYvF+rmmig3Rw$tTVKc1LRaOcwAcE9Tj6ZubPhuAxt0B85P+uyzXCaB/k"
"""The hash of a password that was thrown away: a login that does not exist costs the same work as one that does."""

SHORTEST = 12
_COMMON = frozenset([
    "password1234", "password12345", "password123456", "passwordpassword", "administrator", "administrator1",
    "123456789012", "1234567890123", "12345678901234", "123412341234", "123123123123", "112233445566", "qwertyuiop12",
    "qwertyuiop123", "qwerty123456", "qwertyqwerty", "1qaz2wsx3edc", "1q2w3e4r5t6y", "qazwsxedcrfv", "zaq12wsxcde3",
    "abcdefghijkl", "abcd12345678", "abc123abc123", "iloveyou1234", "welcome12345", "welcome@1234", "changeme1234",
    "letmein12345", "p@ssw0rd1234", "passw0rd1234", "pass@1234567", "india1234567", "india@123456", "punjab123456",
    "punjab@12345", "chandigarh12", "chandigarh123", "chandigarh@1", "secretariat1", "secretariat12", "secretariat123",
    "waheguru1234", "satsriakal12",
])  # fmt: skip
"""Of those that are long enough, what people choose first."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""No i, l, o, 0 or 1: an initial password is read off paper."""


def _bytes(password: str) -> bytes:
    """One spelling for what looks the same (RFC 8265, OpaqueString): keyboards compose accents and vowel signs differently."""
    return unicodedata.normalize("NFC", password).encode()


def hashed(password: str) -> str:
    """The argon2id hash that is stored."""
    return HASHER.hash(_bytes(password))


def matches(stored: str, password: str) -> bool:
    """Whether a password is the one that was hashed."""
    try:
        return HASHER.verify(stored, _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


def check_new(new: str, *, current: str, login_id: str) -> None:
    """What a person chooses must be long, new, not his login id and not what everybody chooses.

    Raises:
        InvalidInput: field ``new`` with ``too_short``, ``same_as_current``, ``contains_login_id`` or ``too_common``.
    """
    plain = unicodedata.normalize("NFC", new)
    letters = _letters(plain)
    if len(plain) < SHORTEST:
        raise InvalidInput.of("new", "too_short", f"at least {SHORTEST} characters")
    if _bytes(new) == _bytes(current):
        raise InvalidInput.of("new", "same_as_current")
    if login_id.casefold() in plain.casefold() or _letters(login_id) in letters:
        raise InvalidInput.of("new", "contains_login_id")
    if plain.casefold() in _COMMON or letters in _COMMON or len(set(plain.casefold())) < 4:
        raise InvalidInput.of("new", "too_common")


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())


def initial_password(seed: UUID) -> str:
    """The one-time password of a login as issued or reset, such as ``k7fm-w3pa-xq9t`` (59 bits).

    Derived from the seed that the login's row keeps, so that the answer to a repeated command is the same and no
    password is stored.
    """
    secret = settings().password_secret.get_secret_value().encode()
    number = int.from_bytes(hmac.new(secret, f"initial-password:{seed}".encode(), hashlib.sha256).digest())
    signs = []
    for _ in range(12):
        number, sign = divmod(number, len(_ALPHABET))
        signs.append(_ALPHABET[sign])
    return "-".join("".join(signs[start : start + 4]) for start in (0, 4, 8))

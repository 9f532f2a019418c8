"""Password hashing (argon2id, RFC 9106), and the one-time initial passwords.

Hashing takes the processor and 19 MiB for tens of milliseconds. Call :func:`hash_password` and
:func:`matches` through ``cpu_pool.offload``, with no transaction open.
"""

import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

from services.accounts.domain.passwords import normalized

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
"""OWASP's Password Storage Cheat Sheet: argon2id, m = 19 MiB, t = 2, p = 1."""
NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$kcmEXyEhfJYvF+rmmig3Rw$tTVKc1LRaOcwAcE9Tj6ZubPhuAxt0B85P+uyzXCaB/k"
"""The hash of a random password that nobody has: a login that does not exist costs the same work as one that
does."""
_ONE_TIME = "one-time:"
_NO_SEED = UUID(int=0)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without i, l, o, 0 and 1, because people read an initial password off paper."""


def hash_password(password: str) -> str:
    """Return the argon2id hash to store."""
    return HASHER.hash(normalized(password).encode())


def new_seed(now: datetime) -> UUID:
    """Return a random seed of a one-time password that carries its time: UUID version 7 (RFC 9562)."""
    milliseconds = int(now.timestamp() * 1000)
    return UUID(
        int=milliseconds << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    )


def made_at(seed: UUID) -> datetime:
    """Return when a seed was made."""
    return datetime.fromtimestamp((seed.int >> 80) / 1000, UTC)


def one_time(seed: UUID) -> str:
    """Return what is stored, in the place of a hash, of the one-time password that a seed gives.

    Such a password has 59 random bits and a derivation key that is not in the database, so it needs no slow
    hash, and hundreds of logins can be issued in one command.
    """
    return f"{_ONE_TIME}{seed}"


def is_one_time(stored: str | None) -> bool:
    """Return whether what is stored is a one-time password, which nobody can guess."""
    return stored is not None and stored.startswith(_ONE_TIME)


def shown_again(stored: str, secret: SecretStr) -> str | None:
    """Return the one-time password that is stored; None if the owner has chosen another one."""
    seed = seed_of(stored)
    return None if seed is None else initial_password(seed, secret)


def seed_of(stored: str) -> UUID | None:
    """Return the seed of the one-time password that is stored; None if the owner has chosen another one."""
    return UUID(stored.removeprefix(_ONE_TIME)) if is_one_time(stored) else None


def verify(stored: str, password: str, secret: SecretStr) -> bool:
    """Return whether this is the password of a login: the one that was hashed, or its one-time password.

    Both cost the same work.
    """
    if is_one_time(stored):
        matches(NOBODY, password)
        return is_right_one_time(stored, password, secret)
    return matches(stored, password)


def is_right_one_time(stored: str | None, password: str, secret: SecretStr) -> bool:
    """Return whether this is the one-time password of a login. It costs the same where there is none."""
    once = initial_password(seed_of(stored or "") or _NO_SEED, secret)
    is_right = hmac.compare_digest(once.encode(), normalized(password).encode())
    return is_right and is_one_time(stored)


def matches(stored: str, password: str) -> bool:
    """Return whether this is the password that was hashed."""
    try:
        return HASHER.verify(stored, normalized(password).encode())
    except (VerificationError, InvalidHashError):
        return False


def initial_password(seed: UUID, secret: SecretStr) -> str:
    """Return the one-time password of a login that was issued or reset, such as ``k7fm-w3pa-xq9t`` (59 bits).

    It is derived from a seed, which is stored. So the answer to a repeated command is the same, and no
    password is stored.
    """
    key, message = secret.get_secret_value().encode(), f"initial-password:{seed}".encode()
    return legible(hmac.new(key, message, hashlib.sha256).digest())


def legible(random: bytes) -> str:
    """Return twelve characters (59 bits) of derived bytes, in a form that people read off paper."""
    number, characters = int.from_bytes(random), []
    for _ in range(12):
        number, index = divmod(number, len(_ALPHABET))
        characters.append(_ALPHABET[index])
    return "-".join("".join(characters[start : start + 4]) for start in (0, 4, 8))

"""What this service must be able to read again, yet no copy of its database may tell: signing keys, live codes, mobiles."""

from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet

from services.chassis.runtime.settings import settings


@lru_cache(maxsize=1)
def _ring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings().key_encryption_keys])


def seal(content: bytes) -> str:
    """Encrypts under the first of the key encryption keys."""
    return _ring().encrypt(content).decode()


def unseal(token: str) -> bytes:
    """Decrypts under any of them.

    Raises:
        cryptography.fernet.InvalidToken: no key of the ring opens it.
    """
    return _ring().decrypt(token)

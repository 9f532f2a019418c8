"""Encryption under a ring of Fernet keys: the one key ring of the events' personal blocks, and of services.

Fernet is AES-128 in CBC mode with an HMAC-SHA256 over all of it (https://github.com/fernet/spec).
"""

from collections.abc import Sequence
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class CannotOpen(ValueError):
    """No key of the ring opens this text, or it is older than allowed. The message never quotes the text."""


class SealedBox:
    """Encrypts under the first key of a ring and decrypts under any of them, so that keys can be rotated.

    Args:
        keys: url-safe base64 Fernet keys, the current one first.

    Raises:
        ValueError: there is no key, or one is not a Fernet key.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, content: bytes) -> str:
        """Return the content encrypted: url-safe base64, different at each call."""
        return self._fernet.encrypt(content).decode()

    def open(self, sealed: str, max_age: timedelta | None = None) -> bytes:
        """Return what :meth:`seal` encrypted.

        Args:
            sealed: the encrypted text.
            max_age: how old it may be; None for any age. In whole seconds.

        Raises:
            CannotOpen: no key of the ring opens it, or it is older than ``max_age``.
        """
        ttl = None if max_age is None else int(max_age.total_seconds())
        try:
            return self._fernet.decrypt(sealed, ttl=ttl)
        except (InvalidToken, ValueError):  # ValueError: text that is not ASCII
            raise CannotOpen("no key of the ring opens this text, or it is too old") from None

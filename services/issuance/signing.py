"""One Ed25519 key in memory: it signs tokens, shows its public half, and is sealed for the database.

Ed25519 is deterministic (RFC 8032), so the same claims under the same key are the same token, and none is stored.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jwt
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.events import PublicKey
from contracts.tokens import ALGORITHM
from services.chassis.runtime.settings import settings

KID_LENGTH = 8


class WrongKey(RuntimeError):
    """A sealed private half that does not belong to the public half beside it."""


@dataclass(frozen=True)
class SigningKey:
    """A key pair; ``kid`` names it in the header of what it signed."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> "SigningKey":
        """A new key."""
        return cls._of(Ed25519PrivateKey.generate())

    @classmethod
    def _of(cls, private: Ed25519PrivateKey) -> "SigningKey":
        return cls(_kid(_x(private)), private)

    @property
    def public(self) -> PublicKey:
        """The half that everyone may have."""
        return PublicKey(kid=self.kid, x=_x(self.private))

    def sign(self, payload: Mapping[str, Any], typ: str) -> str:
        """A compact JWS over the payload; ``typ`` tells kinds of tokens apart (RFC 8725, section 3.11)."""
        return jwt.encode(
            dict(payload), self.private, algorithm=ALGORITHM, headers={"typ": typ, "kid": self.kid}
        )

    def sealed(self) -> str:
        """The private half under the first of the key-encryption keys: a Fernet token."""
        return _ring().encrypt(self.private.private_bytes_raw()).decode()


@lru_cache(maxsize=64)
def unseal(sealed: str, public: PublicKey) -> SigningKey:
    """The key that was sealed, decrypted once for each process.

    Raises:
        cryptography.fernet.InvalidToken: no key-encryption key opens it.
        WrongKey: it is not the private half of ``public``.
    """
    key = SigningKey._of(Ed25519PrivateKey.from_private_bytes(_ring().decrypt(sealed)))  # noqa: SLF001  of this module
    if key.public != public:
        raise WrongKey(f"the private half of {public.kid} belongs to another key")
    return key


def _ring() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings().key_encryption_keys])


def _x(private: Ed25519PrivateKey) -> str:
    return base64.urlsafe_b64encode(private.public_key().public_bytes_raw()).rstrip(b"=").decode()


def _kid(x: str) -> str:
    """The head of the JWK's thumbprint (RFC 7638, RFC 8037 appendix A.3), in base32: 40 bits in 8 characters."""
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return base64.b32encode(hashlib.sha256(members.encode()).digest()).decode()[:KID_LENGTH].lower()

"""One Ed25519 signing key in memory: its name, its public half, and the tokens that it signs.

Ed25519 signatures have no randomness (RFC 8032): the same claims under the same key give the same token, so
no token has to be stored.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.events import PublicKey
from contracts.tokens import ALGORITHM

KID_LENGTH = 8


@dataclass(frozen=True)
class SigningKey:
    """A key pair. ``kid`` names it in the header of each token that it signs."""

    kid: str
    private: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new key, named by its thumbprint."""
        return cls.of(Ed25519PrivateKey.generate())

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "SigningKey":
        """Return the key with this private half, named by its thumbprint."""
        return cls(kid_of(_x(private)), private)

    @classmethod
    def from_seed(cls, seed: str) -> "SigningKey":
        """Return the key of the base64url of its 32 bytes.

        Raises:
            ValueError: it is none.
        """
        return cls.of(Ed25519PrivateKey.from_private_bytes(_bytes(seed)))

    @property
    def public(self) -> PublicKey:
        """The half that everybody may have."""
        return PublicKey(kid=self.kid, x=_x(self.private))

    def sign(self, payload: Mapping[str, Any], typ: str) -> str:
        """Return a compact JWS of the payload.

        ``typ`` keeps kinds of tokens apart (RFC 8725, section 3.11).
        """
        headers = {"typ": typ, "kid": self.kid}
        return jwt.encode(dict(payload), self.private, algorithm=ALGORITHM, headers=headers)


def kid_of(x: str) -> str:
    """Return the first 8 characters (48 bits) of the base64url thumbprint of the JWK.

    The thumbprint is defined in RFC 7638, for Ed25519 in RFC 8037, appendix A.3.
    """
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return _base64url(hashlib.sha256(members.encode()).digest())[:KID_LENGTH]


def public_key(x: str) -> Ed25519PublicKey:
    """Return the public key whose JWK has this ``x``.

    Raises:
        ValueError: it is not the base64url of 32 bytes.
    """
    return Ed25519PublicKey.from_public_bytes(_bytes(x))


def _x(private: Ed25519PrivateKey) -> str:
    return _base64url(private.public_key().public_bytes_raw())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

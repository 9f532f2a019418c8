"""The one strict check of signed tokens: sessions at the gateway, passes at a gate.

It reads no clock and no database.

It follows RFC 8725 (JSON Web Token best current practices): one algorithm (3.1), all claims and their issuer
and audience checked (3.8, 3.9), kinds of tokens kept apart by ``typ`` (3.11, 3.12), and no key or address of
a key taken from the token itself (3.10): a header has exactly ``typ``, ``alg`` and ``kid``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Generic, Literal, TypeVar

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from contracts.model import Wire
from contracts.tokens import ALGORITHM

C = TypeVar("C", bound=Wire)
FindKey = Callable[[str], Ed25519PublicKey | None]
"""Returns the public key of a ``kid``, or None. The ``kid`` has 1 to 8 characters of ``[A-Za-z0-9_-]``."""
Reason = Literal[
    "malformed",
    "header",
    "unknown_key",
    "withdrawn_key",
    "signature",
    "issuer",
    "audience",
    "claims",
    "expired",
    "not_yet_valid",
]
REMEMBERED = 2_000
"""Genuine tokens whose claims a process remembers. A pass is read three times a visit, a session by each
request; whether its key is still known, and whether it is valid now, is asked each time."""
MAX_LENGTH = 4_000
"""Characters of a token; a pass has about 350, a session about 500."""
_COMPACT = re.compile(r"[A-Za-z0-9_-]{1,400}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""A compact JWS (RFC 7515, section 7.1) without the blanks and signs that a lenient base64 decoder skips."""
_HEADER = {"typ", "alg", "kid"}
_KID = re.compile(r"[A-Za-z0-9_-]{1,8}")
_TIMES = ("exp", "nbf", "iat")
_OPTIONS: jwt.types.Options = {
    "require": ["iss", "aud", "exp"],
    "strict_aud": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
"""PyJWT reads the clock itself; :meth:`TokenVerifier.verify` compares the times with the instant that it is
given."""


class TokenRefused(Exception):
    """The token is not accepted. The text is for logs and tests, never for the person who shows the token.

    ``reason`` is one of:

    - ``malformed``: too long, or not a compact JWS with a header in JSON;
    - ``header``: fields other than ``typ``, ``alg`` and ``kid``, or other values in them;
    - ``unknown_key``: no key has this ``kid``;
    - ``withdrawn_key``: the key was withdrawn (raised by who finds the keys);
    - ``signature``: the signature does not fit;
    - ``issuer``, ``audience``: made by, or for, somebody else;
    - ``claims``: a claim is missing or has another shape;
    - ``expired``, ``not_yet_valid``: genuine, but not at this instant.
    """

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True)
class TokenVerifier(Generic[C]):
    """Checks tokens of one kind.

    Args:
        typ: the header's ``typ``, compared to the letter.
        audience: the claim ``aud``, one string.
        issuer: the claim ``iss``.
        claims: the model of the claims; a claim without a default is required, an unknown one is ignored.
    """

    typ: str
    audience: str
    issuer: str
    claims: type[C]

    def read(self, token: str, find_key: FindKey) -> C:
        """Return the claims of a genuine token, whether or not it is valid now.

        Raises:
            TokenRefused: for any reason but ``expired`` and ``not_yet_valid``.
        """
        return self._read(token, find_key)[0]

    def verify(self, token: str, find_key: FindKey, now: datetime, leeway: timedelta = timedelta(0)) -> C:
        """Return the claims of a genuine token that is valid now.

        Args:
            token: a compact JWS.
            find_key: returns the public key of a ``kid``, or None.
            now: the instant to compare ``exp``, ``nbf`` and ``iat`` with.
            leeway: how far the clocks of both sides may be apart.

        Raises:
            TokenRefused: for any reason.
        """
        claims, payload = self._read(token, find_key)
        instant, margin = now.timestamp(), leeway.total_seconds()
        if payload["exp"] <= instant - margin:  # RFC 7519, section 4.1.4: the end itself is too late
            raise TokenRefused("expired")
        if max(payload.get("nbf", 0), payload.get("iat", 0)) > instant + margin:
            raise TokenRefused("not_yet_valid")
        return claims

    def _read(self, token: str, find_key: FindKey) -> tuple[C, dict[str, Any]]:
        if len(token) > MAX_LENGTH or not _COMPACT.fullmatch(token):
            raise TokenRefused("malformed")
        key = find_key(self.kid(token))
        if key is None:
            raise TokenRefused("unknown_key")
        genuine: tuple[C, dict[str, Any]] = _decode(
            token, key.public_bytes_raw(), self.audience, self.issuer, self.claims
        )
        return genuine

    def kid(self, token: str) -> str:
        """Return the ``kid`` of a token whose header is exactly what we write. Nothing is verified yet.

        Raises:
            TokenRefused: the header is another one.
        """
        return _kid_in(token.partition(".")[0], self.typ)


@lru_cache(maxsize=REMEMBERED)
def _decode(
    token: str, key: bytes, audience: str, issuer: str, claims: type[Wire]
) -> tuple[Any, dict[str, Any]]:
    """Return the claims of a token that this key has signed. What is refused is not remembered."""
    try:
        payload = jwt.decode(
            token,
            Ed25519PublicKey.from_public_bytes(key),
            algorithms=[ALGORITHM],
            audience=audience,
            issuer=issuer,
            options=_OPTIONS,
        )
        if any(type(payload[name]) is not int for name in _TIMES if name in payload):
            raise TokenRefused("claims", "a time is not a whole number")
        return claims.model_validate(payload), payload
    except jwt.InvalidSignatureError:
        raise TokenRefused("signature") from None
    except jwt.InvalidAudienceError:
        raise TokenRefused("audience") from None
    except jwt.InvalidIssuerError:
        raise TokenRefused("issuer") from None
    except jwt.DecodeError as error:
        raise TokenRefused("malformed", type(error).__name__) from None
    except (jwt.PyJWTError, ValidationError) as error:
        raise TokenRefused("claims", type(error).__name__) from None


@lru_cache(maxsize=64)
def _kid_in(header_part: str, typ: str) -> str:
    """Return the ``kid`` in the first part of a token; all tokens of a key have the same."""
    try:
        header = jwt.get_unverified_header(f"{header_part}.e30.e30")
    except jwt.DecodeError as error:
        raise TokenRefused("malformed", type(error).__name__) from None
    except jwt.InvalidTokenError as error:  # "crit", or a "kid" that is no text
        raise TokenRefused("header", type(error).__name__) from None
    if header.keys() != _HEADER:
        raise TokenRefused("header", "other fields")
    if header["typ"] != typ or header["alg"] != ALGORITHM:
        raise TokenRefused("header", "another typ or alg")
    kid = header["kid"]
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise TokenRefused("header", "a kid of another form")
    return kid

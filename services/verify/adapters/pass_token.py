"""The check of a pass token: the one strict verifier, with the type, audience and claims of a pass."""

import base64
import json
import re
from typing import Any

from contracts.crockford import parse_pass_number
from contracts.tokens import ALGORITHM, PASS_AUDIENCE, PASS_TYP, PassClaims
from services.chassis.tokens.verification import FindKey, TokenRefused, TokenVerifier

SIGNATURE_LENGTH = 86
"""Base64url characters of the 64 bytes of an Ed25519 signature (RFC 8032, section 5.1.6)."""
_OTHER_ALGORITHMS = ("none", "hs", "rs", "es", "ps")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_OWN_KEYS = {"jwk", "jku", "x5c", "x5u", "crit", "b64"}
"""Header fields that tell a verifier how to check the token (RFC 7515, section 4.1; RFC 7797)."""


def read(token: str, find_key: FindKey, issuer: str) -> PassClaims:
    """Return the claims of a genuine pass token, whether or not the pass is valid now.

    The domain judges the window, so that an expired pass and a forged one get different verdicts.

    Args:
        token: a compact JWS, as the QR code has it.
        find_key: returns the public key of a ``kid``, or None; raises for one that was withdrawn.
        issuer: who must have issued it.

    Raises:
        TokenRefused: the token is no pass of ours; ``reason`` distinguishes what is no token, a bad
            signature, an unknown or a withdrawn key, and so on.
    """
    return TokenVerifier(PASS_TYP, PASS_AUDIENCE, issuer, PassClaims).read(token, find_key)


def is_forged(token: str, refused: TokenRefused, issuer: str) -> bool:
    """Return whether somebody made a refused token, rather than a scanner having read a pass badly.

    It is forged if header and claims are those of a pass and only the signature does not fit. So is a token
    of another kind, or one that asks for another algorithm or brings its own key: no misread character makes
    that of a pass. A signature that fits proves that no character was lost.

    Anything else may be a genuine QR code of which a character is missing or wrong, or one whose key has not
    arrived here yet, so that scanning it again can help. A token under a withdrawn key counts as forged.
    """
    if refused.reason in {"issuer", "audience", "claims", "withdrawn_key"}:
        return True
    parts = token.split(".")
    header = _json_object(parts[0])
    if header is None:
        return False
    if _was_made_for_something_else(header):
        return True
    if refused.reason != "signature" or len(parts[2]) != SIGNATURE_LENGTH:
        return False
    return _are_claims_of_a_pass(_json_object(parts[1]), issuer)


def _json_object(part: str) -> dict[str, Any] | None:
    """Return the object in one part of a token; None where it is no JSON in UTF-8 (RFC 8259).

    Other signs than those of base64url are refused: each version of Python skips them in its own way.
    """
    if not _BASE64URL.fullmatch(part):
        return None
    try:
        text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse_constant(name: str) -> None:
    """Raise `ValueError`: Python reads NaN and Infinity, which are no JSON."""
    raise ValueError(name)


def _was_made_for_something_else(header: dict[str, Any]) -> bool:
    """Return whether a header is one that no wrong character makes of ours."""
    algorithm, kind = header.get("alg", ALGORITHM), header.get("typ", PASS_TYP)
    if not isinstance(algorithm, str) or not isinstance(kind, str):
        return True
    return (
        algorithm.lower().startswith(_OTHER_ALGORITHMS)
        or not _OWN_KEYS.isdisjoint(header)
        or len(kind) != len(PASS_TYP)
    )


def _are_claims_of_a_pass(payload: dict[str, Any] | None, issuer: str) -> bool:
    """Return whether claims, which nothing vouches for, read like those of a pass of ours."""
    try:
        claims = PassClaims.model_validate(payload)
        parse_pass_number(claims.jti)
    except ValueError:  # a ValidationError is one, too
        return False
    return claims.iss == issuer and claims.aud == PASS_AUDIENCE and claims.nbf < claims.exp

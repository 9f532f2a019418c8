"""Is this a pass token of ours? Header first, strictly, then the signature, then whom it is for.

Whether it is valid now is not asked here: the domain judges the window, so that an expired pass and a forged one get
different verdicts. RFC 8725 (JWT best current practices) sections 3.1, 3.8, 3.9 and 3.11.
"""

import re
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from contracts.tokens import ALGORITHM, PASS_AUDIENCE, PASS_TYP, PassClaims

FindKey = Callable[[str], Ed25519PublicKey | None]
_HEADER = {"typ", "alg", "kid"}
_KID = re.compile(r"[A-Za-z0-9_\-]{1,8}")
_OPTIONS: jwt.types.Options = {
    "require": ["iss", "aud", "jti", "nbf", "exp"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "strict_aud": True,
}


class NotAPass(Exception):
    """The token was not made by issuance as a pass. The text says why, for tests and never for the gate."""


def read(token: str, find_key: FindKey, issuer: str) -> PassClaims:
    """The claims of a genuine pass token.

    Args:
        token: a compact JWS, as the QR holds it.
        find_key: the public key of a ``kid``, or None.
        issuer: who must have issued it.

    Raises:
        NotAPass: anything else.
    """
    try:
        key = find_key(_kid(jwt.get_unverified_header(token)))
        if key is None:
            raise NotAPass("unknown kid")
        payload = jwt.decode(
            token, key, algorithms=[ALGORITHM], audience=PASS_AUDIENCE, issuer=issuer, options=_OPTIONS
        )
        return PassClaims.model_validate(payload)
    except jwt.PyJWTError as error:
        raise NotAPass(type(error).__name__) from error
    except ValidationError as error:
        raise NotAPass("claims of another shape") from error


def _kid(header: dict[str, object]) -> str:
    """The key's name in a header of exactly ``typ``, ``alg`` and ``kid``: no ``crit``, no key and no address of one."""
    if header.keys() != _HEADER:
        raise NotAPass("other header fields")
    if header["typ"] != PASS_TYP or header["alg"] != ALGORITHM:
        raise NotAPass("other typ or alg")
    kid = header["kid"]
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        raise NotAPass("no kid")
    return kid

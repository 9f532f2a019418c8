"""The signed set of issuance's public keys: the only place from which a gate takes keys of passes.

It is a compact JWS with HMAC-SHA256 (RFC 7515), under a key that is derived from the commitment master. Only
issuance and verify hold that secret. So whoever has stolen a key of passes, or may write events on their way,
cannot add a key to the set, nor bring a withdrawn one back.
"""

import hashlib
import hmac
from datetime import UTC, datetime

import jwt
from pydantic import ValidationError

from contracts.events import PublicKey
from contracts.model import Wire

KEY_SET_TYP = "epass-keys+jwt"
_ALGORITHM = "HS256"
_ISSUER = "issuance"
_AUDIENCE = "verify"


class NotAKeySet(ValueError):
    """The text is not a key set that issuance has signed."""


class KeySet(Wire):
    """All keys under which a pass is genuine, and the names of those that were withdrawn."""

    iat: int
    """When it was signed, in seconds since 1970. A set that is older than a known one says nothing."""
    keys: tuple[PublicKey, ...]
    withdrawn: tuple[str, ...] = ()

    @property
    def signed_at(self) -> datetime:
        """When it was signed."""
        return datetime.fromtimestamp(self.iat, UTC)

    def sign(self, master: str) -> str:
        """Return the signed form."""
        payload = self.model_dump(mode="json") | {"iss": _ISSUER, "aud": _AUDIENCE}
        return jwt.encode(payload, _key(master), algorithm=_ALGORITHM, headers={"typ": KEY_SET_TYP})


def read_key_set(signed: str, master: str) -> KeySet:
    """Return a key set, once its signature was checked.

    Raises:
        NotAKeySet: it was signed by somebody else, or is something else.
    """
    options: jwt.types.Options = {
        "require": ["iss", "aud", "iat"],
        "strict_aud": True,
        "verify_iat": False,  # the caller compares it with the set that it has
    }
    try:
        found = jwt.decode_complete(
            signed, _key(master), algorithms=[_ALGORITHM], audience=_AUDIENCE, issuer=_ISSUER, options=options
        )
        if found["header"].get("typ") != KEY_SET_TYP:
            raise NotAKeySet("another typ")
        return KeySet.model_validate(found["payload"])
    except (jwt.PyJWTError, ValidationError) as error:
        raise NotAKeySet(type(error).__name__) from None


def _key(master: str) -> bytes:
    return hmac.new(master.encode(), b"epass-key-set", hashlib.sha256).digest()

"""Who a token speaks for. Checked with accounts' public keys alone, so that accounts being down logs nobody out.

Strict as RFC 8725 asks: one algorithm, one type, our issuer and audience, and no header that we do not use.
"""

import base64
from collections.abc import Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from contracts.errors import NotAuthenticated
from contracts.rpc.accounts import SessionKeys
from contracts.rpc.call import Principal
from contracts.tokens import ALGORITHM, SESSION_AUDIENCE, SESSION_TYP, SessionClaims
from services.chassis.runtime.clock import now
from services.gateway.refreshing_cache import RefreshingCache
from services.gateway.revoked_sessions import RevokedSessions

Keys = Mapping[str, Ed25519PublicKey]
HEADERS = {"alg", "typ", "kid"}
REQUIRED = ["iss", "aud", "sub", "sid", "iat", "exp", "kind"]
LONGEST_TOKEN = 4_000
REMEMBERED = 10_000
NEW_KEY_SECONDS = 1.0
"""An unknown key is asked for at most so often, however many tokens name one."""


def public_keys(answer: SessionKeys) -> Keys:
    """Keys by their ids."""
    return {
        key.kid: Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key.x + "=" * (-len(key.x) % 4)))
        for key in answer.keys
    }


class Sessions:
    """Verifies session tokens.

    Args:
        issuer: who must have signed them.
        keys: accounts' public keys.
        denials: what ended early.
    """

    def __init__(self, issuer: str, keys: RefreshingCache[Keys], denials: RevokedSessions) -> None:
        self._issuer = issuer
        self._keys = keys
        self._denials = denials
        self._verified: dict[str, tuple[str, Ed25519PublicKey, SessionClaims]] = {}
        """Tokens whose signature was checked, with the key; parsing and checking one takes longer than all the rest."""

    async def verify(self, token: str) -> SessionClaims:
        """The claims of a live session.

        Raises:
            NotAuthenticated: not our token, expired, or ended.
            Unavailable: its key is not known yet and accounts does not answer.
        """
        claims = self._known(token) or await self._check(token)
        if claims.exp <= now().timestamp() or self._denials.covers(claims):
            self._verified.pop(token, None)
            raise NotAuthenticated("the session has ended", code="session_ended")
        return claims

    def _known(self, token: str) -> SessionClaims | None:
        kid, key, claims = self._verified.get(token, ("", None, None))
        return claims if key is not None and (self._keys.value or {}).get(kid) is key else None

    async def _key(self, kid: str) -> Ed25519PublicKey:
        keys = await self._keys.get()
        if kid not in keys:
            await self._keys.refresh(at_most_every=NEW_KEY_SECONDS)
            keys = await self._keys.get()
        if kid not in keys:
            raise NotAuthenticated("the token is signed with an unknown key")
        return keys[kid]

    async def _check(self, token: str) -> SessionClaims:
        kid = _key_id(token)
        key = await self._key(kid)
        try:
            payload = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=SESSION_AUDIENCE,
                issuer=self._issuer,
                options={"require": REQUIRED},
            )
            claims = SessionClaims.model_validate(payload)
        except jwt.ExpiredSignatureError:
            raise NotAuthenticated("the session has ended", code="session_ended") from None
        except (jwt.InvalidTokenError, ValidationError):
            raise NotAuthenticated("the token is not good") from None
        if len(self._verified) >= REMEMBERED:
            self._verified.pop(next(iter(self._verified)))
        self._verified[token] = (kid, key, claims)
        return claims


def _key_id(token: str) -> str:
    """The ``kid`` of a token whose header is exactly what we write; nothing is verified yet."""
    if len(token) > LONGEST_TOKEN:
        raise NotAuthenticated("the token is not good")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise NotAuthenticated("the token is not good") from None
    if set(header) != HEADERS or header["typ"] != SESSION_TYP or header["alg"] != ALGORITHM:
        raise NotAuthenticated("the token is not a session")
    return str(header["kid"])


def principal_of(claims: SessionClaims) -> Principal:
    """Who a session speaks for, as services see it.

    Raises:
        NotAuthenticated: the claims make no principal (staff without a role, an applicant without a mobile).
    """
    if claims.kind == "staff" and claims.role is not None:
        scope = {"site": claims.site, "department": claims.department, "gate": claims.gate}
        return Principal(
            kind="staff", id=claims.sub, login_id=claims.sub, role=claims.role, sid=claims.sid, **scope
        )
    if claims.kind == "applicant" and claims.mobile is not None:
        return Principal(kind="applicant", id=claims.sub, mobile=claims.mobile, sid=claims.sid)
    raise NotAuthenticated("the token is not good")

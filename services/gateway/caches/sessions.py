"""Session tokens: check them and return their claims.

They are checked with accounts' public keys alone, so nobody is logged out while accounts is down. The check
itself is the strict one of ``services/chassis/tokens/verification.py``; this module adds the keys, the cache
and the revoked sessions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.errors import ContractError, NotAuthenticated
from contracts.rpc.accounts.sessions import SessionKeys
from contracts.rpc.call import Proof
from contracts.tokens import SESSION_AUDIENCE, SESSION_TYP, SessionClaims
from services.chassis.runtime.clock import now
from services.chassis.tokens.signing_key import public_key
from services.chassis.tokens.verification import TokenRefused, TokenVerifier
from services.gateway.caches.refreshing_cache import RefreshingCache
from services.gateway.caches.revoked_sessions import RevokedSessions


@dataclass(frozen=True)
class Keys:
    """Accounts' public keys, and its word for each of them, by ``kid``."""

    public: Mapping[str, Ed25519PublicKey] = field(default_factory=dict)
    certificates: Mapping[str, str] = field(default_factory=dict)


MAX_CACHED = 10_000
CLOCK_SKEW = timedelta(seconds=15)
"""The clock of accounts may be ahead by so much: what it has just signed is not from the future."""
NEW_KEY_SECONDS = 1.0
"""An unknown ``kid`` makes the keys be fetched again at most this often, however many tokens name one."""
_DETAILS = {"header": "the token is not a session", "unknown_key": "the token is signed with an unknown key"}


def public_keys(reply: SessionKeys) -> Keys:
    """Return accounts' keys by their ids."""
    return Keys({key.kid: public_key(key.x) for key in reply.keys}, reply.certificates)


class Sessions:
    """Verifies session tokens."""

    def __init__(self, issuer: str, keys: RefreshingCache[Keys], revoked: RevokedSessions) -> None:
        self._verifier = TokenVerifier(SESSION_TYP, SESSION_AUDIENCE, issuer, SessionClaims)
        self._keys = keys
        self._revoked = revoked
        self._checked: dict[str, tuple[Keys, frozenset[str], SessionClaims]] = {}
        """Checked tokens, with the keys of that time and those that were withdrawn by then.

        A check takes longer than the rest of a request.
        """

    async def verify(self, token: str) -> SessionClaims:
        """Return the claims of a live session.

        Raises:
            NotAuthenticated: not our token, expired, or revoked.
            Unavailable: its key is not known yet and accounts does not answer.
        """
        keys, withdrawn, claims = self._checked.get(token, (None, None, None))
        if claims is None or keys is not self._keys.value or withdrawn is not self._revoked.keys:
            claims = await self._check(token)
        if claims.exp <= now().timestamp() or self._revoked.covers(claims):
            self._checked.pop(token, None)
            raise NotAuthenticated("the session has ended", code="session_ended")
        return claims

    async def login_of(self, token: str) -> str | None:
        """Return the login of a token of ours, also if its session was ended; None of every other token."""
        try:
            claims = await self._check(token)
        except ContractError:
            return None
        return claims.sub if claims.kind == "staff" else None

    def prove(self, session: str, device: str | None = None, operator: str | None = None) -> Proof | None:
        """Return what proves to services whose these tokens are, which were checked before.

        None where a key of theirs is not known here yet.
        """
        known = (self._keys.value or Keys()).certificates
        kids = {self._verifier.kid(token) for token in (session, device, operator) if token is not None}
        if not kids <= known.keys():
            return None
        keys = tuple(known[kid] for kid in sorted(kids))
        return Proof(session=session, device=device, operator=operator, keys=keys)

    async def prove_new(self, token: str) -> Proof | None:
        """Return the same for a token that accounts has just made, perhaps under a key that is new here."""
        proof = self.prove(token)
        if proof is None:
            await self._keys.refresh(at_most_every=NEW_KEY_SECONDS)
            proof = self.prove(token)
        return proof

    async def _check(self, token: str) -> SessionClaims:
        try:
            try:
                return self._check_with(self._keys.value or Keys(), token)
            except TokenRefused as refused:
                if refused.reason != "unknown_key":
                    raise
            await self._keys.refresh(at_most_every=NEW_KEY_SECONDS)
            return self._check_with(await self._keys.get(), token)
        except TokenRefused as refused:
            if refused.reason == "expired":
                raise NotAuthenticated("the session has ended", code="session_ended") from None
            detail = _DETAILS.get(refused.reason, "the token is not good")
            raise NotAuthenticated(detail) from None

    def _check_with(self, keys: Keys, token: str) -> SessionClaims:
        withdrawn = self._revoked.keys
        good = {kid: key for kid, key in keys.public.items() if kid not in withdrawn}
        claims = self._verifier.verify(token, good.get, now(), CLOCK_SKEW)
        if len(self._checked) >= MAX_CACHED:
            self._checked.pop(next(iter(self._checked)))
        self._checked[token] = (keys, withdrawn, claims)
        return claims

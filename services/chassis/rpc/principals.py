"""Whose call it is: the principal that session tokens prove, for the gateway and for each service.

The gateway makes the principal of a call from the tokens that it has checked, and sends the tokens along. The
service makes it again from the tokens, with public keys alone, and refuses a call whose principal is another
one. So a gateway that is taken over can speak for those who are signed in through it, and invents nobody.
"""

from datetime import datetime, timedelta

from contracts.errors import Forbidden, NotAuthenticated
from contracts.rpc.call import Principal, Proof
from contracts.tokens import (
    SESSION_AUDIENCE,
    SESSION_KEY_AUDIENCE,
    SESSION_KEY_ISSUER,
    SESSION_KEY_TYP,
    SESSION_TYP,
    SessionClaims,
    SessionKeyClaims,
)
from services.chassis.messaging.signatures import EventKeys
from services.chassis.runtime import metrics
from services.chassis.runtime.logs import logger
from services.chassis.tokens.signing_key import public_key
from services.chassis.tokens.verification import TokenRefused, TokenVerifier

log = logger(__name__)
REMEMBERED = 2_000
"""Proofs that a process remembers: most calls come from the same few people."""
LEEWAY = timedelta(seconds=30)
"""How far the clocks of gateway, accounts and service may be apart."""
_CERTIFICATES = TokenVerifier(SESSION_KEY_TYP, SESSION_KEY_AUDIENCE, SESSION_KEY_ISSUER, SessionKeyClaims)


def principal_of(
    session: SessionClaims, device: SessionClaims | None = None, operator: SessionClaims | None = None
) -> Principal:
    """Return whose session it is, as services see it.

    Args:
        session: of the caller.
        device: of the kiosk at which an applicant stands, or of the gate device that a guard uses.
        operator: of who types for an applicant.

    Raises:
        NotAuthenticated: the claims make no principal (staff without a role, an applicant without a mobile, a
            device or an operator that is none).
    """
    if (
        session.kind == "staff"
        and session.role is not None
        and (device is None or _is_at_gate(session, device))
        and operator is None
    ):
        names = ("site", "department", "gate", "assistant_of", "factor_at")
        scope = {name: getattr(session, name) for name in names}
        if device is not None:
            scope["gate_device"] = device.sub
        return Principal(
            kind="staff", id=session.sub, login_id=session.sub, role=session.role, sid=session.sid, **scope
        )
    if (
        session.kind == "applicant"
        and session.mobile is not None
        and (device is None or device.role == "kiosk")
        and (operator is None or operator.role == "assisted")
    ):
        return Principal(
            kind="applicant",
            id=session.sub,
            mobile=session.mobile,
            sid=session.sid,
            login_id=operator and operator.sub,
            kiosk=device and device.sub,
            site=device and device.site,
        )
    raise NotAuthenticated("the token is not good")


def _is_at_gate(guard: SessionClaims, device: SessionClaims) -> bool:
    return device.role == "gate_device" and guard.role == "security" and guard.site == device.site


class PrincipalVerifier:
    """Checks the principals of calls in a service.

    Args:
        event_keys: the public keys of the services; accounts certifies with its own.
    """

    def __init__(self, event_keys: EventKeys) -> None:
        self._event_keys = event_keys
        self._known: dict[Proof, tuple[Principal, int]] = {}

    def verify(self, principal: Principal, now: datetime) -> Principal:
        """Return the principal of a call, as its tokens prove it, without them.

        What the gateway says must be the same, as far as it says anything: one of an earlier version does not
        know what a later one reads from the tokens.

        Raises:
            NotAuthenticated: its session has ended.
            Forbidden: the tokens are not genuine, or those of somebody else, or there are none.
        """
        proof, stated = principal.proof, principal.model_copy(update={"proof": None})
        if proof is None:
            if not _is_nobody(stated):
                raise _forged("no tokens")
            return stated
        try:
            proved, until = self._known.get(proof) or self._establish(proof, now)
        except TokenRefused as refused:
            if refused.reason == "expired":
                raise _ended() from None
            raise _forged(refused.reason) from None
        if until <= (now - LEEWAY).timestamp():
            self._known.pop(proof, None)
            raise _ended()
        if any(getattr(stated, name) != getattr(proved, name) for name in stated.model_fields_set):
            raise _forged("another principal")
        return proved

    def _establish(self, proof: Proof, now: datetime) -> tuple[Principal, int]:
        """Check the tokens of a proof; return whose they are, and when the first of them ends."""
        keys: dict[str, SessionKeyClaims] = {}
        for certificate in proof.keys:
            claims = _CERTIFICATES.verify(
                certificate, lambda kid: self._event_keys.key_of(SESSION_KEY_ISSUER, kid), now, LEEWAY
            )
            keys[claims.kid] = claims

        def read(token: str | None) -> SessionClaims | None:
            if token is None:
                return None
            issuer = next((one.issuer for one in keys.values()), "")
            verifier = TokenVerifier(SESSION_TYP, SESSION_AUDIENCE, issuer, SessionClaims)
            return verifier.verify(
                token, lambda kid: public_key(keys[kid].x) if kid in keys else None, now, LEEWAY
            )

        session, device, operator = read(proof.session), read(proof.device), read(proof.operator)
        assert session is not None
        ends = [one.exp for one in (session, device, operator, *keys.values()) if one is not None]
        found = principal_of(session, device, operator), min(ends)
        if len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)))
        self._known[proof] = found
        return found


def proved_by(proof: Proof, event_keys: EventKeys, now: datetime) -> Principal:
    """Return whom tokens in a request prove: somebody besides the caller.

    Raises:
        ContractError: as `PrincipalVerifier.verify`.
    """
    return PrincipalVerifier(event_keys).verify(Principal(proof=proof), now)


def _is_nobody(principal: Principal) -> bool:
    """Return whether a principal has no rights, and no idempotency keys of somebody who has."""
    is_scope = principal.id == Principal().id or principal.id.startswith("address:")
    return is_scope and principal == Principal(id=principal.id)


def _ended() -> NotAuthenticated:
    return NotAuthenticated("the session has ended", code="session_ended")


def _forged(why: str) -> Forbidden:
    log.error("a call is forged", why=why)
    metrics.RPC_FORGED.inc()
    return Forbidden("nothing proves who calls", code="unproven_principal")

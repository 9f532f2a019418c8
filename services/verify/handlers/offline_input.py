"""What a gate that was without a network sends, read: each scan with its pass, or with its problem."""

from dataclasses import dataclass
from typing import cast

from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import Forbidden, InvalidInput
from contracts.model import Verdict
from contracts.rpc.call import Call
from contracts.rpc.verify.offline_scans import OfflineScan, UnreadScan
from contracts.tokens import PassClaims
from services.chassis.tokens.verification import TokenRefused
from services.verify.adapters import pass_token
from services.verify.domain.verdicts import MOVING
from services.verify.handlers import pass_lookup, scans
from services.verify.handlers.authorization import require_gate_login

_LEAVES: frozenset[Verdict] = frozenset({"exit", "wrong_site", "unknown_pass", "bad_signature"})
"""Verdicts on an attempt to leave."""


@dataclass(frozen=True)
class Read:
    """A scan that was read: what was scanned, and the problem that keeps it from being recorded."""

    nonce: str
    scan: OfflineScan | None = None
    number: str | None = None
    claims: PassClaims | None = None
    problem: str | None = None


def read(given: OfflineScan | UnreadScan, call: Call, session: Session, issuer: str) -> Read:
    """Return a scan with the pass that its token or number names, or with its problem."""
    if isinstance(given, UnreadScan):
        return Read(given.nonce, problem="invalid_input")
    try:
        return _read_pass(given, call, session, issuer)
    except Forbidden:
        return Read(given.nonce, problem="not_your_gate")
    except InvalidInput as error:
        return Read(given.nonce, problem=error.body.code)


def _read_pass(given: OfflineScan, call: Call, session: Session, issuer: str) -> Read:
    """Return a scan with its pass; without one where the token is not genuine or the number is none.

    Raises:
        Forbidden: the login does not stand at the gate of the scan.
        InvalidInput: its form is wrong, or its token cannot be read and nobody came in with it.
    """
    require_gate_login(call.principal, given.gate)
    scan = cast(OfflineScan, scans.validate(given))
    verdict = scan.offline.verdict
    if (verdict not in _LEAVES) if scan.direction == "exit" else (verdict == "exit"):
        raise InvalidInput("a verdict of the other direction", code="verdict_of_other_direction")
    if scan.token is None:
        try:
            return Read(scan.nonce, scan, parse_pass_number(scan.pass_number or ""))
        except ValueError:
            return Read(scan.nonce, scan)
    try:
        claims = pass_lookup.read_token(scan.token, session, issuer)
    except TokenRefused as refused:
        if verdict not in MOVING and not pass_token.is_forged(scan.token.strip(), refused, issuer):
            raise InvalidInput("the token cannot be read", code=pass_lookup.UNREADABLE) from None
        return Read(scan.nonce, scan)
    return Read(scan.nonce, scan, claims.jti, claims)

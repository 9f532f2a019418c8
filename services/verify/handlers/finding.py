"""From what was scanned, a token or a number, to the pass: its row, locked where the scan is to be recorded, or its claims."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.rpc.verify import ScanPass
from contracts.tokens import PassClaims
from services.chassis.runtime.settings import settings
from services.verify import pass_token
from services.verify.domain import Standing, Terms
from services.verify.handlers import number_tries, signing_keys
from services.verify.models import Pass

Nothing = Literal["bad_signature", "unknown_pass"]
_BY_NUMBER = select(Pass).where(Pass.number == bindparam("scanned"))
_LOCKED = _BY_NUMBER.with_for_update()


@dataclass(frozen=True)
class Found:
    """A pass. The row is None in a preview of a pass that only its token tells of; claims are None for a typed number."""

    number: str
    row: Pass | None
    claims: PassClaims | None = None

    @property
    def standing(self) -> Standing:
        """By the row; terms that it does not have yet are the token's."""
        standing = self.row.standing if self.row is not None else Standing(None)
        if standing.terms is None and self.claims is not None:
            return replace(standing, terms=terms_of(self.claims))
        return standing

    @property
    def id_commitments(self) -> set[str]:
        """Of every ID that the pass names, as far as it is known here."""
        named = set(self.row.id_commitments) if self.row is not None else set()
        return named | {self.claims.idc} if self.claims is not None and self.claims.idc else named


def find(request: ScanPass, session: Session, now: datetime, *, lock: bool) -> Found | Nothing:
    """The pass that was scanned, or the verdict on something that is none.

    With ``lock``, for a scan that is to be recorded, the pass's row is locked, and made where a token is its first sign.

    Raises:
        TooManyAttempts: too many numbers that are none were tried at this gate. Exits are never held up by that.
    """
    if request.token is None:
        if request.direction == "entry":
            number_tries.check(session, request.gate, now)
        return _by_number(request.pass_number or "", session, lock=lock)
    try:
        claims = pass_token.read(
            request.token.strip(), lambda kid: signing_keys.find(session, kid), settings().issuer
        )
    except pass_token.NotAPass:
        return "bad_signature"
    row = _row(session, claims.jti, lock=lock)
    if row is None and lock:
        _begin_row(session, claims)
        row = _row(session, claims.jti, lock=True)
    return Found(claims.jti, row, claims)


def terms_of(claims: PassClaims) -> Terms:
    """The terms that a token carries."""
    valid_from, valid_to = (datetime.fromtimestamp(instant, UTC) for instant in (claims.nbf, claims.exp))
    return Terms(claims.site, claims.gate, claims.party, claims.entries, valid_from, valid_to)


def _by_number(typed: str, session: Session, *, lock: bool) -> Found | Nothing:
    try:
        number = parse_pass_number(typed)
    except ValueError:
        return "unknown_pass"
    row = _row(session, number, lock=lock)
    return "unknown_pass" if row is None else Found(number, row)


def _row(session: Session, number: str, *, lock: bool) -> Pass | None:
    return session.scalars(_LOCKED if lock else _BY_NUMBER, {"scanned": number}).one_or_none()


def _begin_row(session: Session, claims: PassClaims) -> None:
    """Two first scans at once begin one row; the event completes it."""
    terms = terms_of(claims)
    values = {
        name: getattr(terms, name) for name in ("site", "gate", "party", "entries", "valid_from", "valid_to")
    }
    row = insert(Pass).values(number=claims.jti, id_commitments=[claims.idc] if claims.idc else [], **values)
    session.execute(row.on_conflict_do_nothing())

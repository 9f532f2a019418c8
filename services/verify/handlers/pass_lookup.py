"""The pass behind what was scanned, a token or a number.

The pass is its row, locked where the scan is to be recorded, or the claims of its token.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.rpc.verify import ScanPass
from contracts.tokens import PassClaims
from services.verify.adapters import pass_token, signing_keys
from services.verify.domain.passes import Standing, Terms
from services.verify.handlers import number_tries
from services.verify.models import PassRow

NotFoundVerdict = Literal["bad_signature", "unknown_pass"]
_BY_NUMBER = select(PassRow).where(PassRow.number == bindparam("scanned"))
_LOCKED = _BY_NUMBER.with_for_update()


@dataclass(frozen=True)
class FoundPass:
    """A pass that was found.

    ``row`` is None in a preview of a pass that is known only from its token. ``claims`` is None for a typed number.
    """

    number: str
    row: PassRow | None
    claims: PassClaims | None = None

    @property
    def standing(self) -> Standing:
        """The state in the row; terms that the row does not have yet come from the token."""
        standing = self.row.standing if self.row is not None else Standing(None)
        if standing.terms is None and self.claims is not None:
            return replace(standing, terms=terms_of(self.claims))
        return standing

    @property
    def id_commitments(self) -> set[str]:
        """Commitments of every ID that the pass names, as far as they are known here."""
        named = set(self.row.id_commitments) if self.row is not None else set()
        return named | {self.claims.idc} if self.claims is not None and self.claims.idc else named


def find(
    request: ScanPass, session: Session, now: datetime, issuer: str, *, lock: bool
) -> FoundPass | NotFoundVerdict:
    """Return the pass that was scanned, or the verdict where there is none.

    With ``lock``, for a scan that is to be recorded, the pass's row is locked; it is created where only the token is known.

    Raises:
        TooManyAttempts: too many unknown numbers were tried at this gate. The limit never applies to exits.
    """
    if request.token is None:
        if request.direction == "entry":
            number_tries.check(session, request.gate, now)
        try:
            number = parse_pass_number(request.pass_number or "")
        except ValueError:
            return "unknown_pass"
        row = _row(session, number, lock=lock)
        return "unknown_pass" if row is None else FoundPass(number, row)
    try:
        claims = pass_token.read(request.token.strip(), lambda kid: signing_keys.find(session, kid), issuer)
    except pass_token.NotAPass:
        return "bad_signature"
    row = _row(session, claims.jti, lock=lock)
    if row is None and lock:
        _insert_row(session, claims)
        row = _row(session, claims.jti, lock=True)
    return FoundPass(claims.jti, row, claims)


def terms_of(claims: PassClaims) -> Terms:
    """Return the terms that a token carries."""
    valid_from, valid_to = (datetime.fromtimestamp(instant, UTC) for instant in (claims.nbf, claims.exp))
    return Terms(claims.site, claims.gate, claims.party, claims.entries, valid_from, valid_to)


def _row(session: Session, number: str, *, lock: bool) -> PassRow | None:
    return session.scalars(_LOCKED if lock else _BY_NUMBER, {"scanned": number}).one_or_none()


def _insert_row(session: Session, claims: PassClaims) -> None:
    """Insert the row of a pass from its token; the event completes it. Two simultaneous first scans insert one row."""
    terms = terms_of(claims)
    values = {
        name: getattr(terms, name) for name in ("site", "gate", "party", "entries", "valid_from", "valid_to")
    }
    row = insert(PassRow).values(
        number=claims.jti, id_commitments=[claims.idc] if claims.idc else [], **values
    )
    session.execute(row.on_conflict_do_nothing())

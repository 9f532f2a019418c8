"""The pass behind what was scanned, a token or a number.

The pass is its row, locked where the scan is to be recorded, or the claims of its token. The same statement
reads what else a scan needs.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Literal

from sqlalchemy import TIMESTAMP, Select, bindparam, literal_column, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import FieldError, InvalidInput
from contracts.model import site_of
from contracts.rpc.verify.scans import ScanPass
from contracts.tokens import PassClaims
from services.chassis.db import bulk
from services.chassis.db.server import is_future
from services.chassis.tokens.verification import TokenRefused
from services.verify.adapters import pass_token, signing_keys
from services.verify.domain.passes import Standing, Terms
from services.verify.handlers import number_tries
from services.verify.models import PassRow, SiteRow, StatusListRow

NotFoundVerdict = Literal["bad_signature", "unknown_pass"]
Nonce = tuple[str, str]
"""A login, and a nonce of it."""
UNREADABLE = "unreadable_token"
"""Code of the error for a token that a scanner did not read whole."""
_IS_FUTURE = is_future(StatusListRow.complete_at, bindparam("now", type_=TIMESTAMP(timezone=True)))
_COMPLETE_AT = select(StatusListRow.complete_at).where(StatusListRow.id == 1, ~_IS_FUTURE)
_KNOWLEDGE = (
    select(SiteRow.gates).where(SiteRow.code == bindparam("site")).scalar_subquery(),
    _COMPLETE_AT.scalar_subquery(),
)
_BY_NUMBER = select(PassRow, *_KNOWLEDGE).where(PassRow.number == bindparam("scanned"))
_LOCKED = _BY_NUMBER.with_for_update(of=PassRow)
_GATES_OF = text(f"""(
  select json_object_agg(site, gates)
  from unnest({bulk.array_of("sites", "text")}) as site left join sites on code = site
)""")  # noqa: S608  made of constants
_USED = text(f"""(
  select json_agg(json_build_array(scanned_by, nonce)) from scan_nonces
  join unnest({bulk.array_of("logins", "text")}, {bulk.array_of("nonces", "text")})
    as asked (scanned_by, nonce) using (scanned_by, nonce)
)""")  # noqa: S608  made of constants
_ALL: Select[Any, Any, Any, Any, Any] = select(
    PassRow, literal_column("passes.xmin::text"), _GATES_OF, _COMPLETE_AT.scalar_subquery(), _USED
).where(text(f"number = any({bulk.array_of('numbers', 'text')})"))
"""PostgreSQL gives a row another ``xmin`` with each change (manual, 5.6 System Columns)."""


@dataclass(frozen=True)
class Knowledge:
    """What verify knows besides the pass; each is None until its event has arrived.

    ``gates`` are those of the site. ``complete_at`` is when the newest status list was signed of which every
    revocation is known here. A time from the future was stored while a clock was wrong, and says nothing.
    """

    gates: list[str] | None
    complete_at: datetime | None


@dataclass(frozen=True)
class FoundPass:
    """A pass that was found.

    ``row`` is None in a preview of a pass that is known only from its token. ``claims`` is None for a typed
    number.
    """

    number: str
    row: PassRow | None
    claims: PassClaims | None = None

    @cached_property
    def standing(self) -> Standing:
        """The state in the row when first asked; terms that the row does not have yet come from the token."""
        standing = self.row.standing if self.row is not None else Standing(None)
        if standing.terms is None and self.claims is not None:
            return replace(standing, terms=terms_of(self.claims))
        return standing

    @property
    def fresh_until(self) -> datetime | None:
        """Until when the code of a standing pass is new; None for any other, and for a typed number."""
        fresh = self.claims.fresh if self.claims is not None else None
        return None if fresh is None else datetime.fromtimestamp(fresh, UTC)

    @property
    def id_commitments(self) -> set[str]:
        """Commitments of every ID that the pass names, as far as they are known here."""
        named = set(self.row.id_commitments) if self.row is not None else set()
        return named | {self.claims.idc} if self.claims is not None and self.claims.idc else named


def find(
    request: ScanPass, session: Session, now: datetime, issuer: str, *, lock: bool
) -> tuple[FoundPass | NotFoundVerdict, Knowledge]:
    """Return the pass that was scanned, or the verdict where there is none, and what else is known here.

    With ``lock``, for a scan that is to be recorded, the pass's row is locked; it is created where only the
    token is known.

    Raises:
        InvalidInput: the token cannot be read (``unreadable_token``): scan it again. Nothing is recorded.
        TooManyAttempts: too many unknown numbers were tried at this gate in this direction.
    """
    site, claims = site_of(request.gate), None
    if request.token is None:
        number_tries.check(session, request.gate, request.direction, now)
        try:
            number = parse_pass_number(request.pass_number or "")
        except ValueError:
            return "unknown_pass", knowledge_of(session, site, now)
    else:
        try:
            claims = read_token(request.token, session, issuer)
        except TokenRefused as refused:
            if not pass_token.is_forged(request.token.strip(), refused, issuer):
                raise _unreadable() from None
            return "bad_signature", knowledge_of(session, site, now)
        number = claims.jti
    statement, parameters = (_LOCKED if lock else _BY_NUMBER), {"scanned": number, "site": site, "now": now}
    known = session.execute(statement, parameters).one_or_none()
    if known is None and lock and claims is not None:
        insert_row(session, claims, now)
        known = session.execute(statement, parameters).one()
    if known is not None:
        row, gates, complete_at = known
        return FoundPass(number, row, claims), Knowledge(gates, complete_at)
    return FoundPass(number, None, claims) if claims else "unknown_pass", knowledge_of(session, site, now)


def read_token(token: str, session: Session, issuer: str) -> PassClaims:
    """Return the claims of a pass's token.

    Raises:
        TokenRefused: it is not whole, or not signed by a key of issuance.
    """
    return pass_token.read(token.strip(), partial(signing_keys.find, session), issuer)


@dataclass(frozen=True)
class Snapshot:
    """What is known for several scans, read at one moment.

    Attributes:
        rows: the passes that are known here, by number; not locked.
        versions: of these rows: each change gives a row another one.
        knowledge: what else is known, by site; empty without passes.
        used: the pairs of a login and a nonce, of those asked for, that were used before.
    """

    rows: dict[str, PassRow]
    versions: dict[str, str]
    knowledge: dict[str, Knowledge]
    used: set[Nonce]


def read_all(
    session: Session,
    numbers: Collection[str],
    sites: Collection[str],
    nonces: Collection[Nonce],
    now: datetime,
) -> Snapshot:
    """Return what is known for several scans, with one statement."""
    logins, own = [login for login, _ in nonces], [nonce for _, nonce in nonces]
    lists = {"numbers": list(numbers), "sites": list(sites), "logins": logins, "nonces": own}
    snapshot = Snapshot({}, {}, {}, set())
    for row, version, gates, complete_at, used in session.execute(_ALL, {**lists, "now": now}):
        snapshot.rows[row.number], snapshot.versions[row.number] = row, version
        if not snapshot.knowledge:
            snapshot.knowledge.update((site, Knowledge(gates[site], complete_at)) for site in gates)
            snapshot.used.update((login, nonce) for login, nonce in used or ())
    return snapshot


def _unreadable() -> InvalidInput:
    problem = FieldError(field="token", code=UNREADABLE, message="a part is missing or wrong; scan it again")
    return InvalidInput("the token cannot be read", code=UNREADABLE, fields=(problem,))


def knowledge_of(session: Session, site: str, now: datetime) -> Knowledge:
    """Return what verify knows about a site, and of which time its revocations are."""
    return Knowledge(*session.execute(select(*_KNOWLEDGE), {"site": site, "now": now}).one())


def terms_of(claims: PassClaims) -> Terms:
    """Return the terms that a token carries."""
    valid_from, valid_to = (datetime.fromtimestamp(instant, UTC) for instant in (claims.nbf, claims.exp))
    return Terms(
        claims.site,
        claims.gate,
        claims.party,
        claims.entries,
        valid_from,
        valid_to,
        claims.days,
        recurring=claims.fresh is not None,
    )


def insert_row(session: Session, claims: PassClaims, now: datetime) -> None:
    """Insert the row of a pass from its token, once for simultaneous first scans; the event completes it."""
    terms = terms_of(claims)
    row = insert(PassRow).values(
        number=claims.jti,
        known_since=now,
        id_commitments=[claims.idc] if claims.idc else [],
        **vars(terms) | {"further_days": list(terms.further_days), "closed_days": []},
    )
    session.execute(row.on_conflict_do_nothing())

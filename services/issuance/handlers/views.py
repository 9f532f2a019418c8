"""Who sees a pass, and what of it.

A pass that does not exist and another person's pass are the same NotFound.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import NotFound
from contracts.model import SHORT_LINK, Person
from contracts.rpc.call import Call, Principal
from contracts.rpc.issuance import (
    NAMED_AFTER_VISIT,
    Jwk,
    Jwks,
    LinkCode,
    PassNumber,
    PassView,
    QrPicture,
    QrQuestion,
    ShortLink,
    WholeLink,
)
from contracts.tokens import PASS_TYP
from services.chassis.db.database import Database
from services.chassis.tokens.signing_key import SigningKey
from services.issuance.adapters.keys import key_store
from services.issuance.adapters.qr import picture
from services.issuance.domain.passes import Pass
from services.issuance.models import PassRow
from services.issuance.settings import IssuanceSettings

_NOT_BY_LINK = dict.fromkeys(("mobile", "email", "official", "guardian"))


def view(
    request: PassNumber, call: Call, session: Session, now: datetime, settings: IssuanceSettings
) -> PassView:
    """Return a pass to its applicant, or to the reception that prints it.

    Raises:
        NotFound: there is no such pass, or it is not the principal's.
    """
    return view_of(find(session, request.number, call.principal), call.principal, session, now, settings)


def view_by_link(
    request: LinkCode, call: Call, session: Session, now: datetime, settings: IssuanceSettings
) -> PassView:
    """Return a pass to whoever has its link.

    A link may have been forwarded. So the answer leaves out how to reach the applicant, what kind of official
    they are, who has applied for a child, and the number of the pass that replaced this one: that pass was
    made to shut out whoever has this link. A day after the visit it names nobody any more.

    Raises:
        NotFound: no pass has this link.
    """
    row = find_by_link(session, request)
    full = view_of(row, call.principal, session, now, settings)
    person = full.applicant.model_copy(update=_NOT_BY_LINK)
    shown = full.model_copy(update={"applicant": person, "replaced_by": None})
    if now < row.as_pass().ends_at + NAMED_AFTER_VISIT:
        return shown
    return shown.model_copy(
        update={"applicant": Person(name="", name_latin=""), "companions": (), "vehicle": None}
    )


def whole_link(request: ShortLink, session: Session) -> WholeLink:
    """Return the code of the link that begins so, as an SMS has it.

    Raises:
        NotFound: no pass has such a link, or by a chance of one in 10^18 two have.
    """
    begins = func.left(PassRow.link_code, SHORT_LINK) == request.code
    found = session.scalars(select(PassRow.link_code).where(begins).limit(2)).all()
    if len(found) != 1 or found[0] is None:
        raise NotFound("there is no such pass")
    return WholeLink(code=found[0])


def qr(request: QrQuestion, call: Call, db: Database, now: datetime, settings: IssuanceSettings) -> QrPicture:
    """Return the QR code of a pass. It is drawn when the session is closed.

    A pass that is over has one, too, because an exit is never refused.

    Raises:
        NotFound: as for :func:`view`.
    """
    with db.queries() as session:
        row = find(session, request.number, call.principal)
        token = _token_of(row, session, settings, None if call.principal.kind == "staff" else now)
    return picture(token, request.format, request.scale)


def qr_by_link(request: LinkCode, db: Database, now: datetime, settings: IssuanceSettings) -> QrPicture:
    """Return the QR code of the pass with this link.

    Raises:
        NotFound: no pass has this link.
    """
    with db.queries() as session:
        token = _token_of(find_by_link(session, request), session, settings, now)
    return picture(token, "svg")


def jwks(session: Session, now: datetime, settings: IssuanceSettings) -> Jwks:
    """Return the public keys of passes and of the status list. The first call makes the first key."""
    published = key_store(settings).published(session, now)
    return Jwks(keys=tuple(Jwk(kid=key.kid, x=key.x) for key in published))


def find(session: Session, number: str, principal: Principal) -> PassRow:
    """Return the row of a pass that the principal may see.

    Raises:
        NotFound: there is no such pass, or it is not the principal's.
    """
    try:
        row = session.get(PassRow, parse_pass_number(number))
    except ValueError:
        row = None
    if row is None or not _may_see(principal, row):
        raise NotFound("there is no such pass")
    return row


def view_of(
    row: PassRow, principal: Principal, session: Session, now: datetime, settings: IssuanceSettings
) -> PassView:
    """Return a pass as it is now, with its token; only staff see the last characters of ID cards.

    Raises:
        NotFound: its personal data was erased.
    """
    if row.personal is None:
        raise NotFound("there is no such pass")
    hidden = {} if principal.kind == "staff" else {"id_last4": None}
    is_replaced = row.revoked_at is not None  # perhaps: a pass is revoked when another one takes its place
    replaced_by = select(PassRow.number).where(PassRow.replaces == row.number)
    return PassView.from_attributes(
        row,
        state=row.as_pass().state_at(now),
        token=_token_of(row, session, settings, None if principal.kind == "staff" else now),
        applicant=row.personal.applicant.model_copy(update=hidden),
        companions=tuple(one.model_copy(update=hidden) for one in row.personal.companions),
        vehicle=row.personal.vehicle,
        replaced_by=session.scalar(replaced_by) if is_replaced else None,
        **dict(row.visit),
    )


def _may_see(principal: Principal, row: PassRow) -> bool:
    shown = row.as_pass()
    if principal.kind == "applicant":
        return shown.belongs_to(principal.mobile)
    return principal.kind == "staff" and principal.role == "reception" and shown.is_printed_at(principal.site)


def find_by_link(session: Session, request: LinkCode) -> PassRow:
    """Return the row of the pass with this link.

    Raises:
        NotFound: no pass has this link.
    """
    row = session.scalars(select(PassRow).where(PassRow.link_code == request.code)).one_or_none()
    if row is None:
        raise NotFound("there is no such pass")
    return row


def _token_of(row: PassRow, session: Session, settings: IssuanceSettings, new_at: datetime | None) -> str:
    """Return the token of a pass; of a standing one a new code, or that of a print where there is no instant.

    Staff print it.
    """
    key = key_store(settings).by_kid_or_current(session, row.kid)
    return sign(row.as_pass(), key, settings, new_at)


def sign(one: Pass, key: SigningKey, settings: IssuanceSettings, new_at: datetime | None = None) -> str:
    """Return the token of a pass under a key, as `Pass.claims`."""
    return key.sign(one.claims(settings.issuer, new_at).payload(), PASS_TYP)

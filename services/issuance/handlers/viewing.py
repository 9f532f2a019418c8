"""Who sees a pass, and what. What does not exist and what is somebody else's are the same NotFound."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import NotFound
from contracts.model import Companion, Person
from contracts.rpc.call import Call, Principal
from contracts.rpc.issuance import Jwks, LinkCode, PassNumber, PassView
from contracts.tokens import PASS_TYP
from services.chassis.runtime.settings import settings
from services.issuance.keys import current_key, key_of, published_keys
from services.issuance.models import PassRow


def view(request: PassNumber, call: Call, session: Session, now: datetime) -> PassView:
    """A pass for the applicant whose it is, or for the reception that prints it.

    Raises:
        NotFound: no such pass, or not the principal's.
    """
    return view_of(session, pass_for(session, request.number, call.principal), now)


def view_by_link(request: LinkCode, session: Session, now: datetime) -> PassView:
    """A pass for whoever has its link.

    A link may have been forwarded, so it tells neither how to reach the applicant, nor what his ID ends in, nor what kind
    of official he is, nor the number of the pass that took this one's place: that one was made to keep this link out.

    Raises:
        NotFound: no pass has this link.
    """
    shown = view_of(session, _by_link(session, request), now)
    return shown.model_copy(
        update={
            "applicant": _without_particulars(shown.applicant),
            "companions": tuple(_companion_without_particulars(companion) for companion in shown.companions),
            "replaced_by": None,
        }
    )


def token(request: PassNumber, call: Call, session: Session) -> str:
    """The token of a pass, for its QR; also of one that is over, because an exit is never refused.

    Raises:
        NotFound: as :func:`view`.
    """
    return _token_of(session, pass_for(session, request.number, call.principal))


def token_by_link(request: LinkCode, session: Session) -> str:
    """The token of the pass with this link.

    Raises:
        NotFound: no pass has this link.
    """
    return _token_of(session, _by_link(session, request))


def jwks(session: Session, now: datetime) -> Jwks:
    """The public keys of passes and of the status list; the first call makes the first key."""
    current_key(session, now)
    return Jwks(keys=published_keys(session, now))


def pass_for(session: Session, number: str, principal: Principal) -> PassRow:
    """The row of a pass that is the principal's.

    Raises:
        NotFound: no such pass, or not the principal's.
    """
    try:
        row = session.get(PassRow, parse_pass_number(number))
    except ValueError:
        row = None
    if row is None or not row.as_pass().is_for(principal):
        raise NotFound("there is no such pass")
    return row


def view_of(session: Session, row: PassRow, now: datetime) -> PassView:
    """A pass as it is now, with its token.

    Raises:
        NotFound: its personal data was erased.
    """
    if row.personal is None:
        raise NotFound("there is no such pass")
    return PassView(
        number=row.number,
        reference=row.reference,
        state=row.as_pass().state_at(now),
        token=_token_of(session, row),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        applicant=row.personal.applicant,
        companions=row.personal.companions,
        vehicle=row.personal.vehicle,
        replaced_by=session.scalar(select(PassRow.number).where(PassRow.replaces == row.number)),
        revocation=row.revocation,
        **dict(row.visit),
    )


def _by_link(session: Session, request: LinkCode) -> PassRow:
    row = session.scalars(select(PassRow).where(PassRow.link_code == request.code)).one_or_none()
    if row is None:
        raise NotFound("there is no such pass")
    return row


def _token_of(session: Session, row: PassRow) -> str:
    return key_of(session, row.kid).sign(row.as_pass().claims(settings().issuer).payload(), PASS_TYP)


def _without_particulars(person: Person) -> Person:
    return person.model_copy(update={"mobile": None, "email": None, "id_last4": None, "official": None})


def _companion_without_particulars(companion: Companion) -> Companion:
    return companion.model_copy(update={"id_last4": None})

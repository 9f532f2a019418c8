"""What the data officer does for who comes to the office or writes: find, copy, correct, erase, withdraw.

It is what the person does themselves (``own_data.py``), by the officer's word instead of a code and a card.
The contracts ask for a fresh second factor, and the audit log says for whom and why.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.crockford import parse_request_number
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.identity import NotLastFour, last_four
from contracts.mobile import parse_mobile
from contracts.rpc.application import Acknowledged
from contracts.rpc.call import Call, Nothing, Principal
from contracts.rpc.corrections import Corrected
from contracts.rpc.own_data import MOST_APPLICATIONS, ErasedOnRequest
from contracts.rpc.privacy import (
    COPY_FOR_PERSON,
    CORRECT_FOR_PERSON,
    ERASE_FOR_PERSON,
    WITHDRAW_FOR_PERSON,
    ConsentOfPerson,
    CorrectForPerson,
    FindPerson,
    ForPerson,
    PersonFound,
    Why,
)
from services.application.handlers import consents, corrections, own_data, requests, unlocked_sessions
from services.application.handlers.queries import by_number
from services.application.handlers.rows import find as row_of
from services.application.handlers.rows import locked
from services.application.handlers.views import history_of
from services.application.models import ApplicationRow
from services.application.settings import ApplicationSettings
from services.chassis.audit.readers import is_data_officer
from services.chassis.audit.record import note_object, note_search
from services.chassis.db.database import Database
from services.chassis.rpc.idempotency import once


def find(request: FindPerson, call: Call, db: Database, now: datetime) -> PersonFound:
    """Return the applications of one person that still name them.

    A person is a mobile with the last four of an ID card: families share a phone. What has no mobile, or no
    card, is one by itself. An officer has as many wrong tries of a card as anybody: no page shows them one.

    Raises:
        Forbidden: the principal is no data officer.
        InvalidInput: ``id_last4`` is missing beside a mobile, or is no last four.
        TooManyAttempts: too many cards were wrong within the hour.
    """
    _require_officer(call.principal)
    with db.transaction() as session:
        return _find(request, f"officer {call.principal.login_id}", session, now)


def copy(request: ForPerson, call: Call, session: Session) -> Nothing:
    """Record that the officer takes a copy for a person, which the gateway then asks for.

    Raises:
        Forbidden: as `find`; or ``second_factor_stale``.
        InvalidInput: ``request_number`` is of no request about data.
    """
    _require_officer(call.principal)

    def effect() -> str:
        _require_request(session, request)
        return ""

    def answer(_none: str) -> Nothing:
        note_object(request.asked)
        return Nothing()

    route = f"application.{COPY_FOR_PERSON.name}"
    return once(session, call, route, request, effect, answer, reference=str)


def correct(request: CorrectForPerson, call: Call, session: Session, now: datetime) -> Corrected:
    """Correct an application for its applicant, as `corrections.correct`; as often as the officer has to.

    Raises:
        Forbidden: as `copy`.
        NotFound: nothing names the people of this application any more, or it is locked.
        Conflict, InvalidInput: as `corrections.correct`; or as `copy`.
    """
    _require_officer(call.principal)

    def effect() -> corrections.Made:
        _require_request(session, request)
        row = row_of(session, request.reference, lock=True)
        if row is None or row.erased_at is not None:
            raise NotFound("there is no such application")
        return corrections.make(session, row, request, now, "privacy", rate_limits=False)

    def answer(made: corrections.Made) -> Corrected:
        note_object(request.asked)
        return Corrected.from_attributes(made)

    route = f"application.{CORRECT_FOR_PERSON.name}"
    return once(session, call, route, request, effect, answer, reference=corrections.Made)


def erase(
    request: ForPerson, call: Call, session: Session, now: datetime, settings: ApplicationSettings
) -> ErasedOnRequest:
    """Erase for a person what may go of these applications, as `own_data.erase`.

    Raises:
        Forbidden, InvalidInput: as `copy`.
        NotFound: nothing of them may go or be locked.
    """
    _require_officer(call.principal)

    def effect() -> own_data.Erased:
        _require_request(session, request)
        row = ApplicationRow
        named = row.reference.in_(request.references) & row.erased_at.is_(None)
        rows = session.scalars(locked(select(row).where(named).order_by(row.id))).all()
        return own_data.erase_rows(rows, session, now, settings)

    def answer(made: own_data.Erased) -> ErasedOnRequest:
        number = [parse_request_number(request.request_number)] if request.request_number else []
        return own_data.receipt_of(made, request.asked, *number)

    route = f"application.{ERASE_FOR_PERSON.name}"
    return once(session, call, route, request, effect, answer, reference=own_data.Erased)


def withdraw(request: ConsentOfPerson, call: Call, session: Session, now: datetime) -> Acknowledged:
    """Withdraw for a person the consent to an application, with the effect of `consents.withdraw`.

    Raises:
        Forbidden, InvalidInput: as `copy`.
        NotFound: nobody is kept of this application, or they have not agreed to it.
    """
    _require_officer(call.principal)

    def effect() -> str:
        _require_request(session, request)
        row = row_of(session, request.reference, lock=True, also_locked=True)
        if row is None or row.consented_at is None or row.erased_at is not None:
            raise NotFound("there is no such consent")
        return consents.withdraw_row(session, row, now)

    def answer(reference: str) -> Acknowledged:
        note_object(request.asked)
        return consents.withdrawn(session, reference)

    route = f"application.{WITHDRAW_FOR_PERSON.name}"
    return once(session, call, route, request, effect, answer, reference=str)


def _find(request: FindPerson, officer: str, session: Session, now: datetime) -> PersonFound:
    row = ApplicationRow
    query = select(row).where(row.erased_at.is_(None)).order_by(row.submitted_at.desc(), row.id.desc())
    known = by_number(session, request.q)
    if known is None:
        try:
            mobile = parse_mobile(request.q)
        except ValueError:
            return PersonFound()
        note_search(session, "mobile", mobile)
        query = query.where(row.mobile == mobile, row.id_last4 == _last_four(request.id_last4))
        unlocked_sessions.count_try(session, officer, now)
    elif known.mobile is None or known.id_last4 is None:
        query = query.where(row.id == known.id)
    else:
        query = query.where(row.mobile == known.mobile, row.id_last4 == known.id_last4)
    found = session.scalars(query.limit(MOST_APPLICATIONS + 1)).all()
    shown = found[:MOST_APPLICATIONS]
    if shown and known is None:
        unlocked_sessions.forgive(session, officer)
    return PersonFound(
        items=history_of(session, shown, {one.id for one in shown}, also_locked=True),
        mobile=shown[0].mobile if shown else None,
        is_cut=len(found) > len(shown),
    )


def _require_officer(principal: Principal) -> None:
    if not is_data_officer(principal):
        raise Forbidden("this is for the data officer")


def _last_four(typed: str) -> str:
    try:
        return last_four(typed)
    except NotLastFour as problem:
        raise InvalidInput.of("id_last4", problem.code) from None


def _require_request(session: Session, request: Why) -> None:
    """Raise `InvalidInput` (``no_such_request``) if a number is given that is of no request about data."""
    if request.request_number:
        known = requests.find(session, request.request_number)
        if known is None or known.kind != "own_data":
            raise InvalidInput.of("request_number", "no_such_request")

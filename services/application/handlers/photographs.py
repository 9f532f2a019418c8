"""The photograph of a visitor, which a counter may take where its site wants one.

It is sealed under the keys of the personal blocks, goes into no event and no pass, and is shown to the
reception and the gates of the site. The ADO Branch, which approves standing passes, sees those to which
approval has led it.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.events import VisitorPhotographed
from contracts.model import OPEN_STATUSES
from contracts.rpc.call import Call, Nothing
from contracts.rpc.photographs import Photograph, PhotographQuestion, TakePhotograph, is_proof
from services.application.adapters.photographs import NotAPhotograph, drawn_anew
from services.application.domain.applications import EXPIRING, Application
from services.application.domain.corrections import APPROVED
from services.application.handlers.authorization import is_ado_of, is_reception_of, is_security_of
from services.application.handlers.directory import place_of
from services.application.handlers.rows import application_of, find
from services.application.models import ApplicationRow, PhotographRow
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import personal_keys_of
from services.chassis.db.destructive_jobs import Portion
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once

BATCH = 100


def store(photograph: str, of: Application, session: Session, now: datetime) -> None:
    """Store the photograph of an application's visitor, and publish that it is there.

    Raises:
        InvalidInput: ``not_a_photograph``; ``photograph_not_wanted``, this site takes none;
            ``photograph_of_child``.
    """
    site = place_of(session, of.visit.site, of.visit.department).site
    if site is None or not site.photograph:
        raise InvalidInput.of("photograph", "photograph_not_wanted")
    if of.applicant.guardian is not None:
        raise InvalidInput.of("photograph", "photograph_of_child")
    try:
        picture = drawn_anew(photograph)
    except NotAPhotograph:
        raise InvalidInput.of("photograph", "not_a_photograph") from None
    sealed = personal_keys_of(session).seal(of.id, {"jpeg": picture})
    session.merge(PhotographRow(application_id=of.id, sealed=sealed))
    outbox.add(session, VisitorPhotographed(application_id=of.id, reference=of.reference), at=now)


def take(request: TakePhotograph, call: Call, session: Session, now: datetime) -> Nothing:
    """Store the photograph of a visitor who has applied before, and whose ID card the operator has seen.

    Raises:
        NotFound: there is no such application, or not at this counter.
        InvalidInput: as `store`.
        Conflict: ``cannot_photograph``: it has ended; ``photograph_approved``: it is approved with the one
            that is there, which whoever has approved it may have looked at.
    """

    def effect() -> str:
        row = find(session, request.reference, lock=True)
        if row is None or row.erased_at is not None or not is_reception_of(call.principal, row.site):
            raise NotFound("there is no such application")
        if row.status not in OPEN_STATUSES:
            raise Conflict("this application has ended", code="cannot_photograph", status=row.status)
        if row.status in APPROVED and session.get(PhotographRow, row.id) is not None:
            raise Conflict("it is approved with this photograph", code="photograph_approved")
        store(request.photograph, application_of(row), session, now)
        return ""

    route = "application.take_photograph"
    return once(session, call, route, request, effect, lambda _: Nothing(), reference=str)


def view(request: PhotographQuestion, call: Call, session: Session, now: datetime) -> Photograph:
    """Return the photograph, for the reception and the gates of the site.

    The ADO Branch brings approval's word that it is of a standing pass, or of one that waits for it.

    Raises:
        NotFound: there is none, or not for this principal.
    """
    row, by, keys = find(session, request.reference), call.principal, personal_keys_of(session)
    if row is None or not (
        is_reception_of(by, row.site)
        or is_security_of(by, row.site)
        or (is_ado_of(by, row.site) and is_proof(request.proof, keys, row.id, by.login_id, now))
    ):
        raise NotFound("there is no such application")
    found = session.get(PhotographRow, row.id)
    if found is None:
        raise NotFound("there is no photograph")
    return Photograph(jpeg=opened(session, found))


def opened(session: Session, row: PhotographRow) -> str:
    """Return the JPEG of a row, in base64."""
    return str(personal_keys_of(session).open(row.application_id, row.sealed)["jpeg"])


def old(now: datetime, photographs_kept_days: int) -> Portion:
    """Return the photographs that are kept no longer, of all."""
    row = ApplicationRow
    is_old = row.last_matters_at < now - timedelta(days=photographs_kept_days)
    theirs = select(row.id).where(row.erased_at.is_(None), is_old, row.status.not_in(EXPIRING))
    return Portion(PhotographRow, true(), PhotographRow.application_id.in_(theirs))


def delete_old(session: Session, now: datetime, photographs_kept_days: int) -> int:
    """Delete photographs that are kept no longer; return how many, at most BATCH."""
    return delete_batch(session, PhotographRow, old(now, photographs_kept_days).taken, rows=BATCH)

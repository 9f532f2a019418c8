"""The photograph of a visitor, which a counter may take where its site wants one.

It is sealed under the keys of the personal blocks, goes into no event and no pass, and is shown to the
reception and the gates of the site.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from contracts.errors import InvalidInput, NotFound
from contracts.rpc.application import Photograph, ReferenceOnly
from contracts.rpc.call import Call
from services.application.adapters.photographs import NotAPhotograph, drawn_anew
from services.application.domain.applications import EXPIRING
from services.application.handlers.authorization import is_reception_of, is_security_of
from services.application.handlers.rows import find
from services.application.models import ApplicationRow, PhotographRow
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import personal_keys_of
from services.chassis.db.destructive_jobs import Portion

BATCH = 100


def store(photograph: str, application_id: UUID, session: Session) -> None:
    """Store the photograph of an application's visitor.

    Raises:
        InvalidInput: ``not_a_photograph``.
    """
    try:
        picture = drawn_anew(photograph)
    except NotAPhotograph:
        raise InvalidInput.of("photograph", "not_a_photograph") from None
    sealed = personal_keys_of(session).seal(application_id, {"jpeg": picture})
    session.add(PhotographRow(application_id=application_id, sealed=sealed))


def view(request: ReferenceOnly, call: Call, session: Session) -> Photograph:
    """Return the photograph, for the reception and the gates of the site.

    Raises:
        NotFound: there is none, or not for this principal.
    """
    row = find(session, request.reference)
    if row is None or not (
        is_reception_of(call.principal, row.site) or is_security_of(call.principal, row.site)
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

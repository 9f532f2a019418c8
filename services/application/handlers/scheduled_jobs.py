"""What the passing of time does: undecided applications expire, and people are forgotten after a while.

Every replica asks; rows that another one holds are skipped, so that each is done once.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.events import PersonalDataErased
from services.application import models
from services.application.domain.applications import EXPIRING
from services.application.handlers.rows import application_of, locked, say, settle_status
from services.chassis.messaging import outbox

BATCH = 100
RETENTION = timedelta(days=180)
"""How long after its last day, and the last that happened to it, an application keeps its people."""


def expire_undecided(session: Session, at: datetime) -> int:
    """Ends applications whose preferred windows have all passed; returns how many, at most BATCH."""
    row = models.ApplicationRow
    due = (
        select(row)
        .where(row.status.in_(EXPIRING), row.preferred_until <= at)
        .order_by(row.preferred_until)
        .limit(BATCH)
    )
    expired = session.scalars(due.with_for_update(skip_locked=True)).all()
    for application in expired:
        application.expired_at = at
        say(session, application, application_of(application).expire(), "expired", at)
        settle_status(session, application)
    return len(expired)


def erase_ended(session: Session, at: datetime) -> int:
    """Forgets the people of applications that ended long ago; returns how many, at most BATCH."""
    row = models.ApplicationRow
    is_over = (row.erased_at.is_(None), row.last_matters_at < at - RETENTION, row.status.not_in(EXPIRING))
    due = select(row.id).where(*is_over).order_by(row.last_matters_at).limit(BATCH)
    ids = session.scalars(due.with_for_update(skip_locked=True)).all()
    for application_id in ids:
        erase_personal_data(application_id, session, at)
    return len(ids)


def erase_personal_data(application_id: UUID, session: Session, at: datetime) -> None:
    """Forgets the people of one application, here and, by the event, everywhere. Repeating it says nothing again."""
    row = session.scalars(
        locked(select(models.ApplicationRow).where(models.ApplicationRow.id == application_id))
    ).one()
    if row.erased_at is not None:
        return
    for column, blank in models.PERSONAL.items():
        setattr(row, column, blank)
    row.erased_at = at
    outbox.add(session, PersonalDataErased(application_id=row.id, reference=row.reference), at=at)

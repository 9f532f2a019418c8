"""Scheduled jobs: expire undecided applications, erase people after the retention time, key older names.

Every replica runs these jobs; rows that another replica has locked are skipped, so that each is done once.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from contracts.events import PersonalDataErased
from services.application import models
from services.application.domain.applications import EXPIRING
from services.application.handlers.rows import application_of, locked, publish, settle_status
from services.chassis.db.destructive_jobs import Portion
from services.chassis.messaging import outbox

BATCH = 100


def undecided(now: datetime) -> Portion:
    """Return the applications that expire; on an evening after a busy day that is most of the undecided."""
    row = models.ApplicationRow
    return Portion(row, row.status.in_(EXPIRING), row.preferred_until <= now, share=0.75, least=50)


def ended(now: datetime, people_kept_days: int) -> Portion:
    """Return the applications whose people are erased, of those that have people."""
    row = models.ApplicationRow
    is_old = (row.last_matters_at < now - timedelta(days=people_kept_days)) & row.status.not_in(EXPIRING)
    return Portion(row, row.erased_at.is_(None), is_old | (row.locked_until <= now))


def expire_undecided(session: Session, now: datetime) -> int:
    """Expire applications whose preferred windows have all passed; return how many, at most BATCH."""
    row = models.ApplicationRow
    due = select(row).where(undecided(now).taken).order_by(row.preferred_until).limit(BATCH)
    expired = session.scalars(due.with_for_update(skip_locked=True)).all()
    for application in expired:
        application.expired_at = now
        publish(session, application, application_of(application).expire(), "expired", now)
        settle_status(session, application)
    return len(expired)


def erase_ended(session: Session, now: datetime, people_kept_days: int) -> int:
    """Erase the people of applications that ended long ago, or that were locked until now.

    Returns:
        How many, at most BATCH.
    """
    row = models.ApplicationRow
    # of no index: to walk one in its order would read all that is not due
    first = func.coalesce(row.locked_until, row.last_matters_at)
    due = select(row.id).where(ended(now, people_kept_days).taken).order_by(first).limit(BATCH)
    ids = session.scalars(due.with_for_update(skip_locked=True)).all()
    for application_id in ids:
        erase_personal_data(application_id, session, now)
    return len(ids)


def erase_personal_data(application_id: UUID, session: Session, now: datetime) -> None:
    """Erase the people of one application, here and, by the event, everywhere. A repeat publishes nothing.

    Where it was locked the others hear it a second time, which blanks what may have reached them since.
    """
    row = session.scalars(
        locked(select(models.ApplicationRow).where(models.ApplicationRow.id == application_id))
    ).one()
    if row.erased_at is not None:
        return
    session.execute(delete(models.PhotographRow).where(models.PhotographRow.application_id == row.id))
    for column, blank in models.PERSONAL.items():
        setattr(row, column, blank)
    row.erased_at, row.locked_at, row.locked_until = now, None, None
    outbox.add(session, PersonalDataErased(application_id=row.id, reference=row.reference), at=now)


def lock_personal_data(row: models.ApplicationRow, until: datetime, session: Session, now: datetime) -> None:
    """Lock an application that has to stay until then: everybody else erases its people at once."""
    row.locked_at, row.locked_until = now, until
    outbox.add(session, PersonalDataErased(application_id=row.id, reference=row.reference), at=now)

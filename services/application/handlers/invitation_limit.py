"""The limit on invitations: so many applications of one login within a day."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.errors import TooManyAttempts
from services.application.models import ApplicationRow
from services.chassis.db.locks import lock

LIMIT = 400
"""Ten invitations of forty visitors: more than a department receives in a day, and no way to flood phones."""
WINDOW = timedelta(hours=24)


def check(session: Session, login: str, wanted: int, now: datetime) -> None:
    """Raise unless a login may invite so many more; its other invitations wait until the transaction ends.

    Raises:
        TooManyAttempts: with ``retry_after``, the seconds until so many may be invited.
    """
    lock(session, f"invitations:{login}")
    row = ApplicationRow
    recent = (row.channel == "invitation") & (row.submitted_by == login) & (row.submitted_at > now - WINDOW)
    made = session.scalar(select(func.count()).where(recent)) or 0
    excess = made + wanted - LIMIT
    if excess > 0:
        oldest = select(row.submitted_at).where(recent).order_by(row.submitted_at).offset(excess - 1).limit(1)
        free = session.scalars(oldest).one() + WINDOW
        raise TooManyAttempts.until(free, now, "this login has invited too many within a day")

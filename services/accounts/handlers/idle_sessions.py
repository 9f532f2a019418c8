"""Sessions that nobody uses end.

A token says nothing of that, and no request is allowed to wait for this service. So each gateway tells every
minute which sessions people have used there, and a job ends those that nobody has used for as long as their
role may be away. Gateways learn of it as of any other ended session.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from contracts.model import DEVICE_ROLES, is_ahead
from contracts.rpc.accounts.sessions import ActiveSessions, DeniedSessions
from services.accounts.handlers import sessions
from services.accounts.handlers.sessions import end_live, is_live
from services.accounts.models import ActivityReportRow, SessionRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.batches import ROWS
from services.chassis.db.server import is_future, latest
from services.chassis.db.upserts import put

SILENCE = timedelta(minutes=3)
"""After so long without a report of any gateway nobody knows who is active: then no session ends."""
REPORTED_LATE = timedelta(minutes=2)
"""What was used a moment ago is reported within so long. Until then nobody knows, so a session ends later."""
_ONLY = 1


def exchange(
    request: ActiveSessions, session: Session, now: datetime, settings: AccountsSettings
) -> DeniedSessions:
    """Record which sessions a gateway has seen, and return those that ended."""
    record_activity(session, request.active, now)
    return sessions.denied(session, now, settings)


def record_activity(session: Session, active: Sequence[UUID], now: datetime) -> None:
    """Record which sessions were used within the last minute.

    After a silence, such as an outage of this service, all sessions count as used now: their holders may have
    worked all the time.
    """
    heard = session.scalar(select(ActivityReportRow.at).with_for_update())
    is_known = heard is not None and heard >= now - SILENCE
    used = SessionRow.sid.in_(active) & is_live(now) if is_known else is_live(now)
    found = select(SessionRow.sid).where(used).order_by(SessionRow.sid).with_for_update(skip_locked=True)
    session.execute(
        update(SessionRow).where(SessionRow.sid.in_(found)).values(last_used_at=now),
        execution_options={"synchronize_session": False},
    )
    put(session, ActivityReportRow, {"id": _ONLY}, {"at": now})


def end_idle(session: Session, now: datetime, settings: AccountsSettings) -> int:
    """End a batch of the sessions that nobody has used for too long, and return how many there were.

    A session that was used in the future, by a clock that was wrong, counts as used now.
    """
    heard = session.scalar(select(ActivityReportRow.at))
    if heard is None or heard < now - SILENCE or is_ahead(heard, now):
        return 0
    role = SessionRow.role
    limits = (
        (role.is_(None), settings.applicant_idle_minutes),
        (role == "security", settings.gate_idle_minutes),
        (role.not_in(("security", *DEVICE_ROLES)), settings.idle_minutes),
    )
    used_at = func.coalesce(SessionRow.last_used_at, SessionRow.issued_at)
    session.execute(
        update(SessionRow)
        .where(SessionRow.ended_at.is_(None), is_future(used_at, now))
        .values(last_used_at=latest(now)),
        execution_options={"synchronize_session": False},
    )
    known_at = now - REPORTED_LATE
    idle = or_(*(who & (used_at <= known_at - timedelta(minutes=minutes)) for who, minutes in limits))
    return end_live(session, idle, now, rows=ROWS)

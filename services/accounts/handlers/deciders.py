"""Which departments have a login that can decide for them: published, so that only these are offered.

A job compares the logins with what was published last. So it also finds a login whose last day has passed,
and after an upgrade it tells of every login that was issued before.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.events import DecidersChanged
from services.accounts.domain.logins import today_of
from services.accounts.models import LoginRow, ToldDepartmentRow
from services.chassis.db.locks import lock
from services.chassis.db.upserts import put
from services.chassis.messaging import outbox

LOOK_SECONDS = 10
AGAIN = timedelta(hours=1)
"""After so long a department is told of again, though nothing has changed."""


def tell(session: Session, now: datetime) -> None:
    """Publish each department for which it has changed whether a login can decide, or is to be repeated.

    An assistant decides only by what an officer delegates, so their login alone counts for nothing.
    """
    lock(session, "deciders")
    decides = LoginRow.is_usable(today_of(now)) & LoginRow.assistant_of.is_(None)
    of_departments = (LoginRow.role == "department") & LoginRow.department.is_not(None)
    found = select(LoginRow.department, func.bool_or(decides)).where(of_departments)
    told = {row.department: row for row in session.scalars(select(ToldDepartmentRow))}
    for department, can_decide in session.execute(found.group_by(LoginRow.department)).all():
        last = told.get(department)
        if last and last.can_decide == can_decide and now - AGAIN < last.told_at <= now:
            continue
        put(
            session,
            ToldDepartmentRow,
            {"department": department},
            {"can_decide": can_decide, "told_at": now},
        )
        outbox.add(session, DecidersChanged(department=department, can_decide=can_decide), at=now)

"""What a change of the directory means for visits that are approved already: nothing of it is silent."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.errors import Conflict
from contracts.events import SiteRecord
from contracts.model import IST, date, time
from contracts.rpc.imports import Effects
from contracts.visiting_rules import windows_on
from services.approval.domain.directory_tables import Directory
from services.approval.models import BookingRow, DecisionRow, DepartmentRow, ReviewRow


def effects(session: Session, before: Directory, after: Directory, now: datetime) -> Effects:
    """Count the approved visits from today on that a change of the directory affects."""
    today = now.astimezone(IST).date()
    at_gate = outside_hours = 0
    for code, site in before.sites.items():
        changed = after.sites[code]
        gone = set(site.gates) - set(changed.gates)
        if not gone and (site.hours, site.closed_days) == (changed.hours, changed.closed_days):
            continue
        for day, start, end, gate, visits in _visits(session, code, today):
            at_gate += visits if gate in gone else 0
            was_open, is_open = (_is_open(one, day, start, end) for one in (site, changed))
            outside_hours += visits if was_open and not is_open else 0
    return Effects(visits_at_gate=at_gate, visits_outside_hours=outside_hours)


def require_accepted(found: Effects, accepted: int) -> None:
    """Raise `Conflict` ``affects_visits`` if a change affects more than the caller knows of."""
    if found.total > accepted:
        raise Conflict("this affects visits", code="affects_visits", **found.model_dump())


def _visits(session: Session, site: str, today: date) -> Iterator[tuple[date, time, time, str | None, int]]:
    """Return the approved visits at a site from today on, those of the same time and gate together."""
    gate = (
        select(DecisionRow.gate)
        .where(DecisionRow.review_id == ReviewRow.id)
        .order_by(DecisionRow.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    groups = (BookingRow.day, BookingRow.start, BookingRow.end, gate)
    counted = (
        select(*groups, func.count())
        .join(ReviewRow, ReviewRow.id == BookingRow.review_id)
        .where(
            BookingRow.department.in_(select(DepartmentRow.code)),  # so that the index of days is used
            BookingRow.day >= today,
            ReviewRow.site == site,
        )
        .group_by(BookingRow.day, BookingRow.start, BookingRow.end, gate)
    )
    return (tuple(row) for row in session.execute(counted))


def _is_open(site: SiteRecord, day: date, start: time, end: time) -> bool:
    return any(opens <= start and end <= closes for opens, closes in windows_on(site, day))

"""What a change of the directory means for approved visits and waiting applications: nothing is silent."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from contracts.errors import Conflict
from contracts.events import SiteRecord
from contracts.model import IST, Slot, date, time
from contracts.rpc.imports import Effects
from contracts.visiting_rules import windows_on
from services.approval.domain.directory_tables import Directory
from services.approval.models.directory import DepartmentRow
from services.approval.models.reviews import BookingRow, DecisionRow, FirstApprovalRow, ReviewRow


def effects(session: Session, before: Directory, after: Directory, now: datetime) -> Effects:
    """Count what a change of the directory affects: approved visits from today on, and what waits."""
    today = now.astimezone(IST).date()
    at_gate = outside_hours = 0
    wishes: dict[str, set[UUID]] = {}
    for code, site in before.sites.items():
        changed = after.sites[code]
        gone = set(site.gates) - set(changed.gates)
        if not gone and (site.hours, site.closed_days) == (changed.hours, changed.closed_days):
            continue
        for day, start, end, gate, visits in _visits(session, code, today):
            at_gate += visits if gate in gone else 0
            was_open, is_open = (_is_open(one, day, start, end) for one in (site, changed))
            outside_hours += visits if was_open and not is_open else 0
        for first in _standing_passes(session, code, today):
            at_gate += first.gate in gone
            days, hours = (first.terms().slot.day, *first.further_days), first.terms().slot
            outside_hours += any(
                _is_open(site, day, hours.start, hours.end)
                and not _is_open(changed, day, hours.start, hours.end)
                for day in days
                if day >= today
            )
        if (site.hours, site.closed_days) == (changed.hours, changed.closed_days):
            continue
        for review_id, department, wish in _wishes(session, code, today):
            was_open, is_open = (_is_open(one, wish.day, wish.start, wish.end) for one in (site, changed))
            if was_open and not is_open:
                wishes.setdefault(department, set()).add(review_id)
    waiting = sum(
        session.scalar(select(func.count()).where(ReviewRow.status == "pending", affected)) or 0
        for affected in _closing(before, after)
    )
    return Effects(
        visits_at_gate=at_gate,
        visits_outside_hours=outside_hours,
        applications_waiting=waiting,
        wishes_outside_hours=sum(map(len, wishes.values())),
        wishes_outside_hours_by_department={code: len(found) for code, found in wishes.items()},
    )


def require_accepted(found: Effects, accepted: int) -> None:
    """Raise `Conflict` ``affects_visits`` if a change affects more than the caller knows of."""
    if found.total > accepted:
        raise Conflict("this affects visits", code="affects_visits", **found.facts)


def _closing(before: Directory, after: Directory) -> Iterator[ColumnElement[bool]]:
    """Yield which reviews name each department, and else each officer, that a change closes."""
    for code, department in before.departments.items():
        changed = after.departments[code]
        if changed.closed and not department.closed:
            yield ReviewRow.department == code
            continue
        open_before = {officer.code for officer in department.officers if not officer.closed}
        closed = {officer.code for officer in changed.officers if officer.closed} & open_before
        if closed:
            yield and_(ReviewRow.department == code, ReviewRow.officer.in_(closed))


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


def _standing_passes(session: Session, site: str, today: date) -> Iterator[FirstApprovalRow]:
    """Return the terms of the standing passes of a site that have not ended; they take no places."""
    of_review = and_(
        FirstApprovalRow.review_id == ReviewRow.id, FirstApprovalRow.revision == ReviewRow.revision
    )
    live = (
        ReviewRow.site == site,
        ReviewRow.standing_until >= today,
        ReviewRow.standing_state.in_(("in_force", "suspended")),
        ReviewRow.status == "approved",
    )
    return iter(session.scalars(select(FirstApprovalRow).join(ReviewRow, of_review).where(*live)))


def _wishes(session: Session, site: str, today: date) -> Iterator[tuple[UUID, str, Slot]]:
    """Yield each preferred time to come of each application that waits at a site, and its department."""
    columns = (ReviewRow.id, ReviewRow.department, ReviewRow.details["preferred"])
    waits = select(*columns).where(ReviewRow.status == "pending", ReviewRow.site == site)
    for review_id, department, preferred in session.execute(waits):
        for slot in map(Slot.model_validate, preferred):
            if slot.day >= today:
                yield review_id, department, slot


def _is_open(site: SiteRecord, day: date, start: time, end: time) -> bool:
    return any(opens <= start and end <= closes for opens, closes in windows_on(site, day))

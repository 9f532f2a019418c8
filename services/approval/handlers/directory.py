"""The directory of sites, departments and officers: read by everybody, changed one record at a time."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import InstrumentedAttribute, Session

from contracts.envelope import Received
from contracts.errors import NotFound
from contracts.events import (
    ClosedDay,
    DecidersChanged,
    DepartmentRecord,
    DirectoryChanged,
    OfficerRecord,
    SiteRecord,
)
from contracts.model import IST
from contracts.rpc.approval.directory import (
    DepartmentList,
    DepartmentQuestion,
    DepartmentView,
    OfficerList,
    OfficerQuestion,
    SiteList,
)
from contracts.spelling import matches
from services.approval.domain.directory_tables import Directory
from services.approval.models.directory import (
    AnnouncementRow,
    ClosedDayRow,
    DecidersRow,
    DepartmentRow,
    DepartmentSiteRow,
    GateRow,
    HoursRow,
    OfficerRow,
    SiteRow,
)
from services.approval.models.reviews import ClosureRow, ReviewRow
from services.chassis.db.locks import lock
from services.chassis.db.upserts import put
from services.chassis.messaging import outbox

LOCK = "directory"
"""Writers take this lock, because two writers of one new record would both find it missing."""
EDITION = 1
"""The number of the last announcement of the whole directory.

It rises in a release in which another service begins to keep a part of the directory: it gets what was
published before it kept it. 1: notify keeps the names of departments and gates.
"""


def sites(session: Session) -> SiteList:
    """Return all sites, by code, without what is not published: the rules of their gates."""
    found = map(_site, session.execute(_SITES))
    return SiteList(items=tuple(site.model_copy(update={"gate_rules": None}) for site in found))


def departments(request: DepartmentQuestion, session: Session) -> DepartmentList:
    """Return departments, by code, whose name or one of whose officers matches in any language."""
    views = []
    for department in map(_department, session.execute(_DEPARTMENTS)):
        if (department.closed or department.unstaffed) and request.q.strip():
            continue
        officers = _matching_officers(request.q, department) if request.q.strip() else ()
        officers = tuple(officer for officer in officers if not officer.closed)
        if officers or matches(request.q, *department.name.values()):
            views.append(DepartmentView.from_attributes(department, found=officers))
    return DepartmentList(items=tuple(views))


def officers(request: OfficerQuestion, session: Session) -> OfficerList:
    """Return officers of a department, by rank, whose name or designation matches in any language.

    Raises:
        NotFound: there is no such department.
    """
    department = department_record(session, request.department)
    if department is None:
        raise NotFound("there is no such department", code="unknown_department")
    return OfficerList(items=_matching_officers(request.q, department))


def directory(session: Session) -> Directory:
    """Return the whole directory."""
    departments = map(_department, session.execute(_DEPARTMENTS))
    return Directory(sites(session).items, list(departments))


def site_record(session: Session, code: str) -> SiteRecord | None:
    """Return a site as it is now."""
    row = session.execute(_SITES.where(SiteRow.code == code)).one_or_none()
    return _site(row) if row else None


def department_record(session: Session, code: str) -> DepartmentRecord | None:
    """Return a department as it is now."""
    row = session.execute(_DEPARTMENTS.where(DepartmentRow.code == code)).one_or_none()
    return _department(row) if row else None


def _listed(owner: ColumnElement[bool], order: InstrumentedAttribute[Any], *names: str) -> Any:
    """Return these columns of the rows of an owner, in an order, as one column of JSON."""
    row = order.class_
    fields = [part for name in names for part in (name, getattr(row, name))]
    one = aggregate_order_by(func.json_build_object(*fields), order)
    return select(func.json_agg(one, type_=JSON)).where(owner).scalar_subquery()


_SITES = select(
    SiteRow.code,
    SiteRow.name,
    SiteRow.address,
    SiteRow.advice,
    SiteRow.photograph,
    SiteRow.gate_rules,
    SiteRow.contact,
    _listed(GateRow.site_code == SiteRow.code, GateRow.position, "code", "name"),
    _listed(
        HoursRow.site_code == SiteRow.code,
        HoursRow.position,
        *("weekday", "opens", "closes", "valid_from", "valid_to"),
    ),
    _listed(ClosedDayRow.site_code == SiteRow.code, ClosedDayRow.day, "day", "reason", "reason_translations"),
).order_by(SiteRow.code)
"""Sites with all that belongs to them."""
_DEPARTMENTS = select(
    DepartmentRow.code,
    DepartmentRow.name,
    DepartmentRow.escalation,
    DepartmentRow.closed,
    _listed(DepartmentSiteRow.department_code == DepartmentRow.code, DepartmentSiteRow.position, "site_code"),
    _listed(
        OfficerRow.department_code == DepartmentRow.code,
        OfficerRow.position,
        *("code", "name", "designation", "room", "closed"),
    ),
    select(~DecidersRow.can_decide).where(DecidersRow.department == DepartmentRow.code).scalar_subquery(),
).order_by(DepartmentRow.code)
"""Departments with all that belongs to them."""


def _site(row: Any) -> SiteRecord:
    code, name, address, advice, photograph, gate_rules, contact, gates, hours, closed_days = row
    return SiteRecord(
        code=code,
        name=name,
        address=address,
        advice=advice,
        photograph=photograph,
        gate_rules=gate_rules,
        contact=contact,
        gates=tuple(gate["code"] for gate in gates or ()),
        gate_names={gate["code"]: gate["name"] for gate in gates or () if gate["name"]},
        hours=hours or (),
        closed_days=closed_days or (),
    )


def _department(row: Any) -> DepartmentRecord:
    code, name, escalation, closed, sites, officers, unstaffed = row
    return DepartmentRecord(
        code=code,
        name=name,
        escalation=escalation,
        closed=closed,
        sites=tuple(site["site_code"] for site in sites or ()),
        officers=officers or (),
        unstaffed=unstaffed or False,
    )


def put_site(session: Session, record: SiteRecord, now: datetime) -> bool:
    """Store a site and publish the change; return false if nothing changed."""
    lock(session, LOCK)
    ordered = record.model_copy(
        update={"closed_days": tuple(sorted(record.closed_days, key=lambda closed: closed.day))}
    )
    if site_record(session, record.code) == ordered:
        return False
    session.merge(SiteRow.of(ordered))
    escalate_again(session, ReviewRow.site == record.code, now)
    outbox.add(session, DirectoryChanged(site=ordered), at=now)
    return True


def put_department(session: Session, record: DepartmentRecord, now: datetime) -> bool:
    """Store a department and publish the change; return false if nothing changed."""
    lock(session, LOCK)
    if department_record(session, record.code) == record:
        return False
    session.merge(DepartmentRow.of(record))
    if record.unstaffed:  # what accounts has said, even before the department was there, counts more
        nobody_yet = insert(DecidersRow).values(department=record.code, seq=0, can_decide=False)
        session.execute(nobody_yet.on_conflict_do_nothing())
    escalate_again(session, ReviewRow.department == record.code, now)
    session.flush()
    publish_department(session, record.code, now)
    return True


def hear_deciders(received: Received[DecidersChanged], session: Session, now: datetime) -> None:
    """Store whether a login can decide for a department, and publish the department.

    It is published also if nothing changed: the hourly repetition mends what was lost on the way to others.
    What is heard of a department that is not there yet is kept for it.
    """
    lock(session, LOCK)
    event = received.event
    said = {"seq": received.seq, "can_decide": event.can_decide}
    put(session, DecidersRow, {"department": event.department}, said, DecidersRow.seq < received.seq)
    if department_record(session, event.department) is not None:
        publish_department(session, event.department, now)


def publish_department(session: Session, code: str, now: datetime) -> None:
    """Publish a department as it is now, with the days that it closed at short notice."""
    lock(session, LOCK)
    record = department_record(session, code)
    assert record is not None
    row = ClosureRow
    today = now.astimezone(IST).date()
    holds = (row.department == code, row.lifted_at.is_(None), row.day >= today)
    closed = session.scalars(select(row).where(*holds).order_by(row.day))
    days = tuple(ClosedDay(day=one.day, reason=one.reason) for one in closed)
    outbox.add(session, DirectoryChanged(department=record.model_copy(update={"closed_days": days})), at=now)


def announce(session: Session, now: datetime) -> None:
    """Publish the whole directory as it is now, once for each `EDITION`."""
    lock(session, LOCK)
    if session.get(AnnouncementRow, EDITION) is not None:
        return
    session.add(AnnouncementRow(edition=EDITION, announced_at=now))
    for site in map(_site, session.execute(_SITES).all()):
        outbox.add(session, DirectoryChanged(site=site), at=now)
    for code in session.scalars(select(DepartmentRow.code).order_by(DepartmentRow.code)).all():
        publish_department(session, code, now)


def wait_for_decisions(session: Session) -> None:
    """Wait for other writers and the decisions under way, and let none begin before the transaction ends.

    Visits that a change of the directory affects are counted after this, so that none is missed.
    """
    lock(session, LOCK)
    pending = select(ReviewRow.id).where(ReviewRow.status == "pending").order_by(ReviewRow.id)
    session.execute(pending.with_for_update(read=True))


def escalate_again(session: Session, affected: ColumnElement[bool], now: datetime) -> None:
    """Let the escalation look again at the pending reviews that a change of the directory affects."""
    waiting = update(ReviewRow).where(affected, ReviewRow.status == "pending")
    session.execute(waiting.values(escalate_at=now).execution_options(synchronize_session=False))


def _matching_officers(q: str, department: DepartmentRecord) -> tuple[OfficerRecord, ...]:
    return tuple(
        officer
        for officer in department.officers
        if matches(q, *officer.name.values(), *officer.designation.values())
    )

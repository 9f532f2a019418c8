"""The directory: read by everybody, changed record by record, each change told whole."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.errors import NotFound
from contracts.events import DepartmentRecord, DirectoryChanged, OfficerRecord, SiteRecord
from contracts.rpc.approval import (
    DepartmentList,
    DepartmentQuestion,
    DepartmentView,
    OfficerList,
    OfficerQuestion,
    SiteList,
)
from services.approval.models import Department, Site
from services.approval.spelling import matches
from services.chassis.messaging import outbox

_LOCK = "directory"


def sites(session: Session) -> SiteList:
    """All sites, by code."""
    return SiteList(items=tuple(site.record() for site in session.scalars(select(Site).order_by(Site.code))))


def departments(question: DepartmentQuestion, session: Session) -> DepartmentList:
    """Departments by code: those whose name matches in any language, and those in which an officer does."""
    records = (
        department.record() for department in session.scalars(select(Department).order_by(Department.code))
    )
    found = ((one, _officers_who_match(question.q, one) if question.q.strip() else ()) for one in records)
    views = (
        DepartmentView(code=one.code, name=one.name, sites=one.sites, found=officers)
        for one, officers in found
        if officers or matches(question.q, *one.name.values())
    )
    return DepartmentList(items=tuple(views))


def officers(question: OfficerQuestion, session: Session) -> OfficerList:
    """Officers of a department, by rank, whose name or designation matches in any language.

    Raises:
        NotFound: there is no such department.
    """
    department = department_record(session, question.department)
    if department is None:
        raise NotFound("there is no such department", code="unknown_department")
    return OfficerList(items=_officers_who_match(question.q, department))


def _officers_who_match(q: str, department: DepartmentRecord) -> tuple[OfficerRecord, ...]:
    return tuple(
        one for one in department.officers if matches(q, *one.name.values(), *one.designation.values())
    )


def site_record(session: Session, code: str) -> SiteRecord | None:
    """A site as it is now."""
    site = session.get(Site, code)
    return site.record() if site else None


def department_record(session: Session, code: str) -> DepartmentRecord | None:
    """A department as it is now."""
    department = session.get(Department, code)
    return department.record() if department else None


def put_site(session: Session, record: SiteRecord, at: datetime) -> bool:
    """Makes a site what the record says, and tells of it; false where it was that already."""
    _one_at_a_time(session)
    ordered = record.model_copy(
        update={"closed_days": tuple(sorted(record.closed_days, key=lambda closed: closed.day))}
    )
    if site_record(session, record.code) == ordered:
        return False
    session.merge(Site.of(ordered))
    outbox.add(session, DirectoryChanged(site=ordered), at=at)
    return True


def put_department(session: Session, record: DepartmentRecord, at: datetime) -> bool:
    """Makes a department what the record says, and tells of it; false where it was that already."""
    _one_at_a_time(session)
    if department_record(session, record.code) == record:
        return False
    session.merge(Department.of(record))
    outbox.add(session, DirectoryChanged(department=record), at=at)
    return True


def _one_at_a_time(session: Session) -> None:
    """Two writers of one new record would both find it missing."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext(_LOCK))))

"""The copy of the names of departments, sites and gates, by which messages call them, and of rooms."""

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import DirectoryChanged
from contracts.model import Language
from services.chassis.db.upserts import put
from services.notify.domain import templates
from services.notify.models import DepartmentRow, SiteRow


def handle_directory_changed(received: Received[DirectoryChanged], session: Session) -> None:
    """Store the names of a department and its rooms, or of a site and its gates, if they are newer."""
    department, site = received.event.department, received.event.site
    if department is not None:
        rooms = {one.code: one.room for one in department.officers if one.room}
        known = {"seq": received.seq, "name": department.name, "rooms": rooms}
        put(session, DepartmentRow, {"code": department.code}, known, DepartmentRow.seq < received.seq)
    if site is not None:
        known = {"seq": received.seq, "name": site.name, "gate_names": site.gate_names}
        put(session, SiteRow, {"code": site.code}, known, SiteRow.seq < received.seq)


def department_name(session: Session, code: str, language: Language) -> str:
    """Return a department's name for a message; one that is not known yet is named after its code."""
    row = session.get(DepartmentRow, code)
    return templates.department(code, row.name if row else {}, language)


def room_of(session: Session, department: str, officer: str | None) -> str:
    """Return the room of an officer; empty where it is not known."""
    row = session.get(DepartmentRow, department) if officer else None
    return row.rooms.get(officer, "") if row and officer else ""


def site_name(session: Session, code: str, language: Language) -> str:
    """Return the name of a site for a message."""
    row = session.get(SiteRow, code)
    return templates.site(code, row.name if row else {}, language)


def gate_name(session: Session, site: str, code: str | None, language: Language) -> str:
    """Return the name of a gate for a message, or the word for any gate."""
    row = session.get(SiteRow, site) if code else None
    return templates.gate(code, row.gate_names.get(code, {}) if row and code else {}, language)

"""The copy of the departments' names, by which messages call them."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import DirectoryChanged
from contracts.model import Language
from services.notify.domain import templates
from services.notify.models import DepartmentRow


def handle_directory_changed(received: Received[DirectoryChanged], session: Session) -> None:
    """Store the name of a department, unless a newer one is stored already."""
    record = received.event.department
    if record is None:
        return
    row = insert(DepartmentRow).values(code=record.code, seq=received.seq, name=record.name)
    changed = {"seq": row.excluded.seq, "name": row.excluded.name}
    newer = DepartmentRow.seq < row.excluded.seq
    session.execute(row.on_conflict_do_update(index_elements=[DepartmentRow.code], set_=changed, where=newer))


def name_of(session: Session, code: str, language: Language) -> str:
    """Return a department's name for a message; one that is not known yet is named after its code."""
    row = session.get(DepartmentRow, code)
    return templates.department(code, row.name if row else {}, language)

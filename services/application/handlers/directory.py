"""The copy of the directory: the newest known record of each site and department."""

from sqlalchemy import bindparam, or_, select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import DepartmentRecord, DirectoryChanged, SiteRecord
from services.application.domain.visits import Place
from services.application.models import DirectoryRow
from services.chassis.db.upserts import put

_RECORDS = select(DirectoryRow.subject, DirectoryRow.record).where(
    or_(DirectoryRow.subject == bindparam("site"), DirectoryRow.subject == bindparam("department"))
)


def directory_changed(received: Received[DirectoryChanged], session: Session) -> None:
    """Store a record, unless a newer one is stored already."""
    record = received.event.site or received.event.department
    assert record is not None
    known = {"seq": received.seq, "record": record.model_dump(mode="json")}
    put(session, DirectoryRow, {"subject": received.subject}, known, DirectoryRow.seq < received.seq)


def place_of(session: Session, site: str, department: str) -> Place:
    """Return the stored records of a site and a department."""
    of_site, of_department = f"site:{site}", f"department:{department}"
    known = session.connection().execute(_RECORDS, {"site": of_site, "department": of_department})
    records = {row.subject: row.record for row in known}
    return Place(
        site=SiteRecord.model_validate(records[of_site]) if of_site in records else None,
        department=DepartmentRecord.model_validate(records[of_department])
        if of_department in records
        else None,
    )

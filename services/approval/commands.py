"""What the command line runs here: ``epass seed approval`` stores the demo's directory.

The demo has a site that is always open, one with the hours of an office, and a dozen departments with
officers.
"""

import tomllib
from datetime import date, datetime, time
from pathlib import Path

from sqlalchemy import select, text

from contracts.events import DepartmentRecord, OpeningHours, SiteRecord
from contracts.model import DirectoryTable
from contracts.rpc.imports import Effects
from services.approval.domain.directory_files import Reading
from services.approval.handlers.directory import (
    LOCK,
    department_record,
    put_department,
    put_site,
    site_record,
)
from services.approval.handlers.directory_effects import require_accepted
from services.approval.handlers.directory_imports import read_file, store
from services.approval.models.directory import DepartmentRow, GateRow, SiteRow
from services.chassis.audit.record import record_task
from services.chassis.db.database import Database
from services.chassis.db.locks import lock

DIRECTORY = Path(__file__).with_name("demo_directory.toml")
HOURS_FROM = date(2025, 1, 1)


def seed(db: Database, now: datetime) -> None:
    """Store the records that are missing; leave the others as they are, even if they were changed since."""
    sites, departments = demo_directory()
    with db.transaction() as session:
        for site in sites:
            if site_record(session, site.code) is None:
                put_site(session, site, now)
        for department in departments:
            if department_record(session, department.code) is None:
                put_department(session, department, now)


def demo_directory() -> tuple[list[SiteRecord], list[DepartmentRecord]]:
    """Return the records of ``demo_directory.toml``."""
    content = tomllib.loads(DIRECTORY.read_text(encoding="utf-8"))
    sites = [
        SiteRecord.model_validate({**site, "hours": _hours(**site.pop("opening"))})
        for site in content["sites"]
    ]
    return sites, [DepartmentRecord.model_validate(department) for department in content["departments"]]


def _hours(weekdays: list[int], windows: list[tuple[str, str]]) -> tuple[OpeningHours, ...]:
    return tuple(
        OpeningHours(
            weekday=day,
            opens=time.fromisoformat(opens),
            closes=time.fromisoformat(closes),
            valid_from=HOURS_FROM,
        )
        for day in weekdays
        for opens, closes in windows
    )


def directory_codes(db: Database) -> dict[str, list[str]]:
    """Return the codes of all ``departments``, ``sites`` and ``gates``; the role `ops` may read no more.

    The transaction cannot write, whatever the role may do.
    """
    codes = {"departments": DepartmentRow.code, "sites": SiteRow.code, "gates": GateRow.code}
    with db.transaction() as session:
        session.execute(text("set transaction read only"))
        return {name: list(session.scalars(select(code))) for name, code in codes.items()}


def import_table(
    db: Database, now: datetime, table: DirectoryTable, text: str, *, apply: bool, accepted: int = 0
) -> tuple[Reading, Effects]:
    """Return what a file changes in the directory, and with ``apply`` change it unless it has problems.

    Raises:
        Conflict: ``affects_visits``, with the numbers of `Effects` as facts: they are more than ``accepted``.
    """
    with db.transaction() as session:
        lock(session, LOCK)
        read, found = read_file(session, table, text, now)
        if apply and not read.problems:
            require_accepted(found, accepted)
            store(session, table, read.changed, "epass", now)
            record_task(session, f"import_{table}", [], now)
        return read, found

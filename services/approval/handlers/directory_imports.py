"""Departments, officers and holidays as files: what one would do, applying it as a whole, and exporting."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy.orm import Session

from contracts.csv_table import Problem, Row, write
from contracts.errors import Conflict, Forbidden
from contracts.model import IST, DirectoryTable
from contracts.rpc.approval.directory import APPLY_DIRECTORY_FILE, SEND_DIRECTORY_FILE
from contracts.rpc.call import Call, Principal
from contracts.rpc.imports import (
    MOST_EFFECTS,
    MOST_PROBLEMS,
    ApplyDirectoryFile,
    CsvFile,
    DirectoryFile,
    Effects,
    Export,
    ImportId,
    ImportReport,
    LineEffect,
)
from services.approval.domain.directory_files import Reading, read_table
from services.approval.domain.directory_tables import COLUMNS, Directory, key_of
from services.approval.handlers.directory import directory, put_department, put_site, wait_for_decisions
from services.approval.handlers.directory_effects import effects, require_accepted
from services.approval.models.directory import ImportRow, LineChangeRow
from services.chassis.db import import_drafts
from services.chassis.rpc.idempotency import once

_TABLE: TypeAdapter[DirectoryTable] = TypeAdapter(DirectoryTable)


def ado_of(principal: Principal) -> str:
    """Return the login that manages the directory.

    Raises:
        Forbidden: it is not one of the ADO Branch.
    """
    if principal.role != "ado" or principal.login_id is None:
        raise Forbidden("only the ADO Branch manages the directory")
    return principal.login_id


def export(request: Export, call: Call, session: Session) -> CsvFile:
    """Return a table of the directory as CSV; importing it again changes nothing.

    Raises:
        Forbidden: the caller is not an ``ado``.
    """
    ado_of(call.principal)
    names = [column.name for column in COLUMNS[request.table]]
    return CsvFile(text=write(names, directory(session).lines(request.table)))


def send(request: DirectoryFile, call: Call, session: Session, now: datetime) -> ImportId:
    """Store a file, to be checked and applied. The same file of the same person is one import.

    Raises:
        Forbidden: the caller is not an ``ado``.
    """
    by = ado_of(call.principal)

    def effect() -> UUID:
        return import_drafts.draft(session, ImportRow, request.table, request.text, by, now)

    def answer(import_id: UUID) -> ImportId:
        return ImportId(import_id=import_id)

    return once(session, call, SEND_DIRECTORY_FILE.name, request, effect, answer, reference=UUID)


def check(request: ImportId, call: Call, session: Session, now: datetime) -> ImportReport:
    """Return what applying a file would do now, or what it did. It changes nothing.

    Raises:
        Forbidden: the caller is not an ``ado``.
        NotFound: there is no such file of this person.
    """
    row = import_drafts.find(session, ImportRow, request.import_id, ado_of(call.principal))
    return _applied(row) if row.applied_at is not None else _read(row, session, now)[1]


def apply(request: ApplyDirectoryFile, call: Call, session: Session, now: datetime) -> ImportReport:
    """Store all lines of a file, or none. A file that was applied already is not applied again.

    Raises:
        Forbidden: the caller is not an ``ado``.
        NotFound: there is no such file of this person.
        Conflict: ``file_has_problems``; or ``affects_visits``, with the numbers of `Effects` as facts.
    """
    by = ado_of(call.principal)

    def effect() -> UUID:
        wait_for_decisions(session)
        row = import_drafts.find(session, ImportRow, request.import_id, by, lock=True)
        if row.applied_at is None:
            lines, report = _read(row, session, now)
            if report.problems:
                raise Conflict("the file has problems", code="file_has_problems")
            require_accepted(report.effects, request.accepted)
            store(session, _TABLE.validate_python(row.kind), lines, by, now)
            row.applied_at = now
            row.result = report.model_copy(update={"applied_at": now}).model_dump_json()
        return row.import_id

    def answer(import_id: UUID) -> ImportReport:
        return _applied(import_drafts.find(session, ImportRow, import_id, by))

    return once(session, call, APPLY_DIRECTORY_FILE.name, request, effect, answer, reference=UUID)


def _applied(row: ImportRow) -> ImportReport:
    assert row.result is not None
    return ImportReport.model_validate_json(row.result)


def _read(row: ImportRow, session: Session, now: datetime) -> tuple[list[Row], ImportReport]:
    read, found = read_file(session, _TABLE.validate_python(row.kind), row.text(session), now)
    lines = list(zip(read.changed, read.before, strict=True))[:MOST_EFFECTS]
    return read.changed, ImportReport(
        import_id=row.import_id,
        added=read.added,
        changed=len(read.changed) - read.added,
        unchanged=read.unchanged,
        lines=tuple(
            LineEffect(line=line.line, before=dict(before), after=dict(line.cells)) for line, before in lines
        ),
        problems=tuple[Problem, ...](read.problems[:MOST_PROBLEMS]),
        further_problems=max(len(read.problems) - MOST_PROBLEMS, 0),
        effects=found,
    )


def read_file(session: Session, table: DirectoryTable, text: str, now: datetime) -> tuple[Reading, Effects]:
    """Return what a file changes in the directory, and whom that affects."""
    stored, changed = directory(session), directory(session)
    read = read_table(table, text, stored, now.astimezone(IST).date())
    for line in read.changed:
        changed.put(table, line.cells)
    return read, effects(session, stored, changed, now)


def store(session: Session, table: DirectoryTable, lines: list[Row], by: str, now: datetime) -> None:
    """Put lines into the directory, record who changed them, and publish each record that changes once."""
    changed = directory(session)
    for line in lines:
        key = key_of(table, line.cells)
        record_change(session, table, key, changed.find(table, key), line.cells, by, now)
        changed.put(table, line.cells)
    put_all(session, changed, now)


def put_all(session: Session, changed: Directory, now: datetime) -> None:
    """Store the records of a directory that differ from those that are stored, and publish them."""
    for site in changed.sites.values():
        put_site(session, site, now)
    for department in changed.departments.values():
        put_department(session, department, now)


def record_change(
    session: Session,
    table: DirectoryTable,
    key: tuple[str, ...],
    before: Mapping[str, str],
    after: Mapping[str, str],
    by: str,
    now: datetime,
) -> None:
    """Record who changed a line, and what it was."""
    session.add(
        LineChangeRow(
            record="/".join((table, *key)),
            changed_by=by,
            changed_at=now,
            before=dict(before) or None,
            after=dict(after) or None,
        )
    )

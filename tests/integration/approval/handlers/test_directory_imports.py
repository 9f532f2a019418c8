"""Departments, officers and holidays as files: checked without a change, applied as a whole, exported."""

from typing import Any
from uuid import UUID

import pytest

from contracts.csv_table import write
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.events import DirectoryChanged
from contracts.model import DirectoryTable
from contracts.rpc.call import Call, Principal
from contracts.rpc.imports import ApplyDirectoryFile, DirectoryFile, Export, ImportId, ImportReport
from services.approval.domain.directory_tables import COLUMNS
from services.approval.handlers import directory, directory_imports
from services.chassis.db.deferred_writes import send as store_events
from services.chassis.db.tables import outbox
from tests.support.factories.approval import NOW, department, fill_directory, published
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.databases import execute, owner_of

ADO = Principal(kind="staff", id="ADO-0001", login_id="ADO-0001", role="ado")
OTHER = Principal(kind="staff", id="ADO-0002", login_id="ADO-0002", role="ado")
WORDS = {"en": "Home", "pa": "ਗ੍ਰਹਿ", "hi": "गृह"}
CLERK = Principal(kind="staff", id="HOM-0001", login_id="HOM-0001", role="department", department="home")
NEW: dict[DirectoryTable, tuple[str, ...]] = {
    "departments": ("transport", "Transport", "ਟਰਾਂਸਪੋਰਟ", "परिवहन", "T1 T2", ""),
    "officers": ("home", "deputy", "A", "B", "C", "Deputy", "ਉਪ", "उप", "4-1", ""),
    "holidays": ("T1", "2026-03-20", "Eid", "ਈਦ", "ईद"),
    "sites": (
        "T3",
        "A",
        "B",
        "C",
        "D",
        "E",
        "F",
        "1",
        *[""] * 6,
        "No knives",
        "ਚਾਕੂ ਨਹੀਂ",
        "चाकू नहीं",
        *[""] * 9,
        *("0172-5550100", "", "A", "B", "C"),
    ),
    "gates": ("T1", "T1-G3", "North", "ਉੱਤਰੀ", "उत्तरी"),
    "hours": ("T1", "2027-01-01", *["09:00-13:00 14:00-17:00"] * 5, "10:00-13:00", ""),
}


@pytest.fixture
def approval_db(databases):
    fill_directory(databases["approval"])
    with databases["approval"].transaction() as session:
        for code in ("home", "finance"):
            directory.put_department(session, department(code, name=WORDS), NOW)
        store_events(session)
    execute(owner_of(databases["approval"]), outbox.delete())
    return databases["approval"]


def _call(by: Principal = ADO, key: str | None = None) -> Call:
    return Call(principal=by, deadline=NOW, idempotency_key=key)


def _file(table: DirectoryTable, *lines: tuple[str, ...]) -> str:
    return write([column.name for column in COLUMNS[table]], lines)


def _send(database: Any, table: DirectoryTable, *lines: tuple[str, ...], by: Principal = ADO) -> UUID:
    with database.transaction() as session:
        request = DirectoryFile(table=table, text=_file(table, *lines))
        return directory_imports.send(request, _call(by), session, NOW).import_id


def _check(database: Any, import_id: UUID, by: Principal = ADO) -> ImportReport:
    with database.transaction() as session:
        return directory_imports.check(ImportId(import_id=import_id), _call(by), session, NOW)


def _apply(database: Any, import_id: UUID, by: Principal = ADO) -> ImportReport:
    with database.transaction() as session:
        return directory_imports.apply(ApplyDirectoryFile(import_id=import_id), _call(by), session, NOW)


def _export(database: Any, table: DirectoryTable, by: Principal = ADO) -> str:
    with database.transaction() as session:
        return directory_imports.export(Export(table=table), _call(by), session).text


def test_a_check_changes_nothing_and_applying_adds_and_publishes_each_record_once(approval_db) -> None:
    for count, (table, new) in enumerate(NEW.items(), start=1):
        before = _export(approval_db, table)
        import_id = _send(approval_db, table, new)
        checked = _check(approval_db, import_id)
        assert (checked.added, _export(approval_db, table)) == (1, before)
        [line] = checked.lines
        assert (line.line, line.before, tuple(line.after.values())) == (2, {}, new)
        report = _apply(approval_db, import_id)
        assert (report.added, report.changed, report.applied_at) == (1, 0, NOW)
        assert ",".join(new) in _export(approval_db, table)
        assert len(published(approval_db, DirectoryChanged)) == count


def test_an_export_that_is_imported_again_changes_nothing(approval_db) -> None:
    for table in NEW:
        text = _export(approval_db, table)
        with approval_db.transaction() as session:
            request = DirectoryFile(table=table, text=text)
            import_id = directory_imports.send(request, _call(), session, NOW).import_id
        report = _apply(approval_db, import_id)
        assert (report.added, report.changed, report.problems) == (0, 0, ()), table
        assert report.unchanged > 0
    assert published(approval_db, DirectoryChanged) == []


def test_a_file_with_one_bad_line_is_not_applied_at_all(approval_db) -> None:
    import_id = _send(approval_db, "departments", NEW["departments"], ("bad code", "A", "B", "C", "T1", ""))
    assert [(one.line, one.code) for one in _check(approval_db, import_id).problems] == [(3, "bad_code")]
    with pytest.raises(Conflict) as refused:
        _apply(approval_db, import_id)
    assert refused.value.body.code == "file_has_problems"
    assert "transport" not in _export(approval_db, "departments")


def test_a_file_is_applied_once(approval_db) -> None:
    import_id = _send(approval_db, "holidays", NEW["holidays"])
    assert _send(approval_db, "holidays", NEW["holidays"]) == import_id
    reports = run_concurrently(*[lambda: _apply(approval_db, import_id)] * 4)
    assert reports == [reports[0]] * 4
    assert len(published(approval_db, DirectoryChanged)) == 1


def test_what_a_file_does_is_decided_anew_when_it_is_applied(approval_db) -> None:
    import_id = _send(approval_db, "officers", ("transport", *NEW["officers"][1:]))
    assert [one.code for one in _check(approval_db, import_id).problems] == ["unknown_department"]
    _apply(approval_db, _send(approval_db, "departments", NEW["departments"]))
    assert _check(approval_db, import_id).problems == ()
    assert _apply(approval_db, import_id).added == 1


def test_only_the_ado_branch_imports_and_exports_and_nobody_sees_a_file_of_somebody_else(approval_db) -> None:
    import_id = _send(approval_db, "holidays", NEW["holidays"])
    for work in (_check, _apply):
        with pytest.raises(NotFound):
            work(approval_db, import_id, OTHER)
        with pytest.raises(Forbidden):
            work(approval_db, import_id, CLERK)
    with pytest.raises(Forbidden):
        _send(approval_db, "holidays", NEW["holidays"], by=CLERK)
    with pytest.raises(Forbidden):
        _export(approval_db, "holidays", CLERK)
    with approval_db.transaction() as session:
        site = directory.site_record(session, "T1")
    assert site is not None
    assert all(closed.reason != "Eid" for closed in site.closed_days)

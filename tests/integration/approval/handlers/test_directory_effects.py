"""What a change of the directory means for approved visits: counted, told, and never silent."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.errors import Conflict, NotFound
from contracts.events import DirectoryChanged
from contracts.rpc.approval.standing import SettleStanding
from contracts.rpc.call import Principal
from contracts.rpc.imports import (
    ApplyDirectoryFile,
    DirectoryFile,
    Effects,
    Export,
    ImportId,
    ImportReport,
    PutLine,
    RemoveLine,
)
from services.approval import commands
from services.approval.handlers import decisions, directory_imports, directory_lines, standing
from services.approval.models.reviews import ReviewRow
from tests.integration.approval.handlers.decide import approve
from tests.integration.audit_rows import tasks
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    TUESDAY,
    approval,
    by,
    desk,
    fill_directory,
    pending,
    personal,
    published,
    slot,
)
from tests.support.stack.running import eventually

ADO = Principal(kind="staff", id="ADO-0001", login_id="ADO-0001", role="ado")
MORNINGS = {
    "site": "T1", "valid_from": "2026-03-02", "saturday": "", "sunday": "",
    **dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), "09:00-11:00"),
}  # fmt: skip
FRIDAY = TUESDAY + timedelta(days=3)
HOLIDAY = {"site": "T1", "day": TUESDAY.isoformat(), "reason": "Gurpurab"}

HOLIDAY_EFFECTS = Effects(
    visits_outside_hours=3, wishes_outside_hours=1, wishes_outside_hours_by_department={"home": 1}
)


@pytest.fixture
def approval_db(databases):
    """Return a database with approved visits: two at the second gate, one at none, one of another site."""
    database = databases["approval"]
    fill_directory(database)
    for gate, at in (("T1-G2", slot()), ("T1-G2", slot(TUESDAY, "09:00", "10:00")), (None, slot())):
        approve(database, pending(database), slot=at, gate=gate)
    approve(database, pending(database, site="T2"))
    withdrawn = pending(database)
    approve(database, withdrawn, gate="T1-G2")
    with database.transaction() as session:
        request = decisions.Withdraw(review_id=withdrawn, reason="security")
        decisions.withdraw(request, by(desk()), session, NOW)
    pending(database)
    return database


def digest(database: Any, table: Any, **cells: str) -> str:
    with database.transaction() as session:
        lines = directory_lines.list_lines(Export(table=table), by(ADO), session).items
    return next(line.digest for line in lines if line.cells.items() >= cells.items())


def put(database: Any, table: Any, cells: dict[str, str], accepted: int = 0, was: str = "") -> None:
    with database.transaction() as session:
        request = PutLine(table=table, cells=cells, was=was, accepted=accepted)
        directory_lines.put_line(request, by(ADO), session, NOW)


def remove(database: Any, table: Any, *key: str, accepted: int = 0, **cells: str) -> None:
    was = digest(database, table, **cells)
    with database.transaction() as session:
        request = RemoveLine(table=table, key=key, was=was, accepted=accepted)
        directory_lines.remove_line(request, by(ADO), session, NOW)


def test_a_visit_that_is_approved_at_the_same_time_is_counted_too(databases) -> None:
    database = databases["approval"]
    fill_directory(database)
    review_id = pending(database)
    waits = text(
        "select count(*) from pg_stat_activity "
        "where wait_event_type = 'Lock' and datname = current_database()"
    )

    def does_wait() -> bool:
        with database.transaction() as session:
            return session.scalar(waits) == 1

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            terms = approval(review_id, gate="T1-G2")
            decisions.approve(terms, by(desk()), session, NOW, furthest_days=30)
            session.flush()
            removal = pool.submit(remove, database, "gates", "T1", "T1-G2", code="T1-G2")
            eventually(does_wait, "the removal waits for the approval")
        with pytest.raises(Conflict) as refused:
            removal.result()
    assert refused.value.body.facts["visits_at_gate"] == 1


def test_a_gate_that_open_passes_name_is_not_removed_silently(approval_db) -> None:
    with pytest.raises(Conflict) as refused:
        remove(approval_db, "gates", "T1", "T1-G2", code="T1-G2")
    assert (refused.value.body.code, refused.value.body.facts["visits_at_gate"]) == ("affects_visits", 2)
    assert published(approval_db, DirectoryChanged) == []
    with pytest.raises(Conflict):
        remove(approval_db, "gates", "T1", "T1-G2", code="T1-G2", accepted=1)
    remove(approval_db, "gates", "T1", "T1-G2", code="T1-G2", accepted=2)
    (event,) = published(approval_db, DirectoryChanged)
    assert event.site.gates == ("T1-G1",)


def holding(database, state):
    """Make a standing pass on Tuesdays and Wednesdays at the second gate."""
    last = TUESDAY + timedelta(days=60)
    review_id = pending(database, party=1, personal=personal(companions=()), weekly_until=last)
    with database.transaction() as session:
        session.get_one(ReviewRow, review_id).photographed = True
    weekly = {"last_day": last, "weekdays": (1, 2), "days_reason": "Each week", "gate": "T1-G2"}
    steps = {
        "waiting": (),
        "in_force": ("approve",),
        "suspended": ("approve", "suspend"),
        "ended": ("approve", "end"),
    }
    with database.transaction() as session:
        terms = approval(review_id, **weekly)
        decisions.approve(terms, by(desk()), session, NOW, furthest_days=30, standing_passes=9)
    for step in steps[state]:
        with database.transaction() as session:
            request = SettleStanding(review_id=review_id, step=step, note="No more")
            standing.settle(request, by(ADO), session, NOW, standing_passes=9)


@pytest.mark.parametrize(
    ("state", "is_counted"), [("waiting", 0), ("in_force", 1), ("suspended", 1), ("ended", 0)]
)
def test_a_standing_pass_is_counted_once_by_its_gate_and_by_each_day_that_it_loses(
    approval_db, state, is_counted
) -> None:
    holding(approval_db, state)
    with pytest.raises(Conflict) as refused:
        remove(approval_db, "gates", "T1", "T1-G2", code="T1-G2")
    assert refused.value.body.facts["visits_at_gate"] == 2 + is_counted
    later = {**HOLIDAY, "day": (TUESDAY + timedelta(days=28)).isoformat()}
    if is_counted:
        with pytest.raises(Conflict) as refused:
            put(approval_db, "holidays", later)
        assert refused.value.body.facts["visits_outside_hours"] == 1, "no place is booked on that day"
    put(approval_db, "holidays", later, accepted=is_counted)


def test_a_gate_that_no_pass_names_is_removed_at_once(approval_db) -> None:
    remove(approval_db, "gates", "T1", "T1-G1", code="T1-G1")
    gone = RemoveLine(table="gates", key=("T1", "T1-G1"), was="")
    with pytest.raises(NotFound), approval_db.transaction() as session:
        directory_lines.remove_line(gone, by(ADO), session, NOW)


@pytest.mark.parametrize(("table", "cells", "visits"), [("hours", MORNINGS, 2), ("holidays", HOLIDAY, 3)])
def test_neither_visits_nor_wishes_fall_outside_the_hours_silently(approval_db, table, cells, visits) -> None:
    two_days = (slot(), slot(TUESDAY, "14:00", "15:00"))
    pending(approval_db, department="finance", preferred=two_days)
    pending(approval_db, preferred=(slot(FRIDAY, "09:30", "10:30"),))
    pending(approval_db, site="T2")
    with pytest.raises(Conflict) as refused:
        put(approval_db, table, cells)
    found = {
        "visits_at_gate": 0, "visits_outside_hours": visits, "applications_waiting": 0,
        "wishes_outside_hours": 2, "wishes_outside_hours_by_department": "finance 1, home 1",
    }  # fmt: skip
    assert refused.value.body.facts == found
    read = Effects.model_validate(found)
    assert read.wishes_outside_hours_by_department == {"finance": 1, "home": 1}
    with pytest.raises(Conflict):
        put(approval_db, table, cells, accepted=visits)
    put(approval_db, table, cells, accepted=visits + 2)
    assert len(published(approval_db, DirectoryChanged)) == 1


def test_hours_that_end_after_the_visits_affect_nobody_and_can_be_taken_back(approval_db) -> None:
    later = MORNINGS | {"valid_from": "2026-03-09"}
    put(approval_db, "hours", later)
    (event,) = published(approval_db, DirectoryChanged)
    assert {row.valid_to for row in event.site.hours if row.valid_from < MONDAY} == {MONDAY.replace(day=8)}
    remove(approval_db, "hours", "T1", "2026-03-09", valid_from="2026-03-09")
    assert published(approval_db, DirectoryChanged)[1].site.hours[0].valid_to is None


def test_hours_that_held_already_stay(approval_db) -> None:
    with pytest.raises(Conflict) as refused:
        remove(approval_db, "hours", "T1", "2026-01-01", valid_from="2026-01-01", site="T1")
    assert refused.value.body.code == "day_past"


def test_a_line_of_another_table_is_not_removed(approval_db) -> None:
    with pytest.raises(Conflict) as refused:
        remove(approval_db, "departments", "home", code="home")
    assert refused.value.body.code == "stays"


def test_a_file_says_which_visits_it_affects_and_is_applied_only_with_their_number(approval_db) -> None:
    text = "site,day,reason\n" + ",".join(HOLIDAY.values())
    with approval_db.transaction() as session:
        sent = directory_imports.send(DirectoryFile(table="holidays", text=text), by(ADO), session, NOW)

    def report() -> ImportReport:
        with approval_db.transaction() as session:
            wanted = ImportId(import_id=sent.import_id)
            return directory_imports.check(wanted, by(ADO), session, NOW)

    def apply(accepted: int) -> None:
        with approval_db.transaction() as session:
            request = ApplyDirectoryFile(import_id=sent.import_id, accepted=accepted)
            directory_imports.apply(request, by(ADO), session, NOW)

    assert report().effects == HOLIDAY_EFFECTS
    with pytest.raises(Conflict) as refused:
        apply(3)
    assert refused.value.body.code == "affects_visits"
    assert (report().applied_at, published(approval_db, DirectoryChanged)) == (None, [])
    apply(4)
    assert len(published(approval_db, DirectoryChanged)) == 1


def test_a_file_from_the_command_line_is_applied_only_with_the_number_that_it_affects(approval_db) -> None:
    text = "site,day,reason\n" + ",".join(HOLIDAY.values())

    def run(accepted: int, *, apply: bool = True) -> Effects:
        return commands.import_table(approval_db, NOW, "holidays", text, apply=apply, accepted=accepted)[1]

    assert run(0, apply=False) == HOLIDAY_EFFECTS
    with pytest.raises(Conflict):
        run(3)
    assert published(approval_db, DirectoryChanged) == []
    assert tasks(approval_db) == []
    run(4)
    assert len(published(approval_db, DirectoryChanged)) == 1
    assert tasks(approval_db) == [("import_holidays", [])]


@pytest.mark.parametrize(
    ("table", "code", "waiting"), [("departments", "home", 2), ("officers", "home-secretary", 1)]
)
def test_nothing_is_closed_silently_while_applications_wait_for_it(approval_db, table, code, waiting) -> None:
    pending(approval_db, officer="home-secretary")
    with approval_db.transaction() as session:
        lines = directory_lines.list_lines(Export(table=table), by(ADO), session).items
    line = next(line for line in lines if line.cells["code"] == code)
    cells = {name: text or "x" if "_" in name else text for name, text in line.cells.items()}
    closed = cells | {"closed": "1"}
    for yes in ("1", " 1 "):
        with pytest.raises(Conflict) as refused:
            put(approval_db, table, cells | {"closed": yes}, was=line.digest)
        assert refused.value.body.facts["applications_waiting"] == waiting
    put(approval_db, table, closed, accepted=waiting, was=line.digest)
    put(approval_db, table, cells, was=digest(approval_db, table, code=code))
    closing, opening = (event.department for event in published(approval_db, DirectoryChanged))
    assert [one.closed or one.officers[0].closed for one in (closing, opening)] == [True, False]

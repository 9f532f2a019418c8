"""The directory line by line: the rules of its files, no change lost, and who changed what."""

from datetime import date
from typing import Any

import pytest

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import DecidersChanged, DirectoryChanged
from contracts.model import DirectoryTable
from contracts.rpc.approval.directory import DutyContact, PutDutyContacts
from contracts.rpc.call import Call, Principal
from contracts.rpc.imports import Export, LineChange, LineId, LineView, PutLine, RemoveLine
from services.approval.handlers import directory, directory_lines, duty_contacts
from tests.support.factories.approval import HOLI, MONDAY, NOW, published, received
from tests.support.stack.concurrency import run_concurrently

ADO = Principal(kind="staff", id="ADO-0001", login_id="ADO-0001", role="ado")
OTHER = Principal(kind="staff", id="ADO-0002", login_id="ADO-0002", role="ado")
CLERK = Principal(kind="staff", id="HOM-0001", login_id="HOM-0001", role="department", department="home")
OFFICER = {
    "department": "home", "code": "home-secretary", "name_en": "A", "name_pa": "B", "name_hi": "C",
    "designation_en": "D", "designation_pa": "E", "designation_hi": "F", "room": "9-9", "closed": "",
}  # fmt: skip
EID = {"site": "T1", "day": "2026-03-20", "reason": "Eid"}


def _call(by: Principal = ADO) -> Call:
    return Call(principal=by, deadline=NOW)


def _digest(database: Any, table: DirectoryTable, **cells: str) -> str:
    with database.transaction() as session:
        lines = directory_lines.list_lines(Export(table=table), _call(), session).items
    return next(line.digest for line in lines if line.cells.items() >= cells.items())


def _put(
    database: Any, table: DirectoryTable, cells: dict[str, str], was: str = "", by: Principal = ADO
) -> None:
    with database.transaction() as session:
        directory_lines.put_line(PutLine(table=table, cells=cells, was=was), _call(by), session, NOW)


def _remove(database: Any, day: date, was: str, by: Principal = ADO) -> None:
    with database.transaction() as session:
        key = ("T1", day.isoformat())
        request = RemoveLine(table="holidays", key=key, was=was)
        directory_lines.remove_line(request, _call(by), session, NOW)


def _history(database: Any, table: DirectoryTable, *key: str) -> tuple[LineChange, ...]:
    with database.transaction() as session:
        return directory_lines.history(LineId(table=table, key=key), _call(), session).items


def test_a_changed_line_is_published_and_who_changed_it_is_recorded(approval_db) -> None:
    was = _digest(approval_db, "officers", code="home-secretary")
    _put(approval_db, "officers", OFFICER, was)
    (event,) = published(approval_db, DirectoryChanged)
    assert event.department.officers[0].room == "9-9"
    (change,) = _history(approval_db, "officers", "home", "home-secretary")
    assert (change.changed_by, change.changed_at) == ("ADO-0001", NOW)
    assert (change.before["room"], change.after["room"]) == ("4-18", "9-9")


def test_a_change_is_answered_with_the_digest_of_the_next_one(approval_db) -> None:
    was = _digest(approval_db, "officers", code="home-secretary")
    with approval_db.transaction() as session:
        request = PutLine(table="officers", cells=OFFICER, was=was)
        answered = directory_lines.put_line(request, _call(), session, NOW)
        wanted = LineId(table="officers", key=("home", "home-secretary"))
        assert directory_lines.view_line(wanted, _call(), session) == answered
    assert (answered.cells, answered.digest != was) == (OFFICER, True)
    with approval_db.transaction() as session, pytest.raises(NotFound):
        directory_lines.view_line(LineId(table="officers", key=("home", "nobody")), _call(), session)


def test_of_two_who_change_a_line_at_once_the_second_is_told_by_whom(approval_db) -> None:
    was = _digest(approval_db, "officers", code="home-secretary")

    def attempt(by: Principal) -> tuple[str, ...]:
        try:
            _put(approval_db, "officers", {**OFFICER, "room": by.id}, was, by)
        except Conflict as refused:
            return refused.body.code, str(refused.body.facts["by"])
        return ("saved",)

    outcomes = run_concurrently(lambda: attempt(ADO), lambda: attempt(OTHER))
    loser = next(one for one in outcomes if one != ("saved",))
    assert ("saved",) in outcomes
    (change,) = _history(approval_db, "officers", "home", "home-secretary")
    assert loser == ("changed_meanwhile", change.changed_by)


def test_a_line_with_a_problem_changes_nothing_and_names_the_field(approval_db) -> None:
    with pytest.raises(InvalidInput) as refused:
        _put(approval_db, "holidays", {**EID, "day": "20.3.2026", "reason": ""})
    assert [(one.field, one.code) for one in refused.value.body.fields] == [("reason", "empty")]
    with pytest.raises(InvalidInput):
        _put(approval_db, "holidays", {"site": "T1"})
    assert published(approval_db, DirectoryChanged) == []
    assert _history(approval_db, "holidays", "T1", "20.3.2026") == ()


def test_a_column_that_a_client_does_not_know_yet_stays_as_it_is(approval_db) -> None:
    three = {"site": "T1", "day": HOLI.isoformat(), "reason": "Holi"}
    for cells in ({**three, "reason_pa": "ਹੋਲੀ"}, {**three, "reason": "Holla"}):
        _put(approval_db, "holidays", cells, _digest(approval_db, "holidays", day=HOLI.isoformat()))
    (event, _) = reversed(published(approval_db, DirectoryChanged))
    (closed,) = (one for one in event.site.closed_days if one.day == HOLI)
    assert (closed.reason, closed.reason_translations) == ("Holla", {"pa": "ਹੋਲੀ"})
    for cells in ({"reason": "no key"}, {**three, "colour": "red"}):
        with pytest.raises(InvalidInput):
            _put(approval_db, "holidays", cells)


def test_a_new_line_does_not_replace_one_that_is_there(approval_db) -> None:
    _put(approval_db, "holidays", EID)
    with pytest.raises(Conflict) as refused:
        _put(approval_db, "holidays", {**EID, "reason": "Another"})
    assert refused.value.body.code == "already_there"


def test_a_holiday_to_come_can_be_taken_back_and_what_has_been_stays(approval_db) -> None:
    was = _digest(approval_db, "holidays", site="T1", day=HOLI.isoformat())
    _remove(approval_db, HOLI, was)
    (event,) = published(approval_db, DirectoryChanged)
    assert HOLI not in [closed.day for closed in event.site.closed_days]
    (change,) = _history(approval_db, "holidays", "T1", HOLI.isoformat())
    assert (change.before["day"], change.after) == (HOLI.isoformat(), {})
    with pytest.raises(NotFound):
        _remove(approval_db, HOLI, was)
    _put(approval_db, "holidays", {"site": "T1", "day": MONDAY.isoformat(), "reason": "today"})
    late = MONDAY.replace(day=1)
    with pytest.raises(NotFound):
        _remove(approval_db, late, "")


def test_only_the_ado_branch_edits_the_directory(approval_db) -> None:
    works = (
        lambda: _put(approval_db, "holidays", EID, by=CLERK),
        lambda: _remove(approval_db, HOLI, "", CLERK),
    )
    for work in works:
        with pytest.raises(Forbidden):
            work()
    with approval_db.transaction() as session, pytest.raises(Forbidden):
        directory_lines.list_lines(Export(table="holidays"), _call(CLERK), session)
    with approval_db.transaction() as session, pytest.raises(Forbidden):
        directory_lines.view_line(LineId(table="holidays", key=("T1",)), _call(CLERK), session)
    with approval_db.transaction() as session, pytest.raises(Forbidden):
        directory_lines.history(LineId(table="holidays", key=("T1",)), _call(CLERK), session)
    assert published(approval_db, DirectoryChanged) == []


def test_blanks_around_a_key_make_no_new_line_of_it(approval_db) -> None:
    spaced: dict[DirectoryTable, dict[str, str]] = {
        "gates": {"site": " T1", "code": "T1-G1 "},
        "holidays": {"site": "T1", "day": f" {HOLI.isoformat()}"},
    }
    for table, cells in spaced.items():
        with approval_db.transaction() as session:
            lines = directory_lines.list_lines(Export(table=table), _call(), session).items
        same = {name: cell.strip() for name, cell in cells.items()}
        line = next(line for line in lines if line.cells.items() >= same.items())
        with pytest.raises(Conflict) as refused:
            _put(approval_db, table, line.cells | cells)
        assert refused.value.body.code == "already_there"
        with approval_db.transaction() as session:
            request = PutLine(table=table, cells=line.cells | cells, was=line.digest)
            assert directory_lines.put_line(request, _call(), session, NOW) == line


SPORTS = {
    "code": "sports",
    "name_en": "Sports",
    "name_pa": "ਖੇਡਾਂ",
    "name_hi": "खेल",
    "sites": "T1",
    "closed": "",
}


def _hear(database: Any, department: str, can_decide: bool, seq: int = 1) -> None:
    with database.transaction() as session:
        event = DecidersChanged(department=department, can_decide=can_decide)
        directory.hear_deciders(received(event, seq), session, NOW)


def _department(database: Any, code: str) -> LineView:
    with database.transaction() as session:
        return directory_lines.view_line(LineId(table="departments", key=(code,)), _call(), session)


def _told(database: Any) -> list[tuple[str, bool]]:
    """Return the departments that were published, each with whether nobody can decide for it."""
    records = (event.department for event in published(database, DirectoryChanged))
    return [(one.code, one.unstaffed) for one in records if one]


def test_a_department_that_is_added_is_offered_from_its_first_login_to_the_end_of_its_last(
    approval_db,
) -> None:
    _put(approval_db, "departments", SPORTS)
    assert not _department(approval_db, "sports").is_offered
    _put(approval_db, "officers", OFFICER | {"department": "sports", "code": "head"})
    _hear(approval_db, "sports", True, seq=2)
    assert _department(approval_db, "sports").is_offered
    _hear(approval_db, "sports", True, seq=3)
    _hear(approval_db, "sports", False, seq=1)  # an older fact that comes late
    assert _department(approval_db, "sports").is_offered
    _hear(approval_db, "sports", False, seq=4)
    assert not _department(approval_db, "sports").is_offered
    added, offered, not_any_more = [True, True], [False, False, False], [True]
    told = [("sports", unstaffed) for unstaffed in added + offered + not_any_more]
    assert _told(approval_db) == told, "what is heard again is published again: others may have missed it"


def test_a_department_of_before_stays_offered_until_accounts_says_that_nobody_decides(approval_db) -> None:
    line = _department(approval_db, "home")
    assert (line.is_offered, "login" in line.missing) == (True, True)
    _put(approval_db, "departments", line.cells | {"name_pa": "ਗ੍ਰਹਿ", "name_hi": "गृह"}, line.digest)
    assert _department(approval_db, "home").is_offered
    _hear(approval_db, "home", False)
    assert not _department(approval_db, "home").is_offered


def test_a_login_that_is_heard_of_before_its_department_counts(approval_db) -> None:
    _hear(approval_db, "sports", True)
    _put(approval_db, "departments", SPORTS)
    assert _department(approval_db, "sports").is_offered
    assert _told(approval_db) == [("sports", False)]


def test_a_department_says_what_it_lacks_until_it_has_it(approval_db) -> None:
    _put(approval_db, "departments", SPORTS)
    assert _department(approval_db, "sports").missing == ("login", "officer", "duty_contact")
    _hear(approval_db, "sports", True)
    _put(approval_db, "officers", OFFICER | {"department": "sports", "code": "head"})
    assert _department(approval_db, "sports").missing == ("duty_contact",)
    contact = DutyContact(officer="head", mobile="9876543210")
    wanted = PutDutyContacts(kind="departments", code="sports", contacts=(contact,), language="pa")
    with approval_db.transaction() as session:
        revision = duty_contacts.put(wanted, _call(), session, NOW).revision
    assert _department(approval_db, "sports").missing == ()
    with approval_db.transaction() as session:
        nobody = wanted.model_copy(update={"contacts": (), "was": revision})
        duty_contacts.put(nobody, _call(), session, NOW)
    assert _department(approval_db, "sports").missing == ("duty_contact",)

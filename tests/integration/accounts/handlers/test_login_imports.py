"""Logins as a file: checked without a change, applied as a whole or not at all, and once."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from contracts.errors import Conflict, Forbidden, NotFound
from contracts.events import LoginIssued
from contracts.rpc.call import Principal
from contracts.rpc.imports import ImportFile, ImportReport, LoginImport
from contracts.second_factor import FRESH
from services.accounts.handlers import housekeeping, login_imports
from services.accounts.models import ImportRow, LoginRow
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import (
    ADO,
    SETTINGS,
    Accounts,
    a_call,
    a_key,
    given_ado,
    refusal_of,
    staff,
)
from tests.support.stack.concurrency import run_concurrently

HEADER = "role,name,department,site,gate,mobile,language,valid_until\n"
GOOD = HEADER + "department,Gurpreet Kaur,home,,,98765 43210,pa,2099-03-31\nsecurity,Harjit Singh,,PCS1,,,,\n"
GOOD = GOOD.replace("2099", str(now().year + 1))


def _send(accounts: Accounts, text: str, by: Principal = ADO, at: datetime | None = None) -> UUID:
    with accounts.db.transaction() as session:
        return login_imports.send(ImportFile(text=text), a_call(by), session, at or now()).import_id


def _request(import_id: UUID) -> LoginImport:
    return LoginImport(
        import_id=import_id, departments=("home",), sites=("PCS1",), gates=("PCS1-G1",), language="hi"
    )


def _check(
    accounts: Accounts, import_id: UUID, by: Principal = ADO, at: datetime | None = None
) -> ImportReport:
    with accounts.db.transaction() as session:
        return login_imports.check(_request(import_id), a_call(by), session, at or now(), SETTINGS)


def _apply(accounts: Accounts, import_id: UUID, by: Principal = ADO, key: str | None = None) -> ImportReport:
    with accounts.db.transaction() as session:
        return login_imports.apply(_request(import_id), a_call(by, key), session, now(), SETTINGS)


def test_a_check_names_the_problems_and_changes_nothing(accounts) -> None:
    report = _check(accounts, _send(accounts, GOOD + "minister,A,,,,,,\n"))
    assert [(one.line, one.column, one.code, one.value) for one in report.problems] == [
        (4, "role", "unknown_role", "minister")
    ]
    assert [one.line for one in report.lines] == [2, 3]
    assert "mobile" not in report.lines[0].after
    assert report.applied_at is None
    assert accounts.count(LoginRow) == 1
    assert accounts.published(LoginIssued) == []


def test_applying_issues_all_logins_with_passwords_that_work(accounts) -> None:
    report = _apply(accounts, _send(accounts, GOOD))
    assert [(one.login_id[:4], one.name) for one in report.logins] == [
        ("HOM-", "Gurpreet Kaur"), ("SEC-", "Harjit Singh"),
    ]  # fmt: skip
    for login in report.logins:
        assert login.initial_password
        assert accounts.log_in(login.login_id, login.initial_password).must_change_password
    first, second = accounts.published(LoginIssued)
    assert (first.event.language, first.event.personal.mobile) == ("pa", "+919876543210")
    assert (second.event.language, second.event.issued_by) == ("hi", "ADO-0001")


def test_a_file_with_a_problem_is_not_applied_at_all(accounts) -> None:
    import_id = _send(accounts, GOOD + "minister,A,,,,,,\n")
    refused = refusal_of(lambda: _apply(accounts, import_id))
    assert isinstance(refused, Conflict)
    assert refused.body.code == "file_has_problems"
    assert accounts.count(LoginRow) == 1


def test_a_file_is_applied_once_however_often_and_at_once_it_is_sent(accounts) -> None:
    ids = {_send(accounts, GOOD) for _ in range(3)}
    assert len(ids) == 1, "the same file is one import"
    import_id = ids.pop()
    reports = run_concurrently(*[lambda: _apply(accounts, import_id, key=a_key())] * 4)
    assert reports == [reports[0]] * 4
    assert accounts.count(LoginRow) == 3
    assert _send(accounts, GOOD) == import_id
    assert _check(accounts, import_id).logins == reports[0].logins


def test_a_person_who_has_the_login_already_is_named(accounts) -> None:
    applied = _apply(accounts, _send(accounts, GOOD))
    other = given_ado(accounts.db, "ADO-0002")
    again = _check(accounts, _send(accounts, GOOD, other), other)
    assert [(one.line, one.column, one.code) for one in again.problems] == [
        (2, "name", "already_stored"), (3, "name", "already_stored"),
    ]  # fmt: skip
    accounts.disable(applied.logins[0].login_id)
    assert len(_check(accounts, _send(accounts, GOOD, other), other).problems) == 1, (
        "a disabled login does not stand in the way"
    )


def test_of_two_people_who_apply_the_same_file_at_once_one_is_refused(accounts) -> None:
    other = given_ado(accounts.db, "ADO-0002")
    mine, theirs = _send(accounts, GOOD), _send(accounts, GOOD, other)

    def attempt(import_id: UUID, by: Principal) -> str:
        try:
            _apply(accounts, import_id, by)
        except Conflict as refused:
            return refused.body.code
        return "applied"

    outcomes = run_concurrently(lambda: attempt(mine, ADO), lambda: attempt(theirs, other))
    assert sorted(outcomes) == ["applied", "file_has_problems"]
    assert accounts.count(LoginRow) == 4


def test_initial_passwords_are_shown_for_an_hour_until_they_are_changed(accounts) -> None:
    import_id = _send(accounts, GOOD)
    first, second = _apply(accounts, import_id).logins
    opened = accounts.principal(accounts.log_in(first.login_id, first.initial_password))
    accounts.change_password(opened, current=first.initial_password)
    assert [one.initial_password for one in _check(accounts, import_id).logins] == [
        None, second.initial_password,
    ]  # fmt: skip
    later = _check(accounts, import_id, at=now() + timedelta(hours=1))
    assert [one.initial_password for one in later.logins] == [None, None]


def test_initial_passwords_are_shown_to_who_has_just_shown_their_second_factor(accounts) -> None:
    """Otherwise who finds a browser that is signed in takes all logins of the file."""
    start = now()
    app, enrolled = accounts.given_app("ADO-0001", at=start)
    ado, late = accounts.proven(enrolled.session), start + FRESH
    import_id = _send(accounts, GOOD, ado)
    _apply(accounts, import_id, ado)
    assert all(one.initial_password for one in _check(accounts, import_id, ado).logins)
    stale = _check(accounts, import_id, ado, at=late)
    assert (len(stale.logins), stale.confirm_passwords) == (2, True)
    assert not any(one.initial_password for one in stale.logins)
    fresh = _check(
        accounts, import_id, accounts.proven(accounts.confirm(ado, app.at(late), at=late)), at=late
    )
    assert all(one.initial_password for one in fresh.logins)
    assert not fresh.confirm_passwords


def test_nobody_else_sees_a_file_or_its_passwords(accounts) -> None:
    import_id = _send(accounts, GOOD)
    other = given_ado(accounts.db, "ADO-0002")
    assert isinstance(refusal_of(lambda: _check(accounts, import_id, other)), NotFound)
    assert isinstance(refusal_of(lambda: _apply(accounts, import_id, other)), NotFound)
    assert isinstance(refusal_of(lambda: _check(accounts, uuid4())), NotFound)
    for who in (Principal(), staff("HOM-0001", "department"), staff("ADO-0099", "ado")):
        assert isinstance(refusal_of(lambda who=who: _send(accounts, GOOD, who)), Forbidden)


def test_a_file_is_stored_sealed_and_deleted_after_a_day(accounts) -> None:
    import_id = _send(accounts, GOOD)
    with accounts.db.transaction() as session:
        row = session.get_one(ImportRow, import_id)
        assert "Gurpreet" not in row.text_sealed
        assert row.text(session) == GOOD
        housekeeping.purge(session, now() + timedelta(hours=23))
    assert accounts.count(ImportRow) == 1
    with accounts.db.transaction() as session:
        housekeeping.purge(session, now() + timedelta(hours=25))
    assert accounts.count(ImportRow) == 0


def test_an_export_has_every_login_and_no_secret(accounts) -> None:
    report = _apply(accounts, _send(accounts, GOOD.replace("Harjit Singh", "=1+1")))
    with accounts.db.transaction() as session:
        text = login_imports.export(a_call(ADO), session, now()).text
    lines = text.splitlines()
    assert lines[0] == "\ufeff" + ",".join(login_imports.EXPORTED)
    assert [line.split(",")[0] for line in lines[1:]] == [
        "ADO-0001", *(one.login_id for one in report.logins),
    ]  # fmt: skip
    assert ",'=1+1," in lines[3], "no cell is a formula"
    assert not any(one.initial_password in text for one in report.logins)
    assert "one-time" not in text

"""Logins as the ADO Branch manages them, and passwords as their owners change them."""

import itertools
import json
from datetime import datetime, timedelta
from typing import Any, get_args

import jwt
import pytest
from sqlalchemy import select

from contracts.errors import Conflict, Forbidden, IdempotencyKeyReused, InvalidInput, NotFound
from contracts.events import LoginDisabled, LoginIssued, PasswordReset, SessionEnded
from contracts.model import LoginState
from contracts.rpc.accounts.logins import LoginId, LoginIds, LoginList, LoginQuestion, LoginView
from contracts.rpc.accounts.sessions import EndedSessions
from contracts.rpc.call import Principal
from services.accounts import commands
from services.accounts.adapters import passwords
from services.accounts.adapters.session_tokens import token_of
from services.accounts.handlers import login_queries, logins, sessions
from services.accounts.models import LoginRow, SessionRow
from services.accounts.settings import AccountsSettings
from services.chassis.runtime.clock import now
from tests.integration.accounts.handlers.managed import MIDNIGHT, NOON, TODAY, extend, login_row
from tests.support.factories.accounts import (
    ADO,
    PASSWORD,
    SETTINGS,
    Accounts,
    a_call,
    a_key,
    given_ado,
    given_login,
    refusal_of,
    staff,
)
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.databases import content_of
from tests.support.stack.settings import make_settings

# ---------------------------------------------------------------- issuing


def test_a_login_id_says_the_department_or_the_role_and_cannot_be_counted_up(accounts) -> None:
    issued = [
        accounts.issue(department="home"),
        accounts.issue(department="pwd"),
        accounts.issue(role="security", department=None, site="PCS1", gate="PCS1-G1"),
        accounts.issue(role="ado", department=None),
    ]
    ids = [login.login_id.split("-") for login in issued]
    assert [prefix for prefix, _ in ids] == ["HOM", "PWD", "SEC", "ADO"]
    assert all(len(rest) == 6 for _, rest in ids)
    assert len({rest for _, rest in ids}) == len(ids)


def test_no_login_id_is_given_twice(accounts, monkeypatch) -> None:
    free = iter(["HOM-0001", "HOM-0001", "HOM-7K3M9Q"])
    monkeypatch.setattr(logins, "new_login_id", lambda _prefix: next(free))
    given_login(accounts.db, "HOM-0001")
    assert accounts.issue().login_id == "HOM-7K3M9Q"


def test_an_issued_login_is_published_with_its_contact_and_without_its_password(accounts) -> None:
    issued = accounts.issue(mobile="98765 43210", name="  Gurpreet   Kaur ", language="pa")
    (published,) = accounts.published(LoginIssued)
    assert (published.event.login_id, published.event.role, published.event.department) == (
        issued.login_id,
        "department",
        "home",
    )
    assert (published.event.issued_by, published.event.language) == ("ADO-0001", "pa")
    assert (published.event.personal.name, published.event.personal.mobile) == (
        "Gurpreet Kaur",
        "+919876543210",
    )
    assert issued.initial_password not in published.event.model_dump_json()


def test_an_initial_password_is_not_stored(accounts) -> None:
    issued = accounts.issue(key=a_key())
    with accounts.db.transaction() as session:
        content = content_of(session)
    assert issued.initial_password not in content
    stored = login_row(accounts, issued.login_id).password_hash
    assert passwords.verify(stored, issued.initial_password, SETTINGS.password_secret)
    other = make_settings(AccountsSettings, password_secret="another secret" * 3).password_secret
    assert not passwords.verify(stored, issued.initial_password, other), "the database alone does not give it"


def test_a_one_time_password_costs_the_work_of_a_chosen_one(accounts, monkeypatch) -> None:
    issued = accounts.issue()
    hashed = []
    real = passwords.matches
    monkeypatch.setattr(passwords, "matches", lambda *given: hashed.append(given) or real(*given))
    assert accounts.log_in(issued.login_id, issued.initial_password).access_token
    assert refusal_of(lambda: accounts.log_in(issued.login_id, "wrong")).body.code == "wrong_login"
    assert len(hashed) == 2


def test_a_repeated_issue_makes_one_login_and_returns_the_same_password(accounts) -> None:
    key = a_key()
    first = accounts.issue(key=key)
    assert accounts.issue(key=key) == first
    assert run_concurrently(*[lambda: accounts.issue(key=key)] * 4) == [first] * 4
    assert accounts.count(LoginRow) == 2
    assert len(accounts.published(LoginIssued)) == 1
    with pytest.raises(IdempotencyKeyReused):
        accounts.issue(key=key, name="Another")


def test_a_login_with_a_wrong_scope_name_or_mobile_is_not_issued(accounts) -> None:
    for changes, field, code in (
        ({"department": None}, "department", "needed_for_role"),
        ({"role": "ado"}, "department", "not_for_role"),
        ({"name": "   "}, "name", "not_a_name"),
        ({"name": "A\x00B"}, "name", "not_a_name"),
        ({"mobile": "12345"}, "mobile", "not_a_mobile"),
    ):
        with pytest.raises(InvalidInput) as refused:
            accounts.issue(**changes)
        assert [(error.field, error.code) for error in refused.value.body.fields] == [(field, code)]
    assert accounts.count(LoginRow) == 1
    assert accounts.published(LoginIssued) == []


OTHERS = [
    Principal(),
    Principal(kind="applicant", id="applicant:x", mobile="+919876543210"),
    staff("HOM-0001", "department"),
    staff("OPS-0001", "ops"),
    staff("HOM-0001", "ado"),
    staff("ADO-0099", "ado"),
    Principal(kind="staff", id="x", role="ado"),
]


def test_only_the_ado_branch_manages_logins(accounts) -> None:
    given_login(accounts.db)
    given_login(accounts.db, "OPS-0001", "ops")
    for who in OTHERS:
        works = [
            lambda who=who: accounts.issue(by=who),
            lambda who=who: accounts.disable("OPS-0001", by=who),
            lambda who=who: accounts.reset("OPS-0001", by=who),
            lambda who=who: _list(accounts, by=who),
            lambda who=who: _view(accounts, "OPS-0001", by=who),
            lambda who=who: extend(accounts, None, "OPS-0001", by=who),
            lambda who=who: _sign_out(accounts, "OPS-0001", by=who),
        ]
        assert all(isinstance(refusal_of(work), Forbidden) for work in works), who
    assert accounts.count(LoginRow) == 3
    assert login_row(accounts, "OPS-0001").disabled_at is None
    assert accounts.published(LoginDisabled) == accounts.published(LoginIssued) == []


def test_a_disabled_ado_cannot_manage_logins(accounts) -> None:
    other = given_ado(accounts.db, "ADO-0002")
    accounts.disable("ADO-0001", by=other)
    assert isinstance(refusal_of(accounts.issue), Forbidden)


def test_an_ado_with_a_one_time_password_cannot_manage_logins_yet(accounts) -> None:
    issued = accounts.issue(role="ado", department=None)
    assert isinstance(refusal_of(lambda: accounts.issue(by=staff(issued.login_id, "ado"))), Forbidden)


def _list(accounts: Accounts, by: Principal = ADO, at: datetime | None = None, **question: Any) -> LoginList:
    with accounts.db.transaction() as session:
        return login_queries.list_page(LoginQuestion(**question), a_call(by), session, at or now())


def test_logins_are_listed_by_id_in_pages(accounts) -> None:
    ids = ["ADO-0001", *sorted(accounts.issue().login_id for _ in range(4))]
    first = _list(accounts, limit=2)
    second = _list(accounts, after=first.next, limit=2)
    third = _list(accounts, after=second.next, limit=2)
    pages = [[login.login_id for login in page.items] for page in (first, second, third)]
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert third.next is None


def test_a_list_of_logins_contains_no_secret(accounts) -> None:
    issued = accounts.issue()
    shown = _list(accounts).items[-1]
    assert (shown.login_id, shown.name, shown.department, shown.issued_by) == (
        issued.login_id,
        "Gurpreet Kaur",
        "home",
        "ADO-0001",
    )
    assert shown.must_change_password
    assert not shown.disabled
    assert shown.last_used_at is None
    assert "argon2" not in shown.model_dump_json()


# -------------------------------------------------------------- disabling


def test_a_disabled_login_cannot_log_in_and_its_sessions_end(accounts) -> None:
    given_login(accounts.db)
    at = now()
    session = accounts.log_in(at=at)
    sid = accounts.principal(session).sid
    view = accounts.disable("hom-0001", at=at + timedelta(seconds=5))
    assert view.disabled
    assert refusal_of(accounts.log_in).body.code == "wrong_login"
    (published,) = accounts.published(LoginDisabled)
    assert (published.event.login_id, published.event.disabled_by) == ("HOM-0001", "ADO-0001")
    assert published.occurred_at == at + timedelta(seconds=5)
    assert published.expires_at is None, "a PIN of it ends however late it is heard of"
    assert published.event.sessions_until == published.occurred_at + timedelta(
        minutes=SETTINGS.session_minutes
    )
    assert [event.event.sid for event in accounts.published(SessionEnded)] == [sid]
    denied = accounts.denied()
    assert denied.logins == {"HOM-0001": at + timedelta(seconds=5)}
    assert list(denied.sessions) == [str(sid)]
    assert accounts.denied(published.event.sessions_until).logins == {}


def test_disabling_a_login_twice_publishes_it_once(accounts) -> None:
    given_login(accounts.db)
    key = a_key()
    first = accounts.disable("HOM-0001", key=key)
    assert accounts.disable("HOM-0001", key=key) == first
    assert accounts.disable("HOM-0001") == first
    assert len(accounts.published(LoginDisabled)) == 1


def test_an_unknown_login_can_be_neither_disabled_nor_reset(accounts) -> None:
    assert isinstance(refusal_of(lambda: accounts.disable("HOM-0099")), NotFound)
    assert isinstance(refusal_of(lambda: accounts.reset("HOM-0099")), NotFound)
    assert accounts.published(LoginDisabled) == accounts.published(PasswordReset) == []


def test_the_last_enabled_ado_cannot_be_disabled(accounts) -> None:
    refused = refusal_of(lambda: accounts.disable("ADO-0001"))
    assert isinstance(refused, Conflict)
    assert refused.body.code == "last_ado"
    assert login_row(accounts, "ADO-0001").disabled_at is None
    other = given_ado(accounts.db, "ADO-0002")
    assert accounts.disable("ADO-0001").disabled
    assert refusal_of(lambda: accounts.disable("ADO-0002", by=other)).body.code == "last_ado"


def test_of_two_ados_who_disable_each_other_at_once_one_stays_enabled(accounts) -> None:
    for _ in range(5):
        one, other = given_ado(accounts.db), given_ado(accounts.db, "ADO-0002")
        run_concurrently(
            lambda one=one: accounts.disable("ADO-0002", by=one),
            lambda other=other: accounts.disable("ADO-0001", by=other),
        )
        assert [
            login_row(accounts, login_id).disabled_at is None for login_id in ("ADO-0001", "ADO-0002")
        ].count(True) == 1


# ------------------------------------------------------- signed out everywhere


def _sign_out(
    accounts: Accounts, login_id: str, by: Principal = ADO, key: str | None = None
) -> EndedSessions:
    with accounts.db.transaction() as session:
        return logins.end_sessions(LoginId(login_id=login_id), a_call(by, key), session, now(), SETTINGS)


def test_signing_a_login_out_ends_all_its_sessions_and_leaves_its_password(accounts) -> None:
    given_login(accounts.db)
    given_login(accounts.db, "HOM-0002")
    sids = {accounts.principal(accounts.log_in()).sid for _ in range(3)}
    accounts.log_in("HOM-0002")
    assert _view(accounts, "HOM-0001").sessions == 3
    assert _sign_out(accounts, "hom-0001").ended == 3
    assert {event.event.sid for event in accounts.published(SessionEnded)} == sids
    assert set(accounts.denied().sessions) == {str(sid) for sid in sids}
    assert _view(accounts, "HOM-0001").sessions == 0
    assert accounts.log_in().access_token
    assert accounts.published(LoginDisabled) == []


def test_a_repeated_sign_out_spares_sessions_that_were_opened_after_it(accounts) -> None:
    given_login(accounts.db)
    key = a_key()
    accounts.log_in()
    first = _sign_out(accounts, "HOM-0001", key=key)
    accounts.log_in()
    assert _sign_out(accounts, "HOM-0001", key=key) == first
    assert _view(accounts, "HOM-0001").sessions == 1


def test_a_sign_in_at_the_time_of_a_sign_out_is_either_ended_or_counted(accounts) -> None:
    given_login(accounts.db)
    for _ in range(3):
        accounts.log_in()
        ended, _session = run_concurrently(lambda: _sign_out(accounts, "HOM-0001"), accounts.log_in)
        left = _view(accounts, "HOM-0001").sessions
        assert ended.ended + left == 2
        _sign_out(accounts, "HOM-0001")


def _view(accounts: Accounts, login_id: str, by: Principal = ADO) -> LoginView:
    with accounts.db.transaction() as session:
        return login_queries.view(LoginId(login_id=login_id), a_call(by), session, now())


# ------------------------------------------------------------- the filters


def test_each_filter_admits_its_logins_and_the_counts_are_those_of_all_states(accounts) -> None:
    given_login(accounts.db)  # never used
    given_login(accounts.db, "HOM-0002")
    given_login(accounts.db, "HOM-0003")
    given_login(accounts.db, "HOM-0004")
    given_login(accounts.db, "SEC-0001", "security")
    accounts.log_in("HOM-0002")
    extend(accounts, TODAY, "HOM-0003", at=NOON)
    accounts.disable("HOM-0004")
    later = MIDNIGHT + timedelta(days=1)
    found = {
        state: [one.login_id for one in _list(accounts, at=later, department="home", state=state).items]
        for state in ("active", "never_used", "expired", "disabled")
    }
    assert found == {
        "active": ["HOM-0002"], "never_used": ["HOM-0001"], "expired": ["HOM-0003"], "disabled": ["HOM-0004"],
    }  # fmt: skip
    assert [one.login_id for one in _list(accounts, site="PCS1").items] == ["SEC-0001"]
    assert [one.login_id for one in _list(accounts, role="ado").items] == ["ADO-0001"]
    counts = _list(accounts, at=later, department="home", state="expired", limit=1).counts
    assert counts == {"active": 1, "never_used": 1, "expired": 1, "disabled": 1}


def test_a_state_that_is_shown_is_the_state_that_is_filtered_by(accounts) -> None:
    for number, (disabled, used, last_day) in enumerate(
        itertools.product((False, True), (False, True), (None, TODAY, TODAY + timedelta(days=9)))
    ):
        login_id = f"HOM-{number:04d}"
        given_login(accounts.db, login_id)
        with accounts.db.transaction() as session:
            row = session.get_one(LoginRow, login_id)
            row.disabled_at = NOON if disabled else None
            row.last_used_at, row.valid_until = NOON if used else None, last_day
    for state in get_args(LoginState):
        found = _list(accounts, at=MIDNIGHT, state=state, department="home").items
        assert found
        assert {one.state for one in found} == {state}


# ---------------------------------------------------------------- the seed


@pytest.fixture
def seeded(databases, tmp_path):
    """Return a function that runs the seed on a file such as the installation writes."""
    accounts = Accounts(databases["accounts"])
    file = tmp_path / "logins.json"
    demo = {
        "department": {"login_id": "HOM-0001", "password": PASSWORD, "department": "home"},
        "security": {"login_id": "SEC-0001", "password": PASSWORD, "site": "PCS1", "gate": "PCS1-G1"},
        "ado": {"login_id": "ADO-0001", "password": PASSWORD},
        "reception": {"login_id": "REC-0001", "password": PASSWORD, "site": "PCS1"},
        "ops": {"login_id": "OPS-0001", "password": PASSWORD},
        "auditor": {"login_id": "AUD-0001", "password": PASSWORD},
    }

    def run(**changes) -> Accounts:
        file.write_text(json.dumps(demo | changes))
        commands.seed(accounts.db, now(), file)
        return accounts

    return run


def test_the_seed_makes_a_usable_login_for_each_role(seeded) -> None:
    accounts = seeded()
    for login_id, role in {
        "HOM-0001": "department",
        "SEC-0001": "security",
        "ADO-0001": "ado",
        "REC-0001": "reception",
    }.items():
        session = accounts.log_in(login_id)
        assert session.role == role
        assert not session.must_change_password
    assert accounts.count(LoginRow) == 6


def test_the_seed_may_run_again_and_leaves_other_logins_as_they_are(seeded) -> None:
    accounts = seeded()
    with accounts.db.transaction() as session:
        before = session.scalars(select(LoginRow.password_hash).order_by(LoginRow.login_id)).all()
    issued = accounts.issue()
    seeded()
    with accounts.db.transaction() as session:
        others = select(LoginRow.password_hash).where(LoginRow.login_id != issued.login_id)
        after = session.scalars(others.order_by(LoginRow.login_id)).all()
    assert before == after
    assert accounts.log_in(issued.login_id, issued.initial_password).must_change_password


def test_the_seed_restores_a_demo_login_that_was_changed(seeded) -> None:
    accounts = seeded()
    accounts.change_password(accounts.principal(accounts.log_in()))
    accounts.disable("OPS-0001")
    seeded()
    assert accounts.log_in().access_token
    assert accounts.log_in("OPS-0001").access_token


def test_a_malformed_seed_file_makes_no_login(seeded, databases) -> None:
    for wrong in ({"login_id": "HOME", "password": PASSWORD, "department": "home"}, {"login_id": "HOM-0001"}):
        with pytest.raises(ValueError):  # noqa: PT011  pydantic's is one, too
            seeded(department=wrong)
    assert Accounts(databases["accounts"]).count(LoginRow) == 0


def test_tokens_of_a_login_that_the_seed_enabled_again_are_valid(seeded) -> None:
    accounts = seeded()
    accounts.disable("OPS-0001")
    seeded()
    session = accounts.log_in("OPS-0001", at=now() + timedelta(seconds=1))
    assert accounts.claims(session.access_token)["iat"] > accounts.denied().logins["OPS-0001"].timestamp()


# ------------------------------------------------------------- assistants


def test_an_assistant_of_an_officer_has_it_in_the_session_and_in_the_list(accounts) -> None:
    issued = accounts.issue(department="home", assistant_of="home-secretary")
    assert login_row(accounts, issued.login_id).assistant_of == "home-secretary"
    with accounts.db.transaction() as session:
        row = session.get_one(LoginRow, issued.login_id)
        sid = sessions.open_for_staff(session, row, now(), SETTINGS)
        token = token_of(session.get_one(SessionRow, sid), session, SETTINGS)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["assistant_of"] == "home-secretary"


def test_only_a_departments_login_is_an_assistant(accounts) -> None:
    refused = refusal_of(
        lambda: accounts.issue(role="reception", department=None, site="PCS1", assistant_of="x")
    )
    assert [(one.field, one.code) for one in refused.body.fields] == [("assistant_of", "not_for_role")]


def test_a_department_sees_its_own_logins_that_are_in_use_and_nobody_elses(accounts) -> None:
    first, helper = accounts.issue(department="home"), accounts.issue(department="home", assistant_of="x")
    accounts.issue(department="pwd")
    gone = accounts.issue(department="home")
    accounts.disable(gone.login_id)
    with accounts.db.transaction() as session:
        call = a_call(staff("HOM-0001", "department").model_copy(update={"department": "home"}))
        found = login_queries.colleagues(call, session, now()).items
        assert {one.login_id: one.assistant_of for one in found} == {
            first.login_id: None,
            helper.login_id: "x",
        }
        with pytest.raises(Forbidden):
            login_queries.colleagues(a_call(staff("REC-0001", "reception")), session, now())


def test_applicants_auditors_and_the_data_officer_learn_where_logins_work_and_nobody_else(databases) -> None:
    given_login(databases["accounts"], "HOM-0001")
    asked = LoginIds(login_ids=("HOM-0001", "NOB-0001"))
    with databases["accounts"].transaction() as session:
        for who in (
            Principal(kind="applicant", id="a", mobile="+919876543210"),
            staff("AUD-0001", "auditor"),
            staff("DPO-0001", "privacy"),
        ):
            (place,) = login_queries.places(asked, a_call(who), session).items
            assert place.model_dump() == {"login_id": "HOM-0001", "department": "home", "site": None}
        for who in (Principal(), staff("REC-0001", "reception")):
            with pytest.raises(Forbidden):
                login_queries.places(asked, a_call(who), session)

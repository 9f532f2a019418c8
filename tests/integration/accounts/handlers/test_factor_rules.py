"""Who needs a second factor, what asks for it again, and who is told of a change."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import get_args

import pyotp
import pytest
from sqlalchemy import select, text

from contracts.errors import Forbidden, InvalidInput, TooManyAttempts
from contracts.events import AccessChanged
from contracts.model import DEVICE_ROLES, Role
from contracts.rpc.call import Principal, Proof
from contracts.second_factor import FRESH, is_fresh
from services.accounts import commands
from services.accounts.domain.second_factor import AT_ONCE, RECOVERY_CODES, STEP
from services.accounts.handlers import sessions
from services.accounts.models import LoginRow, SecondFactorRow, SessionRow
from services.accounts.settings import AccountsSettings
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.principals import PrincipalVerifier, principal_of
from services.ops.rewrap import PERSONAL
from tests.integration.accounts.handlers.factors import COLLEAGUE, HOLDER, again
from tests.integration.audit_rows import tasks
from tests.support.factories.accounts import (
    PASSWORD,
    Accounts,
    another_code,
    given_ado,
    given_login,
    refusal_of,
)
from tests.support.stack.running import eventually
from tests.support.stack.settings import EVENT_KEYS, make_settings


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_login(accounts.db)
    return accounts


def an_ado_with_an_app(accounts: Accounts, at: datetime) -> tuple[pyotp.TOTP, Principal]:
    """Return the app of an ADO, and their principal as their token proves it."""
    given_ado(accounts.db)
    app, enrolled = accounts.given_app("ADO-0001", at=at)
    return app, accounts.proven(enrolled.session)


ASKING: dict[str, Callable[[Accounts, Principal, datetime], object]] = {
    "issue": lambda accounts, by, at: accounts.issue(by, at=at),
    "reset": lambda accounts, by, at: accounts.reset("HOM-0001", by, at=at),
    "rule": lambda accounts, by, at: accounts.set_rule(("ado",), by, at=at),
    "reset_factor": lambda accounts, by, at: accounts.reset_factor("HOM-0001", by, at=at),
    "apply": lambda accounts, by, at: accounts.apply_logins(by, at=at),
    "mobile": lambda accounts, by, at: accounts.set_mobile("HOM-0001", "9812300013", by, at=at),
    "extend": lambda accounts, by, at: accounts.extend("HOM-0001", by, at=at),
    "another app": lambda accounts, by, at: accounts.start_enrolment(by, PASSWORD, at=at),
    "recovery codes": lambda accounts, by, at: accounts.renew_recovery_codes(by, at=at),
}
"""What asks for the second factor again."""


def test_a_role_that_needs_a_second_factor_sets_it_up_after_the_password(accounts, start) -> None:
    accounts.requires("department")
    token = accounts.sign_in_token(at=start)
    assert accounts.count(SessionRow) == 0
    app = accounts.app_of(token, at=start)
    enrolled = accounts.enrol_app(token, app.at(start), at=start)
    assert accounts.claims(enrolled.session.access_token)["amr"] == ["pwd", "otp", "mfa"]
    assert refusal_of(lambda: accounts.log_in(at=start)).body.code == "second_factor_required"


def test_a_role_that_needs_none_signs_in_as_before(accounts) -> None:
    accounts.requires("ado", "security")
    assert accounts.log_in().login_id == "HOM-0001"


def test_in_production_every_role_of_people_needs_a_second_factor_and_in_local_mode_none() -> None:
    people = set(get_args(Role)) - DEVICE_ROLES
    assert set(make_settings(AccountsSettings, local_mode=False).factor_roles) == people
    assert make_settings(AccountsSettings, local_mode=True).factor_roles == ()
    assert make_settings(AccountsSettings, second_factor_roles=("none",)).factor_roles == ()
    with pytest.raises(ValueError, match="a device has no second factor"):
        make_settings(AccountsSettings, second_factor_roles=("kiosk",))


def test_a_role_that_is_newer_than_the_rule_needs_a_second_factor_until_somebody_decides_otherwise(
    accounts: Accounts, start: datetime
) -> None:
    """The grievance officer came with 0.26: who had decided before has said nothing of it."""
    given_ado(accounts.db)
    named = make_settings(AccountsSettings, second_factor_roles=("ado", "department"))
    assert set(named.factor_roles) == {"ado", "department", "grievance", "privacy"}
    accounts.set_rule(("department",), at=start)
    with accounts.db.transaction() as session:
        session.execute(text("update factor_rules set offered = null"))  # as a release before stored it
    assert set(accounts.rule().roles) == {"department", "grievance", "privacy"}
    officer = accounts.issue(role="grievance", department=None, at=start)
    refused = refusal_of(lambda: accounts.log_in(officer.login_id, officer.initial_password, at=start))
    assert refused.body.code == "second_factor_missing"
    accounts.set_rule(("department",), at=start)
    assert set(accounts.rule().roles) == {"department"}
    assert accounts.log_in(officer.login_id, officer.initial_password, at=start)


def test_an_initial_password_opens_nothing_but_the_setting_up_and_is_changed_then(accounts, start) -> None:
    given_ado(accounts.db)
    issued = accounts.issue(at=start)
    accounts.requires("department")
    refused = refusal_of(lambda: accounts.log_in(issued.login_id, issued.initial_password, at=start))
    token = str(refused.body.facts["sign_in"])
    app = accounts.app_of(token, at=start)
    assert accounts.enrol_app(token, app.at(start), at=start).session.must_change_password


def test_the_ado_branch_decides_who_needs_one_and_who_has_none_is_signed_out(accounts, start) -> None:
    _, ado = an_ado_with_an_app(accounts, start)
    given_login(accounts.db, "REC-0001", "reception")
    accounts.log_in(at=start)
    other = accounts.principal(accounts.log_in("REC-0001", at=start))
    rule = accounts.set_rule(("department",), ado, at=start)
    assert (rule.roles, rule.changed_by) == (("department",), "ADO-0001")
    assert accounts.rule(ado).roles == ("department",)
    with accounts.db.transaction() as session:
        live = session.scalars(select(SessionRow.subject).where(SessionRow.ended_at.is_(None))).all()
    assert sorted(live) == ["ADO-0001", other.id]
    assert refusal_of(lambda: accounts.log_in(at=start)).body.code == "second_factor_missing"


def test_nobody_else_decides_who_needs_one(accounts) -> None:
    officer = accounts.principal(accounts.log_in())
    assert isinstance(refusal_of(lambda: accounts.set_rule((), officer)), Forbidden)


@pytest.mark.parametrize("act", ["issue", "reset", "rule", "reset_factor", "apply"])
def test_what_gives_access_asks_for_the_factor_again_after_five_minutes(accounts, start, act) -> None:
    app, ado = an_ado_with_an_app(accounts, start)
    ASKING[act](accounts, ado, start + FRESH - timedelta(seconds=1))
    late = start + FRESH
    refused = refusal_of(lambda: ASKING[act](accounts, ado, late))
    assert (type(refused), refused.body.code) == (Forbidden, "second_factor_stale")
    fresh = accounts.proven(accounts.confirm(ado, app.at(late), at=late))
    ASKING[act](accounts, fresh, late)


def test_a_gateway_cannot_say_that_a_factor_was_shown(accounts, start) -> None:
    """What counts is the token, which accounts has signed."""
    given_ado(accounts.db)
    accounts.given_app("ADO-0001", at=start)
    late = start + FRESH
    app_token = accounts.sign_in_token("ADO-0001", at=start)
    assert app_token
    session = accounts.given_session("ADO-0001", at=start)
    proof = Proof(session=session.access_token, keys=accounts.certificates())
    stated = principal_of(accounts.session_claims(session)).model_copy(
        update={"factor_at": int(late.timestamp()), "proof": proof}
    )
    refused = refusal_of(lambda: PrincipalVerifier(EventKeys(EVENT_KEYS)).verify(stated, late))
    assert refused.body.code == "unproven_principal"


def test_a_session_that_has_ended_gives_nobody_access_however_fresh_its_token(accounts, start) -> None:
    app, ado = an_ado_with_an_app(accounts, start)
    accounts.log_out(ado, at=start)
    for name, act in ASKING.items():
        refused = refusal_of(lambda act=act: act(accounts, ado, start))
        assert refused.body.code == "session_ended", name
    refused = refusal_of(lambda: accounts.confirm(ado, app.at(start + STEP), at=start + STEP))
    assert refused.body.code == "session_ended"


@pytest.mark.parametrize("changes", ["the row", "the token", "another app"])
def test_token_and_session_both_say_that_the_present_factor_was_shown(accounts, start, changes) -> None:
    _, ado = an_ado_with_an_app(accounts, start)
    with accounts.db.transaction() as session:
        if changes == "the row":
            session.get_one(SessionRow, ado.sid).factor_at = None
        elif changes == "another app":
            session.get_one(SecondFactorRow, "ADO-0001").enrolled_at = start + STEP
        else:
            ado = ado.model_copy(update={"factor_at": None})
    for name, act in ASKING.items():
        refused = refusal_of(lambda act=act: act(accounts, ado, start))
        assert refused.body.code == "second_factor_stale", name


@pytest.mark.parametrize(
    ("seconds", "fresh"), [(-31, False), (-30, True), (0, True), (299, True), (300, False)]
)
def test_a_factor_from_the_future_is_not_fresh(start, seconds, fresh) -> None:
    assert is_fresh(start.timestamp(), start + timedelta(seconds=seconds)) is fresh


@pytest.mark.parametrize("leave", ["log_out", "end_own"])
@pytest.mark.parametrize("has_app", [True, False])
def test_who_signs_out_leaves_no_app_to_set_up(accounts, start, leave, has_app) -> None:
    """Otherwise the next person at that desk sets up their own."""
    if has_app:
        app, enrolled = accounts.given_app(at=start)
        officer, at = again(accounts, app, enrolled.session, start)
    else:
        officer, at = accounts.principal(accounts.log_in(at=start)), start
    token = accounts.start_enrolment(officer, PASSWORD, at=at).sign_in
    getattr(accounts, leave)(officer, at=at)
    assert refusal_of(lambda: accounts.app_of(token, at=at)).body.code == "sign_in_ended"


def test_signing_out_ends_no_setup_of_another_login(accounts, start) -> None:
    given_login(accounts.db, "HOM-0002")
    other = accounts.enrolment_token("HOM-0002", at=start)
    accounts.log_out(accounts.principal(accounts.log_in(at=start)), at=start)
    assert accounts.app_of(other, at=start)


def test_no_app_is_begun_by_a_session_that_ends_meanwhile(accounts, start) -> None:
    """Whoever ends the sessions of a login holds its lock; who begins to set up an app waits for it."""
    app, enrolled = accounts.given_app(at=start)
    officer, later = again(accounts, app, enrolled.session, start)
    waiting = text(
        "select count(*) from pg_stat_activity"
        " where wait_event_type = 'Lock' and datname = current_database()"
    )

    def waits() -> bool:
        with accounts.db.queries() as looking:
            return bool(looking.scalar(waiting))

    def begin() -> str:
        return refusal_of(lambda: accounts.start_enrolment(officer, PASSWORD, at=later)).body.code

    with ThreadPoolExecutor(1) as pool:
        with accounts.db.transaction() as session:
            session.get_one(LoginRow, "HOM-0001", with_for_update=True)
            refused = pool.submit(begin)
            eventually(waits, "it waits")
            sessions.end_all_of(session, "HOM-0001", later)
        assert refused.result(30) == "session_ended"


def test_an_ado_who_needs_an_app_and_has_none_issues_nothing(accounts) -> None:
    """Their session was opened before the role needed one."""
    given_ado(accounts.db)
    accounts.requires("ado")
    assert refusal_of(accounts.issue).body.code == "second_factor_missing"


def test_showing_the_factor_again_renews_the_token_of_the_same_session(accounts, start) -> None:
    app, ado = an_ado_with_an_app(accounts, start)
    later = start + STEP
    session = accounts.confirm(ado, app.at(later), at=later)
    claims = accounts.claims(session.access_token)
    assert (claims["sid"], claims["factor_at"]) == (str(ado.sid), int(later.timestamp()))
    assert session.device is None


def test_a_wrong_code_does_not_refresh_the_factor_and_is_counted(accounts, start) -> None:
    app, ado = an_ado_with_an_app(accounts, start)
    later = start + STEP
    for _ in range(5):
        wrong = another_code(app.at(later))
        assert isinstance(refusal_of(lambda code=wrong: accounts.confirm(ado, code, at=later)), InvalidInput)
    assert isinstance(refusal_of(lambda: accounts.confirm(ado, app.at(later), at=later)), TooManyAttempts)


def test_a_lost_app_is_reset_by_the_ado_branch(accounts, start) -> None:
    accounts.given_app(at=start)
    _, ado = an_ado_with_an_app(accounts, start)
    view = accounts.reset_factor("HOM-0001", ado, at=start)
    assert (view.second_factor_since, view.sessions) == (None, 0)
    assert accounts.log_in(at=start).login_id == "HOM-0001"


@pytest.mark.parametrize("by", ["the ADO Branch", "a command"])
def test_after_the_reset_of_an_app_its_browsers_are_strangers(accounts, start, by) -> None:
    _, ado = an_ado_with_an_app(accounts, start)
    _, enrolled = accounts.given_app(at=start)
    at = start + timedelta(minutes=1)
    if by == "a command":
        assert commands.reset_factor(accounts.db, at, "HOM-0001")
    else:
        accounts.reset_factor("HOM-0001", ado, at=at)
    at += timedelta(minutes=1)
    for number in range(20):
        refusal_of(lambda n=number: accounts.log_in(password="wrong", address=f"bot {n}", at=at))
    refused = refusal_of(lambda: accounts.log_in(at=at, address="new", devices=(enrolled.session.device,)))
    assert isinstance(refused, TooManyAttempts)


def test_nobody_resets_their_own_app(accounts, start) -> None:
    _, ado = an_ado_with_an_app(accounts, start)
    refused = refusal_of(lambda: accounts.reset_factor("ADO-0001", ado, at=start))
    assert refused.body.code == "own_factor"


def test_the_last_ado_is_let_in_again_by_a_command(accounts, start) -> None:
    an_ado_with_an_app(accounts, start)
    assert commands.reset_factor(accounts.db, start, "ado-0001")
    assert accounts.log_in("ADO-0001", at=start).login_id == "ADO-0001"
    assert not commands.reset_factor(accounts.db, start, "ADO-0001")
    assert tasks(accounts.db) == [("reset_factor", ["ADO-0001"])]


def test_somebody_sets_up_an_app_of_their_own_accord_with_their_password(accounts, start) -> None:
    officer = accounts.principal(accounts.log_in(at=start))
    assert not accounts.own(officer).required
    wrong = refusal_of(lambda: accounts.start_enrolment(officer, "not the password", at=start))
    assert isinstance(wrong, InvalidInput)
    token = accounts.start_enrolment(officer, PASSWORD, at=start).sign_in
    accounts.enrol_app(token, accounts.app_of(token, at=start).at(start), at=start)
    own = accounts.own(officer)
    assert (own.enrolled_at, own.recovery_codes) == (start, RECOVERY_CODES)


def test_another_app_takes_the_place_of_the_first_for_a_fresh_code_and_no_password(accounts, start) -> None:
    app, enrolled = accounts.given_app(at=start)
    officer, late = accounts.proven(enrolled.session), start + FRESH
    stale = refusal_of(lambda: accounts.start_enrolment(officer, PASSWORD, at=late))
    assert stale.body.code == "second_factor_stale"
    fresh = accounts.proven(accounts.confirm(officer, app.at(late), at=late))
    token = accounts.start_enrolment(fresh, "", at=late).sign_in
    second = accounts.app_of(token, at=late)
    accounts.enrol_app(token, second.at(late), at=late)
    later = late + STEP
    waiting = accounts.sign_in_token(at=later)
    assert isinstance(refusal_of(lambda: accounts.enter_code(waiting, app.at(later), at=later)), InvalidInput)
    old = enrolled.recovery_codes[0]
    assert isinstance(refusal_of(lambda: accounts.enter_code(waiting, old, at=later)), InvalidInput)
    accounts.enter_code(waiting, second.at(later), at=later)


def test_new_recovery_codes_take_the_place_of_the_old_ones(accounts, start) -> None:
    app, enrolled = accounts.given_app(at=start)
    officer, later = again(accounts, app, enrolled.session, start)
    made = accounts.renew_recovery_codes(officer, at=later)
    waiting = accounts.sign_in_token(at=later)
    old = enrolled.recovery_codes[0]
    assert isinstance(refusal_of(lambda: accounts.enter_code(waiting, old, at=later)), InvalidInput)
    accounts.enter_code(waiting, made.recovery_codes[0], at=later)
    assert accounts.own(officer).recovery_codes == RECOVERY_CODES - 1


@pytest.mark.parametrize("act", ["another app", "recovery codes"])
def test_who_finds_a_browser_after_a_sign_in_replaces_no_factor(accounts, start, act) -> None:
    app, enrolled = accounts.given_app(at=start)
    signed_in = accounts.proven(enrolled.session)
    refused = refusal_of(lambda: ASKING[act](accounts, signed_in, start))
    assert refused.body.code == "second_factor_stale"
    shown, later = again(accounts, app, enrolled.session, start)
    refused = refusal_of(lambda: ASKING[act](accounts, shown, later + AT_ONCE))
    assert refused.body.code == "second_factor_stale"
    ASKING[act](accounts, shown, later + AT_ONCE - timedelta(seconds=1))


def test_the_holder_is_told_of_new_recovery_codes_and_of_one_that_is_used(accounts, branch, start) -> None:
    *_, officer = branch
    _, enrolled = accounts.given_app(officer, at=start)
    before = len(told(accounts))
    shown = accounts.proven(
        accounts.confirm(accounts.proven(enrolled.session), enrolled.recovery_codes[0], at=start + STEP)
    )
    accounts.renew_recovery_codes(shown, at=start + STEP)
    assert told(accounts)[before:] == [
        (HOLDER, "recovery_code_used", officer, "pa"),
        (HOLDER, "recovery_codes_renewed", officer, "pa"),
    ]


def told(accounts: Accounts) -> list[tuple[str, str, str, str]]:
    """Return who was told what of which login, and the language."""
    return [
        (one.event.personal.mobile, one.event.what, one.event.login_id, one.event.language)
        for one in accounts.published(AccessChanged)
    ]


@pytest.fixture
def branch(accounts, start) -> tuple[Principal, str, str]:
    """Return an ADO who acts, and the logins of their colleague and of an officer, who have mobiles."""
    _, ado = an_ado_with_an_app(accounts, start)
    colleague = accounts.issue(
        ado, role="ado", department=None, name="Asha Verma", mobile=COLLEAGUE, language="hi", at=start
    )
    officer = accounts.issue(ado, mobile=HOLDER, language="pa", at=start)
    return ado, colleague.login_id, officer.login_id


def test_of_a_new_login_the_rest_of_the_ado_branch_is_told(accounts, branch) -> None:
    *_, officer = branch
    assert told(accounts) == [(COLLEAGUE, "login_issued", officer, "hi")]


@pytest.mark.parametrize("act", ["reset", "reset_factor"])
def test_of_a_reset_the_holder_and_the_rest_of_the_ado_branch_are_told(accounts, branch, start, act) -> None:
    ado, _, officer = branch
    accounts.given_app(officer, at=start)
    before = len(told(accounts))
    getattr(accounts, act)(officer, ado, at=start)
    what = "password_reset" if act == "reset" else "factor_reset"
    assert told(accounts)[before:] == [(COLLEAGUE, what, officer, "hi"), (HOLDER, what, officer, "pa")]


def test_of_a_first_app_the_holder_and_the_ado_branch_are_told_and_of_another_the_holder(
    accounts, branch, start
) -> None:
    """A thief of a password who sets up an app of their own does not do it unseen."""
    *_, officer = branch
    app, enrolled = accounts.given_app(officer, at=start)
    first = [(COLLEAGUE, "factor_set_up", officer, "hi"), (HOLDER, "factor_set_up", officer, "pa")]
    assert told(accounts)[1:] == first
    shown, later = again(accounts, app, enrolled.session, start)
    token = accounts.start_enrolment(shown, "", at=later).sign_in
    accounts.enrol_app(token, accounts.app_of(token, at=later).at(later), at=later)
    assert told(accounts)[3:] == [(HOLDER, "factor_set_up", officer, "pa")]


def test_of_a_new_rule_and_of_a_file_of_logins_the_rest_of_the_ado_branch_is_told(
    accounts, branch, start
) -> None:
    ado, *_ = branch
    accounts.set_rule(("ado",), ado, at=start)
    accounts.apply_logins(ado, at=start)
    assert [one[:3] for one in told(accounts)[1:]] == [
        (COLLEAGUE, "rule_changed", "ADO-0001"),
        (COLLEAGUE, "logins_issued", "ADO-0001"),
    ]


NEW_NUMBER = "+919812300013"


def test_of_another_mobile_the_holder_is_told_on_both_and_so_is_the_rest_of_the_ado_branch(
    accounts, branch, start
) -> None:
    ado, _, officer = branch
    shown = accounts.set_mobile(officer, "98123 00013", ado, at=start)
    assert shown.has_mobile
    assert told(accounts)[1:] == [
        (COLLEAGUE, "mobile_changed", officer, "hi"),
        (HOLDER, "mobile_changed", officer, "pa"),
        (NEW_NUMBER, "mobile_changed", officer, "hi"),
    ]
    accounts.reset(officer, ado, at=start)
    assert told(accounts)[-1] == (NEW_NUMBER, "password_reset", officer, "hi")


def test_a_login_of_before_gets_a_mobile_and_its_holder_is_told_from_then_on(accounts, start) -> None:
    _, ado = an_ado_with_an_app(accounts, start)
    accounts.reset("HOM-0001", ado, at=start)
    assert told(accounts) == []
    assert accounts.set_mobile("HOM-0001", NEW_NUMBER, ado, at=start).has_mobile
    accounts.reset("HOM-0001", ado, at=start)
    assert [(one[0], one[1]) for one in told(accounts)] == [
        (NEW_NUMBER, "mobile_changed"), (NEW_NUMBER, "password_reset")
    ]  # fmt: skip


def test_no_mobile_is_set_by_others_of_a_disabled_login_or_that_is_none(accounts, branch, start) -> None:
    ado, _, officer = branch
    assert isinstance(refusal_of(lambda: accounts.set_mobile(officer, "12", ado, at=start)), InvalidInput)
    nobody = Principal(kind="staff", id=officer, login_id=officer, role="department", department="home")
    assert isinstance(refusal_of(lambda: accounts.set_mobile(officer, HOLDER, nobody, at=start)), Forbidden)
    accounts.disable(officer, ado, at=start)
    refused = refusal_of(lambda: accounts.set_mobile(officer, HOLDER, ado, at=start))
    assert refused.body.code == "login_disabled"


def test_nobody_is_told_whose_login_has_ended_and_their_number_is_erased(accounts, branch, start) -> None:
    ado, colleague, officer = branch
    accounts.disable(colleague, ado, at=start)
    accounts.reset(officer, ado, at=start)
    assert [one[0] for one in told(accounts)[1:]] == [HOLDER]
    with accounts.db.transaction() as session:
        assert session.get_one(LoginRow, colleague).mobile_sealed is None


def test_the_database_has_no_mobile_of_staff_in_clear_and_a_rewrap_covers_it(accounts, branch) -> None:
    *_, officer = branch
    with accounts.db.transaction() as session:
        sealed = session.get_one(LoginRow, officer).mobile_sealed
    assert HOLDER[3:] not in (sealed or HOLDER)
    assert "logins.mobile_sealed" in PERSONAL["accounts"]

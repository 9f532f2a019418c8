"""Gate devices: issued for a gate, enrolled once by a guard of it, reporting, revoked."""

from datetime import datetime, timedelta
from functools import partial
from math import inf
from uuid import uuid4

import pytest

from contracts.errors import Forbidden, InvalidInput, NotAuthenticated, TooManyAttempts
from contracts.rpc.accounts.gate_devices import GateDeviceReport, GateDeviceView
from contracts.rpc.accounts.second_factor import EnterCode
from contracts.rpc.accounts.sessions import LogIn, StaffSession
from contracts.rpc.call import Principal
from services.accounts.handlers import gate_devices, passwords, second_factor, sessions
from services.accounts.models import SessionRow
from services.chassis.runtime.clock import now
from tests.integration.statements import heard
from tests.support.factories.accounts import (
    ADO,
    PASSWORD,
    Accounts,
    a_call,
    a_key,
    given_ado,
    given_login,
    refusal_of,
)

REPORT = GateDeviceReport(version="0.12.0", list_age_s=30, unsent=0)


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_ado(accounts.db)
    given_login(accounts.db, "SEC-0001", "security")
    return accounts


def issued(accounts: Accounts) -> tuple[str, str]:
    made = accounts.issue(
        role="gate_device", department=None, site="PCS1", gate="PCS1-G1", name="North tablet"
    )
    return made.login_id, made.initial_password


def guard(accounts: Accounts, **scope: object) -> Principal:
    principal = accounts.principal(accounts.log_in("SEC-0001", PASSWORD))
    return principal.model_copy(update={"site": "PCS1", "gate": None, **scope})


def enrol(
    accounts: Accounts,
    device: str,
    code: str,
    by: Principal,
    at: datetime | None = None,
    key: str | None = None,
) -> StaffSession:
    asked = LogIn(login_id=device, password=code)
    call = a_call(by, key or a_key())
    return passwords.enrol_gate_device(asked, call, accounts.db, at or now(), accounts.settings)


def report(
    accounts: Accounts, device: str, by: Principal, at: datetime, asked: GateDeviceReport = REPORT
) -> None:
    with accounts.db.transaction() as session:
        gate_devices.report(asked, a_call(by.model_copy(update={"gate_device": device})), session, at)


def listed(accounts: Accounts, by: Principal = ADO, at: datetime | None = None) -> tuple[GateDeviceView, ...]:
    with accounts.db.transaction() as session:
        return gate_devices.list_all(a_call(by), session, at or now(), accounts.settings).items


def test_a_code_enrols_one_browser_once_for_its_gate_and_says_who_did_it(accounts) -> None:
    device, code = issued(accounts)
    officer, key = guard(accounts), a_key()
    session = enrol(accounts, device, code, officer, key=key)
    claims = accounts.claims(session.access_token)
    assert (claims["role"], claims["site"], claims["gate"]) == ("gate_device", "PCS1", "PCS1-G1")
    with pytest.raises(NotAuthenticated) as second:
        enrol(accounts, device, code, officer)
    assert second.value.body.code == "token_used"
    assert enrol(accounts, device, code, officer, key=key) == session, "the same command again"
    (one,) = listed(accounts)
    assert (one.state, one.enrolled_by, one.issued_by, one.gate) == (
        "enrolled", "SEC-0001", "ADO-0001", "PCS1-G1",
    )  # fmt: skip


def test_a_code_works_for_a_quarter_of_an_hour(accounts) -> None:
    device, code = issued(accounts)
    late = now() + timedelta(minutes=accounts.settings.gate_code_minutes, seconds=1)
    with pytest.raises(NotAuthenticated) as refused:
        enrol(accounts, device, code, guard(accounts), at=late)
    assert refused.value.body.code == "initial_password_expired"
    fresh = accounts.reset(device, at=late)
    assert fresh.valid_until == pytest.approx(late + timedelta(minutes=15), abs=timedelta(seconds=1))
    assert enrol(accounts, device, fresh.initial_password, guard(accounts), at=late).login_id == device


def test_only_a_guard_of_the_gate_enrols_its_device_and_the_code_is_not_used_up(accounts) -> None:
    device, code = issued(accounts)
    for scope in ({"site": "PCS2"}, {"gate": "PCS1-G2"}, {"role": "reception"}):
        with pytest.raises(Forbidden):
            enrol(accounts, device, code, guard(accounts, **scope))
    assert enrol(accounts, device, code, guard(accounts)).login_id == device


def test_a_device_is_no_kiosk_and_nobody_signs_in_with_its_code(accounts) -> None:
    device, code = issued(accounts)
    for attempt in (lambda: accounts.log_in(device, code), lambda: accounts.enrol(device, code)):
        with pytest.raises(NotAuthenticated) as refused:
            attempt()
        assert refused.value.body.code == "wrong_login"
    with pytest.raises(InvalidInput):
        accounts.issue(role="gate_device", department=None, site="PCS1", name="Without a gate")


def test_a_report_is_listed_and_unsent_scans_count_from_the_first_report_of_them(accounts) -> None:
    device, code = issued(accounts)
    officer, at = guard(accounts), now()
    enrol(accounts, device, code, officer, at=at)
    unsent = REPORT.model_copy(update={"unsent": 4})
    report(accounts, device, officer, at, unsent)
    report(accounts, device, officer, at + timedelta(minutes=30), unsent)
    hour = at + timedelta(hours=1)
    (one,) = listed(accounts, at=hour)
    assert (one.unsent, one.version, one.worries) == (4, "0.12.0", ("unsent",))
    assert one.list_at == at + timedelta(minutes=29, seconds=30)
    report(accounts, device, officer, hour)
    assert listed(accounts, at=hour)[0].worries == ()
    assert listed(accounts, at=hour + timedelta(days=1))[0].worries == ("silent",)


def test_scans_that_were_unsent_while_the_clock_was_ahead_count_from_the_first_report_after_it(
    accounts,
) -> None:
    device, code = issued(accounts)
    officer, at = guard(accounts), now()
    enrol(accounts, device, code, officer, at=at)
    unsent = REPORT.model_copy(update={"unsent": 4})
    report(accounts, device, officer, at + timedelta(hours=6), unsent)
    assert listed(accounts, at=at)[0].worries == ("silent",), "nobody knows when it has reported"
    report(accounts, device, officer, at, unsent)
    assert listed(accounts, at=at + timedelta(hours=1))[0].worries == ("unsent",)


def test_without_an_enrolled_device_nothing_is_reported(accounts) -> None:
    with accounts.db.transaction() as session, pytest.raises(Forbidden):
        gate_devices.report(REPORT, a_call(guard(accounts)), session, now())


def test_a_revoked_device_and_the_session_on_it_are_denied(accounts) -> None:
    device, code = issued(accounts)
    officer = guard(accounts)
    enrolled = enrol(accounts, device, code, officer)
    report(accounts, device, officer, now())
    accounts.disable(device)
    with accounts.db.transaction() as session:
        denied = sessions.denied(session, now(), accounts.settings)
    own = accounts.claims(enrolled.access_token)["sid"]
    assert {own, str(officer.sid)} <= denied.sessions.keys()
    assert device in denied.logins
    assert listed(accounts)[0].state == "revoked"


def test_another_session_of_the_guard_goes_on_when_a_device_is_revoked(accounts) -> None:
    device, code = issued(accounts)
    officer, elsewhere = guard(accounts), guard(accounts)
    enrol(accounts, device, code, officer)
    accounts.disable(device)
    with accounts.db.transaction() as session:
        denied = sessions.denied(session, now(), accounts.settings).sessions
    assert str(officer.sid) in denied
    assert str(elsewhere.sid) not in denied


def test_operations_see_all_devices_and_security_those_of_its_site_and_nobody_else_any(accounts) -> None:
    issued(accounts)
    accounts.issue(role="gate_device", department=None, site="PCS2", gate="PCS2-G1", name="South")
    for who, sees in (
        (Principal(kind="staff", role="ops", login_id="OPS-0001"), 2),
        (Principal(kind="staff", role="security", login_id="SEC-0001", site="PCS1"), 1),
        (Principal(kind="staff", role="security", login_id="SEC-0002", site="PCS3"), 0),
    ):
        assert len(listed(accounts, who)) == sees
    with pytest.raises(Forbidden):
        listed(accounts, Principal(kind="staff", role="reception", login_id="X-0001", sid=uuid4()))


def test_devices_that_are_silent_or_do_not_send_are_counted_by_site_and_no_others_are(
    accounts: Accounts,
) -> None:
    by, at = guard(accounts), now()
    silent, unsent, revoked = (issued(accounts) for _ in range(3))
    waiting, _ = issued(accounts)
    for device, code in (silent, unsent, revoked):
        enrol(accounts, device, code, by, at)
    accounts.disable(revoked[0])
    settings = accounts.settings
    assert worries(accounts, at) == {"silent": 0, "unsent": 0, "lost": 0}
    busy = REPORT.model_copy(update={"unsent": 3})
    report(accounts, unsent[0], by, at, busy)
    later = at + settings.gate_unsent
    report(accounts, unsent[0], by, later, busy)
    assert worries(accounts, later - timedelta(seconds=1)) == {"silent": 1, "unsent": 0, "lost": 0}
    assert worries(accounts, later) == {"silent": 1, "unsent": 1, "lost": 0}
    assert waiting


def test_a_device_is_lost_where_somebody_was_signed_in_on_it_when_it_was_last_heard_of(
    accounts: Accounts,
) -> None:
    by, at = guard(accounts), now()
    device, code = issued(accounts)
    enrol(accounts, device, code, by, at)
    later = at + accounts.settings.gate_silent
    assert worries(accounts, later)["lost"] == 1
    assert worries(accounts, at + timedelta(hours=24))["lost"] == 0, "it is put away"
    with accounts.db.transaction() as session:
        sessions.end_live(session, SessionRow.sid == by.sid, at)
    assert worries(accounts, later) == {"silent": 1, "unsent": 0, "lost": 0}


@pytest.mark.parametrize(("left", "lost"), [(timedelta(minutes=20), 1), (timedelta(minutes=1), 0)])
def test_a_device_that_falls_silent_at_the_end_of_a_shift_is_lost_although_the_session_expires(
    accounts: Accounts, left: timedelta, lost: int
) -> None:
    """Unless it reported as long as it could."""
    by, at = guard(accounts), now()
    device, code = issued(accounts)
    enrol(accounts, device, code, by, at)
    end = at + timedelta(minutes=accounts.settings.session_minutes)
    report(accounts, device, by, end - left)
    at = end - left + accounts.settings.gate_silent
    assert at > end
    assert worries(accounts, at) == {"silent": 1, "unsent": 0, "lost": lost}


def worries(accounts: Accounts, at: datetime) -> dict[str, int]:
    """Return how many devices of the one site have each worry."""
    with accounts.db.transaction() as session:
        settings = accounts.settings
        found = gate_devices.count_worries(session, at, settings.gate_silent, settings.gate_unsent)
    assert {site for site, _ in found} == {"PCS1"}
    return {worry: count for (_, worry), count in found.items()}


def test_the_age_of_a_gates_list_is_that_of_its_oldest_device_that_reports(accounts) -> None:
    by, at = guard(accounts), now()

    def ages(after: timedelta = timedelta(0)) -> dict[tuple[str, str], float]:
        with accounts.db.transaction() as session:
            return gate_devices.list_ages(session, at + after)

    devices = [issued(accounts) for _ in range(2)]
    for device, code in devices:
        enrol(accounts, device, code, by, at)
    assert ages() == {}, "none has reported"
    for (device, _), age in zip(devices, (5, 180), strict=True):
        report(accounts, device, by, at, REPORT.model_copy(update={"list_age_s": age}))
    assert ages() == {("PCS1", "PCS1-G1"): 180.0}
    report(accounts, devices[1][0], by, at, REPORT.model_copy(update={"list_age_s": None}))
    assert ages() == {("PCS1", "PCS1-G1"): inf}
    accounts.disable(devices[1][0])
    assert ages() == {("PCS1", "PCS1-G1"): 5.0}
    assert ages(timedelta(minutes=4)) == {}, "it has no network, or nobody is at the gate"


def keep_strangers_out(accounts: Accounts, login_id: str, at: datetime) -> None:
    """Type wrong passwords from many addresses, until the login waits for strangers."""
    for number in range(21):
        refusal_of(partial(accounts.log_in, login_id, "wrong", at=at, address=f"bot {number}"))


def sign_in_at(
    accounts: Accounts, token: str, at: datetime, login_id: str = "SEC-0001", password: str = PASSWORD
) -> StaffSession:
    asked = LogIn(login_id=login_id, password=password, devices=("of-nobody", token))
    return passwords.log_in(asked, a_call(address="new"), accounts.db, at, accounts.settings)


def test_strangers_keep_no_guard_out_at_an_enrolled_device_of_their_site(accounts) -> None:
    device, code = issued(accounts)
    token = enrol(accounts, device, code, guard(accounts)).access_token
    given_login(accounts.db, "SEC-0002", "security")  # has never signed in here
    at = now()
    keep_strangers_out(accounts, "SEC-0002", at)
    assert isinstance(refusal_of(partial(accounts.log_in, "SEC-0002", at=at)), TooManyAttempts)
    assert sign_in_at(accounts, token, at, "SEC-0002").login_id == "SEC-0002"
    for _ in range(5):
        wrong = refusal_of(partial(sign_in_at, accounts, token, at, "SEC-0002", "wrong"))
        assert wrong.body.code == "wrong_login"
    assert refusal_of(partial(sign_in_at, accounts, token, at, "SEC-0002")).body.facts["limit"] == "here"


def test_strangers_keep_no_guard_out_between_password_and_code_there(accounts) -> None:
    start = now().replace(second=15, microsecond=0)
    device, code = issued(accounts)
    token = enrol(accounts, device, code, guard(accounts)).access_token
    app, _ = accounts.given_app("SEC-0001", start)
    waiting = accounts.sign_in_token("SEC-0001", at=start)
    for number in range(21):
        refusal_of(partial(accounts.enter_code, waiting, "000000", at=start, address=f"bot {number}"))
    later = start + timedelta(minutes=1)
    refused = refusal_of(partial(accounts.enter_code, waiting, app.at(later), at=later, address="new"))
    assert isinstance(refused, TooManyAttempts)
    asked = EnterCode(sign_in=waiting, code=app.at(later), devices=(token,))
    call = a_call(address="new")
    assert second_factor.enter_code(asked, call, accounts.db, later, accounts.settings).access_token


def test_no_stranger_with_a_made_up_device_learns_by_the_work_whether_there_is_a_login(accounts) -> None:
    header = accounts.log_in("SEC-0001").access_token.partition(".")[0]
    statements: list[str] = []

    def work_for(login_id: str) -> list[str]:
        statements.clear()
        wrong = refusal_of(partial(sign_in_at, accounts, f"{header}.made.up", now(), login_id, "wrong"))
        assert wrong.body.code == "wrong_login"
        return list(statements)

    with heard(accounts.db, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])):
        work_for("SEC-0001")  # the keys are read once
        assert work_for("SEC-0001") == work_for("SEC-ZZZZZZ")


def test_only_an_open_enrolment_of_the_same_site_counts_as_known(accounts) -> None:
    device, code = issued(accounts)
    token = enrol(accounts, device, code, guard(accounts)).access_token
    header, claims, signature = token.split(".")
    given_login(accounts.db, "REC-0001", "reception")
    elsewhere = accounts.issue(role="security", department=None, site="PCS2")
    other_site = elsewhere.login_id, elsewhere.initial_password + "x"
    at = now()
    for login_id in ("SEC-0001", other_site[0]):
        keep_strangers_out(accounts, login_id, at)
    person = accounts.log_in("REC-0001", at=at).access_token
    tries = [(f"{header}.{claims}.{signature[::-1]}", "SEC-0001", PASSWORD), (person, "SEC-0001", PASSWORD)]
    for used, login_id, password in (*tries, ("x", "SEC-0001", PASSWORD), (token, *other_site)):
        refused = refusal_of(partial(sign_in_at, accounts, used, at, login_id, password))
        assert isinstance(refused, TooManyAttempts), (used, login_id)
    accounts.disable(device)
    assert isinstance(refusal_of(partial(sign_in_at, accounts, token, at)), TooManyAttempts)

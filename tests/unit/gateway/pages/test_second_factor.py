"""The pages of the second factor: the code after the password, setting up an app, recovery codes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import UUID

import pytest

from contracts.errors import Conflict, Forbidden, InvalidInput, NotAuthenticated, TooManyAttempts, Unavailable
from contracts.model import IST
from contracts.rpc.accounts.logins import IssuedLogin
from contracts.rpc.accounts.second_factor import (
    Enrolled,
    Enrolment,
    FactorRule,
    OwnFactor,
    RecoveryCodes,
    WaitingSignIn,
)
from contracts.rpc.accounts.sessions import OwnSessions, StaffSession
from contracts.subscriptions import SERVICES
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import browser, claims, signed, staff_claims
from tests.support.factories.pages import login, session
from tests.support.system.page_reader import SAME_SITE, Reader, hidden, stub, visiting

TOKEN = "c2lnbi1pbg=="
ADDRESS = "otpauth://totp/epass:HOM-0001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=epass"
RECOVERY = tuple(f"aaaa-bbbb-ccc{n}" for n in range(10))


def a_session(**given: Any) -> StaffSession:
    return session(expires_at=now() + timedelta(hours=8), **given)


def required(code: str = "second_factor_required") -> NotAuthenticated:
    return NotAuthenticated(code=code, sign_in=TOKEN)


@pytest.fixture
async def officer() -> AsyncIterator[Reader]:
    """Yield somebody who has typed nothing yet."""
    async with visiting(
        accounts__log_in=required(),
        accounts__enter_code=a_session(device="a-device"),
        accounts__show_enrolment=Enrolment(
            login_id="HOM-0001", secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", address=ADDRESS
        ),
        accounts__enrol_factor=Enrolled(session=a_session(), recovery_codes=RECOVERY),
    ) as person:
        yield person


async def type_password(person: Reader) -> Any:
    return await person.send("/staff/sign-in", login_id="HOM-0001", password="correct horse battery")


async def test_the_password_leads_to_the_code_and_the_code_to_the_queue(officer: Reader) -> None:
    asked = await type_password(officer)
    assert asked.url.path == "/en/staff/sign-in/code"
    assert "session" not in officer.http.cookies
    answered = await officer.http.post("/en/staff/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    assert answered.headers["location"] == "/en/desk"
    assert officer.http.cookies["session"]
    assert "sign_in" not in officer.http.cookies
    asked_for = officer.client.last("accounts.enter_code")[1]
    assert (asked_for.sign_in, asked_for.code) == (TOKEN, "123456")


async def test_the_token_of_the_sign_in_is_in_a_cookie_that_scripts_cannot_read_and_in_no_page(
    officer: Reader,
) -> None:
    answered = await officer.http.post(
        "/en/staff/sign-in", data={"login_id": "HOM-0001", "password": "x"}, headers=SAME_SITE
    )
    cookie = next(value for value in answered.headers.get_list("set-cookie") if value.startswith("sign_in="))
    assert "HttpOnly" in cookie
    assert TOKEN not in answered.headers["location"]
    assert TOKEN not in (await officer.open("/staff/sign-in/code")).text


async def test_the_field_of_the_code_is_filled_by_phones_and_typed_with_digits(officer: Reader) -> None:
    shown = (await type_password(officer)).text
    field = shown[shown.index('id="code"') :].partition(">")[0]
    assert 'autocomplete="one-time-code"' in field
    assert 'inputmode="numeric"' in field


async def test_a_wrong_code_is_asked_for_again_until_there_were_too_many(officer: Reader) -> None:
    await type_password(officer)
    officer.client.answers["accounts.enter_code"] = InvalidInput.of("code", "wrong_code")
    shown = await officer.send("/staff/sign-in/code", code="000000")
    assert shown.status_code == 422
    assert "This is not the code, or it was used already" in shown.text
    officer.client.answers["accounts.enter_code"] = TooManyAttempts(retry_after=90, limit="here")
    late = await officer.send("/staff/sign-in/code", code="000000")
    assert (late.status_code, late.headers["retry-after"]) == (429, "90")


@pytest.mark.parametrize("page", ["code", "app"])
async def test_a_sign_in_that_has_ended_leads_back_to_the_password(officer: Reader, page: str) -> None:
    await type_password(officer)
    ended = NotAuthenticated(code="sign_in_ended")
    officer.client.answers |= {"accounts.enter_code": ended, "accounts.enrol_factor": ended}
    shown = await officer.send(f"/staff/sign-in/{page}", code="123456")
    assert shown.url.path == "/en/staff/sign-in"
    assert "Enter your password again" in shown.text
    assert "sign_in" not in officer.http.cookies


async def test_nobody_is_asked_for_a_code_who_has_not_typed_a_password(officer: Reader) -> None:
    assert (await officer.open("/staff/sign-in/code")).url.path == "/en/staff/sign-in"


async def test_who_has_to_set_up_an_app_sees_its_qr_and_its_key_and_then_the_recovery_codes_once(
    officer: Reader,
) -> None:
    officer.client.answers["accounts.log_in"] = required("second_factor_missing")
    shown = await type_password(officer)
    assert shown.url.path == "/en/staff/sign-in/app"
    assert "<svg" in shown.text
    assert "GEZD GNBV" in shown.text
    codes = await officer.send("/staff/sign-in/app", code="123456")
    assert codes.url.path == "/en/staff/sign-in/recovery-codes"
    assert all(code in codes.text for code in RECOVERY)
    assert 'href="/en/desk"' in codes.text
    again = await officer.open("/staff/sign-in/recovery-codes")
    assert not any(code in again.text for code in RECOVERY)
    assert officer.http.cookies["session"]
    assert codes.headers["cache-control"] == "private, no-store"


async def test_a_wrong_first_code_shows_the_same_qr_again(officer: Reader) -> None:
    officer.client.answers["accounts.log_in"] = required("second_factor_missing")
    await type_password(officer)
    officer.client.answers["accounts.enrol_factor"] = InvalidInput.of("code", "wrong_code")
    shown = await officer.http.post("/en/staff/sign-in/app", data={"code": "000000"}, headers=SAME_SITE)
    assert shown.status_code == 422
    assert "<svg" in shown.text
    assert "session" not in officer.http.cookies


@pytest.fixture
async def ado() -> AsyncIterator[Reader]:
    """Yield somebody of the ADO Branch."""
    async with visiting(
        accounts__issue_login=IssuedLogin(login_id="HOM-0002", initial_password="amber-canal-seven-lantern"),
        accounts__confirm_factor=a_session(
            access_token=signed(staff_claims("ado", factor_at=1)), role="ado", login_id="ADO-0001"
        ),
        accounts__own_factor=OwnFactor(enrolled_at=now(), recovery_codes=9, required=True),
        accounts__start_enrolment=WaitingSignIn(sign_in=TOKEN),
        accounts__renew_recovery_codes=RecoveryCodes(recovery_codes=RECOVERY),
        accounts__own_sessions=OwnSessions(items=()),
        accounts__factor_rule=FactorRule(roles=("ado",)),
        accounts__set_factor_rule=FactorRule(roles=("ado", "ops")),
        accounts__view_login=login("HOM-0001", second_factor_since=now()),
        accounts__reset_factor=login("HOM-0001"),
        accounts__show_enrolment=Enrolment(login_id="ADO-0001", secret="GEZDGNBVGY3TQOJQ", address=ADDRESS),
        session=staff_claims("ado"),
    ) as person:
        yield person


NEW_LOGIN = {"role": "department", "name": "Baldev <Singh>", "department": "home", "key": "k-1"}
STALE = Forbidden(code="second_factor_stale")


async def test_a_form_that_needs_the_factor_again_asks_for_a_code_and_is_then_sent_as_it_was(
    ado: Reader,
) -> None:
    ado.client.answers["accounts.issue_login"] = STALE
    asked = await ado.http.post("/en/desk/logins/new", data=NEW_LOGIN, headers=SAME_SITE)
    assert asked.status_code == 403
    assert "Confirm with your app" in asked.text
    assert 'value="Baldev &lt;Singh&gt;"' in asked.text
    form = NEW_LOGIN | {"confirmed_form": "/en/desk/logins/new", "confirmed_code": "123 456"}
    answered = await ado.http.post("/en/staff/second-factor/confirm", data=form, headers=SAME_SITE)
    assert (answered.status_code, answered.headers["location"]) == (307, "/en/desk/logins/new")
    assert ado.client.last("accounts.confirm_factor")[1].code == "123 456"
    ado.client.answers["accounts.issue_login"] = IssuedLogin(login_id="HOM-0002", initial_password="x-y-z")
    again = await ado.http.post("/en/desk/logins/new", data=form, headers=SAME_SITE)
    assert again.headers["location"] == "/en/desk/logins/issued"
    _, wanted, _, key = ado.client.last("accounts.issue_login")
    assert (wanted.name, key) == ("Baldev <Singh>", "k-1")


DAY = (now() + timedelta(days=3)).astimezone(IST).date().isoformat()
FORMS: dict[str, tuple[str, str, dict[str, str]]] = {
    "approval.close_day": (
        "ado",
        "/desk/closures/new",
        {"day": DAY, "department": "home", "reason": "security"},
    ),
    "approval.lift_closure": ("department", f"/desk/closures/{UUID(int=1)}/lift", {}),
    "approval.propose_entry": (
        "ado",
        "/watchlist/new",
        {"name": "Baldev", "reason": "a court order", "valid_until": DAY},
    ),
    "approval.end_entry": ("security", f"/watchlist/entries/{UUID(int=1)}", {"verb": "end"}),
    "approval.put_site_text": ("ado", "/desk/directory/texts/footer", {"text_pa": "ਸਕੱਤਰੇਤ", "was": "x"}),
    "approval.put_duty_contacts": ("ado", "/desk/directory/contacts/sites/PCS1", {"mobile.reception": "98"}),
    "approval.set_capacity": (
        "department",
        "/desk/capacity",
        {
            "limited": "yes",
            "window": "60",
            "from-0": "10:00",
            "to-0": "12:00",
            "places-0": "1",
            "closed": DAY,
        },
    ),
    "accounts.disable_login": ("ado", "/desk/logins/HOM-0001/disable", {}),
    "accounts.end_sessions": ("ado", "/desk/logins/HOM-0001/sign-out", {}),
}
"""Command → who gives it, by which form, and what they have typed."""


@pytest.mark.parametrize("command", FORMS)
async def test_no_form_that_needs_the_factor_again_loses_what_was_typed(command: str) -> None:
    role, path, typed = FORMS[command]
    scope = {"gate": None} if role == "security" else {}
    async with visiting(staff_claims(role, **scope), **{command.replace(".", "__"): STALE}) as person:
        form = typed | {"key": "k-1"}
        asked = await person.http.post(f"/en{path}", data=form, headers=SAME_SITE)
    assert asked.status_code == 403
    assert hidden(asked).items() >= (form | {"confirmed_form": f"/en{path}"}).items()


async def test_a_file_of_the_audit_log_is_sent_after_a_code_with_its_search() -> None:
    stale = {f"{service}__audit_entries": STALE for service in SERVICES}
    path = "/en/audit/log.csv?who=HOM-0001&act="
    async with visiting(staff_claims("auditor"), accounts__confirm_factor=a_session(), **stale) as auditor:
        asked = await auditor.http.get(path)
        form = {name: unescape(value) for name, value in hidden(asked).items()} | {"confirmed_code": "123456"}
        confirm = "/en/staff/second-factor/confirm"
        sent_on = await auditor.http.post(confirm, data=form, headers=SAME_SITE)
    assert (sent_on.status_code, sent_on.headers["location"]) == (303, path)


async def test_a_form_with_a_file_leads_back_to_itself_after_the_code(ado: Reader) -> None:
    ado.client.answers["approval.put_emblem"] = STALE
    path = "/en/desk/directory/texts/emblem"
    picture = {"picture": ("emblem.png", b"picture", "image/png")}
    asked = await ado.http.post(path, data={"was": "", "key": "k"}, files=picture, headers=SAME_SITE)
    assert hidden(asked).items() >= {"confirmed_form": path, "confirmed_page": "1"}.items()


async def test_a_wrong_code_asks_again_and_keeps_the_form(ado: Reader) -> None:
    ado.client.answers["accounts.confirm_factor"] = InvalidInput.of("code", "wrong_code")
    form = NEW_LOGIN | {"confirmed_form": "/en/desk/logins/new", "confirmed_code": "000000"}
    shown = await ado.http.post("/en/staff/second-factor/confirm", data=form, headers=SAME_SITE)
    assert shown.status_code == 422
    assert 'name="name" value="Baldev &lt;Singh&gt;"' in shown.text
    assert "000000" not in shown.text


async def test_a_confirmation_whose_answer_is_lost_uses_no_second_recovery_code(ado: Reader) -> None:
    ado.client.answers["accounts.issue_login"] = STALE
    asked = await ado.http.post("/en/desk/logins/new", data=NEW_LOGIN, headers=SAME_SITE)
    form = hidden(asked) | {"confirmed_code": "aaaa-bbbb-ccc1"}
    ado.client.answers["accounts.confirm_factor"] = Unavailable("no answer")
    keys = []
    for _ in range(2):
        lost = await ado.http.post("/en/staff/second-factor/confirm", data=form, headers=SAME_SITE)
        assert lost.status_code == 503
        assert "aaaa-bbbb-ccc1" not in lost.text, "a code is in no page"
        keys.append(ado.client.last("accounts.confirm_factor")[3])
    assert keys == [hidden(asked)["confirmed_key"]] * 2


@pytest.mark.parametrize(
    ("page", "command", "form"),
    [
        ("/staff/second-factor/app", "start_enrolment", {"password": "a secret word"}),
        ("/staff/sign-in/code", "enter_code", {"code": "a secret word"}),
        ("/staff/sign-in/app", "enrol_factor", {"code": "a secret word"}),
    ],
)
async def test_the_page_of_an_outage_repeats_no_password_and_no_code(
    ado: Reader, page: str, command: str, form: dict[str, str]
) -> None:
    ado.client.answers[f"accounts.{command}"] = Unavailable("no answer")
    shown = await ado.http.post(f"/en{page}", data=form | {"key": "k-1"}, headers=SAME_SITE)
    assert shown.status_code == 503
    assert "a secret word" not in shown.text


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example/en/x", "/en/../../x", "/en", "/en/x?a\r\nb", "/en/x#a", ""]
)
async def test_a_confirmation_leads_to_no_other_site(ado: Reader, to: str) -> None:
    form = {"confirmed_form": to, "confirmed_code": "123456"}
    answered = await ado.http.post("/en/staff/second-factor/confirm", data=form, headers=SAME_SITE)
    assert answered.headers["location"] == "/en/staff/second-factor"
    assert not ado.client.was_asked("accounts.confirm_factor")


async def test_who_has_to_set_up_an_app_first_is_led_to_it(ado: Reader) -> None:
    ado.client.answers["accounts.issue_login"] = Forbidden(code="second_factor_missing")
    ado.client.answers["accounts.own_factor"] = OwnFactor(required=True)
    shown = await ado.send("/desk/logins/new", **NEW_LOGIN)
    assert shown.url.path == "/en/staff/second-factor"
    assert "Your role needs one." in shown.text


async def test_an_operator_without_an_app_is_led_to_their_own_page_of_it() -> None:
    app, _client = stub(accounts__renew_recovery_codes=Forbidden(code="second_factor_missing"))
    signed_in = f"operator={signed(claims(sub='SWK-0001', role='assisted', department=None))}"
    async with browser(app, cookie=signed_in, **SAME_SITE) as http:
        answered = await http.post("/en/assist/second-factor/recovery-codes", data={"key": "a" * 16})
    assert answered.headers["location"] == "/en/assist/second-factor"


async def test_an_officer_sets_up_an_app_with_their_password(ado: Reader) -> None:
    ado.client.answers["accounts.own_factor"] = OwnFactor()
    assert "Current password" in (await ado.open("/staff/second-factor")).text
    shown = await ado.send("/staff/second-factor/app", password="correct horse battery")
    assert shown.url.path == "/en/staff/sign-in/app"
    assert "<svg" in shown.text


async def test_a_wrong_password_sets_up_no_app(ado: Reader) -> None:
    ado.client.answers["accounts.own_factor"] = OwnFactor()
    ado.client.answers["accounts.start_enrolment"] = InvalidInput.of("password", "wrong_password")
    form = {"password": "x"}
    shown = await ado.http.post("/en/staff/second-factor/app", data=form, headers=SAME_SITE)
    assert shown.status_code == 422
    assert "This is not your current password" in shown.text


async def test_new_recovery_codes_are_shown_once(ado: Reader) -> None:
    assert "9 recovery codes left" in (await ado.open("/staff/second-factor")).text
    shown = await ado.send("/staff/second-factor/recovery-codes")
    assert all(code in shown.text for code in RECOVERY)
    again = await ado.open("/staff/second-factor/recovery-codes")
    assert not any(code in again.text for code in RECOVERY)


async def test_the_ado_branch_decides_which_roles_need_an_app(ado: Reader) -> None:
    shown = await ado.open("/desk/second-factor")
    assert "as the installation was set up" in shown.text
    saved = await ado.http.post(
        "/en/desk/second-factor", data={"roles": ["ado", "ops"], "key": "k"}, headers=SAME_SITE
    )
    assert saved.headers["location"].startswith("/en/desk/second-factor?notice=saved")
    assert ado.client.last("accounts.set_factor_rule")[1].roles == ("ado", "ops")


async def test_the_ado_branch_resets_the_app_of_somebody_who_has_lost_it(ado: Reader) -> None:
    assert "reset-factor" in (await ado.open("/desk/logins/HOM-0001")).text
    assert "whom you know" in (await ado.open("/desk/logins/HOM-0001/reset-factor")).text
    done = await ado.send("/desk/logins/HOM-0001/reset-factor", key="k")
    assert "has no authenticator app any more" in done.text
    ado.client.answers["accounts.reset_factor"] = Conflict(code="own_factor")
    own = await ado.http.post("/en/desk/logins/ADO-0001/reset-factor", data={"key": "k"}, headers=SAME_SITE)
    assert own.status_code == 409
    assert "Ask a colleague" in own.text


async def test_an_operator_sets_up_an_app_and_renews_recovery_codes_beside_a_visitor(ado: Reader) -> None:
    operator = signed(claims(sub="SEW-0001", role="assisted", department=None))
    ado.http.cookies.set("operator", operator)
    ado.http.cookies.set("session", signed(claims("applicant")))
    assert "/en/assist/second-factor" in (await ado.open("/assist/sessions")).text
    assert "/en/assist/second-factor/app" in (await ado.open("/assist/second-factor")).text
    ado.client.answers["accounts.renew_recovery_codes"] = STALE
    form = {"key": "k-2"}
    path = "/en/assist/second-factor/recovery-codes"
    asked = await ado.http.post(path, data=form, headers=SAME_SITE)
    assert 'action="/en/assist/second-factor/confirm"' in asked.text
    helper = a_session(access_token=operator, role="assisted", login_id="SEW-0001")
    ado.client.answers["accounts.confirm_factor"] = helper
    form |= {"confirmed_form": path, "confirmed_code": "123456"}
    sent_on = await ado.http.post("/en/assist/second-factor/confirm", data=form, headers=SAME_SITE)
    assert (sent_on.status_code, sent_on.headers["location"]) == (307, path)
    assert ado.client.last("accounts.confirm_factor")[2].login_id == "SEW-0001"
    shown = await ado.send("/assist/second-factor/app", password="correct horse battery")
    assert shown.url.path == "/en/staff/sign-in/app"


async def test_who_signs_out_leaves_no_app_to_set_up_in_the_browser() -> None:
    app, client = stub()
    async with browser(app) as http:
        http.cookies.set("session", signed(claims(role="department", department="home")))
        http.cookies.set("sign_in", TOKEN)
        left = await http.post("/en/staff/sign-out", headers=SAME_SITE)
    assert client.was_asked("accounts.log_out")
    gone = [one for one in left.headers.get_list("set-cookie") if "Max-Age=0" in one]
    assert [one.partition("=")[0] for one in gone] == ["session", "sign_in"]


@pytest.mark.parametrize(
    ("code", "page"),
    [
        ("second_factor_required", "/en/staff/sign-in/code"),
        ("second_factor_missing", "/en/staff/sign-in/app"),
        ("session_ended", "/en/staff/sign-in"),
    ],
)
async def test_a_new_password_goes_on_with_the_second_factor_that_it_needs(code: str, page: str) -> None:
    async with visiting(
        accounts__change_password=required(code), session=claims(role="department", department="home")
    ) as person:
        form = {"current": "old", "new": "a new one", "again": "a new one"}
        asked = await person.http.post("/en/staff/password", data=form, headers=SAME_SITE)
    assert asked.status_code == 303
    assert asked.headers["location"].partition("?")[0] == page

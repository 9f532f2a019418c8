"""The pages of the second factor: the code after the password, setting up an app, recovery codes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from contracts.rpc.accounts import Enrolled, Enrolment, StaffSession
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import TableClient, browser, claims, signed
from tests.support.page_reader import SAME_SITE, Reader, stub

TOKEN = "c2lnbi1pbg=="
ADDRESS = "otpauth://totp/epass:HOM-0001?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=epass"
RECOVERY = tuple(f"aaaa-bbbb-ccc{n}" for n in range(10))


def a_session(**given: Any) -> StaffSession:
    return StaffSession(
        access_token=signed(claims(role="department", department="home")),
        role="department",
        login_id="HOM-0001",
        expires_at=now() + timedelta(hours=8),
        **given,
    )


def required(code: str = "second_factor_required") -> NotAuthenticated:
    return NotAuthenticated(code=code, sign_in=TOKEN)


@pytest.fixture
async def officer() -> AsyncIterator[tuple[Reader, TableClient]]:
    """Yield somebody who has typed nothing yet."""
    app, client = stub(
        accounts__log_in=required(),
        accounts__enter_code=a_session(device="a-device"),
        accounts__show_enrolment=Enrolment(
            login_id="HOM-0001", secret="GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", address=ADDRESS
        ),
        accounts__enrol_factor=Enrolled(session=a_session(), recovery_codes=RECOVERY),
    )
    async with browser(app) as http:
        yield Reader(http), client


async def type_password(person: Reader) -> Any:
    return await person.send("/staff/sign-in", login_id="HOM-0001", password="correct horse battery")


async def test_the_password_leads_to_the_code_and_the_code_to_the_queue(
    officer: tuple[Reader, TableClient],
) -> None:
    person, client = officer
    asked = await type_password(person)
    assert asked.url.path == "/en/staff/sign-in/code"
    assert "session" not in person.http.cookies
    answered = await person.http.post("/en/staff/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    assert answered.headers["location"] == "/en/desk"
    assert person.http.cookies["session"]
    assert "sign_in" not in person.http.cookies
    asked_for = client.last("accounts.enter_code")[1]
    assert (asked_for.sign_in, asked_for.code) == (TOKEN, "123456")


async def test_the_token_of_the_sign_in_is_in_a_cookie_that_scripts_cannot_read_and_in_no_page(
    officer: tuple[Reader, TableClient],
) -> None:
    person, _ = officer
    answered = await person.http.post(
        "/en/staff/sign-in", data={"login_id": "HOM-0001", "password": "x"}, headers=SAME_SITE
    )
    cookie = next(value for value in answered.headers.get_list("set-cookie") if value.startswith("sign_in="))
    assert "HttpOnly" in cookie
    assert TOKEN not in answered.headers["location"]
    assert TOKEN not in (await person.open("/staff/sign-in/code")).text


async def test_the_field_of_the_code_is_filled_by_phones_and_typed_with_digits(
    officer: tuple[Reader, TableClient],
) -> None:
    person, _ = officer
    shown = (await type_password(person)).text
    field = shown[shown.index('id="code"') :].partition(">")[0]
    assert 'autocomplete="one-time-code"' in field
    assert 'inputmode="numeric"' in field


async def test_a_wrong_code_is_asked_for_again(officer: tuple[Reader, TableClient]) -> None:
    person, client = officer
    await type_password(person)
    client.answers["accounts.enter_code"] = InvalidInput.of("code", "wrong_code")
    shown = await person.http.post("/en/staff/sign-in/code", data={"code": "000000"}, headers=SAME_SITE)
    assert shown.status_code == 422
    assert "This is not the code, or it was used already" in shown.text


async def test_too_many_wrong_codes_are_told_with_the_time_to_wait(
    officer: tuple[Reader, TableClient],
) -> None:
    person, client = officer
    await type_password(person)
    client.answers["accounts.enter_code"] = TooManyAttempts(retry_after=90, limit="here")
    shown = await person.http.post("/en/staff/sign-in/code", data={"code": "000000"}, headers=SAME_SITE)
    assert shown.status_code == 429
    assert shown.headers["retry-after"] == "90"


@pytest.mark.parametrize("page", ["code", "app"])
async def test_a_sign_in_that_has_ended_leads_back_to_the_password(
    officer: tuple[Reader, TableClient], page: str
) -> None:
    person, client = officer
    await type_password(person)
    ended = NotAuthenticated(code="sign_in_ended")
    client.answers |= {"accounts.enter_code": ended, "accounts.enrol_factor": ended}
    shown = await person.send(f"/staff/sign-in/{page}", code="123456")
    assert shown.url.path == "/en/staff/sign-in"
    assert "Type your password again" in shown.text
    assert "sign_in" not in person.http.cookies


async def test_nobody_is_asked_for_a_code_who_has_not_typed_a_password(
    officer: tuple[Reader, TableClient],
) -> None:
    person, _ = officer
    assert (await person.open("/staff/sign-in/code")).url.path == "/en/staff/sign-in"


async def test_who_has_to_set_up_an_app_sees_its_qr_and_its_key_and_then_the_recovery_codes_once(
    officer: tuple[Reader, TableClient],
) -> None:
    person, client = officer
    client.answers["accounts.log_in"] = required("second_factor_missing")
    shown = await type_password(person)
    assert shown.url.path == "/en/staff/sign-in/app"
    assert "<svg" in shown.text
    assert "GEZD GNBV" in shown.text
    codes = await person.send("/staff/sign-in/app", code="123456")
    assert codes.url.path == "/en/staff/sign-in/recovery-codes"
    assert all(code in codes.text for code in RECOVERY)
    assert 'href="/en/desk"' in codes.text
    again = await person.open("/staff/sign-in/recovery-codes")
    assert not any(code in again.text for code in RECOVERY)
    assert person.http.cookies["session"]
    assert codes.headers["cache-control"] == "private, no-store"


async def test_a_wrong_first_code_shows_the_same_qr_again(officer: tuple[Reader, TableClient]) -> None:
    person, client = officer
    client.answers["accounts.log_in"] = required("second_factor_missing")
    await type_password(person)
    client.answers["accounts.enrol_factor"] = InvalidInput.of("code", "wrong_code")
    shown = await person.http.post("/en/staff/sign-in/app", data={"code": "000000"}, headers=SAME_SITE)
    assert shown.status_code == 422
    assert "<svg" in shown.text
    assert "session" not in person.http.cookies


async def test_the_json_interface_says_that_a_code_is_needed_and_takes_it(
    officer: tuple[Reader, TableClient],
) -> None:
    person, _ = officer
    refused = await person.http.post("/api/v1/sessions", json={"login_id": "HOM-0001", "password": "x"})
    assert refused.status_code == 401
    assert refused.json()["code"] == "second_factor_required"
    body = {"sign_in": refused.json()["facts"]["sign_in"], "code": "123456"}
    opened = await person.http.post("/api/v1/sessions/code", json=body)
    assert opened.status_code == 200
    assert opened.json()["access_token"]


async def test_the_json_interface_sets_up_an_app(officer: tuple[Reader, TableClient]) -> None:
    person, client = officer
    client.answers["accounts.log_in"] = required("second_factor_missing")
    refused = await person.http.post("/api/v1/sessions", json={"login_id": "HOM-0001", "password": "x"})
    token = {"sign_in": refused.json()["facts"]["sign_in"]}
    shown = await person.http.post("/api/v1/sessions/enrolment", json=token)
    assert shown.json()["address"] == ADDRESS
    made = await person.http.post("/api/v1/sessions/enrolment/code", json={**token, "code": "123456"})
    assert tuple(made.json()["recovery_codes"]) == RECOVERY

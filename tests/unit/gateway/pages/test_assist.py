"""An operator who applies for others: the visitor's mobile authorises, the operator is recorded."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from contracts.rpc.accounts.sessions import ApplicantSession, OtpAccepted, StaffSession
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.access import admission
from tests.support.factories.gateway import REFERENCE, claims, signed
from tests.support.system.page_reader import SAME_SITE, Reader, hidden, visiting

OPERATOR: dict[str, Any] = {"sub": "SEW-0001", "role": "assisted", "department": None}


def set_cookies(answer: httpx.Response) -> dict[str, str]:
    """Return the cookies that a response sets."""
    pairs = [value.partition(";")[0].partition("=") for value in answer.headers.get_list("set-cookie")]
    return {name: value.strip('"') for name, _, value in pairs}


@pytest.fixture
async def kendra() -> AsyncIterator[Reader]:
    """Yield an operator who has signed in."""
    async with visiting(
        accounts__log_in=StaffSession(
            access_token=signed(claims(**OPERATOR)), role="assisted", login_id="SEW-0001", expires_at=now()
        ),
        accounts__request_otp=OtpAccepted(request_id="0195f3a2-0000-4000-8000-000000000000"),
        accounts__verify_otp=ApplicantSession(access_token=signed(claims("applicant")), expires_at=now()),
        accounts__log_out=Nothing(),
    ) as person:
        person.http.cookies.set("operator", signed(claims(**OPERATOR)))
        yield person


async def test_an_operator_signs_in_beside_the_visitor(kendra: Reader) -> None:
    signed_in = await kendra.http.post(
        "/en/staff/sign-in", data={"login_id": "SEW-0001", "password": "p"}, headers=SAME_SITE
    )
    cookies = set_cookies(signed_in)
    assert signed_in.headers["location"] == "/en/assist"
    assert cookies["operator"]
    assert not cookies["session"], "the visitor's place is free"
    kendra.http.cookies.set("operator", cookies["operator"])
    assert "Next visitor" in (await kendra.open("/assist")).text


async def test_the_visitors_mobile_authorises_and_the_operator_is_recorded(kendra: Reader) -> None:
    asked = await kendra.send("/assist/next")
    assert asked.url.path == "/en/sign-in"
    assert "SEW-0001 applies for a visitor" in asked.text
    assert (await kendra.open("/apply/who")).url.path == "/en/sign-in", (
        "without a code on the visitor's phone nothing is applied for"
    )
    kendra.http.cookies.set("session", signed(claims("applicant")))
    done = await kendra.send("/apply/check", **hidden(await kendra.answer()))
    assert REFERENCE in done.text
    _, _, principal, _ = kendra.client.last("application.submit")
    assert (principal.kind, principal.mobile, principal.login_id, principal.role) == (
        "applicant",
        "+919876543210",
        "SEW-0001",
        None,
    )


@pytest.mark.parametrize("way", ["cookie", "bearer"])
async def test_the_json_interface_records_the_operator_too(kendra: Reader, way: str) -> None:
    visitor, headers = signed(claims("applicant")), {**SAME_SITE}
    if way == "cookie":
        kendra.http.cookies.set("session", visitor)
    else:
        headers["Authorization"] = f"Bearer {visitor}"
    path = f"/api/v1/applications/{REFERENCE}/cancel"
    await kendra.http.post(path, headers=headers)
    assert kendra.client.last("application.cancel")[2].login_id == "SEW-0001"
    kendra.http.cookies.set("operator", signed(claims(**OPERATOR, exp=int(now().timestamp()) - 1)))
    kendra.client.asked.clear()
    refused = await kendra.http.post(path, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "operator_signed_out")
    assert not kendra.client.was_asked("application.cancel")


async def test_nothing_of_the_previous_visitor_is_left(kendra: Reader) -> None:
    kendra.http.cookies.set("session", signed(claims("applicant")))
    await kendra.answer()
    answer = await kendra.http.post("/en/assist/next", headers=SAME_SITE)
    cookies = set_cookies(answer)
    assert {"session", "answers0"} <= {name for name, value in cookies.items() if not value}
    assert "operator" not in cookies
    assert kendra.client.last("accounts.log_out")[2].kind == "applicant"


async def test_an_operator_whose_session_ended_records_nothing(kendra: Reader) -> None:
    kendra.http.cookies.set("session", signed(claims("applicant")))
    checked = await kendra.answer()
    kendra.http.cookies.set("operator", signed(claims(**OPERATOR, exp=int(now().timestamp()) - 1)))
    refused = await kendra.http.post("/en/apply/check", data=hidden(checked), headers=SAME_SITE)
    assert refused.headers["location"] == "/en/staff/sign-in"
    assert set_cookies(refused)["operator"] == ""
    assert not kendra.client.was_asked("application.submit")


@pytest.mark.parametrize("who", [claims(), claims("applicant")], ids=["another role", "an applicant"])
async def test_only_an_operator_is_recorded_as_the_helper(kendra: Reader, who: Any) -> None:
    kendra.http.cookies.set("session", signed(claims("applicant")))
    kendra.http.cookies.set("operator", signed(who))
    refused = await kendra.http.post("/en/apply/who", data={"name": "Harjit"}, headers=SAME_SITE)
    assert refused.headers["location"] == "/en/staff/sign-in"
    assert not kendra.client.was_asked("application.check")
    kendra.http.cookies.set("operator", signed(who))
    assert (await kendra.http.get("/en/assist")).status_code == 403


async def test_control_without_the_operators_session_no_helper_is_recorded(
    kendra: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nobody(_request: object) -> None:
        return None

    monkeypatch.setattr(admission, "operator_of", nobody)
    kendra.http.cookies.set("session", signed(claims("applicant")))
    await kendra.send("/apply/check", **hidden(await kendra.answer()))
    assert kendra.client.last("application.submit")[2].login_id is None


async def test_an_operators_login_alone_opens_no_page_of_an_applicant(kendra: Reader) -> None:
    kendra.http.cookies.set("session", signed(claims(**OPERATOR)))
    assert (await kendra.open("/apply/who")).status_code == 403


async def test_leaving_ends_both_sessions(kendra: Reader) -> None:
    kendra.http.cookies.set("session", signed(claims("applicant")))
    kendra.http.cookies.set("sign_in", "an app that was begun")
    left = await kendra.http.post("/en/assist/sign-out", headers=SAME_SITE)
    gone = {name for name, value in set_cookies(left).items() if not value}
    assert gone >= {"session", "operator", "sign_in"}
    assert [
        principal.kind for name, _, principal, _ in kendra.client.asked if name == "accounts.log_out"
    ] == ["applicant", "staff"]
    assert (await kendra.http.get("/en/assist")).headers["location"] == "/en/staff/sign-in"

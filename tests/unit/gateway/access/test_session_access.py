"""Sessions at the gateway: initial passwords, logging out, cookies, and accounts that is away."""

from typing import Any

import pytest

from contracts.errors import Unavailable
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.application import LookupHits
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import (
    LATER,
    NUMBER,
    as_staff,
    bearer,
    browsing,
    claims,
    running,
    signed,
    stubbed,
)

ANSWERS: dict[str, Any] = {
    "accounts__list_logins": LoginList(items=()),
    "application__lookup": LookupHits(items=()),
}


async def test_with_an_initial_password_staff_may_only_change_it_or_log_out() -> None:
    session = StaffSession(access_token="t", role="ado", login_id="ADO-0001", expires_at=now())
    first = as_staff("ado", must_change_password=True)
    answers = ANSWERS | {"accounts__change_password": session, "accounts__log_out": Nothing()}
    async with browsing(**answers) as (http, client):
        refused = await http.get("/api/v1/logins", headers=first)
        assert (refused.status_code, refused.json()["code"]) == (403, "must_change_password")
        assert not client.was_asked("accounts.list_logins")
        changed = await http.post("/api/v1/password", json={"current": "a", "new": "b"}, headers=first)
        assert changed.status_code == 200
        assert (await http.delete("/api/v1/sessions/current", headers=first)).status_code == 204


async def test_a_logged_out_session_is_refused_at_once() -> None:
    me, other = as_staff("ado"), as_staff("ado")
    async with browsing(**ANSWERS, accounts__log_out=Nothing()) as (http, _):
        assert (await http.get("/api/v1/logins", headers=me)).status_code == 200
        assert (await http.delete("/api/v1/sessions/current", headers=me)).status_code == 204
        assert (await http.get("/api/v1/logins", headers=me)).status_code == 401
        assert (await http.get("/api/v1/logins", headers=other)).status_code == 200


async def test_a_logout_that_accounts_did_not_record_ends_no_session() -> None:
    me = as_staff("ado")
    async with browsing(**ANSWERS, accounts__log_out=Unavailable()) as (http, _):
        assert (await http.delete("/api/v1/sessions/current", headers=me)).status_code == 503
        assert (await http.get("/api/v1/logins", headers=me)).status_code == 200


RECEPTION = claims(role="reception", sub="REC-0001", department=None, site="PCS1", exp=LATER)
COOKIE = {"Cookie": f"session={signed(RECEPTION)}"}
LOOKUP = "/api/v1/counter/lookup"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "http://gateway.test"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://gateway.test"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
    ],
)
async def test_a_command_with_a_session_cookie_must_come_from_our_own_page(
    headers: dict[str, str], status: int
) -> None:
    async with browsing(**ANSWERS) as (http, client):
        answer = await http.post(LOOKUP, json={"q": "Kaur"}, headers={**COOKIE, **headers})
    assert answer.status_code == status
    assert client.was_asked("application.lookup") is (status == 200)


async def test_a_bearer_token_or_a_read_by_cookie_needs_no_origin() -> None:
    async with browsing(**ANSWERS) as (http, _):
        assert (
            await http.post(
                LOOKUP, json={"q": "Kaur"}, headers={**as_staff("reception"), "Origin": "http://evil.test"}
            )
        ).status_code == 200
        assert (await http.get(f"/api/v1/passes/{NUMBER}", headers=COOKIE)).status_code == 200


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "token"])
async def test_an_authorization_header_of_another_scheme_is_refused(header: str) -> None:
    async with browsing() as (http, _):
        answer = await http.get("/api/v1/applications", headers={**COOKIE, "Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_nobody_is_logged_out_while_accounts_is_down() -> None:
    app, client = stubbed(**ANSWERS)
    async with running(app) as http:
        assert (await http.get("/api/v1/logins", headers=as_staff("ado"))).status_code == 200
        client.answers["accounts.session_keys"] = client.answers["accounts.denied_sessions"] = Unavailable()
        assert (await http.get("/api/v1/logins", headers=as_staff("ado"))).status_code == 200


async def test_without_session_keys_a_session_gets_503_and_not_401() -> None:
    async with browsing(accounts__session_keys=Unavailable()) as (http, _):
        answer = await http.get("/api/v1/logins", headers=bearer(signed(claims(role="ado"))))
    assert answer.status_code == 503

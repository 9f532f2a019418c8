"""Where somebody is signed in: seen and ended by themselves alone, on pages of their own."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from contracts.model import Role
from contracts.rpc.accounts.second_factor import Enrolled
from contracts.rpc.accounts.sessions import (
    ApplicantSession,
    EndedOwnSessions,
    OtpAccepted,
    OwnSession,
    OwnSessions,
    StaffSession,
)
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import TableClient, browser, claims, signed
from tests.support.system.page_reader import SAME_SITE, stub

HERE, ELSEWHERE = uuid4(), uuid4()
OPERATOR = {"sub": "SEW-0001", "role": "assisted", "department": None}
PLACES = [
    pytest.param("/staff/sessions", "session", ("staff", {}), id="staff"),
    pytest.param("/assist/sessions", "operator", ("staff", OPERATOR), id="operator"),
    pytest.param("/sessions", "session", ("applicant", {}), id="applicant"),
]
Who = tuple[str, dict[str, Any]]


def own_sessions(**answers: Any) -> tuple[Any, TableClient]:
    sessions = (
        OwnSession(sid=HERE, opened_at=now(), last_used_at=now(), second_factor=True, is_this=True),
        OwnSession(sid=ELSEWHERE, opened_at=now() - timedelta(hours=3)),
    )
    return stub(
        accounts__own_sessions=OwnSessions(items=sessions),
        accounts__end_own_sessions=EndedOwnSessions(sids=(ELSEWHERE,)),
        **answers,
    )


def token(who: Who, sid: UUID) -> str:
    kind, given = who
    return signed(claims(kind, sid=sid, **given))


@pytest.mark.parametrize(("path", "cookie", "who"), PLACES)
async def test_somebody_sees_where_they_are_signed_in_and_signs_out_elsewhere(
    path: str, cookie: str, who: Who
) -> None:
    app, client = own_sessions()
    async with browser(app) as http:
        http.cookies.set(cookie, token(who, HERE))
        shown = (await http.get(f"/en{path}")).text
        assert shown.count("With the authenticator app") == 1
        assert (f'value="{ELSEWHERE}"' in shown, f'value="{HERE}"' in shown) == (True, False)
        ended = await http.post(f"/en{path}", data={"sid": str(ELSEWHERE), "key": "k"}, headers=SAME_SITE)
        assert ended.headers["location"] == f"/en{path}"
        asked, principal, key = client.last("accounts.end_own_sessions")[1:]
        assert (asked.sid, principal.sid, key) == (ELSEWHERE, HERE, "k")
        http.cookies.set(cookie, token(who, ELSEWHERE))
        assert (await http.get(f"/en{path}")).status_code == 303, "that session is refused here at once"


async def test_all_others_are_signed_out_at_once_and_nonsense_signs_nobody_out() -> None:
    app, client = own_sessions()
    async with browser(app) as http:
        http.cookies.set("session", token(("staff", {}), HERE))
        for sid in ("others", "nonsense"):
            answer = await http.post("/en/staff/sessions", data={"sid": sid, "key": "k"}, headers=SAME_SITE)
    assert answer.is_client_error
    assert [asked.sid for name, asked, *_ in client.asked if name == "accounts.end_own_sessions"] == [None]


STAFF = StaffSession(access_token="", role="department", login_id="HOM-0001", expires_at=now())
ENTRIES = {
    "password": ("staff", "session", "/staff/sign-in", {"login_id": "HOM-0001", "password": "p"}),
    "app's code": ("staff", "session", "/staff/sign-in/code", {"code": "123456"}),
    "first app": ("staff", "session", "/staff/sign-in/app", {"code": "123456"}),
    "mobile's code": ("applicant", "session", "/sign-in/code", {"code": "123456"}),
    "an operator's password": ("staff", "operator", "/staff/sign-in", {"login_id": "S", "password": "p"}),
}


@pytest.mark.parametrize(
    ("entry", "before"),
    [*((entry, "another session") for entry in ENTRIES), ("password", "the same one"), ("password", "none")],
)
async def test_whoever_signs_in_ends_what_the_browser_had_before(entry: str, before: str) -> None:
    kind, cookie, path, form = ENTRIES[entry]
    given = OPERATOR if cookie == "operator" else {}
    new = signed(claims(kind, sid=HERE, **given))
    role: Role = "assisted" if given else "department"
    opened = STAFF.model_copy(update={"access_token": new, "role": role})
    app, client = own_sessions(
        accounts__log_in=opened,
        accounts__enter_code=opened,
        accounts__enrol_factor=Enrolled(session=opened, recovery_codes=("a",)),
        accounts__request_otp=OtpAccepted(request_id=uuid4()),
        accounts__verify_otp=ApplicantSession(access_token=new, expires_at=now()),
        accounts__log_out=Nothing(),
    )
    async with browser(app) as http:
        http.cookies.set("sign_in", "waits")
        if kind == "applicant":
            await http.post("/en/sign-in", data={"mobile": "9876543210", "to": "apply"}, headers=SAME_SITE)
        old = signed(claims(kind, sid=HERE if before == "the same one" else ELSEWHERE, **given))
        if before != "none":
            http.cookies.set(cookie, old)
        entered = await http.post(f"/en{path}", data=form, headers=SAME_SITE)
        assert entered.status_code == 303
        ended = [who.sid for name, _, who, _ in client.asked if name == "accounts.log_out"]
        assert ended == ([ELSEWHERE] if before == "another session" else [])


async def test_a_kiosk_shows_nobody_where_else_they_are_signed_in() -> None:
    app, client = own_sessions()
    async with browser(app) as http:
        http.cookies.set("kiosk", signed(claims(sub="KIO-0001", role="kiosk", department=None, site="PCS1")))
        await http.post("/en/kiosk", headers=SAME_SITE)
        http.cookies.set("session", token(("applicant", {}), HERE))
        assert (await http.get("/en/sessions")).headers["location"] == "/en/kiosk"
    assert not client.was_asked("accounts.own_sessions")

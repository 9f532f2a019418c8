"""Each route calls the right service with the right request, and returns its reply."""

from datetime import time
from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from contracts.errors import Unavailable
from contracts.events import OfficerRecord
from contracts.model import Wire, date
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.accounts.sessions import OtpAccepted
from contracts.rpc.application import Acknowledged
from contracts.rpc.approval.decisions import Approve
from contracts.rpc.approval.directory import DepartmentList, DepartmentView, OfficerList
from contracts.rpc.call import Nothing
from contracts.rpc.notify import PhoneMessages, SentMessage
from contracts.rpc.verify.scans import ScanResult
from services.chassis.runtime.clock import now
from tests.support.factories.callers import path_of
from tests.support.factories.gateway import (
    NUMBER,
    REFERENCE,
    TableClient,
    as_applicant,
    as_staff,
    browser,
    browsing,
    pass_view,
    picture,
    stubbed,
)
from tests.support.factories.pages import REVIEW_ID, review
from tests.support.system.actors import application

SLOT = {"date": "2026-12-01", "from": "10:00", "to": "12:00"}
APPLICATION = application(preferred=[SLOT], vehicle="CH01AB1234")
ACKNOWLEDGED = Acknowledged(reference=REFERENCE, status="submitted")
APPLICANT, DEPARTMENT, RECEPTION, SECURITY = "applicant", "department", "reception", "security"


def who(name: str | None) -> dict[str, str]:
    return {} if name is None else as_applicant() if name == APPLICANT else as_staff(name)


SCAN = "verify.scan"
COMMANDS: dict[str, tuple[str | None, str, Any, dict[str, Any], Wire, int]] = {
    "accounts.request_otp": (
        None, "/otp", {"mobile": "98765 43210"}, {"mobile": "98765 43210"},
        OtpAccepted(request_id=REVIEW_ID), 202,
    ),
    "application.submit": (
        APPLICANT, "/applications", APPLICATION, {"vehicle": "CH01AB1234"}, ACKNOWLEDGED, 201,
    ),
    "application.amend": (
        APPLICANT, f"/applications/{REFERENCE}/amend", {"purpose": "More"},
        {"reference": REFERENCE, "purpose": "More", "preferred": None}, ACKNOWLEDGED, 200,
    ),
    "issuance.reissue": (
        RECEPTION, f"/passes/{NUMBER}/reissue", None, {"number": NUMBER, "reason": "reissued"},
        pass_view(), 200,
    ),
    SCAN: (
        SECURITY, "/scans", {"token": "t", "gate": "PCS1-G1", "nonce": "12345678"},
        {"token": "t", "direction": "entry"}, ScanResult(verdict="admit", preview=False), 200,
    ),
}  # fmt: skip
"""RPC → who sends what to which path, what the service is asked, and the answer with its status.

Of each kind of route one: `tests/journey/test_idempotency.py` sends every command to its service.
"""


@pytest.mark.parametrize("rpc", COMMANDS)
async def test_a_command_reaches_its_service_with_its_caller_and_its_key(rpc: str) -> None:
    name, path, body, question, reply, status = COMMANDS[rpc]
    async with browsing(**{rpc.replace(".", "__"): reply}) as (http, client):
        answer = await http.post(
            f"/api/v1{path}", json=body, headers={**who(name), "Idempotency-Key": "key-1"}
        )
    assert answer.status_code == status, answer.text
    _, request, principal, key = client.last(rpc)
    assert key == (None if rpc == SCAN else "key-1"), "a scan has its nonce"
    assert {name: getattr(request, name) for name in question} == question
    assert principal.kind == {None: "anonymous", APPLICANT: "applicant"}.get(name, "staff")
    assert answer.json() == reply.model_dump(mode="json", by_alias=True)


def keys_of_cancel(client: TableClient) -> list[str | None]:
    return [key for name, _, _, key in client.asked if name == "application.cancel"]


async def test_a_command_without_a_key_gets_a_random_key() -> None:
    async with browsing(application__cancel=ACKNOWLEDGED) as (http, client):
        for _ in range(2):
            await http.post(f"/api/v1/applications/{REFERENCE}/cancel", headers=as_applicant())
    keys = keys_of_cancel(client)
    assert len(set(keys)) == 2
    assert all(keys)


@pytest.mark.parametrize(
    ("key", "is_taken"),
    [("x", True), ("~" * 200, True), ("", False), ("x" * 201, False), ("ਕੁੰਜੀ", False), ("a\tb", False)],
)
async def test_a_key_is_printable_ascii_of_at_most_200_characters(key: str, *, is_taken: bool) -> None:
    async with browsing(application__cancel=ACKNOWLEDGED) as (http, client):
        headers = [*as_applicant().items(), (b"Idempotency-Key", key.encode())]
        answer = await http.post(f"/api/v1/applications/{REFERENCE}/cancel", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == (200 if is_taken else 422)
    assert is_taken or [item["field"] for item in answer.json()["errors"]] == ["idempotency-key"]
    assert keys_of_cancel(client) == ([key] if is_taken else [])


async def test_an_approval_reaches_its_review_with_slot_gate_and_revision() -> None:
    body = {"slot": SLOT, "gate": "PCS1-G2", "entries": 2, "vehicle_allowed": True, "revision": 3}
    async with browsing(approval__approve=review()) as (http, client):
        answer = await http.post(
            f"/api/v1/reviews/{REVIEW_ID}/approve", json=body, headers=as_staff("department")
        )
    assert answer.status_code == 200
    request = client.last("approval.approve")[1]
    assert isinstance(request, Approve)
    assert (request.review_id, request.slot.day, request.slot.start, request.slot.end) == (
        REVIEW_ID,
        date(2026, 12, 1),
        time(10),
        time(12),
    )
    assert (request.gate, request.entries, request.vehicle_allowed, request.revision) == (
        "PCS1-G2",
        2,
        True,
        3,
    )
    assert client.last("approval.approve")[2].department == "home"


@pytest.mark.parametrize(
    "change", [{"entries": 21}, {"slot": {**SLOT, "extra": 1}}, {"extra": 1}, {"review_id": str(REVIEW_ID)}]
)
async def test_an_approval_with_a_wrong_field_is_refused(change: dict[str, Any]) -> None:
    async with browsing(approval__approve=review()) as (http, client):
        answer = await http.post(
            f"/api/v1/reviews/{REVIEW_ID}/approve",
            json={"slot": SLOT, **change},
            headers=as_staff("department"),
        )
    assert answer.status_code == 422
    assert not client.was_asked("approval.approve")


async def test_a_scan_result_names_its_pass_number_pass() -> None:
    async with browsing(verify__scan=ScanResult(verdict="admit", preview=True, pass_=NUMBER)) as (http, _):
        body = {"pass_number": NUMBER, "gate": "PCS1-G1", "nonce": "12345678"}
        answer = await http.post("/api/v1/scans", json=body, headers=as_staff("security"))
    assert answer.json()["pass"] == NUMBER
    assert "pass_" not in answer.json()


async def test_the_qr_image_may_not_be_cached() -> None:
    async with browsing(issuance__qr=picture(b"PNG", "image/png")) as (http, client):
        answer = await http.get(f"/api/v1/passes/{NUMBER}/qr.png", headers=as_applicant())
    assert (answer.content, answer.headers["content-type"]) == (b"PNG", "image/png")
    assert answer.headers["cache-control"] == "private, no-store"
    assert client.last("issuance.qr")[1].format == "png"


async def test_a_print_is_recorded_only_if_the_pass_can_be_returned() -> None:
    path = f"/api/v1/passes/{NUMBER.lower()}/print"
    async with browsing(notify__record_print=Nothing()) as (http, client):
        shown = await http.post(path, headers=as_staff("reception"))
        assert shown.json()["token"] == "token"
        assert client.last("notify.record_print")[1].number == NUMBER
        client.asked.clear()
        client.answers["issuance.view"] = KeyError("x")
        await http.post(path, headers=as_staff("reception"))
    assert not client.was_asked("notify.record_print")


async def test_a_lists_filter_and_page_reach_the_service_and_wrong_ones_are_refused() -> None:
    async with browsing() as (http, client):
        await http.get("/api/v1/reviews?status=pending&after=abc&limit=7", headers=as_staff("department"))
        request = client.last("approval.list_reviews")[1]
        assert (request.status, request.after, request.limit) == ("pending", "abc", 7)
        for bad in ("limit=0", "limit=201", "status=odd"):
            assert (
                await http.get(f"/api/v1/reviews?{bad}", headers=as_staff("department"))
            ).status_code == 422


async def test_an_anonymous_caller_is_identified_by_a_keyed_hash_of_the_address() -> None:
    app, client = stubbed(
        given={"idempotency_secret": "1" * 32}, accounts__request_otp=OtpAccepted(request_id=UUID(int=1))
    )
    other, other_client = stubbed(
        given={"idempotency_secret": "2" * 32}, accounts__request_otp=OtpAccepted(request_id=UUID(int=1))
    )
    ids = []
    for one, table, address in (
        (app, client, "203.0.113.7"),
        (app, client, "203.0.113.8"),
        (other, other_client, "203.0.113.7"),
    ):
        async with browser(one, address) as http:
            await http.post("/api/v1/otp", json={"mobile": "9876543210"})
        ids.append(table.last("accounts.request_otp")[2].id)
    assert len(set(ids)) == 3
    assert "203" not in str(ids)


async def test_the_local_phone_exists_in_local_mode_only() -> None:
    message = SentMessage(
        at=now(), to="+919876543210", channel="sms", purpose="otp", language="pa", text="ਕੋਡ 123456"
    )
    app, client = stubbed(notify__local_phone=PhoneMessages(items=(message,)))
    production, unasked = stubbed(
        given={"local_mode": False}, notify__local_phone=PhoneMessages(items=(message,))
    )
    async with browser(app) as http:
        for written in ("%2B919876543210", "+919876543210", "98765 43210", "09876543210"):
            answer = await http.get(f"/dev/messages?to={written}")
            assert [one["text"] for one in answer.json()] == ["ਕੋਡ 123456"]
            assert client.last("notify.local_phone")[1].to == "+919876543210"
        assert (await http.get("/dev/messages?to=12")).status_code == 422
    async with browser(production) as http:
        for path in ("/dev/messages?to=9876543210", "/dev/phone?mobile=9876543210", "/dev/phone"):
            assert (await http.get(path)).status_code == 404
    assert not unasked.asked


async def test_the_last_sites_and_departments_are_served_while_approval_is_down() -> None:
    async with browsing(approval__departments=DepartmentList(items=())) as (http, client):
        known = [(await http.get(f"/api/v1/{what}")).json() for what in ("sites", "departments")]
        client.answers |= {"approval.sites": Unavailable(), "approval.departments": Unavailable()}
        answers = [await http.get(f"/api/v1/{what}") for what in ("sites", "departments")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, one) for one in known]


def test_no_route_takes_the_requests_of_another() -> None:
    app, _ = stubbed()
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    for route in routes:
        scope = {"type": "http", "method": min(route.methods or {"GET"}), "path": path_of(route)}
        matching = (one for one in routes if one.matches(scope)[0] is Match.FULL)
        assert next(matching).path == route.path


async def test_a_path_with_a_trailing_slash_is_not_redirected() -> None:
    async with browsing(accounts__list_logins=LoginList(items=())) as (http, _):
        assert (await http.get("/api/v1/logins/", headers=as_staff("ado"))).status_code in {404, 405}


async def test_departments_that_receive_nobody_now_are_listed_only_when_they_are_asked_for() -> None:
    known = [DepartmentView(code="home", name={}, sites=())]
    known += [known[0].model_copy(update={"code": name, name: True}) for name in ("closed", "unstaffed")]
    async with browsing(approval__departments=DepartmentList(items=tuple(known))) as (http, _):
        for query, codes in (("", ["home"]), ("?closed=true", ["home", "closed", "unstaffed"])):
            found = (await http.get(f"/api/v1/departments{query}")).json()["items"]
            assert [one["code"] for one in found] == codes


@pytest.mark.parametrize(
    ("caller", "status", "codes"),
    [(None, 401, None), (APPLICANT, 403, None), (DEPARTMENT, 200, ["present", "former"])],
)
async def test_former_officers_are_listed_to_staff_only(caller: str | None, status: int, codes: Any) -> None:
    people = tuple(
        OfficerRecord(code=code, name={"en": code}, designation={"en": "Head"}, closed=code == "former")
        for code in ("present", "former")
    )
    async with browsing(approval__officers=OfficerList(items=people)) as (http, _):
        shown = await http.get("/api/v1/officers?department=home")
        assert [one["code"] for one in shown.json()["items"]] == ["present"]
        asked = await http.get("/api/v1/officers?department=home&closed=true", headers=who(caller))
        assert asked.status_code == status
        assert codes is None or [one["code"] for one in asked.json()["items"]] == codes

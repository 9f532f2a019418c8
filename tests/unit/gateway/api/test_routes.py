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
from contracts.rpc.accounts.logins import IssuedLogin, LoginList, LoginView
from contracts.rpc.accounts.sessions import ApplicantSession, OtpAccepted, StaffSession
from contracts.rpc.application import Acknowledged
from contracts.rpc.approval.decisions import Approve
from contracts.rpc.approval.directory import DepartmentList, OfficerList
from contracts.rpc.approval.reviews import ReviewView
from contracts.rpc.call import Nothing
from contracts.rpc.notify import PhoneMessages, SentMessage
from contracts.rpc.verify.scans import ScanResult
from services.chassis.runtime.clock import now
from tests.support.factories.callers import path_of
from tests.support.factories.gateway import (
    NUMBER,
    REFERENCE,
    as_applicant,
    as_staff,
    browser,
    pass_view,
    picture,
    stubbed,
)

REVIEW = UUID("3c8f0d52-6a1e-4f57-9d3b-71c5a6f0e824")
APPLICATION = {
    "applicant": {
        "kind": "citizen",
        "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
        "name_latin": "Gurpreet Kaur",
        "language": "pa",
        "email": None,
        "id_type": "voter_id",
        "id_last4": "4821",
        "deliver_by": "whatsapp",
        "assistance": "wheelchair",
    },
    "site": "PCS1",
    "department": "home",
    "officer": None,
    "purpose_kind": "meeting",
    "purpose": "Arms licence renewal, file 114/2026",
    "preferred": [{"date": "2026-12-01", "from": "10:00", "to": "12:00"}],
    "companions": [
        {"name": "Harjit Singh", "id_type": "driving_licence", "id_last4": "0917"},
        {"name": "Simran", "child": True},
    ],
    "vehicle": "CH01AB1234",
}
SLOT = {"date": "2026-12-01", "from": "10:00", "to": "12:00"}
ACKNOWLEDGED = Acknowledged(reference=REFERENCE, status="submitted")
REVIEWED = ReviewView.model_construct(id=REVIEW, reference=REFERENCE, status="approved")
DONE = {"reference": REFERENCE, "status": "submitted", "masked": []}

APPLICANT, DEPARTMENT, ADO, RECEPTION, SECURITY = "applicant", "department", "ado", "reception", "security"


def who(name: str | None) -> dict[str, str]:
    return {} if name is None else as_applicant() if name == APPLICANT else as_staff(name)


class Command:
    """A command as a client sends it, the RPC that it must become, and the status of its answer."""

    def __init__(
        self,
        name: str | None,
        path: str,
        body: Any,
        rpc: str,
        question: dict[str, Any],
        answer: Wire,
        status: int = 200,
    ) -> None:
        self.name, self.path, self.body, self.rpc, self.question, self.answer, self.status = (
            name,
            path,
            body,
            rpc,
            question,
            answer,
            status,
        )

    def __repr__(self) -> str:
        return self.path


def review() -> ReviewView:
    return ReviewView(
        id=REVIEW,
        reference=REFERENCE,
        revision=1,
        status="approved",
        department="home",
        channel="portal",
        kind="citizen",
        site="PCS1",
        name="ਗੁਰਪ੍ਰੀਤ",
        name_latin="Gurpreet",
        party=1,
        purpose_kind="meeting",
        purpose="Licence",
        preferred=(),
        mobile_proved=True,
        submitted_at=now(),
    )


SCAN = "verify.scan"
LOGIN = IssuedLogin(login_id="PWD-0007", initial_password="once")
COMMANDS = [
    Command(
        None,
        "/otp",
        {"mobile": "98765 43210", "language": "pa"},
        "accounts.request_otp",
        {"mobile": "98765 43210", "language": "pa"},
        OtpAccepted(request_id=REVIEW),
        202,
    ),
    Command(
        None,
        "/otp/verify",
        {"request_id": str(REVIEW), "code": "123456"},
        "accounts.verify_otp",
        {"request_id": REVIEW, "code": "123456"},
        ApplicantSession(access_token="t", expires_at=now()),
    ),
    Command(
        None,
        "/sessions",
        {"login_id": "HOM-0001", "password": "p"},
        "accounts.log_in",
        {"login_id": "HOM-0001", "password": "p"},
        StaffSession(access_token="t", role="department", login_id="HOM-0001", expires_at=now()),
    ),
    Command(
        APPLICANT,
        "/applications",
        APPLICATION,
        "application.submit",
        {"site": "PCS1", "vehicle": "CH01AB1234"},
        ACKNOWLEDGED,
        201,
    ),
    Command(
        APPLICANT,
        f"/applications/{REFERENCE}/amend",
        {"purpose": "More"},
        "application.amend",
        {"reference": REFERENCE, "purpose": "More", "preferred": None},
        ACKNOWLEDGED,
    ),
    Command(
        APPLICANT,
        f"/applications/{REFERENCE}/cancel",
        None,
        "application.cancel",
        {"reference": REFERENCE},
        ACKNOWLEDGED,
    ),
    Command(
        APPLICANT,
        f"/applications/{REFERENCE}/resend",
        None,
        "notify.resend",
        {"reference": REFERENCE},
        Nothing(),
        202,
    ),
    Command(
        APPLICANT,
        f"/passes/{NUMBER}/reissue",
        None,
        "issuance.reissue",
        {"number": NUMBER, "reason": "reissued"},
        pass_view(),
    ),
    Command(
        RECEPTION, f"/passes/{NUMBER}/reissue", None, "issuance.reissue", {"number": NUMBER}, pass_view()
    ),
    Command(
        RECEPTION,
        "/counter/applications",
        {**APPLICATION, "mobile": None},
        "application.submit_at_counter",
        {"mobile": None, "channel": "counter"},
        ACKNOWLEDGED,
        201,
    ),
    Command(
        ADO,
        "/logins",
        {"role": "department", "name": "Harpal", "department": "pwd"},
        "accounts.issue_login",
        {"department": "pwd"},
        LOGIN,
        201,
    ),
    Command(
        ADO,
        "/logins/PWD-0007/disable",
        None,
        "accounts.disable_login",
        {"login_id": "PWD-0007"},
        LoginView(login_id="PWD-0007", role="department", name="Harpal", issued_at=now()),
    ),
    Command(ADO, "/logins/PWD-0007/reset", None, "accounts.reset_login", {"login_id": "PWD-0007"}, LOGIN),
    Command(
        DEPARTMENT,
        f"/reviews/{REVIEW}/reject",
        {"reason": "duplicate", "note": "see 113"},
        "approval.reject",
        {"review_id": REVIEW, "reason": "duplicate", "note": "see 113", "revision": None},
        REVIEWED,
    ),
    Command(
        DEPARTMENT,
        f"/reviews/{REVIEW}/return",
        {"note": "which file?", "revision": 2},
        "approval.return_to_applicant",
        {"review_id": REVIEW, "note": "which file?", "revision": 2},
        REVIEWED,
    ),
    Command(
        DEPARTMENT,
        f"/reviews/{REVIEW}/forward",
        {"department": "pwd"},
        "approval.forward",
        {"review_id": REVIEW, "department": "pwd", "officer": None},
        REVIEWED,
    ),
    Command(
        DEPARTMENT,
        f"/reviews/{REVIEW}/withdraw",
        {"reason": "security"},
        "approval.withdraw",
        {"review_id": REVIEW, "reason": "security"},
        REVIEWED,
    ),
    Command(
        SECURITY,
        "/scans",
        {
            "token": "t",
            "gate": "PCS1-G1",
            "nonce": "12345678",
            "id_check": {"kind": "matched", "id_type": "voter_id", "id_last4": "4821"},
        },
        SCAN,
        {"token": "t", "direction": "entry"},
        ScanResult(verdict="admit", preview=False),
    ),
]


@pytest.mark.parametrize("command", COMMANDS, ids=repr)
async def test_a_command_reaches_its_service_with_its_caller_and_its_key(command: Command) -> None:
    answer_model = review() if command.answer is REVIEWED else command.answer
    app, client = stubbed(**{command.rpc.replace(".", "__"): answer_model})
    async with browser(app) as http:
        answer = await http.post(
            f"/api/v1{command.path}",
            json=command.body,
            headers={**who(command.name), "Idempotency-Key": "key-1"},
        )
    assert answer.status_code == command.status, answer.text
    _, request, principal, key = client.last(command.rpc)
    assert key == (None if command.rpc == SCAN else "key-1"), "a scan has its nonce"
    assert {name: getattr(request, name) for name in command.question} == command.question
    assert principal.kind == {None: "anonymous", APPLICANT: "applicant"}.get(command.name, "staff")
    assert answer.json() == answer_model.model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.rpc != SCAN], ids=repr)
async def test_a_command_without_a_key_gets_a_random_key(command: Command) -> None:
    app, client = stubbed(
        **{command.rpc.replace(".", "__"): review() if command.answer is REVIEWED else command.answer}
    )
    async with browser(app) as http:
        for _ in range(2):
            await http.post(f"/api/v1{command.path}", json=command.body, headers=who(command.name))
    keys = [key for name, _, _, key in client.asked if name == command.rpc]
    assert len(set(keys)) == 2
    assert all(keys)


@pytest.mark.parametrize("key", ["", "x" * 201, "ਕੁੰਜੀ", "a\tb"])
async def test_a_key_that_is_not_printable_ascii_of_at_most_200_characters_is_refused(key: str) -> None:
    app, client = stubbed(application__cancel=ACKNOWLEDGED)
    async with browser(app) as http:
        headers = [*as_applicant().items(), (b"Idempotency-Key", key.encode())]
        answer = await http.post(f"/api/v1/applications/{REFERENCE}/cancel", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["errors"]] == ["idempotency-key"]
    assert not client.was_asked("application.cancel")


async def test_the_shortest_and_the_longest_key_are_accepted() -> None:
    app, client = stubbed(application__cancel=ACKNOWLEDGED)
    async with browser(app) as http:
        for key in ("x", "~" * 200):
            headers = {**as_applicant(), "Idempotency-Key": key}
            assert (
                await http.post(f"/api/v1/applications/{REFERENCE}/cancel", headers=headers)
            ).status_code == 200
            assert client.last("application.cancel")[3] == key


async def test_an_approval_reaches_its_review_with_slot_gate_and_revision() -> None:
    app, client = stubbed(approval__approve=review())
    body = {"slot": SLOT, "gate": "PCS1-G2", "entries": 2, "vehicle_allowed": True, "revision": 3}
    async with browser(app) as http:
        answer = await http.post(
            f"/api/v1/reviews/{REVIEW}/approve", json=body, headers=as_staff("department")
        )
    assert answer.status_code == 200
    request = client.last("approval.approve")[1]
    assert isinstance(request, Approve)
    assert (request.review_id, request.slot.day, request.slot.start, request.slot.end) == (
        REVIEW,
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
    "change",
    [
        {"entries": 0},
        {"entries": 21},
        {"slot": {**SLOT, "date": "2026-13-01"}},
        {"slot": {**SLOT, "from": "10"}},
        {"slot": {**SLOT, "extra": 1}},
        {"extra": 1},
        {"review_id": str(REVIEW)},
        {"gate": "a b"},
    ],
)
async def test_an_approval_with_a_wrong_field_is_refused(change: dict[str, Any]) -> None:
    app, client = stubbed(approval__approve=review())
    async with browser(app) as http:
        answer = await http.post(
            f"/api/v1/reviews/{REVIEW}/approve", json={"slot": SLOT, **change}, headers=as_staff("department")
        )
    assert answer.status_code == 422
    assert not client.was_asked("approval.approve")


async def test_a_scan_result_names_its_pass_number_pass() -> None:
    app, _ = stubbed(verify__scan=ScanResult(verdict="admit", preview=True, pass_=NUMBER))
    async with browser(app) as http:
        body = {"pass_number": NUMBER, "gate": "PCS1-G1", "nonce": "12345678"}
        answer = await http.post("/api/v1/scans", json=body, headers=as_staff("security"))
    assert answer.json()["pass"] == NUMBER
    assert "pass_" not in answer.json()


async def test_the_qr_image_may_not_be_cached() -> None:
    app, client = stubbed(issuance__qr=picture(b"PNG", "image/png"))
    async with browser(app) as http:
        answer = await http.get(f"/api/v1/passes/{NUMBER}/qr.png", headers=as_applicant())
    assert (answer.content, answer.headers["content-type"]) == (b"PNG", "image/png")
    assert answer.headers["cache-control"] == "private, no-store"
    assert client.last("issuance.qr")[1].format == "png"


async def test_a_print_is_recorded_only_if_the_pass_can_be_returned() -> None:
    app, client = stubbed(notify__record_print=Nothing())
    path = f"/api/v1/passes/{NUMBER.lower()}/print"
    async with browser(app) as http:
        shown = await http.post(path, headers=as_staff("reception"))
        assert shown.json()["token"] == "token"
        assert client.last("notify.record_print")[1].number == NUMBER
        client.asked.clear()
        client.answers["issuance.view"] = KeyError("x")
        await http.post(path, headers=as_staff("reception"))
    assert not client.was_asked("notify.record_print")


async def test_a_lists_filter_and_page_reach_the_service_and_wrong_ones_are_refused() -> None:
    app, client = stubbed()
    async with browser(app) as http:
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
    for application, table, address in (
        (app, client, "203.0.113.7"),
        (app, client, "203.0.113.8"),
        (other, other_client, "203.0.113.7"),
    ):
        async with browser(application, address) as http:
            await http.post("/api/v1/otp", json={"mobile": "9876543210"})
        ids.append(table.last("accounts.request_otp")[2].id)
    assert len(set(ids)) == 3
    assert not any("203" in one for one in ids)


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
    app, client = stubbed(approval__departments=DepartmentList(items=()))
    async with browser(app) as http:
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
    app, _ = stubbed(accounts__list_logins=LoginList(items=()))
    async with browser(app) as http:
        assert (await http.get("/api/v1/logins/", headers=as_staff("ado"))).status_code in {404, 405}


@pytest.mark.parametrize(
    ("caller", "status", "codes"),
    [(None, 401, None), (APPLICANT, 403, None), (DEPARTMENT, 200, ["present", "former"])],
)
async def test_former_officers_are_listed_to_staff_only(caller: str | None, status: int, codes: Any) -> None:
    people = tuple(
        OfficerRecord(code=code, name={"en": code}, designation={"en": "Head"}, closed=code == "former")
        for code in ("present", "former")
    )
    app, _ = stubbed(approval__officers=OfficerList(items=people))
    async with browser(app) as http:
        shown = await http.get("/api/v1/officers?department=home")
        assert [one["code"] for one in shown.json()["items"]] == ["present"]
        asked = await http.get("/api/v1/officers?department=home&closed=true", headers=who(caller))
        assert asked.status_code == status
        assert codes is None or [one["code"] for one in asked.json()["items"]] == codes

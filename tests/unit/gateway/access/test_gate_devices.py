"""Enrolled devices of gates: who needs one, what it binds to, and how it is enrolled, reports and ends."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import structlog
from jwt import decode

from contracts.errors import ContractError, InternalError, NotAuthenticated, NotFound, Unavailable
from contracts.rpc.accounts.gate_devices import GateDeviceList, GateDeviceView
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.call import Nothing
from contracts.rpc.verify.incidents import HelpCall
from contracts.rpc.verify.manifests import Manifest, ManifestSnapshot, OfflinePolicy
from contracts.rpc.verify.offline_scans import SyncedScans
from contracts.rpc.verify.presence import InsideList, Movement, Movements
from contracts.rpc.verify.scans import ScanResult
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import (
    ISSUER,
    LATER,
    NUMBER,
    REFERENCE,
    as_staff,
    at_gate,
    browser,
    browsing,
    claims,
    gate_device,
    signed,
    stubbed,
)
from tests.support.system.page_reader import SAME_SITE

MANIFEST = Manifest(snapshot=ManifestSnapshot(timeline=0, all_before=0, none_from=0),
    gate="PCS1-G1", site="PCS1", gates=("PCS1-G1",), made_at=now(), issuer=ISSUER,
    offline=OfflinePolicy(green_s=900, amber_s=14_400, then="refuse"),
)  # fmt: skip
ANSWERS: dict[str, Any] = {
    "verify__manifest": MANIFEST,
    "verify__sync": SyncedScans(items=()),
    "verify__scan": ScanResult(verdict="admit", preview=True),
    "verify__inside": InsideList(items=()),
    "accounts__gate_devices": GateDeviceList(items=()),
    "verify__movements": Movements(items=(), last=0),
    "accounts__report_gate_device": Nothing(),
    "verify__call_help": HelpCall(
        id=uuid4(), site="PCS1", gate="PCS1-G1", reason="visitor", called_at=now(), called_by="SEC-0001"
    ),
}
SCAN = {"pass_number": NUMBER, "nonce": "0123456789", "gate": "PCS1-G1"}
REQUESTS: dict[str, tuple[str, str, Any]] = {
    "session": ("GET", "/api/v1/gate/session", None),
    "manifest": ("GET", "/api/v1/gate/manifest?gate=PCS1-G1", None),
    "news": ("GET", "/api/v1/gate/news?gate=PCS1-G1", None),
    "report": ("POST", "/api/v1/gate/device/report", {"version": "1", "unsent": 0}),
    "sync": ("POST", "/api/v1/scans/sync", {"gate": "PCS1-G1", "scans": [{"nonce": "0123456789"}]}),
    "scan": ("POST", "/api/v1/scans", SCAN),
    "help": ("POST", "/api/v1/gate/help", {"gate": "PCS1-G1", "reason": "visitor"}),
    "inside": ("GET", "/api/v1/gate/inside?site=PCS1", None),
}
KEPT = ("session", "manifest", "news", "report", "sync")
"""What the app keeps for the time without a network, and what it did then."""
GUARD = claims(sub="SEC-0001", role="security", department=None, site="PCS1", exp=LATER)


@pytest.fixture(autouse=True)
def short_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.gateway.api.gate.STREAM_SECONDS", 0.1)


async def ask(http: httpx.AsyncClient, name: str, headers: dict[str, str]) -> tuple[int, str | None]:
    method, path, body = REQUESTS[name]
    answer = await http.request(method, path, json=body, headers=headers)
    return answer.status_code, None if answer.status_code == 200 else answer.json()["code"]


def in_the_app(device: str | None, **of_guard: Any) -> dict[str, str]:
    """Return the headers of the app of a guard: both sessions are cookies."""
    session = signed(GUARD.model_copy(update=of_guard))
    cookies = f"session={session}" + (f"; gate_device={device}" if device else "")
    return {"Cookie": cookies, **SAME_SITE}


@pytest.mark.parametrize("name", REQUESTS)
async def test_the_app_works_on_an_enrolled_device_of_its_gate_only(name: str) -> None:
    async with browsing(**ANSWERS) as (http, _):
        assert await ask(http, name, in_the_app(gate_device())) == (200, None)
        assert await ask(http, name, in_the_app(None)) == (403, "device_missing")
        elsewhere = await ask(http, name, in_the_app(gate_device("PCS2-G1")))
        assert elsewhere == (403, "device_of_other_gate")
        assert await ask(http, name, in_the_app("forged")) == (403, "device_revoked")
        kiosk = signed(claims(sub="KIO-0001", role="kiosk", department=None, site="PCS1"))
        assert await ask(http, name, in_the_app(kiosk)) == (403, "device_revoked")


@pytest.mark.parametrize("name", ["manifest", "news", "scan", "help"])
async def test_a_device_of_another_gate_of_the_site_gets_nothing_of_this_one(name: str) -> None:
    async with browsing(**ANSWERS) as (http, client):
        refused = await ask(http, name, in_the_app(gate_device("PCS1-G2")))
    assert refused == (403, "device_of_other_gate")
    assert not any(asked.startswith("verify.") for asked, *_ in client.asked)


@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "sync"])
async def test_a_guard_of_one_gate_cannot_use_the_device_of_another(name: str) -> None:
    async with browsing(**ANSWERS) as (http, _):
        refused = await ask(http, name, at_gate("PCS1-G2", gate="PCS1-G1"))
    assert refused == (403, "device_of_other_gate")


async def test_a_guard_sends_the_scans_of_their_gate_from_a_device_that_has_moved_within_the_site() -> None:
    async with browsing(**ANSWERS) as (http, _):
        assert await ask(http, "sync", at_gate("PCS1-G2", gate="PCS1-G1")) == (200, None)
        elsewhere = await ask(http, "sync", at_gate("PCS2-G1", gate="PCS1-G1"))
    assert elsewhere == (403, "device_of_other_gate")


@pytest.mark.parametrize("name", REQUESTS)
async def test_a_program_with_a_token_may_scan_and_gets_nothing_that_is_kept(name: str) -> None:
    async with browsing(**ANSWERS) as (http, _):
        answer = await ask(http, name, as_staff("security"))
    assert answer == ((403, "device_missing") if name in KEPT else (200, None))


@pytest.mark.parametrize("name", [name for name in REQUESTS if name != "report"])
async def test_an_installation_may_do_without_devices_but_a_wrong_one_is_refused(name: str) -> None:
    async with browsing(given={"gate_devices": "optional"}, **ANSWERS) as (http, _):
        assert await ask(http, name, in_the_app(None)) == (200, None)
        assert (await ask(http, name, in_the_app("forged")))[1] == "device_revoked"


async def test_the_plain_page_of_the_gate_needs_no_device() -> None:
    async with browsing(**ANSWERS) as (http, _):
        page = await http.get("/en/gate", headers=in_the_app(None))
    assert page.status_code == 200


async def test_services_learn_which_device_was_used_and_have_proof_of_it() -> None:
    async with browsing(**ANSWERS) as (http, client):
        await ask(http, "manifest", in_the_app(gate_device()))
    assert client.last("verify.manifest")[2].gate_device == "GAT-0001"


async def test_the_gate_of_a_session_is_that_of_its_device() -> None:
    async with browsing(**ANSWERS) as (http, _):
        found = (await http.get("/api/v1/gate/session", headers=at_gate("PCS1-G2"))).json()
    assert (found["gate"], found["device"]) == ("PCS1-G2", "GAT-0001")


async def test_the_servers_half_of_the_key_is_of_one_enrolment_and_not_of_a_guard() -> None:
    sid = uuid4()
    async with browsing(**ANSWERS) as (http, _):
        halves = []
        for enrolment in (sid, sid, uuid4()):
            headers = as_staff("security") | {"Cookie": f"gate_device={gate_device(sid=enrolment)}"}
            found = await http.get("/api/v1/gate/session", headers=headers)
            halves.append(found.json()["storage_half"])
    first, same, again = halves
    assert first == same
    assert first != again
    assert len(first) == 32


async def test_a_revoked_device_and_an_ended_session_get_nothing_more_also_from_an_open_stream() -> None:
    movement = Movement.model_validate(
        {"position": 1, "nonce": "a-nonce-of-a-scan", "pass": NUMBER, "gate": "PCS1-G2", "verdict": "admit",
         "count": 1, "inside": 1, "at": "2026-12-01T04:30:00Z",
         "recorded_at": "2026-12-01T04:30:00Z", "timeline": 1, "transaction": 700}
    )  # fmt: skip
    app, client = stubbed(**ANSWERS)
    sid = uuid4()
    device = gate_device(sid=sid)

    def revoke_then_tell(_asked: object) -> Movements:
        app.state.gateway.revoked_sessions.revoke_session(sid, now() + timedelta(hours=1))
        return Movements(items=(movement,), last=1)

    client.answers["verify.movements"] = revoke_then_tell
    async with browser(app) as http:
        path = "/api/v1/gate/news?gate=PCS1-G1"
        stream = await http.get(path, headers=in_the_app(device) | {"Last-Event-ID": "0"})
        assert "movement" not in stream.text
        for name in REQUESTS:
            assert await ask(http, name, in_the_app(device)) == (403, "device_revoked"), name


@pytest.mark.parametrize(
    "wrong",
    [{"version": "1\x00"}, {"list_age_s": 10**12}, {"unsent": 2**31}],
    ids=lambda one: next(iter(one)),
)
async def test_a_report_that_no_app_makes_is_refused(wrong: dict[str, object]) -> None:
    body = {"version": "1", "unsent": 0} | wrong
    async with browsing(**ANSWERS) as (http, client):
        answer = await http.post("/api/v1/gate/device/report", json=body, headers=at_gate())
    assert answer.status_code == 422
    assert not client.was_asked("accounts.report_gate_device")


@pytest.mark.parametrize(
    ("device", "code"),
    [(None, "device_missing"), ("revoked", "device_revoked"), ("other", "device_of_other_gate")],
)
async def test_whom_the_gateway_refuses_by_their_device_is_in_the_log(device: str | None, code: str) -> None:
    app, _ = stubbed(**ANSWERS)
    token = None if device is None else gate_device("PCS1-G1" if device == "revoked" else "PCS1-G2")
    if device == "revoked":
        app.state.gateway.revoked_sessions.revoke_session(sid_of(token), now() + timedelta(hours=1))
    with structlog.testing.capture_logs() as lines:
        async with browser(app) as http:
            assert await ask(http, "manifest", in_the_app(token)) == (403, code)
    (said,) = (one for one in lines if one["event"] == "refused")
    expected = None if device is None else "GAT-0001"
    assert (said["code"], said["login_id"], said["device"]) == (code, "SEC-0001", expected)


def device_of(gate: str, *, minutes: float | None = 0.5, **facts: Any) -> GateDeviceView:
    """Return a device that reported so many minutes ago, or never."""
    reported = None if minutes is None else now() - timedelta(minutes=minutes)
    known = {"site": "PCS1", "state": "enrolled", "device": "GAT-1", "name": "Tablet", "issued_at": now()}
    return GateDeviceView(**known | facts, gate=gate, reported_at=reported)


async def test_who_is_inside_comes_with_the_gates_whose_scans_the_server_may_lack() -> None:
    """Who came in by such a gate may have left: the list for an evacuation says that it is not sure."""
    devices = GateDeviceList(
        items=(
            device_of("PCS1-G1", minutes=20),
            device_of("PCS1-G1"),  # a spare tablet is off, and this one works
            device_of("PCS1-G2", minutes=20),
            device_of("PCS1-G3", unsent=2),
            device_of("PCS1-G4", minutes=None),
            device_of("PCS1-G5", minutes=20, state="revoked"),
            device_of("PCS2-G1", minutes=20, site="PCS2"),
        )
    )
    async with browsing(**ANSWERS | {"accounts__gate_devices": devices}) as (http, _):
        answer = await http.get("/api/v1/gate/inside?site=PCS1", headers=in_the_app(gate_device()))
    assert answer.json()["offline_gates"] == ["PCS1-G2", "PCS1-G3", "PCS1-G4"]


@pytest.mark.parametrize("answer", [Unavailable("accounts"), NotFound("no such method"), InternalError()])
async def test_who_is_inside_is_known_while_accounts_does_not_say_which_gates_are_silent(
    answer: ContractError,
) -> None:
    """And no gate counts as one that is heard."""
    async with browsing(**ANSWERS | {"accounts__gate_devices": answer}) as (http, _):
        found = await http.get("/api/v1/gate/inside?site=PCS1", headers=in_the_app(gate_device()))
    assert (found.status_code, found.json()["offline_gates"]) == (200, None)


@pytest.mark.parametrize("path", ["/en/gate", "/en/gate/inside", "/en/gate/incidents"])
async def test_the_plain_pages_refuse_a_browser_whose_device_is_revoked(path: str) -> None:
    app, client = stubbed(**ANSWERS)
    token = gate_device()
    app.state.gateway.revoked_sessions.revoke_session(sid_of(token), now() + timedelta(hours=1))
    async with browser(app) as http:
        page = await http.get(path, headers=in_the_app(token))
    assert page.status_code == 403
    assert "not enrolled any more" in page.text
    assert not any(asked.startswith("verify.") for asked, *_ in client.asked)


@pytest.mark.parametrize(("ended", "is_forgotten"), [(True, True), (False, False)])
async def test_a_guard_who_signs_in_on_a_browser_whose_code_was_replaced_gets_the_plain_pages(
    ended: bool, is_forgotten: bool
) -> None:
    guard = StaffSession(
        access_token=signed(GUARD), role="security", login_id="SEC-0001", site="PCS1", gate="PCS1-G1",
        expires_at=now() + timedelta(hours=8),
    )  # fmt: skip
    app, _ = stubbed(**ANSWERS, accounts__log_in=guard)
    token = gate_device()
    if ended:
        app.state.gateway.revoked_sessions.revoke_session(sid_of(token), now() + timedelta(hours=1))
    async with browser(app) as http:
        http.cookies.set("gate_device", token, domain="gateway.test")
        http.cookies.set("session", signed(GUARD), domain="gateway.test")
        if ended:
            refused = await http.get("/en/gate")
            assert 'href="/en/staff/sign-in"' in refused.text
        typed = {"login_id": "SEC-0001", "password": "a password"}
        await http.post("/en/staff/sign-in", data=typed, headers=SAME_SITE)
        assert ("gate_device" not in http.cookies) is is_forgotten
        assert (await http.get("/en/gate")).status_code == (200 if ended else 303), "a device has the app"


async def test_nobody_but_a_guard_makes_a_revoked_device_an_ordinary_browser() -> None:
    other = StaffSession(
        access_token="t", role="reception", login_id="REC-0001", expires_at=now() + timedelta(hours=8)
    )
    app, _ = stubbed(**ANSWERS, accounts__log_in=other)
    token = gate_device()
    app.state.gateway.revoked_sessions.revoke_session(sid_of(token), now() + timedelta(hours=1))
    async with browser(app) as http:
        http.cookies.set("gate_device", token, domain="gateway.test")
        typed = {"login_id": "REC-0001", "password": "a password"}
        await http.post("/en/staff/sign-in", data=typed, headers=SAME_SITE)
        assert "gate_device" in http.cookies


def sid_of(token: str | None) -> UUID:
    return UUID(decode(token or "", options={"verify_signature": False})["sid"])


def enrolled(expires_in: timedelta = timedelta(days=365)) -> StaffSession:
    return StaffSession(
        access_token="fresh", role="gate_device", login_id="GAT-0001", site="PCS1", gate="PCS1-G1",
        expires_at=now() + expires_in,
    )  # fmt: skip


@pytest.mark.parametrize("code", ["GAT-0001-k7fm-w3pa-xq9t", " gat-0001 k7fm-w3pa-xq9t "])
async def test_a_code_makes_a_browser_the_device_of_a_gate_by_a_cookie_that_no_script_reads(
    code: str,
) -> None:
    async with browsing(accounts__enrol_gate_device=enrolled()) as (http, client):
        answer = await http.post("/api/v1/gate/device", json={"code": code}, headers=in_the_app(None))
    assert answer.json() == {"device": "GAT-0001", "site": "PCS1", "gate": "PCS1-G1"}
    (cookie,) = answer.headers.get_list("set-cookie")
    assert cookie.startswith("gate_device=fresh;")
    assert "HttpOnly" in cookie
    _, asked, caller, _ = client.last("accounts.enrol_gate_device")
    assert (asked.login_id, asked.password, caller.login_id) == ("GAT-0001", "k7fm-w3pa-xq9t", "SEC-0001")


async def test_the_key_of_an_enrolment_is_of_one_browser_also_when_the_same_guard_repeats_it() -> None:
    keys = []
    async with browsing(accounts__enrol_gate_device=enrolled()) as (http, client):
        for sid in (one := uuid4(), one, uuid4()):
            session = signed(GUARD.model_copy(update={"sid": sid}))
            headers = {"Cookie": f"session={session}", "Idempotency-Key": "k", **SAME_SITE}
            await http.post("/api/v1/gate/device", json={"code": "GAT-0001-k7fm"}, headers=headers)
            keys.append(client.last("accounts.enrol_gate_device")[3])
    first, same, other = keys
    assert first == same
    assert first != other


@pytest.mark.parametrize(
    ("refusal", "problem"),
    [
        ("wrong_login", "code_wrong"),
        ("token_used", "code_used"),
        ("initial_password_expired", "code_expired"),
    ],
)
async def test_a_code_that_is_not_accepted_leaves_the_guard_signed_in(refusal: str, problem: str) -> None:
    async with browsing(accounts__enrol_gate_device=NotAuthenticated(code=refusal)) as (http, _):
        body = {"code": "GAT-0001-k7fm-w3pa-xq9t"}
        answer = await http.post("/api/v1/gate/device", json=body, headers=in_the_app(None))
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, problem)
    assert "set-cookie" not in answer.headers


async def test_what_is_no_code_is_not_sent_to_accounts() -> None:
    async with browsing() as (http, client):
        answer = await http.post("/api/v1/gate/device", json={"code": NUMBER}, headers=in_the_app(None))
    assert answer.status_code == 422
    assert not client.was_asked("accounts.enrol_gate_device")


@pytest.mark.parametrize(("days", "is_renewed"), [(31, False), (29, True)])
async def test_an_enrolment_that_ends_soon_is_renewed_with_a_report(days: int, is_renewed: bool) -> None:
    device = gate_device(exp=int((now() + timedelta(days=days)).timestamp()))
    method, path, body = REQUESTS["report"]
    async with browsing(**ANSWERS, accounts__renew_kiosk=enrolled()) as (http, client):
        answer = await http.request(method, path, json=body, headers=in_the_app(device))
    assert answer.status_code == 200
    assert ("gate_device=fresh" in answer.headers.get("set-cookie", "")) is is_renewed
    if is_renewed:
        assert client.last("accounts.renew_kiosk")[2].role == "gate_device"


BESIDE_THE_APP = (
    "/en/gate", "/en/gate/inside", "/en/gate/incidents", "/en/gate/result", "/en/gate/pin",
    f"/en/gate/photographs/{REFERENCE}", "/en/watchlist", "/en/watchlist/matches",
)  # fmt: skip


@pytest.mark.parametrize("path", BESIDE_THE_APP)
async def test_on_a_device_that_locks_the_pages_beside_the_app_lead_to_it_and_show_nobody(path: str) -> None:
    async with browsing(**ANSWERS) as (http, client):
        page = await http.get(path, headers=in_the_app(gate_device()))
        form = await http.post("/hi/gate", data={"pass": NUMBER}, headers=in_the_app(gate_device()))
        assert (page.status_code, page.headers["location"]) == (303, "/gate")
        assert (form.status_code, form.headers["location"]) == (303, "/gate")
        assert not any(
            asked.startswith(("verify.", "approval.", "application.")) for asked, *_ in client.asked
        )
        app = await http.get("/gate", headers=in_the_app(gate_device()))
        account = await http.get("/en/staff", headers=in_the_app(gate_device()))
    assert (app.status_code, account.status_code) == (200, 200)


async def test_a_guard_whose_app_does_not_start_has_the_plain_page_for_a_code_of_just_now() -> None:
    at = int(now().timestamp())
    async with browsing(**ANSWERS) as (http, client):
        shown = await http.get("/en/gate", headers=in_the_app(gate_device(), factor_at=at - 60))
        assert not any(asked == "verify.inside" for asked, *_ in client.asked)
        stale = await http.get("/en/gate/inside", headers=in_the_app(gate_device(), factor_at=at - 3600))
    assert (shown.status_code, stale.status_code) == (200, 403)
    assert "/en/gate/inside" in stale.text, "what asks for the code leads back"


async def test_where_no_app_locks_a_device_has_the_plain_pages_too() -> None:
    app, _ = stubbed(given={"gate_lock_minutes": 0}, **ANSWERS)
    async with browser(app) as http:
        assert (await http.get("/en/gate", headers=in_the_app(gate_device()))).status_code == 200


READ = [name for name, (method, *_) in REQUESTS.items() if method == "GET"]


@pytest.mark.parametrize("name", READ)
async def test_an_address_of_the_interface_opened_on_a_device_that_locks_shows_nobody(name: str) -> None:
    opened = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}
    async with browsing(**ANSWERS) as (http, client):
        with structlog.testing.capture_logs() as lines:
            refused = await ask(http, name, in_the_app(gate_device()) | opened)
        watched = await http.get("/api/v1/watchlist/entries", headers=in_the_app(gate_device()))
    assert refused == (403, "only_in_app")
    assert (watched.status_code, watched.json()["code"]) == (403, "only_in_app")
    assert not any(asked.startswith(("verify.", "approval.")) for asked, *_ in client.asked)
    assert [one["login_id"] for one in lines if one.get("code") == "only_in_app"] == ["SEC-0001"]

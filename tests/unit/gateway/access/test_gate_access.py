"""What the gates get and send: scans, manifests and news.

Which site's they get is tried in `tests/integration/gateway/test_places.py`, but for news.
"""

from datetime import datetime

import pytest

from contracts.rpc.issuance import StatusList
from contracts.rpc.verify.manifests import Manifest, ManifestSnapshot, OfflinePolicy
from contracts.rpc.verify.offline_scans import SyncedScan, SyncedScans
from contracts.rpc.verify.presence import Movement, Movements
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import LATER, as_staff, at_gate, browser, browsing, stubbed


async def test_scans_that_wait_are_answered_with_when_to_send_them_again() -> None:
    waiting = SyncedScans(items=(SyncedScan(nonce="0123456789"),), retry_after=600)
    async with browsing(verify__sync=waiting) as (http, _):
        sent = await http.post(
            "/api/v1/scans/sync", json={"gate": "PCS1-G1", "scans": [{}]}, headers=at_gate()
        )
    assert (sent.status_code, sent.headers["retry-after"]) == (200, "600")
    assert sent.json()["items"][0]["recorded"] is False


MANIFEST = Manifest(
    snapshot=ManifestSnapshot(timeline=0, all_before=0, none_from=0),
    gate="PCS1-G1",
    site="PCS1",
    made_at=LATER,
    issuer="epass.example.org",
    offline=OfflinePolicy(green_s=900, amber_s=14_400, then="refuse"),
)


async def test_the_gates_app_learns_who_is_signed_in_at_which_gate_and_until_when() -> None:
    async with browsing() as (http, _):
        refused = await http.get("/api/v1/gate/session", headers=as_staff("reception"))
        answer = await http.get("/api/v1/gate/session", headers=at_gate())
    assert refused.status_code == 403
    found = answer.json()
    assert (found["site"], found["gate"], "PCS1-G1" in found["gates"]) == ("PCS1", "PCS1-G1", True)
    assert found["login"].startswith("SEC-")
    assert datetime.fromisoformat(found["until"]) > now()


MOVEMENT = Movement.model_validate(
    {"position": 12, "nonce": "a-nonce-of-a-scan", "pass": "7K3M9QWX", "gate": "PCS1-G2",
    "verdict": "admit", "count": 1, "inside": 1, "at": "2026-12-01T04:30:00Z",
    "recorded_at": "2026-12-01T04:30:00Z", "timeline": 1, "transaction": 700}
)  # fmt: skip


@pytest.mark.parametrize("gate", ["PCS1-G1", "PCS2-G1"])
async def test_only_security_of_a_site_hears_the_news_of_its_gates(
    gate: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.api.gate.STREAM_SECONDS", 0.1)
    headers = at_gate() | {"Last-Event-ID": "11"}
    async with browsing(verify__movements=Movements(items=(MOVEMENT,), last=12)) as (http, client):
        answer = await http.get(f"/api/v1/gate/news?gate={gate}", headers=headers)
    may = gate == "PCS1-G1"
    assert answer.status_code == (200 if may else 403)
    assert client.was_asked("verify.movements") is may
    if may:
        assert answer.headers["content-type"].startswith("text/event-stream")
        reload, moved = "event: reload\ndata:\n\n", f"id: 12\ndata: {MOVEMENT.model_dump_json()}\n\n"
        assert answer.text == f"retry: 1000\n\n{reload}event: movement\n{moved}"


@pytest.mark.parametrize("scans", [[{}] * 201, "scans", None, {"nonce": "0123456789"}])
async def test_a_request_with_no_list_of_scans_or_with_too_many_is_refused_as_a_whole(scans: object) -> None:
    async with browsing(verify__sync=SyncedScans(items=())) as (http, client):
        body = {"gate": "PCS1-G1", "scans": scans}
        answer = await http.post("/api/v1/scans/sync", json=body, headers=at_gate())
    assert answer.status_code == 422
    assert not client.was_asked("verify.sync")


async def test_a_manifest_has_the_signed_list_of_revoked_passes_where_the_gateway_has_it() -> None:
    app, _ = stubbed(verify__manifest=MANIFEST)
    async with browser(app) as http:
        without = await http.get("/api/v1/gate/manifest?gate=PCS1-G1", headers=at_gate())
        app.state.gateway.status_list.value = StatusList(jws="a.b.c", seq=1, digest="")
        answer = await http.get("/api/v1/gate/manifest?gate=PCS1-G1", headers=at_gate())
    assert without.json()["status_list"] is None
    assert answer.json()["status_list"] == "a.b.c"
    assert answer.headers["cache-control"] == "no-store"


async def test_only_the_first_page_of_a_whole_manifest_has_the_list_of_revoked_passes() -> None:
    app, client = stubbed(verify__manifest=MANIFEST)
    async with browser(app) as http:
        app.state.gateway.status_list.value = StatusList(jws="a.b.c", seq=1, digest="")

        async def listed(query: str) -> str | None:
            answer = await http.get(f"/api/v1/gate/manifest?gate=PCS1-G1{query}", headers=at_gate())
            return answer.json()["status_list"]

        assert await listed("&since=r1") == "a.b.c", "the answer is the whole"
        assert [asked[1].since for asked in client.asked if asked[0] == "verify.manifest"] == ["r1"]  # type: ignore[attr-defined]
        assert await listed("&after=c1") is None
        client.answers["verify.manifest"] = MANIFEST.model_copy(update={"base": "r1", "digest": "d"})
        assert await listed("&since=r1") is None
        long = f"/api/v1/gate/manifest?gate=PCS1-G1&since={'x' * 121}"
        assert (await http.get(long, headers=at_gate())).status_code == 422

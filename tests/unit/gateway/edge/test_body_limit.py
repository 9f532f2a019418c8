"""The largest body that the gateway reads."""

import json
from typing import Any
from uuid import UUID

from contracts.rpc.batches import LARGEST_MESSAGE
from contracts.rpc.verify.offline_scans import SyncedScans
from services.gateway.edge.body_limit import LARGEST_BODY, LARGEST_SYNC, SYNC
from tests.support.factories.gateway import at_gate, browsing, send_refused

OTP = "/api/v1/otp"
JSON = {"Content-Type": "application/json"}


async def test_a_body_with_too_large_a_content_length_is_refused() -> None:
    status, problem = await send_refused("POST", OTP, content=b" " * (LARGEST_BODY + 1), headers=JSON)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_too_large_a_body_is_refused_on_routes_that_read_no_body() -> None:
    status, _ = await send_refused(
        "POST", "/api/v1/applications/PCS-7K3M-9QW4/cancel", content=b" " * (LARGEST_BODY + 1), headers=JSON
    )
    assert status == 413


async def test_too_large_a_body_without_a_content_length_is_refused() -> None:
    async def pieces() -> Any:
        for _ in range(20):
            yield b" " * 5_000

    status, problem = await send_refused("POST", OTP, content=pieces(), headers=JSON)
    assert (status, problem["code"]) == (413, "body_too_large")


async def test_a_body_of_exactly_the_largest_size_is_read() -> None:
    status, problem = await send_refused(
        "POST", OTP, content=b'{"mobile": "' + b"9" * (LARGEST_BODY - 14) + b'"}', headers=JSON
    )
    assert (status, problem["errors"][0]["code"]) == (422, "string_too_long")


async def test_two_hundred_scans_of_a_gate_that_was_offline_are_read_and_go_on_in_one_message() -> None:
    """Each has the token of a pass for several days and a reason in Punjabi, as long as they may be."""
    reason = "ਪਛਾਣ ਪੱਤਰ ਘਰ ਰਹਿ ਗਿਆ, ਚਿਹਰਾ ਉਹੀ ਹੈ"
    scan = {
        "token": "e" * 420,
        "gate": "PCS1-G1",
        "direction": "entry",
        "count": 1,
        "scanned_at": "2026-12-01T06:00:00.123Z",
        "id_check": {"kind": "other_id", "id_type": "driving_licence", "reason": reason},
        "offline": {"verdict": "admit", "list_age_s": 12_345, "supervisor": None},
    }
    scans = [{**scan, "nonce": str(UUID(int=n))} for n in range(200)]
    body = json.dumps({"gate": "PCS1-G1", "scans": scans}, ensure_ascii=False).encode()
    assert LARGEST_BODY < len(body) < LARGEST_SYNC
    async with browsing(verify__sync=SyncedScans(items=())) as (http, client):
        answer = await http.post(SYNC, content=body, headers=JSON | at_gate())
    assert answer.status_code == 200
    sent = client.last("verify.sync")[1]
    assert len(sent.scans) == 200
    assert len(sent.model_dump_json(by_alias=True, exclude_unset=True)) < LARGEST_MESSAGE - 12_000
    status, problem = await send_refused("POST", SYNC, content=b" " * (LARGEST_SYNC + 1), headers=JSON)
    assert (status, problem["code"]) == (413, "body_too_large")

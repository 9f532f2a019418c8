"""Rate limits by address."""

from typing import Any

import pytest

from contracts.rpc.application import StatusView
from services.gateway.rate_limits import LIMITS
from tests.support.factories.gateway import (
    REFERENCE,
    browser,
    stubbed,
)

STATUS = StatusView(reference=REFERENCE, status="submitted", site="PCS1", department="home", timeline=())


def another_reference(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Return another reference to look up: each reference has a limit of its own."""
    return {"reference": f"PCS-{number:04}-0000"} if "reference" in body else {}


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/api/v1/otp", {"mobile": "9876543210"}, "otp"),
        ("/api/v1/sessions", {"login_id": "HOM-0001", "password": "x"}, "login"),
        ("/api/v1/status", {"reference": REFERENCE, "mobile_last4": "3210"}, "status"),
    ],
)
async def test_an_address_over_its_limit_is_refused_and_another_address_is_not(
    path: str, body: dict[str, Any], what: str
) -> None:
    app, client = stubbed()
    most = LIMITS[what][0].amount
    async with browser(app, "203.0.113.7") as http:
        statuses = [
            (await http.post(path, json={**body, **another_reference(body, number)})).status_code
            for number in range(most + 3)
        ]
        refused = await http.post(path, json=body)
    assert statuses == [503] * most + [429] * 3
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.json()["code"] == "too_many_attempts"
    assert len(client.asked) == most
    async with browser(app, "203.0.113.8") as http:
        assert (await http.post(path, json=body)).status_code == 503


async def test_rate_limits_can_be_switched_off() -> None:
    app, _ = stubbed(given={"rate_limits": False}, application__status=STATUS)
    async with browser(app) as http:
        statuses = {
            (
                await http.post("/api/v1/status", json={"reference": REFERENCE, "mobile_last4": "3210"})
            ).status_code
            for _ in range(90)
        }
    assert statuses == {200}

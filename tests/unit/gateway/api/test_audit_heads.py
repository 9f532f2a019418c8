"""Strangers who ask for the heads of the audit logs cost the services next to nothing."""

from datetime import timedelta
from uuid import UUID

import pytest

from contracts.errors import Unavailable
from contracts.rpc.audit import AuditHead, AuditHeads
from contracts.subscriptions import SERVICES
from services.chassis.runtime.clock import now
from services.gateway.edge.rate_limits import MINUTE_LIMITS
from tests.support.factories.gateway import browsing

HEADS = "/.well-known/audit-heads"


def answers() -> dict[str, AuditHeads]:
    return {
        f"{service}__audit_heads": AuditHeads(
            items=(
                AuditHead(
                    id=UUID(int=age), service=service, number=1, head="00", signature="k.s",
                    signed_at=now() - timedelta(minutes=age),
                ),
            )
        )
        for age, service in enumerate(SERVICES)
    }  # fmt: skip


async def test_a_hundred_strangers_within_a_minute_cost_each_service_one_call() -> None:
    async with browsing(**answers()) as (http, client):
        for _ in range(100):
            answer = await http.get(HEADS)
            assert [one["service"] for one in answer.json()["items"]] == list(SERVICES)
        assert answer.headers["Cache-Control"] == "public, max-age=60"
        asked = [name for name, *_ in client.asked if name.endswith(".audit_heads")]
        assert sorted(asked) == sorted(f"{service}.audit_heads" for service in SERVICES)
        client.answers["verify.audit_heads"] = Unavailable("away")
        for cache in http._transport.app.state.gateway.audit_heads.values():
            cache._fetched_at = float("-inf")  # as after a minute
        assert len((await http.get(HEADS)).json()["items"]) == len(SERVICES), "the copy from before"


async def test_other_pages_are_few_for_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, "older_heads", 3)
    async with browsing(**answers()) as (http, client):
        statuses = [(await http.get(f"{HEADS}?limit={limit}")).status_code for limit in range(1, 7)]
        assert statuses == [200, 200, 200, 429, 429, 429]
        assert len(client.asked) == 3 * len(SERVICES)
        assert (await http.get(HEADS)).status_code == 200

"""Where a request comes from: forwarded addresses and private networks."""

from typing import Any

import pytest
from fastapi import Request

from services.gateway.edge.origin import client_network
from tests.support.factories.gateway import browser, stubbed


async def caller_id(given: dict[str, Any], address: str, forwarded: str) -> str:
    app, client = stubbed(given={"idempotency_secret": "s" * 32, **given})
    async with browser(app, address) as http:
        await http.post("/api/v1/otp", json={"mobile": "9876543210"}, headers={"X-Forwarded-For": forwarded})
    return client.last("accounts.request_otp")[2].id


async def test_a_forwarded_address_is_believed_only_from_a_trusted_proxy() -> None:
    proxies = {"trusted_proxies": ("10.0.0.0/8",)}
    direct = await caller_id(proxies, "203.0.113.7", "203.0.113.9")
    assert await caller_id(proxies, "203.0.113.7", "198.51.100.1") == direct, "anyone could choose an address"
    assert await caller_id(proxies, "10.1.2.3", "203.0.113.7") == direct
    assert await caller_id(proxies, "10.1.2.3", "198.51.100.1, 203.0.113.7") == direct, (
        "what a client wrote itself is not believed"
    )
    assert await caller_id({}, "10.1.2.3", "203.0.113.7") != direct


async def test_metrics_are_served_to_private_networks_only() -> None:
    app, _ = stubbed()
    for address, status in (
        ("127.0.0.1", 200),
        ("10.2.3.4", 200),
        ("::1", 200),
        ("8.8.8.8", 404),
        ("somewhere", 404),
    ):
        async with browser(app, address) as http:
            assert (await http.get("/metrics")).status_code == status, address
    async with browser(app, "10.2.3.4") as http:
        assert (await http.get("/metrics", headers={"X-Forwarded-For": "8.8.8.8"})).status_code == 404, (
            "came through a proxy"
        )


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::9", "2001:db8:0:1::/64"),
        ("2001:db8:0:2::7", "2001:db8:0:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
    ],
)
def test_limits_count_a_household_as_one(address: str, network: str) -> None:
    request = Request({"type": "http", "client": (address, 1), "headers": []})
    assert client_network(request) == network

"""Staff sign in and work from the networks of a setting; visitors, and guards at a device, from anywhere."""

import re
from typing import Any

import pytest
from httpx import Response
from prometheus_client import REGISTRY

from contracts.rpc.accounts.sessions import OwnSessions
from services.gateway.settings import GatewaySettings
from tests.support.factories.gateway import bearer, browser, claims, signed, staff_claims
from tests.support.factories.pages import session
from tests.support.stack.paths import ROOT
from tests.support.stack.settings import make_settings
from tests.support.stack.yaml_files import load
from tests.support.system.page_reader import SAME_SITE, stub

OFFICE, STREET, PROXY = "10.20.0.7", "203.0.113.9", "172.30.83.250"
STAFF = {"staff_networks": ("10.20.0.0/16", "2001:db8::/32"), "trusted_proxies": (PROXY,)}
RULES = load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"][0]["rules"]
SIGN_IN = {"login_id": "HOM-0001", "password": "x" * 12}


async def asked(
    address: str, verb: str, path: str, given: dict[str, Any] = STAFF, cookie: str = "", **options: Any
) -> Response:
    answers = {"accounts__log_in": session(), "accounts__own_sessions": OwnSessions(items=())}
    app, _ = stub(given, **answers)
    headers = {**SAME_SITE, **options.pop("headers", {})}
    async with browser(app, address, **({"Cookie": cookie} if cookie else {})) as http:
        return await http.request(verb, path, headers=headers, **options)


def cookie_of(role: str, **scope: Any) -> str:
    return f"session={signed(staff_claims(role, **scope))}"


@pytest.mark.parametrize("address", [OFFICE, "2001:db8::7", f"::ffff:{OFFICE}"])
async def test_staff_sign_in_and_work_from_their_network(address: str) -> None:
    assert (await asked(address, "GET", "/en/staff/sign-in")).status_code == 200
    assert (await asked(address, "POST", "/api/v1/sessions", json=SIGN_IN)).status_code == 200
    assert (await asked(address, "GET", "/en/staff/sessions", cookie=cookie_of("ops"))).status_code == 200


@pytest.mark.parametrize("address", [STREET, "2001:db9::7", "somewhere"])
async def test_staff_neither_sign_in_nor_work_from_elsewhere(address: str) -> None:
    for language, words in (("en", "State's network"), ("pa", "ਸਰਕਾਰ"), ("hi", "सरकार")):
        for path in ("/staff/sign-in", "/staff/sign-in/code", "/staff/sign-in/app"):
            page = await asked(address, "GET", f"/{language}{path}")
            assert (page.status_code, words in page.text) == (403, True), (language, path)
    refused = [
        await asked(address, "POST", "/en/staff/sign-in", data=SIGN_IN),
        await asked(address, "GET", "/en/staff/sessions", cookie=cookie_of("ado")),
        await asked(address, "POST", "/api/v1/sessions", json=SIGN_IN),
        await asked(address, "POST", "/api/v1/sessions/code", json={"sign_in": "x", "code": "1"}),
        await asked(address, "GET", "/api/v1/logins", headers=bearer(signed(staff_claims("ado")))),
    ]
    assert [one.status_code for one in refused] == [403] * 5
    assert refused[2].json()["code"] == refused[4].json()["code"] == "staff_network"


async def test_an_operator_helps_nobody_from_elsewhere() -> None:
    operator = f"session={signed(claims('applicant'))}; operator={signed(staff_claims('assisted'))}"
    assert (await asked(STREET, "GET", "/api/v1/applications", cookie=operator)).status_code == 403


async def test_visitors_are_not_concerned() -> None:
    assert (await asked(STREET, "GET", "/en")).status_code == 200
    applicant = bearer(signed(claims("applicant")))
    assert (await asked(STREET, "GET", "/api/v1/applications", headers=applicant)).status_code == 200


async def test_whoever_writes_the_address_of_the_network_is_still_elsewhere() -> None:
    for peer, forwarded, status in (
        (STREET, OFFICE, 403),
        (PROXY, f"{OFFICE}, {STREET}", 403),
        (PROXY, OFFICE, 200),
    ):
        page = await asked(peer, "GET", "/en/staff/sign-in", headers={"X-Forwarded-For": forwarded})
        assert page.status_code == status, (peer, forwarded)


async def test_a_guard_signs_in_and_works_anywhere_at_an_enrolled_device_and_nobody_else_does() -> None:
    device = f"gate_device={signed(staff_claims('gate_device', site='PCS1', gate='PCS1-G1'))}"
    assert (await asked(STREET, "GET", "/en/staff/sign-in", cookie=device)).status_code == 200
    for role, status in (("security", 200), ("ado", 403)):
        both = f"{device}; {cookie_of(role)}"
        assert (await asked(STREET, "GET", "/en/staff/sessions", cookie=both)).status_code == status, role
    kiosk = f"gate_device={signed(staff_claims('kiosk', site='PCS1'))}"
    assert (await asked(STREET, "GET", "/en/staff/sign-in", cookie=kiosk)).status_code == 403


async def test_operations_hear_that_the_sign_in_is_refused_to_all() -> None:
    (rule,) = [one for one in RULES if one.get("alert") == "StaffKeptOut"]
    routes = re.findall(r'route=~"([^"]+)", method="GET", status="(\d+)"', rule["expr"])

    def counted() -> list[float]:
        page = [one for family in REGISTRY.collect() for one in family.samples]
        return [
            sum(
                one.value
                for one in page
                if one.name == "epass_http_seconds_count"
                and re.fullmatch(route, one.labels["route"])
                and (one.labels["method"], one.labels["status"]) == ("GET", status)
            )
            for route, status in routes
        ]

    before = counted()
    for address in (STREET, STREET, OFFICE):
        await asked(address, "GET", "/en/staff/sign-in")
    refused, shown = (now - then for now, then in zip(counted(), before, strict=True))
    assert (refused, shown) == (2, 1)


async def test_without_the_setting_staff_work_from_anywhere() -> None:
    assert (await asked(STREET, "GET", "/en/staff/sign-in", {})).status_code == 200


def test_a_network_that_is_none_stops_the_start() -> None:
    with pytest.raises(ValueError, match="staff_networks"):
        make_settings(GatewaySettings, staff_networks=("10.20.0.0/33",))

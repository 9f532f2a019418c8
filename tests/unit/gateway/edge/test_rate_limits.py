"""Rate limits by address."""

import time
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from limits import RateLimitItemPerMinute
from pydantic import ValidationError

from contracts.errors import NotFound, TooManyAttempts
from contracts.rpc.accounts.sessions import OtpAccepted
from contracts.rpc.application import StatusQuestion, StatusView
from services.gateway.access.admission import RateLimited
from services.gateway.access.callers import access_of, dependency_calls
from services.gateway.api.public import list_departments
from services.gateway.edge import rate_limits
from services.gateway.edge.rate_limits import LIMITS, MINUTE_LIMITS, OwnCounters, RateLimits
from tests.support.factories.gateway import (
    REFERENCE,
    as_applicant,
    as_staff,
    at_gate,
    browser,
    browsing,
    stubbed,
)
from tests.support.system.page_reader import SAME_SITE

WELL_FORMED = "PCS-7K3M-9QW3"
STATUS = StatusView(reference=REFERENCE, status="submitted", site="PCS1", department="home", timeline=())

OF_CODES = {"otp", "otp_verify"}


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
    monkeypatch: pytest.MonkeyPatch, path: str, body: dict[str, Any], what: str
) -> None:
    app, client = stubbed()
    most = 3
    monkeypatch.setitem(LIMITS, what, (RateLimitItemPerMinute(most),))
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


async def test_rate_limits_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "status", (RateLimitItemPerMinute(3),))
    async with browsing(given={"rate_limits": False}, application__status=STATUS) as (http, _):
        statuses = {
            (
                await http.post("/api/v1/status", json={"reference": REFERENCE, "mobile_last4": "3210"})
            ).status_code
            for _ in range(9)
        }
    assert statuses == {200}


def classes_of(route: APIRoute) -> list[str]:
    """Return the classes of limits of a route: its own, or that of a session.

    What sends or tries a code counts by address too, also in a session.
    """
    access = access_of(route)
    own = [call.limit for call in dependency_calls(route.dependant) if isinstance(call, RateLimited)]
    if access is None or access.everybody:
        return own
    return ["session", *(limit for limit in own if limit not in OF_CODES)]


def without_a_class(app: FastAPI) -> list[str]:
    """Return the routes that have no class of limits, or more than one."""
    routes = [route for route in app.routes if isinstance(route, APIRoute)]
    assert len(routes) > 200
    return [f"{route.methods} {route.path}" for route in routes if len(classes_of(route)) != 1]


def test_every_route_has_one_class_of_limits() -> None:
    app, _ = stubbed(given={"local_mode": True})
    assert without_a_class(app) == []


def test_control_a_route_without_a_class_is_found() -> None:
    app, _ = stubbed()
    app.add_api_route("/api/v1/new", list_departments)
    assert without_a_class(app) == ["{'GET'} /api/v1/new"]


def test_only_probes_of_the_machine_are_unlimited() -> None:
    app, _ = stubbed()
    unlimited = {
        route.path
        for route in app.routes
        if isinstance(route, APIRoute) and classes_of(route) == ["unlimited"]
    }
    assert unlimited == {"/healthz", "/readyz", "/metrics"}


async def test_an_address_that_reads_without_end_is_refused_and_another_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, "read", 3)
    seconds = [600.0]
    monkeypatch.setattr(rate_limits, "monotonic", lambda: seconds[0])
    app, _ = stubbed()
    async with browser(app, "203.0.113.7") as http:
        statuses = [(await http.get("/robots.txt")).status_code for _ in range(9)]
        seconds[0] += 60
        assert (await http.get("/robots.txt")).status_code == 200, "a minute later it begins again"
    async with browser(app, "203.0.113.8") as http:
        assert (await http.get("/robots.txt")).status_code == 200
    assert statuses == [200] * 3 + [429] * 6


async def test_a_clock_that_is_set_back_refuses_nobody_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "otp", (RateLimitItemPerMinute(1),))
    passed, wall = [600.0], [time.time()]
    monkeypatch.setattr(rate_limits, "monotonic", lambda: passed[0])
    monkeypatch.setattr("limits.aio.storage.memory.time.time", lambda: wall[0])
    limits = RateLimits(enabled=True)
    await limits.hit("otp", "somebody")
    with pytest.raises(TooManyAttempts) as refused:
        await limits.hit("otp", "somebody")
    assert 59 <= refused.value.body.facts["retry_after"] <= 61
    wall[0] -= 3600
    passed[0] += 61
    await limits.hit("otp", "somebody")


async def test_a_request_looks_at_the_counters_that_have_ended_and_at_no_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Watched(dict[str, float]):
        looked_at = 0

        def items(self) -> Any:
            for one in super().items():
                self.looked_at += 1
                yield one

        def pop(self, *given: Any) -> Any:
            self.looked_at += 1
            return super().pop(*given)

    at, counters, many = 1000.0, OwnCounters(), 500
    counters.expirations = ends = Watched()
    monkeypatch.setattr(rate_limits, "monotonic", lambda: at)
    for number in range(many):
        await counters.incr(f"address {number}", 60)
    assert (len(ends), ends.looked_at) == (many, 0)
    at += 60
    assert await counters.incr("address 0", 60) == 1, "its window has ended"
    assert (len(ends), len(counters.storage), ends.looked_at) == (1, 1, many)


@pytest.mark.parametrize(
    ("limit", "role", "path"),
    [
        ("applicant", None, "/api/v1/applications"),
        ("staff", "department", "/api/v1/reviews"),
        ("gate", "security", "/api/v1/gate/inside?site=PCS1"),
    ],
)
async def test_a_session_is_counted_by_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, limit: str, role: str | None, path: str
) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, limit, 0)
    async with browsing() as (http, client):
        refused = await http.get(path, headers=as_staff(role) if role else as_applicant())
    assert refused.status_code == 429
    assert "limit" not in refused.json().get("facts", {}), "its address is not to blame"
    assert not client.was_asked("application.list_applications")


async def test_requests_of_many_scans_are_counted_on_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MINUTE_LIMITS, "sync", 0)
    body = {"gate": "PCS1-G1", "scans": [{"nonce": "a-nonce-of-a-scan"}]}
    async with browsing() as (http, client):
        refused = await http.post("/api/v1/scans/sync", json=body, headers=at_gate())
    assert refused.status_code == 429
    assert not client.was_asked("verify.sync")


async def look_up(app: FastAPI, last4: str, address: str) -> int:
    async with browser(app, address) as http:
        body = {"reference": WELL_FORMED, "mobile_last4": last4}
        return (await http.post("/api/v1/status", json=body)).status_code


def answer_of(question: StatusQuestion) -> StatusView:
    if question.mobile_last4 != "3210":
        raise NotFound
    return STATUS


async def test_a_stranger_does_not_shut_out_the_reader_of_a_reference() -> None:
    app, _ = stubbed(application__status=answer_of)
    tried = [await look_up(app, f"{number:04}", "203.0.113.7") for number in range(30)]
    assert tried == [404] * 10 + [429] * 20
    assert await look_up(app, "3210", "203.0.113.8") == 200


async def test_a_reader_looks_as_often_as_they_like() -> None:
    app, _ = stubbed(application__status=answer_of)
    assert {await look_up(app, "3210", "203.0.113.7") for _ in range(30)} == {200}


async def test_many_addresses_guess_two_hundred_times_a_day_and_read_the_way_out() -> None:
    app, client = stubbed(application__status=answer_of)
    for number in range(40):
        for _ in range(10):
            await look_up(app, "0000", f"203.0.113.{number}")
    assert sum(name == "application.status" for name, *_ in client.asked) == 200
    async with browser(app, "198.51.100.1") as http:
        form = {"reference": WELL_FORMED, "mobile_last4": "3210"}
        refused = await http.post("/en/status", data=form, headers=SAME_SITE)
    assert refused.status_code == 429
    assert "After signing in with your mobile number you see your applications" in refused.text


async def _away(*_: object, **__: object) -> int:
    raise ConnectionError


LINK = "7K3M9QW3AA"


async def follow_links(app: FastAPI) -> list[int]:
    """Follow each link of a message that needs no sign-in, from one address."""
    wanted = (("GET", "/q"), ("GET", "/en/v"), ("POST", "/en/v"), ("GET", "/en/w"), ("POST", "/en/p"))
    async with browser(app, "203.0.113.7") as http:
        return [
            (await http.request(method, f"{path}/{LINK}", headers=SAME_SITE)).status_code
            for method, path in wanted
        ]


async def test_who_tries_references_shuts_nobodys_link_behind_the_same_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(LIMITS, "status", (RateLimitItemPerMinute(0),))
    app, _ = stubbed(application__status=STATUS)
    assert await look_up(app, "3210", "203.0.113.7") == 429
    assert 429 not in await follow_links(app)
    monkeypatch.setitem(MINUTE_LIMITS, "link", 0)
    assert set(await follow_links(app)) == {429}


async def test_without_its_store_guesses_are_refused_and_the_rest_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(OwnCounters, "incr", _away)
    app, client = stubbed(application__status=STATUS, issuance__whole_link=NotFound("no pass"))
    client.answers["accounts.request_otp"] = OtpAccepted(request_id=UUID(int=1))
    assert await look_up(app, "3210", "203.0.113.7") == 503
    assert not client.was_asked("application.status")
    async with browser(app) as http:
        sent = await http.post("/api/v1/otp", json={"mobile": "9876543210"})
        read = await http.get("/robots.txt")
        link = await http.get(f"/q/{LINK}")
    assert (sent.status_code, read.status_code, link.status_code) == (202, 200, 404)


@pytest.mark.parametrize("store", ["localhost:6379", "valkey://", "memcached://host"])
def test_a_store_that_cannot_be_one_stops_the_start(store: str) -> None:
    with pytest.raises(ValidationError, match="it is not valkey://host:port"):
        stubbed(given={"limits_store": store})


async def test_whoever_has_many_networks_of_ipv6_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "otp", (RateLimitItemPerMinute(3),))
    app, client = stubbed()
    client.answers["accounts.request_otp"] = OtpAccepted(request_id=UUID(int=1))
    statuses = []
    for number in range(6):
        async with browser(app, f"2001:db8:7:{number}::1") as http:
            statuses.append((await http.post("/api/v1/otp", json={"mobile": "9876543210"})).status_code)
    assert statuses == [202] * 3 + [429] * 3
    async with browser(app, "2001:db8:8::1") as http:
        assert (await http.post("/api/v1/otp", json={"mobile": "9876543210"})).status_code == 202

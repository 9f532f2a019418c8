"""What surrounds every request: ids, headers, limits, and what is written down about it."""

import json
from typing import Any

import pytest
import structlog
from prometheus_client import generate_latest
from starlette.datastructures import Headers

from contracts.errors import Unavailable
from contracts.rpc.accounts import LoginList, LoginView
from contracts.rpc.application import StatusView
from services.chassis.runtime.clock import now
from services.gateway.middleware.request_log import correlation_of
from services.gateway.pages.shared.render import asset
from services.gateway.rate_limits import LIMITS
from tests.support.factories.gateway import (
    REFERENCE,
    as_applicant,
    as_staff,
    browser,
    running,
    stubbed,
    until,
)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STATUS = StatusView(reference=REFERENCE, status="submitted", site="PCS1", department="home", timeline=())


def test_a_sane_request_id_is_kept_and_the_trace_goes_along() -> None:
    assert correlation_of(Headers({"x-request-id": "kiosk-17-0001", "traceparent": TRACE})) == (
        "kiosk-17-0001",
        TRACE,
    )


def test_without_a_request_id_the_trace_gives_it() -> None:
    assert correlation_of(Headers({"traceparent": TRACE})) == ("4bf92f3577b34da6a3ce929d0e0e4736", TRACE)


@pytest.mark.parametrize(
    "odd", ["", "short", "x" * 65, 'a"b"c"d"e"f', "new\\nline-in-it", "ਪੰਜਾਬ-ਪੰਜਾਬ", "../../etc/passwd"]
)
def test_an_odd_request_id_is_replaced(odd: str) -> None:
    correlation_id, _ = correlation_of(Headers(raw=[(b"x-request-id", odd.encode())]))
    assert correlation_id != odd
    assert len(correlation_id) == 32


@pytest.mark.parametrize(
    "odd", ["00-" + "0" * 32 + "-00f067aa0ba902b7-01", TRACE[:-1], TRACE.upper(), TRACE + "-more"]
)
def test_an_odd_traceparent_is_dropped(odd: str) -> None:
    assert correlation_of(Headers({"traceparent": odd}))[1] is None


async def test_security_headers_are_on_every_answer() -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        for path in ("/", "/en", "/api/v1/sites", "/nothing", "/static/pages.css", "/p/abc"):
            headers = (await http.get(path)).headers
            assert "default-src 'self'" in headers["content-security-policy"], path
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert "unsafe-inline" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert len(headers["x-request-id"]) == 32
            assert "strict-transport-security" not in headers
        assert (await http.get("/api/v1/sites")).headers["cache-control"] == "no-store"


async def test_browsers_are_told_to_come_back_over_https_where_it_is() -> None:
    app, _ = stubbed(given={"public_url": "https://epass.test"})
    async with browser(app) as http:
        assert (await http.get("/")).headers["strict-transport-security"] == "max-age=31536000"


async def test_log_and_metrics_hold_the_route_and_never_what_was_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app, _ = stubbed(application__view=Unavailable(), approval__officers=Unavailable())
    with structlog.testing.capture_logs() as lines:
        async with browser(app, "203.0.113.77") as http:
            await http.get(
                "/api/v1/applications/PCS-ABCD-EFGH",
                headers={**as_applicant(), "X-Request-ID": "kiosk-17-0001"},
            )
            await http.get("/api/v1/officers?department=home&q=Gurpreet")
            await http.get("/p/sEcReTcOdE1234567890ab")
            await http.get("/Gurpreet-Kaur")
            await http.request("GURPREET", "/")
    written = json.dumps(lines) + generate_latest().decode()
    for secret in ("ABCD-EFGH", "Gurpreet", "sEcReT", "203.0.113.77", "9876543210", "GURPREET"):
        assert secret not in written
    told = [(line["method"], line["route"], line["status"]) for line in lines if line["event"] == "request"]
    assert told == [
        ("GET", "/api/v1/applications/{reference}", 503), ("GET", "/api/v1/officers", 503), ("GET", "/p/{code}", 200),
        ("GET", "unmatched", 404), ("other", "/", 405),
    ]  # fmt: skip


def another(body: dict[str, Any], number: int) -> dict[str, Any]:
    """What one asks for next who looks for any reference: one of them has a limit of its own."""
    return {"reference": f"PCS-{number:04}-0000"} if "reference" in body else {}


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("/api/v1/otp", {"mobile": "9876543210"}, "otp"),
        ("/api/v1/sessions", {"login_id": "HOM-0001", "password": "x"}, "login"),
        ("/api/v1/status", {"reference": REFERENCE, "mobile_last4": "3210"}, "status"),
    ],
)
async def test_one_address_may_not_ask_too_often_and_another_still_may(
    path: str, body: dict[str, Any], what: str
) -> None:
    app, client = stubbed()
    most = LIMITS[what][0].amount
    async with browser(app, "203.0.113.7") as http:
        statuses = [
            (await http.post(path, json={**body, **another(body, number)})).status_code
            for number in range(most + 3)
        ]
        refused = await http.post(path, json=body)
    assert statuses == [503] * most + [429] * 3
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert refused.json()["code"] == "too_many_attempts"
    assert len(client.asked) == most
    async with browser(app, "203.0.113.8") as http:
        assert (await http.post(path, json=body)).status_code == 503


async def test_the_bench_may_switch_the_limits_off() -> None:
    app, _ = stubbed(given={"rate_limits": False}, application__status=STATUS)
    async with browser(app) as http:
        statuses = {
            (
                await http.post("/api/v1/status", json={"reference": REFERENCE, "mobile_last4": "3210"})
            ).status_code
            for _ in range(90)
        }
    assert statuses == {200}


async def asked_by(given: dict[str, Any], address: str, forwarded: str) -> str:
    app, client = stubbed(given={"idempotency_secret": "s", **given})
    async with browser(app, address) as http:
        await http.post("/api/v1/otp", json={"mobile": "9876543210"}, headers={"X-Forwarded-For": forwarded})
    return client.last("accounts.request_otp")[2].id


async def test_only_a_trusted_proxy_says_who_the_caller_is() -> None:
    proxies = {"trusted_proxies": ("10.0.0.0/8",)}
    direct = await asked_by(proxies, "203.0.113.7", "203.0.113.9")
    assert await asked_by(proxies, "203.0.113.7", "198.51.100.1") == direct, "anyone could choose an address"
    assert await asked_by(proxies, "10.1.2.3", "203.0.113.7") == direct
    assert await asked_by(proxies, "10.1.2.3", "198.51.100.1, 203.0.113.7") == direct, (
        "what a client wrote itself is not believed"
    )
    assert await asked_by({}, "10.1.2.3", "203.0.113.7") != direct


async def test_metrics_are_for_those_who_stand_near() -> None:
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


async def test_ready_means_connected_and_able_to_check_sessions() -> None:
    app, _ = stubbed(accounts__session_keys=Unavailable())
    async with running(app) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["session_keys"]) == (503, False)
    app, _ = stubbed()
    async with running(app) as http:

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == 200

        await until("readiness", ready)


async def test_a_process_whose_background_work_ended_is_not_alive() -> None:
    app, client = stubbed()

    async def broken() -> None:
        raise ValueError

    client.run = broken  # type: ignore[method-assign]
    async with running(app) as http:

        async def dead() -> bool:
            return (await http.get("/healthz")).status_code == 500

        await until("the end", dead)


async def test_the_last_status_list_and_keys_are_served_while_issuance_is_down() -> None:
    app, client = stubbed(given={"status_list_seconds": 0.05})
    async with running(app) as http:
        assert (await http.get("/.well-known/pass-status")).text == "e30.e30.e30"
        assert (await http.get("/.well-known/jwks.json")).json()["keys"][0]["kid"] == "p1"
        client.answers["issuance.status_list"] = client.answers["issuance.jwks"] = Unavailable()
        answer = await http.get("/.well-known/pass-status")
        assert (answer.status_code, answer.headers["content-type"], answer.text) == (
            200,
            "application/jose",
            "e30.e30.e30",
        )
        assert (await http.get("/.well-known/jwks.json")).status_code == 200


async def test_a_new_status_list_is_fetched_by_itself() -> None:
    app, client = stubbed(given={"status_list_seconds": 0.05})
    async with running(app) as http:
        await http.get("/.well-known/pass-status")
        client.answers["issuance.status_list"] = client.answers["issuance.status_list"].model_copy(
            update={"jws": "new"}
        )  # type: ignore[union-attr]

        async def new() -> bool:
            return (await http.get("/.well-known/pass-status")).text == "new"

        await until("the new list", new)


async def test_without_any_copy_the_status_list_is_unavailable() -> None:
    app, _ = stubbed(issuance__status_list=Unavailable())
    async with browser(app) as http:
        assert (await http.get("/.well-known/pass-status")).status_code == 503


async def test_a_path_with_a_slash_too_many_is_no_redirect() -> None:
    app, _ = stubbed(accounts__list_logins=LoginList(items=()))
    async with browser(app) as http:
        assert (await http.get("/api/v1/logins/", headers=as_staff("ado"))).status_code in {404, 405}


async def test_what_carries_a_digest_in_its_name_is_kept_for_ever_and_nothing_else() -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        for name in ("style.css", "epass.js", "gurmukhi.woff2"):
            assert (await http.get(asset(name))).headers[
                "cache-control"
            ] == "public, max-age=31536000, immutable"
        for path in ("/static/pages.css", "/static/icon.svg", "/static/built/manifest.json"):
            assert (await http.get(path)).headers["cache-control"] == "no-cache", path
        assert (await http.get("/static/built/style-AAAAAAAA.css")).headers["cache-control"] == "no-store"


async def test_pages_styles_and_scripts_are_compressed_and_what_holds_tokens_is_not() -> None:
    many = [
        LoginView(login_id=f"HOM-{number:04}", role="department", name="Harjit", issued_at=now())
        for number in range(50)
    ]
    app, _ = stubbed(accounts__list_logins=LoginList(items=tuple(many)))
    async with browser(app) as http:
        for path in ("/en/apply", asset("style.css"), asset("epass.js")):
            answer = await http.get(path)
            assert answer.headers["content-encoding"] == "gzip", path
            assert "accept-encoding" in answer.headers["vary"].lower()
        plain = await http.get("/en/apply", headers={"Accept-Encoding": "identity"})
        assert ("content-encoding" not in plain.headers, "<h1" in plain.text) == (True, True)
        for path in (asset("gurmukhi.woff2"), "/api/v1/logins"):
            answer = await http.get(path, headers=as_staff("ado"))
            assert (len(answer.content) > 5000, "content-encoding" in answer.headers) == (True, False), path


async def test_a_page_puts_only_what_it_declares_into_its_links() -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        text = (await http.get("/en/sign-in?to=apply/when&guess=secret&told=x")).text
    assert 'href="/pa/sign-in?to=apply%2Fwhen"' in text
    assert "guess" not in text

"""The request log: correlation ids, one line and one observation a request."""

import json

import pytest
import structlog
from prometheus_client import generate_latest
from starlette.datastructures import Headers

from contracts.errors import Unavailable
from services.gateway.middleware.request_log import correlation_of
from tests.support.factories.gateway import (
    as_applicant,
    browser,
    stubbed,
)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_a_well_formed_request_id_is_used_and_the_trace_context_passed_on() -> None:
    assert correlation_of(Headers({"x-request-id": "kiosk-17-0001", "traceparent": TRACE})) == (
        "kiosk-17-0001",
        TRACE,
    )


def test_without_a_request_id_the_trace_id_is_the_correlation_id() -> None:
    assert correlation_of(Headers({"traceparent": TRACE})) == ("4bf92f3577b34da6a3ce929d0e0e4736", TRACE)


@pytest.mark.parametrize(
    "odd", ["", "short", "x" * 65, 'a"b"c"d"e"f', "new\\nline-in-it", "ਪੰਜਾਬ-ਪੰਜਾਬ", "../../etc/passwd"]
)
def test_a_malformed_request_id_is_replaced(odd: str) -> None:
    correlation_id, _ = correlation_of(Headers(raw=[(b"x-request-id", odd.encode())]))
    assert correlation_id != odd
    assert len(correlation_id) == 32


@pytest.mark.parametrize(
    "odd", ["00-" + "0" * 32 + "-00f067aa0ba902b7-01", TRACE[:-1], TRACE.upper(), TRACE + "-more"]
)
def test_a_malformed_traceparent_is_dropped(odd: str) -> None:
    assert correlation_of(Headers({"traceparent": odd}))[1] is None


async def test_log_and_metrics_hold_the_routes_template_and_no_personal_data(
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
    logged = [(line["method"], line["route"], line["status"]) for line in lines if line["event"] == "request"]
    assert logged == [
        ("GET", "/api/v1/applications/{reference}", 503),
        ("GET", "/api/v1/officers", 503),
        ("GET", "/p/{code}", 200),
        ("GET", "unmatched", 404),
        ("other", "/", 405),
    ]

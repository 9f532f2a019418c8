"""The request log: correlation ids, one line and one observation a request."""

import json
from typing import Any

import pytest
import structlog
from prometheus_client import generate_latest
from starlette.datastructures import Headers

from contracts.errors import Unavailable
from services.gateway.edge.request_log import correlation_of
from tests.support.factories.gateway import as_applicant, browser, claims, signed, stubbed

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


TRUSTED = {"trusted_proxies": ("10.0.0.0/8",)}


@pytest.mark.parametrize("given", [{}, TRUSTED], ids=["no proxy", "a proxy"])
@pytest.mark.parametrize("address", ["203.0.113.77", "127.0.0.1", "somewhere"])
async def test_a_stranger_chooses_neither_correlation_id_nor_trace(
    given: dict[str, object], address: str
) -> None:
    app, _ = stubbed(given=given, approval__officers=Unavailable())
    sent = {"X-Request-ID": "kiosk-17-0001", "traceparent": TRACE, "X-Forwarded-For": "10.0.0.1"}
    async with browser(app, address) as http:
        answer = await http.get("/api/v1/officers?department=home", headers=sent)
    assert answer.headers["x-request-id"] not in {"kiosk-17-0001", TRACE.split("-")[1]}
    assert answer.json()["correlation_id"] == answer.headers["x-request-id"]


async def test_a_trusted_proxy_chooses_them_for_its_clients() -> None:
    app, _ = stubbed(given=TRUSTED)
    sent = {"X-Request-ID": "kiosk-17-0001", "X-Forwarded-For": "203.0.113.77"}
    async with browser(app, "10.1.2.3") as http:
        assert (await http.get("/api/v1/sites", headers=sent)).headers["x-request-id"] == "kiosk-17-0001"


@pytest.mark.parametrize(
    ("sent", "kept"), [("01", "01"), ("00", "00"), ("03", "01"), ("ff", "01"), ("fe", "00")]
)
def test_of_the_flags_of_a_trace_only_that_it_is_sampled_is_kept(sent: str, kept: str) -> None:
    given = Headers({"traceparent": f"{TRACE[:-2]}{sent}"})
    assert correlation_of(given)[1] == f"{TRACE[:-2]}{kept}"


def test_a_later_version_of_a_trace_context_is_read_as_the_first() -> None:
    assert correlation_of(Headers({"traceparent": f"cc{TRACE[2:]}"}))[1] == TRACE


@pytest.mark.parametrize(
    "odd",
    ["ff" + TRACE[2:], "00-" + "0" * 32 + "-00f067aa0ba902b7-01", TRACE[:-1], TRACE.upper(), TRACE + "-more"],
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


@pytest.mark.parametrize(
    ("claimed", "path", "expected"),
    [
        ({"sub": "SEC-0001", "role": "security"}, "/api/v1/logins", ("forbidden", "security", "SEC-0001")),
        (
            {"sub": "ADO-0001", "role": "ado", "must_change_password": True},
            "/api/v1/logins",
            ("must_change_password", "ado", "ADO-0001"),
        ),
        (None, "/api/v1/logins", ("forbidden", "applicant", None)),
    ],
)
async def test_whom_the_gateway_refuses_by_their_role_is_in_the_log(
    claimed: dict[str, Any] | None, path: str, expected: tuple[str, str, str | None]
) -> None:
    app, _ = stubbed()
    token = signed(claims("applicant") if claimed is None else claims(**claimed))
    with structlog.testing.capture_logs() as lines:
        async with browser(app) as http:
            answer = await http.get(path, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    (said,) = (one for one in lines if one["event"] == "refused")
    assert (said["code"], said["role"], said["login_id"]) == expected
    assert said["sid"]
    assert "98" not in str({**said, "sid": ""}), "no mobile"

"""The span of a request: the template of its route, and nothing that came from its caller."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from contracts.errors import Unavailable
from services.chassis.runtime import tracing
from tests.support.factories.gateway import as_applicant, browser, stubbed
from tests.support.stack.collector import Collector

CAUSE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_spans_hold_the_routes_template_and_nothing_of_the_caller(collector: Collector) -> None:
    trusted = {"trusted_proxies": ("203.0.113.77",)}
    app, _ = stubbed(given=trusted, application__view=Unavailable(), approval__officers=Unavailable())
    with tracing.exporting("gateway", collector.url):
        async with browser(app, "203.0.113.77") as http:
            headers = {"X-Request-ID": "Gurpreet-17", "traceparent": CAUSE, "User-Agent": "Gurpreet"}
            await http.get("/api/v1/applications/PCS-ABCD-EFGH", headers={**as_applicant(), **headers})
            await http.get("/api/v1/officers?department=home&q=Gurpreet")
            await http.get("/p/sEcReTcOdE1234567890ab")
            await http.get("/Gurpreet-Kaur")
            await http.request("GURPREET", "/")
            await http.get("/healthz")
    written = b"".join(collector.bodies).decode(errors="replace")
    for secret in ("ABCD-EFGH", "Gurpreet", "sEcReT", "203.0.113.77", "9876543210", "GURPREET"):
        assert secret not in written
    served = [span for span in collector.spans if span.kind == "SERVER"]
    assert [(span.name, span.attributes["http.response.status_code"], span.is_fault) for span in served] == [
        ("GET /api/v1/applications/{reference}", 503, True),
        ("GET /api/v1/officers", 503, True),
        ("GET /p/{code}", 200, False),
        ("GET unmatched", 404, False),
        ("other /", 405, False),
    ]
    assert (served[0].trace_id, served[0].parent_id) == tuple(CAUSE.split("-")[1:3])
    assert served[0].attributes["http.route"] == "/api/v1/applications/{reference}"
    assert "http.route" not in served[3].attributes


async def test_a_stranger_can_neither_switch_a_trace_off_nor_write_into_one(collector: Collector) -> None:
    app, _ = stubbed(given={"trusted_proxies": ("10.0.0.1",)})
    with tracing.exporting("gateway", collector.url):
        async with browser(app, "203.0.113.77") as http:
            for flags in ("00", "01"):
                await http.get("/api/v1/sites", headers={"traceparent": CAUSE[:-2] + flags})
    served = [span for span in collector.spans if span.kind == "SERVER"]
    assert [span.parent_id for span in served] == ["", ""]
    assert CAUSE.split("-")[1] not in {span.trace_id for span in served}


async def test_a_span_has_the_scheme_that_the_proxy_names(collector: Collector) -> None:
    app, _ = stubbed(given={"trusted_proxies": ("10.0.0.1",)})
    with tracing.exporting("gateway", collector.url):
        async with browser(app, "10.0.0.1") as http:
            await http.get("/api/v1/sites", headers={"X-Forwarded-Proto": "https"})
    (served,) = [span for span in collector.spans if span.kind == "SERVER"]
    assert served.attributes["url.scheme"] == "https"


async def test_fastapi_makes_no_spans_of_its_own_which_would_have_raw_paths(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would as soon as anything sets a global provider, or its variable asks for it."""
    monkeypatch.setattr(trace, "get_tracer_provider", TracerProvider)
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    app, _ = stubbed()
    assert not app._native_telemetry.enabled()
    assert not app._telemetry["auto_configure"]

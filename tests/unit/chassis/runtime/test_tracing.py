"""Traces: spans under the context that came along, and nothing at all while tracing is off."""

import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from contracts.errors import Conflict, InternalError
from contracts.rpc.call import Call
from contracts.rpc.verify.scans import SCAN, ScanPass, ScanResult
from services.chassis.rpc.server import rpc, rpc_together
from services.chassis.runtime import logs, span_exports, tracing
from services.chassis.runtime.clock import now
from services.chassis.runtime.settings import ProcessSettings, WrongSettings, read
from tests.support.stack.collector import CollectedSpan, Collector

CAUSE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE_ID, SPAN_ID = CAUSE.split("-")[1:3]
OTHER_CAUSE = "00-5bf92f3577b34da6a3ce929d0e0e4737-01f067aa0ba902b8-01"


def work(name: str = "work", cause: str | None = None) -> tracing.Span:
    return tracing.Span("SERVER", name, cause, {})


def one_of(collector: Collector) -> CollectedSpan:
    (span,) = collector.spans
    return span


ALL_PROCESSES = """
import sys
from contracts.subscriptions import SERVICES
from services.ops import serve, cli
for service in SERVICES:
    serve.containers(f"services.{service}", None)
from services.chassis.messaging import relay
from services.gateway import main
from services.notify import sender
from services.ops import exporter
from services.chassis.runtime import tracing
for endpoint in (None, "http://127.0.0.1:9"):
    with tracing.exporting("gateway", endpoint):
        print(sorted({"opentelemetry.sdk", "opentelemetry.exporter", "google.protobuf"} & {*sys.modules}))
"""


def test_no_process_imports_the_sdk_unless_tracing_is_on() -> None:
    """The second line is the control: with an endpoint all of it is imported, also under eventlet."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALL_PROCESSES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    off, on = done.stdout.splitlines()
    assert off == "[]"
    assert on == "['google.protobuf', 'opentelemetry.exporter', 'opentelemetry.sdk']"


@pytest.mark.parametrize("cause", [CAUSE, None])
def test_while_tracing_is_off_the_context_of_the_cause_is_handed_on(cause: str | None) -> None:
    with tracing.exporting("verify", None), work(cause=cause) as span:
        assert span.traceparent == cause


def test_a_span_has_the_parent_that_the_context_names(collector: Collector) -> None:
    with tracing.exporting("verify", collector.url), work("outer", CAUSE) as outer:
        assert outer.traceparent
        with work("inner", outer.traceparent):
            pass
    inner, first = sorted(collector.spans, key=lambda span: span.name)
    assert (first.trace_id, first.parent_id) == (TRACE_ID, SPAN_ID)
    assert (inner.trace_id, inner.parent_id) == (TRACE_ID, first.span_id)
    assert (first.process, first.kind) == ("verify", "SERVER")


@pytest.mark.parametrize(
    "cause", [None, "", "nonsense", CAUSE.upper(), CAUSE + "-x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"]
)
def test_a_span_without_a_readable_cause_begins_a_trace(collector: Collector, cause: str | None) -> None:
    with tracing.exporting("verify", collector.url), work(cause=cause):
        pass
    span = one_of(collector)
    assert (span.parent_id, span.trace_id != TRACE_ID) == ("", True)


def test_what_a_caller_does_not_sample_is_not_exported(collector: Collector) -> None:
    with tracing.exporting("verify", collector.url), work(cause=CAUSE[:-1] + "0") as span:
        assert span.traceparent
        assert span.traceparent.startswith(f"00-{TRACE_ID}-")
        assert span.traceparent.endswith("-00")
    assert collector.spans == []


FOREIGN = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=LEAK",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-more=LEAK",
    "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    "OTEL_RESOURCE_ATTRIBUTES": "host.name=LEAK",
    "OTEL_SERVICE_NAME": "LEAK",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process,os",
    "OTEL_TRACES_SAMPLER": "always_off",
    "OTEL_SDK_DISABLED": "true",
}


@pytest.mark.parametrize("names", [[name] for name in FOREIGN] + [[*FOREIGN]], ids=lambda names: names[-1])
def test_the_environment_leads_spans_nowhere_else_and_adds_nothing_to_them(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, FOREIGN[name])
        monkeypatch.setenv(name.lower(), FOREIGN[name])
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login LEAK password LEAK\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    with tracing.exporting("verify", collector.url), work():
        pass
    assert one_of(collector).process == "verify"
    assert "LEAK" not in str(collector.headers)
    assert "Authorization" not in collector.headers
    assert "Content-Encoding" not in collector.headers
    assert b"LEAK" not in b"".join(collector.bodies)
    assert b"process.command" not in b"".join(collector.bodies)


@pytest.mark.parametrize(("ratio", "exported"), [(0.0, 1), (1.0, 3)])
def test_of_traces_that_begin_here_a_part_is_exported_and_of_others_what_their_beginning_said(
    collector: Collector, ratio: float, exported: int
) -> None:
    with tracing.exporting("verify", collector.url, ratio):
        for cause in (None, None, CAUSE):
            work(cause=cause).end()
    assert len(collector.spans) == exported


def test_a_span_that_is_left_is_not_exported(collector: Collector) -> None:
    with tracing.exporting("verify", collector.url):
        work("left")
        work("ended").end()
    assert one_of(collector).name == "ended"


@pytest.mark.parametrize(
    ("error", "named", "is_fault"),
    [
        (KeyError("Gurpreet"), "builtins.KeyError", True),
        (InternalError("Gurpreet"), "internal_error", True),
        (Conflict("Gurpreet", code="already_decided"), "already_decided", False),
    ],
)
def test_an_error_is_noted_without_its_text(
    collector: Collector, error: Exception, named: str, is_fault: bool
) -> None:
    with tracing.exporting("verify", collector.url), pytest.raises(type(error)), work():
        raise error
    span = one_of(collector)
    assert (span.attributes["error.type"], span.is_fault) == (named, is_fault)
    assert b"Gurpreet" not in b"".join(collector.bodies)


def scan_call(traceparent: str | None) -> tuple[ScanPass, Call]:
    request = ScanPass.model_validate({"gate": "PCS1-G1", "direction": "entry", "nonce": "n" * 16})
    return request, Call(deadline=now() + timedelta(seconds=3), traceparent=traceparent)


RESULT = ScanResult(verdict="unknown_pass", preview=False, inside=0, party=0)


def test_an_rpc_runs_in_a_span_under_that_of_its_caller(collector: Collector) -> None:
    inside = []

    def scan() -> ScanResult:
        inside.append(logs.traceparent())
        return RESULT

    with tracing.exporting("verify", collector.url):
        rpc(SCAN, scan)(SimpleNamespace(db=None), *scan_call(CAUSE))
    span = one_of(collector)
    assert (span.name, span.kind, span.parent_id) == ("verify/scan", "SERVER", SPAN_ID)
    assert inside == [span.traceparent]
    assert span.attributes == {"rpc.system.name": "nameko", "rpc.method": "verify/scan"}


def test_calls_that_are_handled_together_have_a_span_each_under_their_own_callers(
    collector: Collector,
) -> None:
    seen: list[str | None] = []

    def scan(asked: list[tuple[ScanPass, Call]]) -> list[ScanResult | None]:
        seen.extend(call.traceparent for _, call in asked)
        return [RESULT, RESULT, None]

    causes = (CAUSE, OTHER_CAUSE, None)
    with tracing.exporting("verify", collector.url):
        rpc_together(SCAN, scan)(object(), [scan_call(cause) for cause in causes])
    first, second = collector.spans
    assert [first.parent_id, second.parent_id] == [cause.split("-")[2] for cause in (CAUSE, OTHER_CAUSE)]
    assert seen[:2] == [first.traceparent, second.traceparent]
    assert first.links == ()
    assert second.links == ((first.trace_id, first.span_id),)


MANY = span_exports.MOST_WAITING * 3


def test_a_collector_that_does_not_answer_holds_up_nothing_and_loses_what_does_not_fit(
    collector: Collector,
) -> None:
    """The loop ends while the collector still holds the first message, so nobody waits for it."""
    collector.answers.clear()
    with tracing.exporting("verify", collector.url):
        for _ in range(span_exports.BATCH):
            work().end()
        assert collector.asked.wait(10)
        for _ in range(MANY):
            work().end()
        assert collector.bodies == []
        collector.answers.set()
    assert 0 < len(collector.spans) <= span_exports.MOST_WAITING + 2 * span_exports.BATCH


def test_a_collector_that_is_away_is_logged_once_and_fails_nothing() -> None:
    with structlog.testing.capture_logs() as lines, tracing.exporting("verify", "http://127.0.0.1:9"):
        for _ in range(span_exports.BATCH * 3):
            work().end()
    assert [line["log_level"] for line in lines] == ["warning"]


def test_a_collector_that_never_answers_does_not_keep_a_process_from_stopping(collector: Collector) -> None:
    collector.answers.clear()
    with tracing.exporting("verify", collector.url):
        for _ in range(MANY):
            work().end()
    assert not collector.answers.is_set()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:4318",
        "collector",
        "grpc://collector:4317",
        "http://",
        "http://collector:0",
        "http://collector:99999",
        "http://hunter2:port",
        "http://[hunter2",
        "http://user:hunter2@collector:4318",
        "http://collector:4318?token=hunter2",
        "http://collector:4318 ",
    ],
)
def test_an_address_that_is_none_of_a_collector_stops_the_process(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("EPASS_OTLP_ENDPOINT", address)
    with pytest.raises(WrongSettings, match=r"^EPASS_OTLP_ENDPOINT is wrong: ") as stopped:
        read(ProcessSettings)
    assert "hunter2" not in str(stopped.value)


@pytest.mark.parametrize(
    ("written", "read_as"), [("", None), ("http://collector:4318", "http://collector:4318")]
)
def test_an_empty_address_means_no_traces(
    monkeypatch: pytest.MonkeyPatch, written: str, read_as: str | None
) -> None:
    monkeypatch.setenv("EPASS_OTLP_ENDPOINT", written)
    assert read(ProcessSettings).otlp_endpoint == read_as


def test_threads_of_one_process_share_its_exporter(collector: Collector) -> None:
    with tracing.exporting("sender", collector.url):
        threads = [threading.Thread(target=lambda: work().end()) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len({span.trace_id for span in collector.spans}) == 8


UNDER_EVENTLET = """
from services.chassis.process import serve
import sys
import eventlet
from services.chassis.runtime import tracing
others = []
def other():
    for number in range(20):
        others.append(number)
        eventlet.sleep(0.01)
with tracing.exporting("verify", sys.argv[1]):
    for number in range(300):
        eventlet.spawn(lambda: tracing.Span("SERVER", "green", None, {}).end())
    eventlet.spawn(other).wait()
print(len(others))
"""


@pytest.mark.parametrize("answers", [True, False])
def test_under_eventlet_a_green_thread_exports_and_a_silent_collector_holds_up_no_other(
    collector: Collector, answers: bool
) -> None:
    if not answers:
        collector.answers.clear()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", UNDER_EVENTLET, collector.url],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["20"]), done.stderr
    assert len(collector.spans) == (300 if answers else 0)

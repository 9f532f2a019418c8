"""The SDK of OpenTelemetry as e-Pass uses it: spans go to a collector in the background, or are lost.

Nothing here waits for the collector. Spans wait in a queue of limited length, from which one thread (under
eventlet a green one) sends them. A collector that is away or slow loses spans, and nothing else.

`tracing` imports this module when tracing is on, and nobody else does.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from uuid import uuid4

import requests
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, get_current_span
from opentelemetry.trace import Span as SpanRecord
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.chassis.runtime import logs
from services.chassis.runtime.clock import monotonic

__all__ = ["SpanExports", "SpanRecord"]
log = logs.logger(__name__)
PATH = "/v1/traces"
"""Of OTLP over HTTP."""
SCHEMA = "https://opentelemetry.io/schemas/1.44.0"
"""The version of the semantic conventions."""
MOST_WAITING = 2048
"""Spans that wait to be sent. Any more are lost."""
BATCH = 128
"""Spans in one message at most: few, because no green thread runs while they are encoded."""
DELAY_MILLISECONDS = 1000
"""Between two messages, unless a batch is full."""
SEND_SECONDS = 2.0
"""For each try to send a message; also how long a process that stops goes on to send."""
_W3C = TraceContextTextMapPropagator()
_NOTHING = Context()
_KINDS = {kind.name: kind for kind in SpanKind}
_FAULT = Status(StatusCode.ERROR)


class SpanExports:
    """The spans of one process, and their way to the collector.

    Args:
        endpoint: the address of the collector.
        ratio: the part of the traces that begin here which is exported.
    """

    def __init__(self, process: str, endpoint: str, ratio: float) -> None:
        _forget_variables_of_the_sdk()
        # its own log quotes the address of the collector, and repeats itself at every try
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        resource = {
            "service.name": process,
            "service.namespace": "epass",
            "service.version": version("epass"),
            "service.instance.id": str(uuid4()),
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": version("opentelemetry-sdk"),
        }
        session = requests.Session()
        session.trust_env = False  # no proxy, and no login of a .netrc
        self._exporter = _Exporter(
            OTLPSpanExporter(endpoint.rstrip("/") + PATH, timeout=SEND_SECONDS, session=session)
        )
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=MOST_WAITING,
            schedule_delay_millis=DELAY_MILLISECONDS,
            max_export_batch_size=BATCH,
        )
        sampler = ParentBased(TraceIdRatioBased(ratio))
        provider = TracerProvider(sampler, Resource(resource), shutdown_on_exit=False)
        provider.add_span_processor(self._processor)
        self._tracer = provider.get_tracer("epass", version("epass"), schema_url=SCHEMA)

    def begin(
        self,
        kind: str,
        name: str,
        cause: str | None,
        attributes: Mapping[str, str | int],
        linked_to: str | None,
    ) -> tuple[SpanRecord, str]:
        """Begin a span; return it and its trace context. The arguments are those of `tracing.Span`."""
        links = [Link(_context_of(linked_to))] if linked_to else None
        span = self._tracer.start_span(name, _parent(cause), _KINDS[kind], attributes, links)
        context = span.get_span_context()
        return span, f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def fail(self, span: SpanRecord, error: str, is_fault: bool) -> None:
        """Note an error; a fault makes the span one that failed."""
        span.set_attribute("error.type", error)
        if is_fault:
            span.set_status(_FAULT)

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._exporter.until = monotonic() + SEND_SECONDS
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the SDK does not type it


class _Exporter(SpanExporter):
    """Exporter that logs once when spans are lost, and once when they arrive again."""

    def __init__(self, otlp: OTLPSpanExporter) -> None:
        self._otlp = otlp
        self._fails = False
        self.until = float("inf")
        """After this time, on the monotonic clock, nothing is sent any more."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send spans to the collector."""
        if monotonic() >= self.until:
            return SpanExportResult.FAILURE
        result = self._otlp.export(spans)
        fails = result is not SpanExportResult.SUCCESS
        if fails != self._fails:
            self._fails = fails
            if fails:
                log.warning("the collector of traces does not take spans: they are lost")
            else:
                log.info("the collector of traces takes spans again")
        return result

    def shutdown(self) -> None:
        """End a try that is under way."""
        self._otlp.shutdown()  # type: ignore[no-untyped-call]  # the SDK does not type it


def _forget_variables_of_the_sdk() -> None:
    """Remove what the SDK would read: where spans go, and what goes with them, is for our settings to say."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]


def _parent(traceparent: str | None) -> Context:
    return _W3C.extract({"traceparent": traceparent}, _NOTHING) if traceparent else _NOTHING


def _context_of(traceparent: str) -> SpanContext:
    return get_current_span(_parent(traceparent)).get_span_context()

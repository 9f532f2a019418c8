"""A collector of traces on loopback: it takes OTLP over HTTP, and keeps every span."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1 import trace_pb2


@dataclass(frozen=True)
class CollectedSpan:
    """A span as the collector got it; times are nanoseconds since 1970."""

    process: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for the root of a trace."""
    attributes: dict[str, str | int]
    links: tuple[tuple[str, str], ...]
    """Trace and span of each."""
    began: int
    ended: int
    is_fault: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-01"


class Collector:
    """The server. ``status`` is its answer, and while ``answers`` is cleared it gives none."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: dict[str, str] = {}
        """Of the last request."""
        self.status = 200
        self.answers = threading.Event()
        self.answers.set()
        self.asked = threading.Event()
        """Set by the first request."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.headers = dict(self.headers)
                collector.asked.set()
                collector.answers.wait()
                if collector.status == 200 and self.path == "/v1/traces":
                    collector.bodies.append(body)
                answer = ExportTraceServiceResponse().SerializeToString()
                try:
                    self.send_response(collector.status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    self.close_connection = True  # who asked has given up

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def spans(self) -> list[CollectedSpan]:
        return [span for body in list(self.bodies) for span in _read(body)]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()


def _read(body: bytes) -> Iterator[CollectedSpan]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        facts = {one.key: one.value.string_value for one in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield CollectedSpan(
                    facts["service.name"],
                    span.name,
                    trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    {one.key: one.value.string_value or one.value.int_value for one in span.attributes},
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
                )

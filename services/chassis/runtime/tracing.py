"""Traces: what a request causes in all processes, as spans of OpenTelemetry. Off unless an endpoint is set.

The trace context travels as the W3C ``traceparent`` of a call and of an envelope, and inside a process in
`logs.context`. A span takes its cause from there and hands on its own context, so that an outbox, a database
or a batch between the two breaks no trace. Names and attributes are those of OpenTelemetry's semantic
conventions, without what could be personal: paths, queries, addresses, texts of errors.

This module costs next to nothing while tracing is off; the SDK is imported by `exporting` alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from contracts.envelope import Envelope
from contracts.errors import ContractError, InternalError, Unavailable
from contracts.rpc.call import Method
from contracts.subscriptions import exchange_of
from services.chassis.runtime import logs

if TYPE_CHECKING:
    from services.chassis.runtime.span_exports import SpanExports, SpanRecord

Kind = Literal["SERVER", "CLIENT", "PRODUCER", "CONSUMER", "INTERNAL"]
Attributes = Mapping[str, str | int]
_exports: "SpanExports | None" = None
"""Of this process, while tracing is on."""


@contextmanager
def exporting(process: str, endpoint: str | None, ratio: float = 1.0) -> Iterator[None]:
    """Export the spans of this process while the block lasts; do nothing without an endpoint.

    Args:
        process: its name, such as that of the service.
        endpoint: the address of a collector that takes OTLP over HTTP.
        ratio: the part of the traces that begin in this process which is exported.
    """
    global _exports  # noqa: PLW0603  as the registry of metrics, it belongs to the process as a whole
    if endpoint is None:
        yield
        return
    from services.chassis.runtime.span_exports import SpanExports

    _exports = exports = SpanExports(process, endpoint, ratio)
    try:
        yield
    finally:
        _exports = None
        exports.close()


class Span:
    """A piece of work of this process, from its creation to `end`. One that is not ended is not exported.

    As a context manager it ends with its block; an exception that leaves the block is noted by its type or
    code.

    Args:
        kind: the side of a call on which the work is done.
        name: with few different values.
        cause: the trace context of what caused it; the span begins a trace if there is none.
        attributes: by the semantic conventions; never personal.
        linked_to: the trace context of a span that has to do with it and is not its cause, such as the first
            of those that are done together.
    """

    __slots__ = ("_record", "traceparent")

    def __init__(
        self, kind: Kind, name: str, cause: str | None, attributes: Attributes, linked_to: str | None = None
    ) -> None:
        self._record: SpanRecord | None = None
        self.traceparent = cause
        """The trace context for what it causes; while tracing is off, that of its own cause."""
        if _exports is not None:
            self._record, self.traceparent = _exports.begin(kind, name, cause, attributes, linked_to)

    def rename(self, name: str) -> None:
        """Give it the name that is known only now."""
        if self._record is not None:
            self._record.update_name(name)

    def set(self, attributes: Attributes) -> None:
        """Add attributes."""
        if self._record is not None:
            self._record.set_attributes(attributes)

    def fail(self, error: str, *, is_fault: bool = True) -> None:
        """Note the code or type of an error, and whether it is a fault or a refusal as agreed."""
        if self._record is not None and _exports is not None:
            _exports.fail(self._record, error, is_fault)

    def end(self) -> None:
        """End it now."""
        if self._record is not None:
            self._record.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, ContractError):
            self.fail(error.body.code, is_fault=isinstance(error, (InternalError, Unavailable)))
        elif kind is not None:
            self.fail(f"{kind.__module__}.{kind.__qualname__}")
        self.end()


def of_call(kind: Kind, method: Method[Any, Any], cause: str | None) -> Span:
    """Begin the span of one side of an RPC."""
    name, attributes = _named(method)
    return Span(kind, name, cause, attributes)


def of_calls(method: Method[Any, Any], causes: Sequence[str | None]) -> list[Span]:
    """Begin the spans of calls of an RPC that its service handles together."""
    name, attributes = _named(method)
    spans: list[Span] = []
    for cause in causes:
        spans.append(Span("SERVER", name, cause, attributes, spans[0].traceparent if spans else None))
    return spans


def _named(method: Method[Any, Any]) -> tuple[str, Attributes]:
    if _exports is None:
        return "", {}
    name = f"{method.service}/{method.name}"
    return name, {"rpc.system.name": "nameko", "rpc.method": name}


def of_event(event: Envelope, consumer: str = "", linked_to: str | None = None) -> Span:
    """Begin the span in which an event is published, or handled by a consumer (the name of its queue)."""
    if _exports is None:
        return Span("CONSUMER", "", event.traceparent, {})
    kind: Kind = "CONSUMER" if consumer else "PRODUCER"
    name, operation = ("process", "process") if consumer else ("publish", "send")
    destination = f"{exchange_of(event.producer)}:{event.type}"
    attributes = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": name,
        "messaging.operation.type": operation,
        "messaging.destination.name": f"{destination}:{consumer}" if consumer else destination,
        "messaging.message.id": str(event.id),
    }
    return Span(kind, f"{name} {event.type}", event.traceparent, attributes, linked_to)


def of_events(events: Sequence[Envelope], consumer: str = "") -> list[Span]:
    """Begin the spans of events that travel or are handled together; return none while tracing is off."""
    spans: list[Span] = []
    if _exports is not None:
        for event in events:
            spans.append(of_event(event, consumer, spans[0].traceparent if spans else None))
    return spans


@contextmanager
def continued(name: str, cause: str | None) -> Iterator[None]:
    """Let what the block does continue a trace whose context was stored; the two traces have a link.

    Do nothing without a stored context, or where that trace is the current one.
    """
    here = logs.traceparent()
    if cause is None or cause == here:
        yield
        return
    with Span("INTERNAL", name, cause, {}, here) as span, logs.context(traceparent=span.traceparent):
        yield

"""Log, measure and trace each request under one correlation id.

None of the three ever holds a path or a query string (a reference, a link code), only the route's template.
"""

import re
from functools import cache
from time import perf_counter
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.chassis.runtime import logs, metrics, tracing

log = logs.logger(__name__)
_measured = cache(metrics.HTTP_SECONDS.labels)
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{7,63}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_MEASURED_METHODS = {"GET", "POST", "DELETE", "HEAD"}
_UNLOGGED_ROUTES = {"/healthz", "/readyz", "/metrics", "/static"}


class RequestLog:
    """The outermost middleware: set the correlation id, log one line, measure the duration, make a span.

    Args:
        app: the rest of the application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        correlation_id, traceparent = correlation_of(Headers(scope=scope))
        method = scope["method"] if scope["method"] in _MEASURED_METHODS else "other"
        span = tracing.Span("SERVER", method, traceparent, {"url.scheme": scope["scheme"]})
        began, status = perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = correlation_id
            await send(message)

        with logs.context(correlation_id=correlation_id, traceparent=span.traceparent):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                _record(scope, method, status, perf_counter() - began, span)


def correlation_of(headers: Headers) -> tuple[str, str | None]:
    """Return the correlation id and the trace context (W3C ``traceparent``, or None) of a request.

    The caller's ``X-Request-ID`` is used where it is well-formed, else the id of their trace, else a new one.
    """
    traceparent = headers.get("traceparent", "")
    trace = _TRACEPARENT.fullmatch(traceparent)
    request_id = headers.get("x-request-id", "")
    if _SANE_ID.fullmatch(request_id):
        return request_id, traceparent if trace else None
    return (trace.group(1), traceparent) if trace else (uuid4().hex, None)


def _record(scope: Scope, method: str, status: int, seconds: float, span: tracing.Span) -> None:
    if (route := scope.get("route")) is not None:
        template = str(route.path)
    else:
        template = "/static" if scope["path"].startswith("/static/") else "unmatched"
    _measured(method, template, status).observe(seconds)
    if template in _UNLOGGED_ROUTES:
        return
    log.info("request", method=method, route=template, status=status, ms=round(seconds * 1000, 1))
    span.rename(f"{method} {template}")
    known = "_OTHER" if method == "other" else method
    span.set({"http.request.method": known, "http.response.status_code": status})
    if route is not None:
        span.set({"http.route": template})
    if status >= 500:
        span.fail(str(status))
    span.end()

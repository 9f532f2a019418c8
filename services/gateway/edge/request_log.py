"""Log, measure and trace each request under one correlation id.

None of the three ever holds a path or a query string (a reference, a link code), only the route's template.
"""

import re
from collections.abc import Sequence
from functools import cache
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from services.chassis.runtime import logs, metrics, tracing
from services.chassis.runtime.clock import monotonic

log = logs.logger(__name__)
_measured = cache(metrics.HTTP_SECONDS.labels)
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{7,63}")
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_MEASURED_METHODS = {"GET", "POST", "DELETE", "HEAD"}
_UNLOGGED_ROUTES = {"/healthz", "/readyz", "/metrics", "/static"}


class RequestLog:
    """The outermost middleware: set the correlation id, log one line, measure the duration, make a span.

    Args:
        app: the rest of the application.
        trusted_proxies: addresses and networks of those who may name correlation id and trace; all others
            get new ones, and could otherwise switch a trace off or write into that of somebody else.
    """

    def __init__(self, app: ASGIApp, trusted_proxies: Sequence[str]) -> None:
        self.app = app
        proxies = ProxyHeadersMiddleware(app, list(trusted_proxies))  # type: ignore[arg-type]  # its own ASGI types
        self._trusted = proxies.trusted_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        peer = scope["client"][0] if scope.get("client") else ""
        headers = Headers(scope=scope) if peer in self._trusted else Headers()
        correlation_id, traceparent = correlation_of(headers)
        method = scope["method"] if scope["method"] in _MEASURED_METHODS else "other"
        span = tracing.Span("SERVER", method, traceparent, {})
        began, status = monotonic(), 500

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
                _record(scope, method, status, monotonic() - began, span)


def correlation_of(headers: Headers) -> tuple[str, str | None]:
    """Return the correlation id and the trace context (W3C ``traceparent``, or None) of a request.

    The proxy's ``X-Request-ID`` is used where it is well-formed, else the id of its trace, else a new one. Of
    the flags of a trace only the one is kept that we know: whether it is sampled.
    """
    request_id = headers.get("x-request-id", "")
    correlation_id = request_id if _SANE_ID.fullmatch(request_id) else None
    if (found := _TRACEPARENT.fullmatch(headers.get("traceparent", ""))) is None:
        return correlation_id or uuid4().hex, None
    trace, parent, flags = found.groups()
    return correlation_id or trace, f"00-{trace}-{parent}-{int(flags, 16) & 1:02x}"


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
    span.set({"url.scheme": scope["scheme"]})  # by now the one that a trusted proxy has named
    if route is not None:
        span.set({"http.route": template})
    if status >= 500:
        span.fail(str(status))
    span.end()

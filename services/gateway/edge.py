"""What surrounds every request: its correlation id, the security headers, one line in the log, one observation.

Neither log nor metrics ever hold a path or a query (a reference, a link code), only the route's template.
"""

import re
from time import perf_counter
from typing import get_args
from uuid import uuid4

from fastapi.exceptions import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.model import Language
from services.chassis.runtime import logs, metrics
from services.gateway import problems

log = logs.logger(__name__)
LARGEST_BODY = 64 * 1024
_SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{7,63}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_DIGEST_IN_NAME = re.compile(r"^/static/built/[a-z-]+-[A-Z0-9]{8}\.[a-z0-9]+$")
QUIET_ROUTES = {"/healthz", "/readyz", "/metrics", "/static"}
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def correlation_of(headers: Headers) -> tuple[str, str | None]:
    """The id that joins what this request causes, and its trace context: the caller's where they are sane."""
    traceparent = headers.get("traceparent", "")
    trace = _TRACEPARENT.fullmatch(traceparent)
    asked = headers.get("x-request-id", "")
    if _SANE_ID.fullmatch(asked):
        return asked, traceparent if trace else None
    return (trace.group(1), traceparent) if trace else (uuid4().hex, None)


def is_page(scope: Scope) -> bool:
    """Whether a page was asked for, whose people want a page for an answer, whatever is wrong."""
    return scope["path"].split("/")[1] in get_args(Language)


def route_of(scope: Scope) -> str:
    """The template of the route that took the request."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    return "/static" if scope["path"].startswith("/static/") else "unmatched"


class Edge:
    """The outermost middleware.

    Args:
        app: the rest.
        https: whether browsers may be told to come back over HTTPS only.
    """

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self.app = app
        self._headers = SECURITY_HEADERS | (
            {"Strict-Transport-Security": "max-age=31536000"} if https else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        correlation_id, traceparent = correlation_of(Headers(scope=scope))
        began, status = perf_counter(), 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = correlation_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _keeping(scope["path"], status))
            await send(message)

        with logs.context(correlation_id=correlation_id, traceparent=traceparent):
            try:
                await self.app(scope, receive, send_with_headers)
            finally:
                _observe(scope, status, perf_counter() - began)


def _keeping(path: str, status: int) -> str:
    """How long a browser may keep an answer that does not say so itself: for ever where its name says what is in it."""
    if status in {200, 304} and _DIGEST_IN_NAME.search(path):
        return "public, max-age=31536000, immutable"
    return "no-cache" if path.startswith("/static/") else "no-store"


def _observe(scope: Scope, status: int, seconds: float) -> None:
    route = route_of(scope)
    method = scope["method"] if scope["method"] in {"GET", "POST", "DELETE", "HEAD"} else "other"
    metrics.HTTP_SECONDS.labels(method, route, str(status)).observe(seconds)
    if route not in QUIET_ROUTES:
        log.info("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


class BodyLimit:
    """Refuses a body that is too large, whether its length is announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        is_announced = not announced.isdecimal() or int(announced) > LARGEST_BODY
        if is_announced and not is_page(scope):
            await problems.of_http(413, f"the body is larger than {LARGEST_BODY} bytes")(scope, receive, send)
            return
        taken = 0

        async def receive_within_limit() -> Message:
            nonlocal taken
            if is_announced:
                raise HTTPException(413, f"the body is larger than {LARGEST_BODY} bytes")
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST_BODY:
                raise HTTPException(413, f"the body is larger than {LARGEST_BODY} bytes")
            return message

        await self.app(scope, receive_within_limit, send)

"""Security headers and ``Cache-Control`` for every response that does not set its own."""

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNUSED = (
    *("accelerometer", "display-capture", "geolocation", "gyroscope", "hid", "magnetometer"),
    *("microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking"),
)
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in ("camera", *_UNUSED)),
}
WITH_CAMERA = {
    "Permissions-Policy": SECURITY_HEADERS["Permissions-Policy"].replace("camera=()", "camera=(self)")
}
_USES_CAMERA = re.compile(r"^(/gate|/[a-z]{2}/counter(/.*)?)$")
"""The app of the gate reads QR codes, the counter photographs a visitor."""
_DIGEST_IN_NAME = re.compile(r"^/static/built/[a-z-]+-[A-Z0-9]{8}\.[a-z0-9]+$")


class ResponseHeaders:
    """Middleware that adds the headers.

    Args:
        app: the rest of the application.
        https: whether browsers may be told to return over HTTPS only (``Strict-Transport-Security``).
    """

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self.app = app
        self._headers = SECURITY_HEADERS | (
            {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if https else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = WITH_CAMERA if _USES_CAMERA.match(scope["path"]) else {}
                for name, value in (self._headers | own).items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", _cache_control(scope["path"], message["status"]))
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _cache_control(path: str, status: int) -> str:
    if status in {200, 304} and _DIGEST_IN_NAME.search(path):
        return "public, max-age=31536000, immutable"
    return "no-cache" if path.startswith("/static/") else "no-store"

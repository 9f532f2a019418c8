"""Compress pages, styles and scripts with gzip: most readers are on a slow line.

A compressed page could give away a secret in it to an attacker who has it reflect guesses and measures its
length (BREACH). There is nothing to gain here: no page holds a token (a form is accepted by where it comes
from, not by what is in it; hidden keys are random and new each time), pages put into their links only what
their routes declare, and SameSite keeps the session out of every cross-site request but the opening of a
page. JSON responses do hold tokens and are not compressed, but for the manifest of a gate. It holds none; the
app asks for it by the clock and not when somebody wants it to; and who would have it reflect a guess has to
apply for a pass of that day, once for each guess.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send

_COMPRESSED = "/api/v1/gate/manifest"


class Compression(GZipMiddleware):
    """Middleware that compresses everything but JSON under ``/api/``, of which the manifest alone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"] if scope["type"] == "http" else ""
        is_plain = path.startswith("/api/") and path != _COMPRESSED
        await (self.app if is_plain else super().__call__)(scope, receive, send)

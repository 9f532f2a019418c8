"""Compress pages, styles and scripts with gzip: most readers are on a slow line.

A compressed page could give away a secret in it to an attacker who has it reflect guesses and measures its
length (BREACH). There is nothing to gain here: no page holds a token (a form is accepted by where it comes
from, not by what is in it; hidden keys are random and new each time), pages put into their links only what
their routes declare, and SameSite keeps the session out of every cross-site request but the opening of a
page. JSON responses do hold tokens and are not compressed.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send


class Compression(GZipMiddleware):
    """Middleware that compresses everything but the JSON interface under ``/api/``."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_json = scope["type"] == "http" and scope["path"].startswith("/api/")
        await (self.app if is_json else super().__call__)(scope, receive, send)

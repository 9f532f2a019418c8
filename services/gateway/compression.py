"""Pages, styles and scripts are compressed: most readers are on a slow line.

A compressed page could give away a secret in it to whoever has it reflect guesses and measures its length (BREACH). There is
nothing to gain here: no page holds a token (a form is ours by where it comes from, not by what is in it; hidden keys are random
and new each time), pages put into their links only what their routes declare, and SameSite keeps the session out of every
request of another site but an opened page. Answers of the JSON interface, which do hold tokens, are left as they are.
"""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import Receive, Scope, Send


class Compression(GZipMiddleware):
    """gzip for what browsers read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        is_interface = scope["type"] == "http" and scope["path"].startswith("/api/")
        await (self.app if is_interface else super().__call__)(scope, receive, send)

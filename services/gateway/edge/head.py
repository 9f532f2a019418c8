"""Answer HEAD wherever GET is answered (RFC 9110, 9.3.2): the same headers, no body."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FOUND = ("route", "endpoint", "path_params")
"""What routing finds out about a request, for the log."""


class HeadAsGet:
    """Middleware that has a HEAD request served as a GET and leaves out the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        asked = {**scope, "method": "GET"}
        is_long = asyncio.Event()
        has_ended: list[bool] = []

        async def send_without_body(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
            elif not has_ended:
                has_ended.append(True)
                await send({"type": "http.response.body", "body": b""})
                if message.get("more_body"):
                    is_long.set()

        serving = asyncio.ensure_future(self.app(asked, receive, send_without_body))
        goes_on = asyncio.ensure_future(is_long.wait())
        try:
            await asyncio.wait({serving, goes_on}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
        finally:
            scope.update({name: asked[name] for name in _FOUND if name in asked})
            goes_on.cancel()
            serving.cancel()  # a file or a stream of events has no more to say
            await asyncio.gather(serving, goes_on, return_exceptions=True)

"""Refuse request bodies that are too large."""

import re
from typing import get_args

from fastapi.exceptions import HTTPException
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.csv_table import LARGEST_FILE
from contracts.model import Language
from contracts.rpc.batches import LARGEST_MESSAGE
from contracts.rpc.notify import LARGEST_WEBHOOK
from services.gateway.edge import problems

LARGEST_BODY = 64 * 1024
"""In bytes."""
UPLOADS = re.compile(rf"/({'|'.join(get_args(Language))})/desk/directory/(files|texts/emblem)")
"""The addresses that take a file."""
LARGEST_UPLOAD = LARGEST_FILE + 16 * 1024
"""In bytes: a file, and the other fields of its form."""
SYNC = "/api/v1/scans/sync"
LARGEST_SYNC = LARGEST_MESSAGE - 16_000
"""In bytes: 200 scans, which go on to verify in one message with what proves whose they are."""
HOOKS = "/hooks/"


class BodyLimit:
    """Middleware that answers 413 to a body over the limit, whether its length is announced or not."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        largest = largest_of(scope["path"])
        detail = f"the body is larger than {largest} bytes"
        is_too_large = not announced.isdecimal() or int(announced) > largest
        is_page = scope["path"].split("/")[1] in get_args(Language)
        if is_too_large and not is_page:
            await problems.http_error_response(413, detail)(scope, receive, send)
            return
        received = 0

        async def receive_within_limit() -> Message:
            nonlocal received
            if is_too_large:  # raised inside the page's route, so that the answer is a page too
                raise HTTPException(413, detail)
            message = await receive()
            received += len(message.get("body", b""))
            if received > largest:
                raise HTTPException(413, detail)
            return message

        await self.app(scope, receive_within_limit, send)


def largest_of(path: str) -> int:
    """Return how many bytes the body of a request for a path may have."""
    if path == SYNC:
        return LARGEST_SYNC
    if path.startswith(HOOKS):
        return LARGEST_WEBHOOK
    return LARGEST_UPLOAD if UPLOADS.fullmatch(path) else LARGEST_BODY

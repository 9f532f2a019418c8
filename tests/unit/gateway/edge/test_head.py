"""HEAD is answered wherever GET is."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.responses import StreamingResponse
from starlette.types import Message

from services.gateway.edge.head import HeadAsGet
from tests.support.factories.gateway import browsing

PATHS = (
    "/",
    "/en",
    "/pa/about/help",
    "/robots.txt",
    "/static/icon.svg",
    "/healthz",
    "/en/nothing",
    "/openapi.json",
)


async def test_head_has_the_status_and_headers_of_get_and_no_body() -> None:
    async with browsing() as (http, _):
        for path in PATHS:
            got, head = await http.get(path), await http.head(path)
            assert head.status_code == got.status_code, path
            assert head.content == b"", path
            for name in ("content-type", "content-length", "location"):
                assert head.headers.get(name) == got.headers.get(name), (path, name)


async def test_head_of_an_address_that_takes_only_forms_is_refused() -> None:
    async with browsing() as (http, _):
        answer = await http.head("/en/sign-out")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_response_that_never_ends_is_closed_after_its_headers() -> None:
    is_closed = asyncio.Event()

    async def events() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: x\n\n"
                await asyncio.sleep(0.01)
        finally:
            is_closed.set()

    async def endless() -> StreamingResponse:
        return StreamingResponse(events(), media_type="text/event-stream")

    app = FastAPI()
    app.add_api_route("/events", endless)
    app.add_middleware(HeadAsGet)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "method": "HEAD",
        "path": "/events",
        "query_string": b"",
        "headers": [],
    }
    await asyncio.wait_for(app(scope, receive, send), 2)
    assert is_closed.is_set()
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"]
    assert sent[1]["body"] == b""

"""The exporter reads nothing but headers until it has seen the token, and never more than it needs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Message

from contracts.ops import Report
from contracts.tokens import SessionClaims
from services.chassis.runtime.clock import now
from services.ops import interface
from services.ops.settings import ExporterSettings
from tests.support.factories.gateway import claims, proven
from tests.support.stack.running import free_port
from tests.support.stack.settings import make_settings

TOKEN = "the token of the gateways of these tests"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
REPLAY = "/dead-letters/nobodys/x/replay"
WRONG = ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"bearer {TOKEN}", TOKEN, "Bearer ਪ")
OPTIONS = make_settings(ExporterSettings, ops_token=TOKEN, ops_port=free_port())


OPERATOR = {"sub": "OPS-0001", "role": "ops", "department": None}


def proof_of(session: SessionClaims, **others: Any) -> str:
    """Return the tokens of somebody, as the gateway shows them."""
    proof = proven(session=session, **others).proof
    assert proof is not None
    return proof.model_dump_json()


def application() -> ASGIApp:
    return interface.application(OPTIONS, lambda: Report(at=now()))


class Request:
    """A request to the application, of which the server hands out as many pieces as are asked for.

    Args:
        shown: its header `Authorization`.
        *pieces: its body.
    """

    def __init__(self, shown: str, *pieces: bytes) -> None:
        self.given = 0
        self.answer: list[Message] = []
        self._pieces = pieces
        headers = [
            (b"content-type", b"application/json"),
            (b"authorization", shown.encode()),
            (b"x-proof", proof_of(claims(**OPERATOR)).encode()),
        ]
        self._scope = {
            "type": "http",
            "method": "POST",
            "path": REPLAY,
            "headers": headers,
            "query_string": b"",
            "http_version": "1.1",
        }

    async def _receive(self) -> Message:
        self.given += 1
        body, more = self._pieces[self.given - 1], self.given < len(self._pieces)
        return {"type": "http.request", "body": body, "more_body": more}

    async def _send(self, message: Message) -> None:
        self.answer.append(message)

    async def status(self) -> int:
        await application()(self._scope, self._receive, self._send)
        return int(self.answer[0]["status"])


@pytest.mark.parametrize("shown", WRONG)
async def test_of_a_request_without_the_token_no_body_is_read_or_parsed(shown: str) -> None:
    request = Request(shown, b"{")
    assert await request.status() == 401
    assert request.given == 0
    assert request.answer[1]["body"] == b""


async def test_a_body_is_read_up_to_its_limit_even_with_the_token() -> None:
    request = Request(SHOWN["Authorization"], *[b" " * 400] * 10)
    assert await request.status() == 413
    assert request.given == 3


@pytest.mark.parametrize(("body", "status"), [(b'{"replayed": 0, "by": "OPS-0001"}', 404), (b"{", 422)])
async def test_a_body_that_comes_in_pieces_is_parsed_as_a_whole(body: bytes, status: int) -> None:
    request = Request(SHOWN["Authorization"], body[:9], body[9:])
    assert await request.status() == status  # of a queue that is nobody's


async def test_a_gateway_names_no_operator_without_the_tokens_of_their_session() -> None:
    """It may be taken over: then it still has the token of the gateways."""
    good = claims(**OPERATOR)
    another = SessionClaims.model_validate(good.model_dump() | {"exp": 1_800_000_000, "iat": 1_799_999_000})
    wrong = {
        "nothing": "", "no proof": "{}", "a name alone": '{"session": "OPS-0001"}',
        "no operator": proof_of(claims()), "a login that ended": proof_of(another),
        "a key that nobody certified": proven(keys=(), session=good).proof.model_dump_json(),
    }  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application()), base_url="http://ops") as http:
        for name, proof in wrong.items():
            for answer in (
                await http.get("/dead-letters/verify.PassIssued", headers={**SHOWN, "X-Proof": proof}),
                await http.post(
                    "/dead-letters/verify.PassIssued/x/replay",
                    headers={**SHOWN, "X-Proof": proof, "X-Operator": "OPS-0001"},
                    json={"replayed": 0, "by": "OPS-0001"},
                ),
            ):
                assert answer.status_code == 403, name
        nobodys = await http.get("/dead-letters/nobodys", headers={**SHOWN, "X-Proof": proof_of(good)})
        assert nobodys.status_code == 404, "they are admitted, and there is no such queue"


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """Serve it as the exporter does, to four connections at most, and yield its address."""
    monkeypatch.setattr(interface, "MOST_CONNECTIONS", 4)
    background = interface.serving(OPTIONS, lambda: Report(at=now()))
    task = asyncio.create_task(background.run())
    while not background.working:  # noqa: ASYNC110  it has no event for it
        await asyncio.sleep(0)
    yield f"http://127.0.0.1:{OPTIONS.ops_port}"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_headers_without_end_are_refused(served: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", OPTIONS.ops_port)
    writer.write(b"GET /report HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * interface.MOST_HEADER_BYTES)
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_more_connections_than_allowed_are_turned_away(served: str) -> None:
    async with httpx.AsyncClient(base_url=served, trust_env=False) as http:
        assert (await http.get("/report", headers=SHOWN)).status_code == 200
        idle = [await asyncio.open_connection("127.0.0.1", OPTIONS.ops_port) for _ in range(4)]
        async with httpx.AsyncClient(base_url=served, trust_env=False) as other:
            assert (await other.get("/report", headers=SHOWN)).status_code == 503
        for _, writer in idle:
            writer.close()

"""What the exporter answers to the gateways, over HTTP: its report, dead letters, and their replay.

HTTP and not RPC, because an operator looks at it while the broker is down. Only who shows the token is
answered; of all other requests only the headers are read. Dead letters are for operators alone, whose session
tokens the gateway sends along, and which are checked here as services do: a gateway that is taken over can
name nobody else. Requests that a service could not take (`rpc-…`)
are counted and never read here: they may hold what nobody should see. `epass dead-letters` shows and drops
them.
"""

import asyncio
import hmac
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

import uvicorn
from aio_pika.abc import AbstractConnection
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import ValidationError
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from contracts.errors import ContractError
from contracts.ops import LetterList, LetterView, Replay, Replayed, Report
from contracts.rpc.call import Proof
from services.chassis.messaging.broker import LOST, connect
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.principals import proved_by
from services.chassis.runtime.background import BackgroundTask
from services.chassis.runtime.clock import now
from services.chassis.runtime.logs import logger
from services.ops import queues, redrive
from services.ops.dead_letter import DeadLetter
from services.ops.selection import is_rpc
from services.ops.settings import ExporterSettings

log = logger(__name__)
LETTERS = 100
"""So many of a queue are read at most: the oldest ones."""
SECONDS = 2.5
"""A queue that cannot be read within this time is not read: the page has four seconds."""
MOST_BYTES = 1_000
"""Of the body of a request."""
MOST_HEADER_BYTES = 8_192
MOST_CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 15
"""Longer than the client of the gateways keeps an idle connection, so that it closes it."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process, which stops everything."""
        yield


def serving(options: ExporterSettings, report: Callable[[], Report]) -> BackgroundTask:
    """Return the work of answering."""

    async def serve() -> None:
        tls = options.served_with()
        with socket.create_server((options.ops_host, options.ops_port)) as listener:
            config = uvicorn.Config(
                application(options, report),
                http="h11",  # the other one has no limit for headers
                h11_max_incomplete_event_size=MOST_HEADER_BYTES,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                ws="none",
                log_config=None,
                lifespan="off",
                ssl_context_factory=(lambda *_: tls) if tls else None,
            )
            server = _Server(config)
            background.working = True
            background.backoff.reset()
            await server.serve([listener])

    background = BackgroundTask("interface", serve, (OSError,))
    return background


class OnlyGateways:
    """ASGI middleware that hands on the requests which show the token, with their whole body.

    It stands outside FastAPI, which reads and parses a body before it asks who sends it.

    Args:
        app: the rest of the application.
        token: what the gateways show.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        shown = Headers(scope=scope).get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(shown, self._expected):
            await Response(status_code=401, headers={"Connection": "close"})(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > MOST_BYTES:
                await Response(status_code=413, headers={"Connection": "close"})(scope, receive, send)
                return
        whole: list[Message] = [{"type": "http.request", "body": body}]

        async def receive_whole() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, receive_whole, send)


def application(options: ExporterSettings, report: Callable[[], Report]) -> ASGIApp:
    """Return the application."""
    reading: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
    """A letter that one request has read is hidden from all others until that one gives it back."""

    keys = EventKeys(options.event_keys)

    def operator(x_proof: Annotated[str, Header()] = "") -> str:
        """Return the login of the operator whose session the gateway shows."""
        try:
            principal = proved_by(Proof.model_validate_json(x_proof), keys, now())
        except (ContractError, ValidationError):
            raise HTTPException(403) from None
        if principal.role != "ops":
            raise HTTPException(403)
        return principal.id

    Operator = Annotated[str, Depends(operator)]  # noqa: N806  a type
    app = FastAPI(openapi_url=None)

    @asynccontextmanager
    async def broker(queue: str) -> AsyncIterator[AbstractConnection]:
        """Hold a connection to read the dead letters of a consumer, for a limited time."""
        if queue not in set(queues.consumer_queues()) or is_rpc(queue):
            raise HTTPException(404)
        try:
            async with (
                asyncio.timeout(SECONDS),
                reading[queue],
                await connect(options.ops_broker_urls, "ops") as connection,
            ):
                yield connection
        except (redrive.NotConfirmed, *LOST) as error:
            log.warning("dead letters cannot be read", queue=queue, error=type(error).__name__)
            raise HTTPException(503) from None

    @app.get("/report")
    async def show_report() -> Report:
        return report()

    @app.get("/dead-letters/{queue}")
    async def list_letters(queue: str, by: Operator) -> LetterList:
        async with broker(queue) as connection:
            total = (await queues.dead_letters(connection, [queue])).get(queue, 0)
            async with queues.QueueBrowser(connection, queue) as browser:
                messages = browser.messages(min(total, LETTERS))
                found = [DeadLetter.of(queue, message) async for message in messages]
        log.info("an operator reads dead letters", queue=queue, operator=by, letters=len(found))
        items = tuple(LetterView.model_validate(one.detail()) for one in found)
        return LetterList(queue=queue, total=total, items=items)

    @app.post("/dead-letters/{queue}/{letter}/replay")
    async def replay(queue: str, letter: str, wanted: Replay, by: Operator) -> Replayed:
        """Replay a letter. A repeat finds it gone, or replayed once more, and does nothing."""

        def is_wanted(one: DeadLetter) -> bool:
            return (one.key, one.replayed) == (letter, wanted.replayed)

        async with broker(queue) as connection:
            total = (await queues.dead_letters(connection, [queue])).get(queue, 0)
            tally = redrive.Tally(min(total, LETTERS))
            await redrive.replay(connection, queue, is_wanted, tally, lambda: None)
        outcome = Replayed(outcome="replayed" if tally.done else "gone")
        log.info(
            "an operator replays a dead letter",
            queue=queue,
            letter=letter,
            operator=by,
            outcome=outcome.outcome,
        )
        return outcome

    return OnlyGateways(app, options.ops_token.get_secret_value())

"""Calls to the services, as nameko's own client would make them, without nameko.

A call ends within its limit whatever happens: with an answer, with the contract error that the service raised, or with
Unavailable, which means "unknown: repeat with the same key". The limit travels along as an absolute deadline, so that a
service does not begin what nobody waits for any more. The connection is made again in the background, node after node.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import lru_cache
from time import monotonic, perf_counter
from typing import Any, Generic, TypeVar

from aio_pika.abc import AbstractConnection
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.errors import ContractError, InternalError, Unavailable, rebuild
from contracts.model import Wire
from contracts.rpc.call import Call, Method, Principal
from services.chassis.messaging.broker import connect
from services.chassis.runtime import clock, logs, metrics
from services.chassis.runtime.settings import Settings
from services.gateway.metrics import CALL_SECONDS, REPEATED_CALLS
from services.gateway.rpc.connection import ConnectionLost, RequestRefused, RpcConnection, translated_errors

log = logs.logger(__name__)
Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
ANYBODY = Principal()
GRACE_SECONDS = 1.0
"""A connection that broke less than so long ago is waited for; later, calls fail at once."""
MOST_WAITING = 2_000
"""Calls under way; more than that would only wait for their own timeout."""
OPEN_SECONDS = 10.0
LONGEST_PAUSE = 1.0


class Fault(BaseModel):
    """An exception as nameko serialises it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    exc_type: str = ""
    exc_args: list[Any] = []


class Reply(BaseModel, Generic[R]):
    """nameko's answer: one of the two is there."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    result: R | None = None
    error: Fault | None = None


@lru_cache(maxsize=256)
def _reply_of(kind: type[R]) -> type[Reply[R]]:
    return Reply[kind]  # type: ignore[valid-type]


class RpcClient:
    """The way to the services, shared by all requests.

    Args:
        settings: all nodes of the broker and the limit of a call.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: RpcConnection | None = None
        self._ready = asyncio.Event()
        self._lost_at = float("-inf")
        self.on_connect: list[Callable[[AbstractConnection], Awaitable[None]]] = []
        """Called with each new connection before anybody uses it."""
        self.on_ready: list[Callable[[], None]] = []
        """Called when calls can be made (again)."""

    @property
    def connected(self) -> bool:
        """Whether calls can be sent now."""
        return self._connection is not None

    async def call(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        principal: Principal = ANYBODY,
        idempotency_key: str | None = None,
        address: str = "",
        until: float = float("inf"),
    ) -> R:
        """Calls a method and waits for its answer.

        Args:
            method: of ``contracts/rpc/``.
            request: its question.
            principal: who asks.
            idempotency_key: makes a command safe to repeat.
            address: keyed hash of the caller's network address.
            until: when whoever asks gives up at the latest, on the monotonic clock.

        Raises:
            Unavailable: no answer within the limit, or no way to the service.
            ContractError: what the service answered.
        """
        limit = max(min(self._settings.rpc_timeout, until - monotonic()), 0)
        call = Call(
            principal=principal,
            deadline=clock.now() + timedelta(seconds=limit),
            idempotency_key=idempotency_key,
            correlation_id=logs.correlation_id(),
            traceparent=logs.traceparent(),
            address=address,
        )
        began, outcome = perf_counter(), "ok"
        try:
            return _read(
                method, await self._within_limit(limit, method, _encode(request, call), idempotency_key)
            )
        except ContractError as error:
            outcome = type(error).__name__
            raise
        finally:
            CALL_SECONDS.labels(method.service, method.name, outcome).observe(perf_counter() - began)

    async def _within_limit(
        self, limit: float, method: Method[Q, R], body: bytes, idempotency_key: str | None
    ) -> bytes:
        repeatable = not method.command or method.carries_key or idempotency_key is not None
        try:
            async with asyncio.timeout(limit):
                return await self._send(f"{method.service}.{method.name}", body, repeatable)
        except TimeoutError:
            raise Unavailable("no answer in time") from None
        except ConnectionLost:
            raise Unavailable("the connection to the broker broke") from None
        except RequestRefused:
            raise Unavailable("the service is not there") from None

    async def _send(self, routing_key: str, body: bytes, repeatable: bool) -> bytes:
        try:
            return await (await self._usable_connection()).request(routing_key, body)
        except ConnectionLost:
            if not repeatable:
                raise
        REPEATED_CALLS.inc()
        return await (await self._usable_connection()).request(routing_key, body)

    async def _usable_connection(self) -> RpcConnection:
        connection = self._connection
        if connection is None or connection.gone.is_set():
            connection = await self._next_connection()
        if connection.waiting >= MOST_WAITING:
            raise Unavailable("too many calls wait for an answer")
        return connection

    async def _next_connection(self) -> RpcConnection:
        lost_at = self._lost_at if self._connection is None else monotonic()
        try:
            async with asyncio.timeout(max(lost_at + GRACE_SECONDS - monotonic(), 0)):
                while self._connection is None or self._connection.gone.is_set():
                    await self._ready.wait()
                    await asyncio.sleep(0)
        except TimeoutError:
            raise Unavailable("the broker does not answer") from None
        return self._connection

    async def run(self) -> None:
        """Keeps a connection until cancelled."""
        pause = 0.1
        while True:
            try:
                connection = await self._open()
            except ConnectionLost as error:
                log.warning("no connection to the broker", error=str(error))
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  spreads replicas, protects nothing
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                pause = 0.1
                await self._use(connection)

    async def _open(self) -> RpcConnection:
        with translated_errors():
            async with asyncio.timeout(OPEN_SECONDS):
                connection = RpcConnection(
                    await connect(self._settings.broker_urls, "gateway", self._settings.broker_heartbeat)
                )
                try:
                    await connection.open()
                    for prepare in self.on_connect:
                        await prepare(connection.connection)
                except BaseException:  # a cancellation too: a connection that nobody will use is closed
                    await connection.close()
                    raise
        return connection

    async def _use(self, connection: RpcConnection) -> None:
        """Let calls use a connection until it is gone."""
        self._connection = connection
        self._ready.set()
        metrics.count_connection("gateway")
        log.info("connected to the broker")
        for tell in self.on_ready:
            tell()
        try:
            await connection.watch()
            log.warning("the connection to the broker broke")
        finally:
            self._connection = None
            self._lost_at = monotonic()
            self._ready.clear()
            await connection.close()


def _encode(request: Wire, call: Call) -> bytes:
    """Return a request as nameko sends it, with only those fields that were set: the service takes their digest."""
    sent = request.model_dump_json(by_alias=True, exclude_unset=True)
    return f'{{"args":[{sent}],"kwargs":{{"call":{call.model_dump_json(by_alias=True)}}}}}'.encode()


def _read(method: Method[Q, R], body: bytes) -> R:
    """The answer, or the error that it tells of.

    Raises:
        ContractError: what the service raised; InternalError for what is no answer of the contract.
    """
    reply: Reply[R] = Reply()
    told = None
    try:
        reply = _reply_of(method.reply).model_validate_json(body)
        told = rebuild(reply.error.exc_type, reply.error.exc_args) if reply.error is not None else None
    except ValidationError as error:
        log.warning(
            "answer is not of the contract",
            method=method.name,
            service=method.service,
            errors=error.error_count(),
        )
    if told is not None:
        raise told
    if reply.result is None:
        raise InternalError("the service's answer is not of the contract")
    return reply.result

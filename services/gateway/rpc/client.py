"""Client for the services' RPC: it behaves as nameko's own client does, on asyncio and without nameko.

A call ends within its limit whatever happens: with a reply, with the contract error that the service raised,
or with `Unavailable`, which means "unknown: repeat with the same key". The limit travels along as an absolute
deadline, so that a service does not begin what nobody waits for any more. A lost connection is opened again
in the background, node after node.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import cache, lru_cache
from secrets import token_hex
from typing import Any, Generic, TypeVar

from aio_pika.abc import AbstractConnection
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.errors import ContractError, FieldError, InternalError, Unavailable, rebuild
from contracts.model import Wire
from contracts.rpc.call import Call, Method, Principal
from services.chassis.messaging.broker import connect, user_of
from services.chassis.rpc.clock_skew import SET_SECONDS
from services.chassis.runtime import clock, logs, metrics, tracing
from services.chassis.runtime.background import BackgroundTask
from services.chassis.runtime.clock import monotonic
from services.gateway.metrics import CALL_SECONDS, PENDING, REPEATED_CALLS
from services.gateway.rpc.connection import ConnectionLost, RequestRefused, RpcConnection, translated_errors

log = logs.logger(__name__)
Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
ANYBODY = Principal()
GRACE_SECONDS = 1.0
"""For so long after a connection broke, calls wait for the next one. After that, calls fail at once."""
MAX_PENDING = 1_000
"""Calls of a kind that wait, for their turn or for a reply; more would only wait for their own timeout.

All that are ahead are a kind, and those of others to one service.
"""
MOST_AT_ONCE = 32
"""Calls that are not ahead of others which one service has at once; the rest wait here for their turn.

So few that a slow service answers them all in time. With more, it would find each call expired: none would be
answered while the flood lasts.
"""
FEWER_AT_ONCE = {"verify": 16}
"""verify has the gate's scans to do: a pass that somebody looks at may wait."""
MOST_TOGETHER = 128
"""Calls of a method at once that share messages and are not ahead: reports, which vendors repeat if refused.

They are handled so quickly that more of them would only wait for a service that is away.
"""
SMALL = 16_384
"""Bytes of a call that shares messages without a turn; larger ones would fill the connection of the scans."""
SHARE_OF_WAITING = 0.5
"""Of its limit a call may wait for its turn; the rest of the time is for the service."""
OPEN_SECONDS = 10.0
_measured = cache(CALL_SECONDS.labels)


class Fault(BaseModel):
    """An exception as nameko serialises it."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    exc_type: str = ""
    exc_args: list[Any] = []


class Reply(BaseModel, Generic[R]):
    """nameko's reply, which has one of the two."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    result: R | None = None
    error: Fault | None = None


@lru_cache(maxsize=256)
def _reply_of(kind: type[R]) -> type[Reply[R]]:
    return Reply[kind]  # type: ignore[valid-type]


class RpcClient:
    """Calls the services over one connection, which all requests of this process share."""

    def __init__(self, broker_urls: Sequence[str], timeout: float = 3.0, heartbeat: int = 20) -> None:
        self._broker_urls = broker_urls
        self._timeout = timeout
        self._heartbeat = heartbeat
        self._name, self._wall_ahead = "", float("inf")
        """What this process is called for as long as its clock is not set, and by how much that is ahead."""
        self._connection: RpcConnection | None = None
        self._ready = asyncio.Event()
        self._turns: dict[str, asyncio.Semaphore] = {}
        self._waiting: Counter[str] = Counter()
        """Calls of each kind that wait; those ahead of turns have no name."""
        self.background = BackgroundTask("rpc client", self._stay_connected, (ConnectionLost,))
        self._lost_at = float("-inf")
        self.on_connect: list[Callable[[AbstractConnection], Awaitable[None]]] = []
        """Called with each new connection before it is used."""
        self.on_ready: list[Callable[[], None]] = []
        """Called when calls can be made (again)."""
        PENDING.set_function(lambda: sum(self._waiting.values()))

    @property
    def connected(self) -> bool:
        """Return whether calls can be sent now."""
        return self._connection is not None

    async def call(
        self,
        method: Method[Q, R],
        request: Q,
        *,
        principal: Principal = ANYBODY,
        idempotency_key: str | None = None,
        problems: tuple[FieldError, ...] = (),
        address: str = "",
        block: str = "",
        until: float = float("inf"),
        ahead: bool = False,
        by_itself: bool = False,
    ) -> R:
        """Call a method and return its reply.

        Args:
            method: of ``contracts/rpc/``.
            request: its argument.
            principal: who calls.
            idempotency_key: makes a command safe to repeat.
            problems: of the request, found elsewhere; the service refuses a new command with them.
            address: keyed hash of the caller's network address.
            block: the same of their block of addresses.
            until: when the caller gives up at the latest, on the monotonic clock.
            ahead: it takes no turn among the calls of visitors. All calls of the gate do so, and those from
                which a gateway learns whom it must refuse.
            by_itself: an open page asks again, and no person does.

        Raises:
            Unavailable: no reply within the limit, or no connection to the service.
            ContractError: what the service raised; `InternalError` for a reply that does not fit the
                contract.
        """
        limit = max(min(self._timeout, until - monotonic()), 0)
        sent_at = clock.now()
        self._follow_own_clock(sent_at.timestamp() - clock.boottime())
        began, outcome = monotonic(), "ok"
        with tracing.of_call("CLIENT", method, logs.traceparent()) as span:
            call = Call(
                principal=principal,
                deadline=sent_at + timedelta(seconds=limit),
                sent_at=sent_at,
                caller=self._name,
                idempotency_key=idempotency_key,
                problems=problems,
                correlation_id=logs.correlation_id(),
                traceparent=span.traceparent,
                address=address,
                block=block,
                by_itself=by_itself,
            )
            try:
                reply = await self._within_limit(
                    limit,
                    method,
                    _encode(request, call),
                    idempotency_key,
                    ahead or principal.role == "security",
                )
                return _decode(method, reply)
            except ContractError as error:
                outcome = type(error).code
                raise
            finally:
                _measured(method.service, method.name, outcome).observe(monotonic() - began)

    def _follow_own_clock(self, wall_ahead: float) -> None:
        """Take a new name if the clock was set: what calls have shown of it holds no longer."""
        if abs(wall_ahead - self._wall_ahead) > SET_SECONDS:
            self._name = token_hex(4)
        self._wall_ahead = wall_ahead

    async def _within_limit(
        self, limit: float, method: Method[Q, R], body: bytes, idempotency_key: str | None, ahead: bool
    ) -> Any:
        repeatable = not method.command or method.carries_key or idempotency_key is not None
        takes_turns = not ahead and not (method.together and len(body) <= SMALL)
        kind = "" if ahead else method.service if takes_turns else f"{method.service}.{method.name}"
        if self._waiting[kind] >= (MAX_PENDING if ahead or takes_turns else MOST_TOGETHER):
            raise Unavailable("too many calls wait for a reply")
        self._waiting[kind] += 1
        try:
            async with asyncio.timeout(limit):
                if not takes_turns:
                    return await self._send_once_more_if_lost(method, body, repeatable)
                turn = self._turn(kind)
                async with asyncio.timeout(limit * SHARE_OF_WAITING):
                    await turn.acquire()
                try:
                    return await self._send_once_more_if_lost(method, body, repeatable)
                finally:
                    turn.release()
        except TimeoutError:
            raise Unavailable("no reply in time") from None
        except ConnectionLost:
            raise Unavailable("the connection to the broker broke") from None
        except RequestRefused:
            raise Unavailable("the service is not there") from None
        finally:
            self._waiting[kind] -= 1

    def _turn(self, kind: str) -> asyncio.Semaphore:
        """Return what calls wait for that are not ahead of others.

        So a flood of them does not fill the queue of a service before a scan.
        """
        if kind not in self._turns:
            self._turns[kind] = asyncio.Semaphore(FEWER_AT_ONCE.get(kind, MOST_AT_ONCE))
        return self._turns[kind]

    async def _send_once_more_if_lost(self, method: Method[Q, R], body: bytes, repeatable: bool) -> Any:
        try:
            return await (await self._usable_connection()).request(method, body)
        except ConnectionLost:
            if not repeatable:
                raise
        REPEATED_CALLS.inc()
        return await (await self._usable_connection()).request(method, body)

    async def _usable_connection(self) -> RpcConnection:
        connection = self._connection
        if connection is None or connection.closed.is_set():
            connection = await self._next_connection()
        return connection

    async def _next_connection(self) -> RpcConnection:
        lost_at = self._lost_at if self._connection is None else monotonic()
        try:
            async with asyncio.timeout(max(lost_at + GRACE_SECONDS - monotonic(), 0)):
                while self._connection is None or self._connection.closed.is_set():
                    await self._ready.wait()
                    await asyncio.sleep(0)
        except TimeoutError:
            raise Unavailable("the broker does not answer") from None
        return self._connection

    async def _stay_connected(self) -> None:
        """Hold a connection, and open a new one at once when it is lost; end when none can be opened."""
        while True:
            connection = await self._open()
            self.background.backoff.reset()
            await self._use(connection)

    async def _open(self) -> RpcConnection:
        with translated_errors():
            async with asyncio.timeout(OPEN_SECONDS):
                connection = RpcConnection(
                    await connect(self._broker_urls, "gateway", self._heartbeat), user_of(self._broker_urls)
                )
                try:
                    await connection.open()
                    for prepare in self.on_connect:
                        await prepare(connection.connection)
                except BaseException:  # after a cancellation too: nobody else would close this connection
                    await connection.close()
                    raise
        return connection

    async def _use(self, connection: RpcConnection) -> None:
        """Let calls use a connection until it is lost."""
        self._connection = connection
        self._ready.set()
        metrics.count_connection("gateway")
        log.info("connected to the broker")
        for notify in self.on_ready:
            notify()
        try:
            await connection.wait_closed()
            log.warning("the connection to the broker broke")
        finally:
            self._connection = None
            self._lost_at = monotonic()
            self._ready.clear()
            await connection.close()


def _encode(request: Wire, call: Call) -> bytes:
    """Return a request as nameko sends it.

    It has only the fields that were set, because the service takes their digest.
    """
    sent = request.model_dump_json(by_alias=True, exclude_unset=True)
    return f'{{"args":[{sent}],"kwargs":{{"call":{call.model_dump_json(by_alias=True)}}}}}'.encode()


def _decode(method: Method[Q, R], answer: Any) -> R:
    """Return the result in a reply as parsed JSON, or raise the error in it.

    Raises:
        ContractError: what the service raised; `InternalError` for a reply that does not fit the contract.
    """
    reply: Reply[R] = Reply()
    error: ContractError | None = None
    try:
        reply = _reply_of(method.reply).model_validate(answer, extra="ignore")  # a newer service says more
        if reply.error is not None:
            error = rebuild(reply.error.exc_type, reply.error.exc_args)
    except ValidationError as invalid:
        log.warning(
            "reply is not of the contract",
            method=method.name,
            service=method.service,
            errors=invalid.error_count(),
        )
    if error is not None:
        raise error
    if reply.result is None:
        raise InternalError("the service's reply is not of the contract")
    return reply.result

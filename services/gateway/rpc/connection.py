"""One broker connection with a reply queue of its own. It publishes requests and matches the replies to them.

nameko's protocol: a request is published to the topic exchange ``nameko-rpc`` under ``<service>.<method>``,
its reply comes to the routing key in ``reply_to``, and ``correlation_id`` names the message that a reply
belongs to. Calls of some methods share a message if they wait at the same time (``outgoing.py``,
``contracts/rpc/batches.py``).
A connection that broke is never repaired; ``client.py`` opens another.
"""

import asyncio
import functools
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from aio_pika import ExchangeType
from aio_pika.abc import AbstractConnection, AbstractQueue
from aio_pika.exceptions import DeliveryError
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic
from pydantic_core import from_json

from contracts.envelope import CONTENT_TYPE
from contracts.rpc.batches import batch_of, replies_of
from contracts.rpc.call import Method
from contracts.subscriptions import RPC_EXCHANGE
from services.chassis.messaging.broker import LOST
from services.gateway.metrics import CALLS_TOGETHER, FORGED_MESSAGES, LATE_REPLIES
from services.gateway.rpc.outgoing import Message, MethodCalls, OutgoingCall

PROBE_SECONDS = 3.0
"""How often a quiet broker is probed, and how long it may take to answer."""
CLOSE_SECONDS = 2.0


class ConnectionLost(Exception):
    """The connection broke before the reply came. Whether the request was carried out is unknown."""


class RequestRefused(Exception):
    """The broker did not take the request: nobody serves this method, or a queue is full."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise `ConnectionLost` for everything that a breaking connection raises.

    aiormq's "channel is closed" is a RuntimeError. A coroutine that waits while the connection is torn down
    gets a CancelledError from aiormq, which must not be taken for a cancellation of its own task.
    """
    try:
        yield
    except (*LOST, RuntimeError) as error:
        raise ConnectionLost(type(error).__name__) from None
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise ConnectionLost("cancelled") from None


class RpcConnection:
    """An open connection with its reply queue."""

    def __init__(self, connection: AbstractConnection, user: str) -> None:
        self.connection = connection
        self._user = user
        self.closed = asyncio.Event()
        self._reply_to = str(uuid4())
        self._ids = itertools.count(1)
        self._pending: dict[str, OutgoingCall] = {}
        self._messages: dict[str, Message] = {}
        self._methods: dict[str, MethodCalls] = {}
        self._publications: set[asyncio.Task[None]] = set()
        self._queue: AbstractQueue
        self._channel: AbstractChannel

    async def open(self) -> None:
        """Declare the reply queue, which lives as long as the connection, and consume from it.

        Raises:
            ConnectionLost: the connection broke meanwhile, or the broker refuses.
        """
        self.connection.close_callbacks.add(self._on_close)
        with translated_errors():
            channel = await self.connection.channel(publisher_confirms=True, on_return_raises=True)
            channel.close_callbacks.add(self._on_close)
            exchange = await channel.declare_exchange(RPC_EXCHANGE, ExchangeType.TOPIC, durable=True)
            self._queue = await channel.declare_queue(
                f"gateway.rpc-{self._reply_to}", exclusive=True, auto_delete=True
            )
            await self._queue.bind(exchange, self._reply_to)
            self._channel = await channel.get_underlay_channel()
            await self._channel.basic_consume(self._queue.name, self._on_reply, no_ack=True)

    @property
    def pending(self) -> int:
        """Return the number of calls whose reply has not come."""
        return len(self._pending)

    async def request(self, method: Method[Any, Any], body: bytes) -> Any:
        """Send a call and return the reply to it, as parsed JSON. There is no time limit.

        Raises:
            ConnectionLost: the connection broke meanwhile.
            RequestRefused: no queue takes the request.
        """
        call = OutgoingCall(str(next(self._ids)), body, asyncio.get_running_loop().create_future())
        self._pending[call.id] = call
        try:
            self._calls_of(method).add(call)
            return await call.reply
        finally:
            del self._pending[call.id]
            if not call.reply.cancel() and not call.reply.cancelled():
                call.reply.exception()  # so that asyncio does not warn of one that nobody retrieved
            if call.message is not None:
                self._end(call, call.message)

    def _calls_of(self, method: Method[Any, Any]) -> MethodCalls:
        routing_key = f"{method.service}.{method.name}"
        if routing_key not in self._methods:
            self._methods[routing_key] = MethodCalls(
                functools.partial(self._publish_soon, routing_key), together=method.together
            )
        return self._methods[routing_key]

    def _publish_soon(self, routing_key: str, message: Message) -> None:
        """Publish a message on a task of its own: its calls do not end together."""
        message.id, message.service = str(next(self._ids)), routing_key.partition(".")[0]
        self._messages[message.id] = message
        publication = asyncio.create_task(self._publish(routing_key, message))
        self._publications.add(publication)
        publication.add_done_callback(self._publications.discard)

    async def _publish(self, routing_key: str, message: Message) -> None:
        calls = list(message.calls.values())
        if not calls:  # their callers have just left
            return
        properties = Basic.Properties(
            content_type=CONTENT_TYPE, reply_to=self._reply_to, correlation_id=message.id, user_id=self._user
        )
        body = batch_of((call.id, call.body) for call in calls) if message.is_batch else calls[0].body
        CALLS_TOGETHER.observe(len(calls))
        try:
            with translated_errors():
                try:
                    await self._channel.basic_publish(
                        body,
                        exchange=RPC_EXCHANGE,
                        routing_key=routing_key,
                        properties=properties,
                        mandatory=True,
                    )
                except DeliveryError as error:
                    raise RequestRefused(type(error).__name__) from None
        except (ConnectionLost, RequestRefused) as error:
            for call in calls:
                if not call.reply.done():
                    call.reply.set_exception(error)

    def _end(self, call: OutgoingCall, message: Message) -> None:
        """Forget a call, and its message with the last one."""
        message.calls.pop(call.id, None)
        if not message.calls and self._messages.pop(message.id, None) is not None:
            message.method.replied(message)

    async def wait_closed(self) -> None:
        """Return when the connection is closed, or its node hangs or is cut off and does not answer."""
        while not self.closed.is_set():
            try:
                await asyncio.wait_for(self.closed.wait(), PROBE_SECONDS)
            except TimeoutError:
                try:
                    with translated_errors():
                        async with asyncio.timeout(PROBE_SECONDS):
                            await self._queue.channel.declare_queue(self._queue.name, passive=True)
                except ConnectionLost:
                    return

    async def close(self) -> None:
        """Fail all pending requests and close the connection, within `CLOSE_SECONDS`."""
        self._on_close()
        with suppress(ConnectionLost), translated_errors():
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.connection.close()

    def _on_close(self, *_: object) -> None:
        self.closed.set()
        for call in self._pending.values():
            if not call.reply.done():
                call.reply.set_exception(ConnectionLost())

    async def _on_reply(self, delivered: DeliveredMessage) -> None:
        properties = delivered.header.properties
        message = self._messages.get(properties.correlation_id or "")
        if message is not None and properties.user_id != message.service:
            FORGED_MESSAGES.inc()
            return
        body = _parse(delivered.body)
        replies = replies_of(body)
        if message is None:
            LATE_REPLIES.inc(len(replies or [body]))
        else:
            for call_id, reply in (replies or dict.fromkeys(message.calls, body)).items():
                call = message.calls.get(call_id)
                if call is None or call.reply.done():
                    LATE_REPLIES.inc()
                else:
                    call.reply.set_result(reply)
            message.method.replied(message)


def _parse(body: bytes) -> Any:
    try:
        return from_json(body)
    except ValueError:
        return None

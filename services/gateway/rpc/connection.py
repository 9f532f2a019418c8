"""One broker connection with a reply queue of its own. It publishes requests and matches the replies to them.

nameko's protocol: a request is published to the topic exchange ``nameko-rpc`` under ``<service>.<method>``,
its reply comes to the routing key in ``reply_to``, and ``correlation_id`` names the request that a reply
belongs to. A connection that broke is never repaired; ``client.py`` opens another.
"""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from aio_pika import ExchangeType
from aio_pika.abc import AbstractConnection, AbstractQueue
from aio_pika.exceptions import DeliveryError
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from contracts.envelope import CONTENT_TYPE
from contracts.subscriptions import RPC_EXCHANGE
from services.chassis.messaging.broker import LOST
from services.gateway.metrics import LATE_REPLIES

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
    """An open connection with its reply queue.

    Args:
        connection: newly opened; this object closes it.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self.connection = connection
        self.closed = asyncio.Event()
        self._reply_to = str(uuid4())
        self._ids = itertools.count(1)
        self._pending: dict[str, asyncio.Future[bytes]] = {}
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
        """Return the number of requests whose reply has not come."""
        return len(self._pending)

    async def request(self, routing_key: str, body: bytes) -> bytes:
        """Publish a request and return its reply. There is no time limit.

        Raises:
            ConnectionLost: the connection broke meanwhile.
            RequestRefused: no queue takes the request.
        """
        request_id = str(next(self._ids))
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = reply
        properties = Basic.Properties(
            content_type=CONTENT_TYPE, reply_to=self._reply_to, correlation_id=request_id
        )
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
                return await reply
        finally:
            del self._pending[request_id]
            if not reply.cancel() and not reply.cancelled():
                reply.exception()  # so that asyncio does not warn of an exception that nobody retrieved

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
        for reply in self._pending.values():
            if not reply.done():
                reply.set_exception(ConnectionLost())

    async def _on_reply(self, message: DeliveredMessage) -> None:
        reply = self._pending.get(message.header.properties.correlation_id or "")
        if reply is None or reply.done():
            LATE_REPLIES.inc()
        else:
            reply.set_result(message.body)

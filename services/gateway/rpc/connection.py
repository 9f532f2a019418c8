"""One connection to the broker, as long as it lives: a request goes out, its answer comes back on a queue of our own.

nameko's protocol: the request is published to the topic exchange ``nameko-rpc`` under ``<service>.<method>``, the
answer comes back to the routing key that ``reply_to`` names, and ``correlation_id`` tells which request it answers. A
connection that broke is never mended; ``client.py`` opens another.
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
from services.gateway import metrics

PROBE_SECONDS = 3.0
"""How often a quiet broker is asked whether it is still there, and how long it may take to answer."""


class ConnectionLost(Exception):
    """The connection broke before the answer came; whether the request was carried out is unknown."""


class RequestRefused(Exception):
    """The broker did not take the request: nobody serves this method, or a queue is full."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Makes LinkLost of all that a breaking connection raises.

    aiormq's "channel is closed" is a RuntimeError; and to whoever waits while a connection is torn down it throws a
    CancelledError, which must not be taken for a cancellation of the waiting task.
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
        connection: fresh; this object closes it.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self.connection = connection
        self.gone = asyncio.Event()
        self._address = str(uuid4())
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._queue: AbstractQueue
        self._channel: AbstractChannel

    async def open(self) -> None:
        """Declares the reply queue, which lives and dies with the connection, and consumes from it.

        Raises:
            LinkLost: the connection broke meanwhile, or the broker refuses.
        """
        self.connection.close_callbacks.add(self._on_close)
        with translated_errors():
            channel = await self.connection.channel(publisher_confirms=True, on_return_raises=True)
            channel.close_callbacks.add(self._on_close)
            exchange = await channel.declare_exchange(RPC_EXCHANGE, ExchangeType.TOPIC, durable=True)
            self._queue = await channel.declare_queue(
                f"gateway.rpc-{self._address}", exclusive=True, auto_delete=True
            )
            await self._queue.bind(exchange, self._address)
            self._channel = await channel.get_underlay_channel()
            await self._channel.basic_consume(self._queue.name, self._on_reply, no_ack=True)

    @property
    def waiting(self) -> int:
        """Requests whose answer has not come."""
        return len(self._waiting)

    async def request(self, routing_key: str, body: bytes) -> bytes:
        """Sends a request and waits for its answer, for ever if need be.

        Raises:
            LinkLost: the connection broke meanwhile.
            Refused: no queue takes the request.
        """
        number = str(next(self._numbers))
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        properties = Basic.Properties(
            content_type=CONTENT_TYPE, reply_to=self._address, correlation_id=number
        )
        try:
            with translated_errors():
                await self._publish(routing_key, body, properties)
                return await answer
        finally:
            del self._waiting[number]
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # seen, so that asyncio does not complain of an error that nobody fetched

    async def _publish(self, routing_key: str, body: bytes, properties: Basic.Properties) -> None:
        try:
            await self._channel.basic_publish(
                body, exchange=RPC_EXCHANGE, routing_key=routing_key, properties=properties, mandatory=True
            )
        except DeliveryError as error:
            raise RequestRefused(type(error).__name__) from None

    async def watch(self) -> None:
        """Returns when the connection is gone: closed, or its node does not answer any more (it hangs, or is cut off)."""
        while not self.gone.is_set():
            try:
                await asyncio.wait_for(self.gone.wait(), PROBE_SECONDS)
            except TimeoutError:
                if not await self._answers():
                    return

    async def _answers(self) -> bool:
        try:
            with translated_errors():
                async with asyncio.timeout(PROBE_SECONDS):
                    await self._queue.channel.declare_queue(self._queue.name, passive=True)
        except ConnectionLost:
            return False
        return True

    async def close(self) -> None:
        """Ends every wait and leaves the broker, without waiting long for one that does not answer."""
        self._on_close()
        with suppress(ConnectionLost), translated_errors():
            async with asyncio.timeout(2):
                await self.connection.close()

    def _on_close(self, *_: object) -> None:
        self.gone.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionLost())

    async def _on_reply(self, message: DeliveredMessage) -> None:
        answer = self._waiting.get(message.header.properties.correlation_id or "")
        if answer is None or answer.done():
            metrics.LATE_REPLIES.inc()
        else:
            answer.set_result(message.body)

"""Queues seen from outside: their depths, and a browser that reads dead letters without losing them.

The browser holds every letter until it closes, and then gives them back in their old order: that is the only
way to see each of them once. The broker counts such deliveries, so a dead-letter queue has no delivery limit
(``topology.py``).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity
from aiormq.exceptions import ChannelAccessRefused

from contracts.subscriptions import SERVICES, rpc_queue, subscriptions
from services.chassis.messaging.broker import LOST
from services.chassis.runtime.clock import monotonic

WINDOW = 200
"""Unacknowledged letters that the broker sends, at most."""
PATIENCE = 5.0
"""Seconds to wait for a letter that was counted; after that somebody else has it."""


@dataclass(frozen=True)
class Depth:
    """The number of messages that are ready in a queue, and of its consumers."""

    messages: int
    consumers: int


NOTHING = Depth(0, 0)


def consumer_queues() -> Iterator[str]:
    """Yield every queue that has dead letters: those of subscriptions and those of RPC requests."""
    yield from (subscription.queue for subscription in subscriptions())
    yield from (rpc_queue(service) for service in SERVICES)


def dead_queue(queue: str) -> str:
    """Return the name of the queue that holds a consumer's dead letters."""
    return f"{queue}.dead"


async def depths(connection: AbstractConnection, names: Iterable[str]) -> dict[str, Depth]:
    """Return the depth of each queue; leave out those that do not exist, or that one may not see."""
    found: dict[str, Depth] = {}
    channel = await connection.channel()
    for name in names:
        if channel.is_closed:
            channel = await connection.channel()
        try:
            declared = (await channel.declare_queue(name, passive=True)).declaration_result
        except (ChannelNotFoundEntity, ChannelAccessRefused):
            continue
        found[name] = Depth(declared.message_count or 0, declared.consumer_count or 0)
    if not channel.is_closed:
        await channel.close()
    return found


async def dead_letters(connection: AbstractConnection, queues: Iterable[str]) -> dict[str, int]:
    """Return how many dead letters each consumer has, by its queue."""
    found = await depths(connection, map(dead_queue, queues))
    return {name.removesuffix(".dead"): depth.messages for name, depth in found.items()}


class QueueBrowser:
    """One pass over a consumer's dead letters. Those that are not removed go back when it closes."""

    def __init__(self, connection: AbstractConnection, queue: str) -> None:
        self._connection = connection
        self._name = dead_queue(queue)
        self._channel: AbstractChannel | None = None
        self._held = 0

    async def __aenter__(self) -> Self:
        self._channel = await self._connection.channel()
        await self._channel.set_qos(WINDOW)
        return self

    async def messages(self, most: int) -> AsyncIterator[AbstractIncomingMessage]:
        """Yield the first ``most`` letters, or fewer if somebody else takes some meanwhile.

        The consumer is renewed after each ``WINDOW`` letters, because the broker sends no more to one that
        holds so many.
        """
        assert self._channel is not None
        queue = await self._channel.get_queue(self._name, ensure=False)
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        for first in range(0, most, WINDOW):
            consumer = await queue.consume(arrived.put)
            for _ in range(min(WINDOW, most - first)):
                try:
                    message = await asyncio.wait_for(arrived.get(), PATIENCE)
                except TimeoutError:
                    if self._channel.is_closed or self._connection.is_closed:
                        raise ConnectionError("the broker went away") from None
                    return
                self._held += 1
                yield message
            await queue.cancel(consumer)

    async def remove(self, message: AbstractIncomingMessage) -> None:
        """Delete a letter from the queue."""
        await message.ack()
        self._held -= 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the letters back and wait until they are ready again, so that the next browser sees them."""
        assert self._channel is not None
        with suppress(*LOST):
            await self._channel.close()
            until = monotonic() + PATIENCE
            while self._held and monotonic() < until:
                depth = (await depths(self._connection, [self._name])).get(self._name)
                if depth is None or depth.messages >= self._held:
                    return
                await asyncio.sleep(0.1)

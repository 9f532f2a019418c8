"""Dead letters back to their consumers, or away for good. Both can be interrupted at any moment and begun again.

A replayed letter is published to its consumer's own queue and to no other that hears the event, confirmed, and only
then taken off the dead ones: whatever dies in between leaves at most a repeat, which the consumer's inbox knows.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage

from services.chassis.messaging import retry
from services.chassis.messaging.broker import LOST
from services.ops.dead_letter import REPLAYED, Letter
from services.ops.queues import Look

AT_ONCE = 100
"""Letters on their way to a confirm."""
CONFIRM_SECONDS = 15.0
_OF_THE_BROKER = (
    "x-death",
    "x-first-death",
    "x-last-death",
    "x-delivery-count",
    "x-acquired-count",
    "x-opt-",
)
Wanted = Callable[[Letter], bool]


class NotConfirmed(Exception):
    """The broker returned a letter or did not confirm it in time; it stays where it is."""


@dataclass
class Tally:
    """How far it has come: letters there, looked at, and moved."""

    total: int
    seen: int = 0
    done: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to end after what is under way."""


Step = Callable[[], None]
"""Called after each letter."""


async def replay(
    connection: AbstractConnection, queue: str, wanted: Wanted, tally: Tally, step: Step
) -> None:
    """Sends a consumer's wanted dead letters back to it.

    Raises:
        NotConfirmed: the broker does not take them.
    """
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    async with Look(connection, queue) as look:
        mover = _Mover(channel.default_exchange, look, tally)
        async for message in _until_stopped(look, tally, step):
            if wanted(Letter.of(queue, message)):
                await mover.begin(queue, message)
        await mover.finish()


class _Mover:
    """Up to ``AT_ONCE`` letters under way to a confirm; the first that gets none stops the rest."""

    def __init__(self, exchange: AbstractExchange, look: Look, tally: Tally) -> None:
        self._exchange = exchange
        self._look = look
        self._tally = tally
        self._room = asyncio.Semaphore(AT_ONCE)
        self._moving: set[asyncio.Task[None]] = set()
        self._fault: Exception | None = None

    async def begin(self, queue: str, letter: AbstractIncomingMessage) -> None:
        """Sends a letter on its way, when there is room."""
        await self._room.acquire()
        task = asyncio.create_task(self._move(queue, letter))
        self._moving.add(task)
        task.add_done_callback(self._moving.discard)

    async def _move(self, queue: str, letter: AbstractIncomingMessage) -> None:
        try:
            await asyncio.wait_for(
                self._exchange.publish(_again(letter), routing_key=queue, mandatory=True), CONFIRM_SECONDS
            )
            await self._look.remove(letter)
            self._tally.done += 1
        except LOST as fault:
            self._fault = fault
            self._tally.stop.set()
        finally:
            self._room.release()

    async def finish(self) -> None:
        """Waits for what is under way.

        Raises:
            NotConfirmed: some of it did not arrive.
        """
        await asyncio.gather(*self._moving)
        if self._fault is not None:
            raise NotConfirmed(type(self._fault).__name__) from self._fault


async def drop(connection: AbstractConnection, queue: str, wanted: Wanted, tally: Tally, step: Step) -> None:
    """Takes a consumer's wanted dead letters away."""
    async with Look(connection, queue) as look:
        async for message in _until_stopped(look, tally, step):
            if wanted(Letter.of(queue, message)):
                await look.remove(message)
                tally.done += 1


async def _until_stopped(look: Look, tally: Tally, step: Step) -> AsyncIterator[AbstractIncomingMessage]:
    async for message in look.letters(tally.total):
        if tally.stop.is_set():
            return
        tally.seen += 1
        yield message
        step()


def _again(letter: AbstractIncomingMessage) -> Message:
    """The same message, as one that was never tried."""
    headers = {name: value for name, value in letter.headers.items() if not name.startswith(_OF_THE_BROKER)}
    replayed = letter.headers.get(REPLAYED, 0)
    headers |= {retry.ATTEMPTS: 0, REPLAYED: replayed + 1 if isinstance(replayed, int) else 1}
    return Message(
        letter.body,
        headers=headers,
        content_type=letter.content_type,
        content_encoding=letter.content_encoding,
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=letter.message_id,
        type=letter.type,
        correlation_id=letter.correlation_id,
        timestamp=letter.timestamp,
    )

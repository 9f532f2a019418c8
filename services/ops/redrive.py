"""Replay dead letters to their consumers, or drop them.

Both can be interrupted at any moment and started again.

A replayed letter is published to its consumer's own queue, and to no other consumer of the event. Only when
the broker has confirmed it is it removed from the dead letters: a crash in between leaves at most a repeat,
which the consumer's inbox recognises.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage

from services.chassis.messaging import retry
from services.chassis.messaging.broker import LOST, connected_as
from services.chassis.messaging.topology import REPLAY_EXCHANGE
from services.ops.dead_letter import REPLAYED, DeadLetter
from services.ops.queues import QueueBrowser

AT_ONCE = 100
"""Letters that are published and not confirmed yet, at most."""
CONFIRM_SECONDS = 15.0
Wanted = Callable[[DeadLetter], bool]


class NotConfirmed(Exception):
    """The broker returned a letter or did not confirm it in time. The letter stays a dead letter."""


@dataclass
class Tally:
    """The progress of one queue: letters in all, read, and replayed or dropped."""

    total: int
    seen: int = 0
    done: int = 0
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Set it to stop after the letters that are under way."""


Step = Callable[[], None]
"""Is called after each letter."""


async def replay(
    connection: AbstractConnection, queue: str, wanted: Wanted, tally: Tally, step: Step
) -> None:
    """Publish a consumer's wanted dead letters to its queue again, but for those that are forged.

    Raises:
        NotConfirmed: the broker did not accept them.
    """
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    exchange = await channel.get_exchange(REPLAY_EXCHANGE, ensure=False)
    async with QueueBrowser(connection, queue) as browser:
        mover = _Mover(exchange, browser, tally, connected_as(connection))
        async for message in _until_stopped(browser, tally, step):
            letter = DeadLetter.of(queue, message)
            if letter.is_genuine and wanted(letter):
                await mover.begin(queue, message)
        await mover.finish()


class _Mover:
    """Up to ``AT_ONCE`` letters under way; the first that is not confirmed stops the rest."""

    def __init__(
        self, exchange: AbstractExchange, browser: QueueBrowser, tally: Tally, user: str | None
    ) -> None:
        self._exchange = exchange
        self._user = user
        self._browser = browser
        self._tally = tally
        self._room = asyncio.Semaphore(AT_ONCE)
        self._moving: set[asyncio.Task[None]] = set()
        self._fault: Exception | None = None

    async def begin(self, queue: str, letter: AbstractIncomingMessage) -> None:
        """Start to move a letter, as soon as fewer than ``AT_ONCE`` are under way."""
        await self._room.acquire()
        task = asyncio.create_task(self._move(queue, letter))
        self._moving.add(task)
        task.add_done_callback(self._moving.discard)

    async def _move(self, queue: str, letter: AbstractIncomingMessage) -> None:
        try:
            await asyncio.wait_for(
                self._exchange.publish(_as_new(letter, self._user), routing_key=queue, mandatory=True),
                CONFIRM_SECONDS,
            )
            await self._browser.remove(letter)
            self._tally.done += 1
        except LOST as fault:
            self._fault = fault
            self._tally.stop.set()
        finally:
            self._room.release()

    async def finish(self) -> None:
        """Wait for the letters that are under way.

        Raises:
            NotConfirmed: some of them did not arrive.
        """
        await asyncio.gather(*self._moving)
        if self._fault is not None:
            raise NotConfirmed(type(self._fault).__name__) from self._fault


async def drop(connection: AbstractConnection, queue: str, wanted: Wanted, tally: Tally, step: Step) -> None:
    """Delete a consumer's wanted dead letters."""
    async with QueueBrowser(connection, queue) as browser:
        async for message in _until_stopped(browser, tally, step):
            if wanted(DeadLetter.of(queue, message)):
                await browser.remove(message)
                tally.done += 1


async def _until_stopped(
    browser: QueueBrowser, tally: Tally, step: Step
) -> AsyncIterator[AbstractIncomingMessage]:
    async for message in browser.messages(tally.total):
        if tally.stop.is_set():
            return
        tally.seen += 1
        yield message
        step()


def _as_new(letter: AbstractIncomingMessage, user: str | None) -> Message:
    """Return the same message as one that was never tried, sent by this user."""
    headers = {name: value for name, value in letter.headers.items() if name.startswith(retry.OUR_HEADERS)}
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
        user_id=user,
    )

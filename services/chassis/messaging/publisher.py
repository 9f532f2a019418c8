"""Publishing with confirms: events in messages, and what the broker says of each.

Events of one type that wait together go in one message.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange
from aio_pika.exceptions import DeliveryError

from contracts.envelope import CONTENT_TYPE, SEVERAL_CONTENT_TYPE, Envelope, join_envelopes
from contracts.subscriptions import exchange_of
from services.chassis.messaging.broker import close, connect, user_of
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime import metrics, tracing
from services.chassis.runtime.logs import logger

log = logger(__name__)
LARGEST_MESSAGE = 64
"""Events in one message at most, so that a burst is shared by the replicas of a consumer."""
LARGEST_BYTES = 100_000
"""A message has more only if a single event has. A consumer reads ten times as much."""


@dataclass
class Published:
    """What became of events; only those that are confirmed leave the outbox.

    Args:
        confirmed: events that all their queues have.
        refused: events that at least one queue did not take.
        unanswered: events of which the broker has said nothing.
    """

    confirmed: list[Envelope] = field(default_factory=list)
    refused: list[Envelope] = field(default_factory=list)
    unanswered: list[Envelope] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return len(self.confirmed) + len(self.refused)

    @property
    def untaken(self) -> list[Envelope]:
        return [*self.refused, *self.unanswered]


class Publisher:
    """A channel with confirms. `connect` opens it, also after a loss.

    Args:
        ready: what a connection waits for before it is used, such as the declaration of the topology.
    """

    def __init__(
        self, settings: RelaySettings, name: str, ready: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._settings = settings
        self._name = name
        self._ready = ready
        self._user = user_of(settings.broker_urls)
        self._exchanges: dict[str, AbstractExchange] = {}
        self._connection: AbstractConnection | None = None
        self._channel: AbstractChannel | None = None

    @property
    def connected(self) -> bool:
        """Return whether the channel is open."""
        return self._channel is not None and not self._channel.is_closed

    async def connect(self) -> None:
        """Connect, and wait until everything is ready, unless the channel is open.

        Who makes it ready has a time limit of its own, for each answer of the broker.

        Raises:
            TimeoutError: the broker does not answer.
        """
        if self.connected:
            return
        await self.close()
        self._connection = await connect(
            self._settings.broker_urls, self._name, self._settings.broker_heartbeat
        )
        async with asyncio.timeout(self._settings.relay_watchdog):
            channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        if self._ready is not None:
            await self._ready()
        self._exchanges.clear()
        self._channel = channel
        metrics.count_connection(self._name)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish events of one type in one message, and wait for the broker's confirm."""
        assert self._channel is not None
        if spans := tracing.of_events(envelopes):
            envelopes = [
                one.model_copy(update={"traceparent": span.traceparent})
                for one, span in zip(envelopes, spans, strict=True)
            ]
        first = envelopes[0]
        name = exchange_of(first.producer)
        if name not in self._exchanges:
            self._exchanges[name] = await self._channel.get_exchange(name, ensure=False)
        message = Message(
            join_envelopes([envelope.to_bytes() for envelope in envelopes]),
            content_type=CONTENT_TYPE if len(envelopes) == 1 else SEVERAL_CONTENT_TYPE,
            delivery_mode=DeliveryMode.PERSISTENT,
            message_id=str(first.id),
            type=first.type,
            correlation_id=first.correlation_id or None,
            timestamp=first.occurred_at,
            user_id=self._user,
        )
        await self._exchanges[name].publish(message, routing_key=first.type, mandatory=True)
        for span in spans:
            span.end()

    async def publish_all(
        self, messages: Sequence[Sequence[Envelope]], seconds: float | None = None
    ) -> Published:
        """Publish messages, each with the events in it, and wait for the broker's confirms together.

        They are waited for so long, by default for the watchdog's time.

        A queue without a leader leaves some unanswered within the watchdog's time, and an alarm of the broker
        or a half-open connection all of them: the connection is closed then.
        """
        published = Published()

        async def publish(message: Sequence[Envelope]) -> None:
            try:
                await self.publish(message)
            except DeliveryError:
                published.refused.extend(message)
            else:
                published.confirmed.extend(message)

        tasks = [asyncio.create_task(publish(message)) for message in messages]
        _, pending = await asyncio.wait(tasks, timeout=seconds or self._settings.relay_watchdog)
        for task in pending:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        failed = [outcome is not None for outcome in outcomes]
        if any(failed):
            published.unanswered = [one for message in compress(messages, failed) for one in message]
            errors = sorted({type(outcome).__name__ for outcome in compress(outcomes, failed)})
            log.warning("events were not confirmed", confirmed=len(published.confirmed), errors=errors)
            if not published.answered:
                await self.close()
        return published

    async def close(self) -> None:
        """Close the connection. Do not wait for a broker that does not answer."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            await close(connection)


def group_into_messages(envelopes: Sequence[Envelope]) -> tuple[list[list[Envelope]], list[Envelope]]:
    """Return the events that may be published now, by message, and those that must wait until they are out.

    A message has events of one type. An event waits while an earlier one of its subject goes in another
    message.
    """
    open_messages: dict[str, list[Envelope]] = {}
    messages: list[list[Envelope]] = []
    message_of: dict[str, list[Envelope]] = {}
    left: list[Envelope] = []
    waits: set[str] = set()
    sizes: dict[str, int] = {}
    for envelope in envelopes:
        message, size = (
            open_messages.get(envelope.type),
            len(envelope.personal or "") + len(str(envelope.data)),
        )
        if message is None or len(message) == LARGEST_MESSAGE or sizes[envelope.type] + size > LARGEST_BYTES:
            message = []
        if envelope.subject in waits or message_of.get(envelope.subject, message) is not message:
            waits.add(envelope.subject)
            left.append(envelope)
            continue
        if not message:
            open_messages[envelope.type], sizes[envelope.type] = message, 0
            messages.append(message)
        message.append(envelope)
        message_of[envelope.subject] = message
        sizes[envelope.type] += size
    return messages, left

"""The topology: every exchange, queue and binding on the broker, computed from the subscriptions.

All queues are quorum queues, because the type of a queue cannot be changed later; only the log of all events,
`epass.events`, is a stream. The queues of events and the delay queues dead-letter at least once; queues of
requests and of dead letters do not dead-letter. All but the stream and the delay queues have an explicit
delivery limit.

`epass topology apply` declares everything at a deployment. The relay declares what events need (`of_events`)
each time it connects, before it publishes, and again every 30 seconds, so that a queue that somebody deleted
comes back: of the events of its databases, which it then sends again. Of the rest it only looks whether it is
there, since whoever may declare the queues of requests may read them; from 4.3 the broker shows it none of
requests, dead letters and delays. The exporter, which counts them, says if one is missing. Consumers declare
nothing: their broker users may not.

The arguments of a queue cannot be changed, so a queue that exists with others is made anew: `migrate` moves
its messages aside and back. Only `epass topology apply` does that; the relay reports the queue and goes on.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from aio_pika import Message
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractQueue, ExchangeType
from aio_pika.exceptions import AMQPChannelError, ChannelNotFoundEntity, ChannelPreconditionFailed
from aiormq.exceptions import ChannelAccessRefused

from contracts import subscriptions as names
from contracts.subscriptions import SERVICES, Subscription, subscriptions

DELIVERY_LIMIT = 20
DEAD_EXCHANGE = "epass.dead"
REPLAY_EXCHANGE = "epass.replay"
"""Where dead letters of events go back to their consumer: the routing key is its queue."""
DEAD_LETTER_DAYS = 30
STREAM_DAYS = 7
RPC_QUEUE_TTL_MS = 10_000
"""A request that waited this long has no caller any more: callers wait for three seconds."""

ASIDE = ".moving"
"""The suffix of the queue in which messages wait while theirs is made anew."""
DELIVERY_COUNT = "x-delivery-count"
"""A quorum queue adds this header; a copy of a message must not carry it, because the broker continues it."""
NOT_MOVED = (DELIVERY_COUNT, "CC", "BCC")
"""Headers that the copy of a moved message must not carry; the last two name further queues."""

Argument = str | int
ASIDE_ARGUMENTS: dict[str, Argument] = {"x-queue-type": "quorum", "x-delivery-limit": -1}


@dataclass(frozen=True)
class Exchange:
    """A durable exchange. The relay declares those `of_events`, too."""

    name: str
    kind: ExchangeType
    of_events: bool = False


@dataclass(frozen=True)
class Queue:
    """A durable queue with its bindings, each an exchange and a routing key.

    The relay declares those `of_events`, too. It could not declare queues of dead letters or delays without
    the right to read letters, or to send to any queue.
    """

    name: str
    arguments: dict[str, Argument] = field(hash=False)
    bindings: tuple[tuple[str, str], ...] = ()
    of_events: bool = False
    producer: str | None = None
    """The service whose events it gets; None for the stream, too, which gets those of all."""


def delay_name(step: int) -> str:
    """Return the name of the exchange and the queue of one delay step."""
    return f"epass.delay.{step}"


def _events(subscription: Subscription) -> Queue:
    arguments: dict[str, Argument] = {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": DEAD_EXCHANGE,
        "x-dead-letter-routing-key": subscription.dead_letters,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
        "x-delivery-limit": DELIVERY_LIMIT,
    }
    source = names.exchange_of(subscription.event.producer)
    bindings = ((source, subscription.event.__name__), (REPLAY_EXCHANGE, subscription.queue))
    producer = subscription.event.producer
    return Queue(subscription.queue, arguments, bindings, of_events=True, producer=producer)


def _requests(service: str) -> Queue:
    """Return a request queue. It has no dead-letter exchange, because a caller repeats what is lost."""
    arguments: dict[str, Argument] = {
        "x-queue-type": "quorum",
        "x-message-ttl": RPC_QUEUE_TTL_MS,
        "x-delivery-limit": 3,
    }
    return Queue(names.rpc_queue(service), arguments, ((names.RPC_EXCHANGE, f"{service}.*"),))


def _dead(name: str) -> Queue:
    """Return a queue of dead letters. It has no delivery limit: each look at a letter is a delivery."""
    arguments: dict[str, Argument] = {
        "x-queue-type": "quorum",
        "x-message-ttl": DEAD_LETTER_DAYS * 86_400_000,
        "x-delivery-limit": -1,
    }
    return Queue(name, arguments, ((DEAD_EXCHANGE, name),))


def exchanges(delays: tuple[float, ...]) -> Iterator[Exchange]:
    """Return all exchanges."""
    yield Exchange(names.RPC_EXCHANGE, ExchangeType.TOPIC)
    yield Exchange(DEAD_EXCHANGE, ExchangeType.DIRECT)
    yield Exchange(REPLAY_EXCHANGE, ExchangeType.DIRECT, of_events=True)
    for service in SERVICES:
        yield Exchange(names.exchange_of(service), ExchangeType.TOPIC, of_events=True)
    for step in range(len(delays)):
        yield Exchange(delay_name(step), ExchangeType.FANOUT)


def queues(delays: tuple[float, ...]) -> Iterator[Queue]:
    """Return all queues, with their bindings."""
    everything = tuple((names.exchange_of(service), "#") for service in SERVICES)
    stream: dict[str, Argument] = {"x-queue-type": "stream", "x-max-age": f"{STREAM_DAYS}D"}
    yield Queue(names.STREAM, stream, everything, of_events=True)
    for step, seconds in enumerate(delays):
        arguments: dict[str, Argument] = {
            "x-queue-type": "quorum",
            "x-message-ttl": int(seconds * 1000),
            "x-dead-letter-exchange": "",
            "x-dead-letter-strategy": "at-least-once",
            "x-overflow": "reject-publish",
        }
        yield Queue(delay_name(step), arguments, ((delay_name(step), ""),))
    for service in SERVICES:
        yield _requests(service)
        yield _dead(f"{names.rpc_queue(service)}.dead")
    for subscription in subscriptions():
        yield _events(subscription)
        yield _dead(subscription.dead_letters)


@dataclass(frozen=True)
class Declared:
    """What declaring everything has shown.

    Args:
        created: the queues that were not there.
        refused: what could not be declared, with the name of the error.
        missing: what is not there, and was not to be declared.
    """

    created: tuple[str, ...]
    refused: dict[str, str]
    missing: tuple[str, ...] = ()


class CannotMigrate(Exception):
    """A queue cannot be made anew now; the message says what to do."""


class _Channels:
    """A channel of a connection, replaced by another one after an error has closed it.

    From 4.3 the broker does not say of what one has no right to whether it is there: such counts as there.
    """

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection
        self._channel: AbstractChannel | None = None

    async def get(self) -> AbstractChannel:
        if self._channel is None or self._channel.is_closed:
            self._channel = await self._connection.channel()
        return self._channel

    async def close(self) -> None:
        if self._channel is not None and not self._channel.is_closed:
            await self._channel.close()

    async def has_queue(self, name: str) -> bool:
        try:
            await (await self.get()).declare_queue(name, passive=True)
        except ChannelNotFoundEntity:
            return False
        except ChannelAccessRefused:
            pass
        return True

    async def has_exchange(self, name: str) -> bool:
        try:
            await (await self.get()).declare_exchange(name, passive=True)
        except ChannelNotFoundEntity:
            return False
        except ChannelAccessRefused:
            pass
        return True


async def declare(
    connection: AbstractConnection,
    delays: tuple[float, ...],
    *,
    producers: Collection[str] | None = None,
    absent: set[str] | None = None,
    on_progress: Callable[[], None] = lambda: None,
    on_created: Callable[[str], None] = lambda _: None,
) -> Declared:
    """Declare everything, or what the events of some producers need.

    What exists stays as it is, and what cannot be declared holds up nothing else.

    Args:
        delays: seconds of each delay before a retry.
        producers: declare what their events need, leave the queues of other events to others, and look for
            the rest.
        absent: the queues that were found absent and are not complete yet. Who declares again passes the same
            set, since a declaration may break off between a queue and its bindings.
        on_progress: is called before each exchange and each queue.
        on_created: is called with each queue that was absent, as soon as it is complete, whatever comes then.
    """
    absent = set() if absent is None else absent
    created: list[str] = []
    missing: list[str] = []
    refused: dict[str, str] = {}
    channels = _Channels(connection)
    for exchange in exchanges(delays):
        on_progress()
        if producers is not None and not exchange.of_events:
            missing += [] if await channels.has_exchange(exchange.name) else [exchange.name]
            continue
        try:
            await (await channels.get()).declare_exchange(exchange.name, exchange.kind, durable=True)
        except AMQPChannelError as error:
            refused[exchange.name] = type(error).__name__
    for queue in queues(delays):
        if producers is not None and queue.producer is not None and queue.producer not in producers:
            continue
        on_progress()
        exists = await channels.has_queue(queue.name)
        if producers is not None and not queue.of_events:
            missing += [] if exists else [queue.name]
            continue
        if not exists:
            absent.add(queue.name)
        try:
            await _declare_queue(await channels.get(), queue)
        except AMQPChannelError as error:
            refused[queue.name] = type(error).__name__
            continue
        if queue.name in absent:
            absent.remove(queue.name)
            created.append(queue.name)
            on_created(queue.name)
    await channels.close()
    return Declared(tuple(created), refused, tuple(missing))


async def _declare_queue(channel: AbstractChannel, queue: Queue) -> AbstractQueue:
    declared = await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
    for source, key in queue.bindings:
        await declared.bind(source, key)
    return declared


async def missing(connection: AbstractConnection, delays: tuple[float, ...]) -> list[str]:
    """Return the names of exchanges and queues that are not on the broker."""
    channels = _Channels(connection)
    absent = [one.name for one in queues(delays) if not await channels.has_queue(one.name)]
    await channels.close()
    return await missing_exchanges(connection, delays) + absent


async def missing_exchanges(connection: AbstractConnection, delays: tuple[float, ...]) -> list[str]:
    """Return the names of exchanges that are not on the broker."""
    channels = _Channels(connection)
    absent = [one.name for one in exchanges(delays) if not await channels.has_exchange(one.name)]
    await channels.close()
    return absent


async def apply(
    connection: AbstractConnection,
    delays: tuple[float, ...],
    on_created: Callable[[str], None] = lambda _: None,
) -> Declared:
    """Declare everything, and make the queues anew that exist with other arguments, with their messages.

    A run that was interrupted is finished by the next one. ``on_created`` is called as by `declare`.

    Raises:
        CannotMigrate: something exists that cannot be made anew; the rest has been declared.
    """
    declared = await declare(connection, delays, on_created=on_created)
    by_name = {queue.name: queue for queue in queues(delays)}
    channels = _Channels(connection)
    half_done = {name for name in by_name if await channels.has_queue(name + ASIDE)}
    await channels.close()
    for name in sorted({*declared.refused, *half_done}):
        error = declared.refused.get(name)
        if name not in by_name or error not in {None, ChannelPreconditionFailed.__name__}:
            raise CannotMigrate(f"{name} cannot be declared ({error}): delete it once nothing uses it")
        await migrate(connection, by_name[name])
    return declared


async def migrate(connection: AbstractConnection, queue: Queue) -> None:
    """Make a queue anew with its present arguments. New messages wait aside meanwhile, and none is lost.

    Raises:
        CannotMigrate: somebody consumes it, or it is a stream, whose messages cannot be moved.
    """
    if queue.arguments["x-queue-type"] == "stream":
        raise CannotMigrate(f"{queue.name} is a stream with other arguments: delete it, and apply again")
    channel = await connection.channel(publisher_confirms=True)
    try:
        old = await channel.declare_queue(queue.name, passive=True)
        if old.declaration_result.consumer_count:
            raise CannotMigrate(
                f"{queue.name} has other arguments and is consumed: stop its service, and apply again"
            )
        aside = Queue(queue.name + ASIDE, ASIDE_ARGUMENTS, queue.bindings)
        waiting = await _declare_queue(channel, aside)
        for source, key in queue.bindings:
            await old.unbind(source, key)
        await _move(channel, old, aside.name)
        await channel.queue_delete(queue.name)
        await _declare_queue(channel, queue)
        for source, key in queue.bindings:
            await waiting.unbind(source, key)
        await _move(channel, waiting, queue.name)
        await channel.queue_delete(aside.name)
    finally:
        await channel.close()


async def _move(channel: AbstractChannel, source: AbstractQueue, target: str) -> None:
    """Move all messages; each is acknowledged once the broker has confirmed its copy.

    A copy names the sender of its original. Only the broker's administrator may do that.
    """
    while (message := await source.get(fail=False)) is not None:
        copy = Message(
            message.body,
            headers={name: value for name, value in message.headers.items() if name not in NOT_MOVED},
            content_type=message.content_type,
            content_encoding=message.content_encoding,
            delivery_mode=message.delivery_mode,
            correlation_id=message.correlation_id,
            reply_to=message.reply_to,
            message_id=message.message_id,
            timestamp=message.timestamp,
            type=message.type,
            user_id=message.user_id,
        )
        await channel.default_exchange.publish(copy, routing_key=target, mandatory=True)
        await message.ack()

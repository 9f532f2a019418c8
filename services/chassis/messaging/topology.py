"""The topology: every exchange, queue and binding on the broker, computed from the subscriptions.

All queues are quorum queues, because the type of a queue cannot be changed later; only the log of all events,
`epass.events`, is a stream. The queues of events and the delay queues dead-letter at least once; queues of
requests and of dead letters do not dead-letter. All but the stream and the delay queues have an explicit
delivery limit. The relay declares everything each time it connects, before it publishes, and again every 30
seconds, so that a queue that somebody deleted comes back; `epass topology apply` does it at a deployment.
Consumers declare nothing: their broker users may not.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from aio_pika.abc import AbstractChannel, AbstractConnection, ExchangeType
from aio_pika.exceptions import ChannelNotFoundEntity

from contracts import subscriptions as names
from contracts.subscriptions import SERVICES, Subscription, subscriptions

DELIVERY_LIMIT = 20
DEAD_EXCHANGE = "epass.dead"
DEAD_LETTER_DAYS = 30
STREAM_DAYS = 7
RPC_QUEUE_TTL_MS = 10_000
"""A request that waited this long has no caller any more: callers wait for three seconds."""

Argument = str | int


@dataclass(frozen=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: ExchangeType


@dataclass(frozen=True)
class Queue:
    """A durable queue with its bindings, each an exchange and a routing key."""

    name: str
    arguments: dict[str, Argument] = field(hash=False)
    bindings: tuple[tuple[str, str], ...] = ()


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
    return Queue(subscription.queue, arguments, ((source, subscription.event.__name__),))


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
    for service in SERVICES:
        yield Exchange(names.exchange_of(service), ExchangeType.TOPIC)
    for step in range(len(delays)):
        yield Exchange(delay_name(step), ExchangeType.FANOUT)


def queues(delays: tuple[float, ...]) -> Iterator[Queue]:
    """Return all queues, with their bindings."""
    everything = tuple((names.exchange_of(service), "#") for service in SERVICES)
    yield Queue(names.STREAM, {"x-queue-type": "stream", "x-max-age": f"{STREAM_DAYS}D"}, everything)
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


async def declare(channel: AbstractChannel, delays: tuple[float, ...]) -> None:
    """Declare everything. What exists already stays as it is.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: something exists already, with other arguments.
    """
    for exchange in exchanges(delays):
        await channel.declare_exchange(exchange.name, exchange.kind, durable=True)
    for queue in queues(delays):
        declared = await channel.declare_queue(queue.name, durable=True, arguments=dict(queue.arguments))
        for source, key in queue.bindings:
            await declared.bind(source, key)


async def missing(connection: AbstractConnection, delays: tuple[float, ...]) -> list[str]:
    """Return the names of exchanges and queues that are not on the broker."""
    absent = []
    things: list[Exchange | Queue] = [*exchanges(delays), *queues(delays)]
    for thing in things:
        channel = await connection.channel()
        try:
            if isinstance(thing, Exchange):
                await channel.declare_exchange(thing.name, thing.kind, passive=True)
            else:
                await channel.declare_queue(thing.name, passive=True)
        except ChannelNotFoundEntity:
            absent.append(thing.name)
        finally:
            if not channel.is_closed:
                await channel.close()
    return absent

"""Which service consumes which event, as ``contracts/events`` says, and the names on the wire.

The names are a contract. To change one means to move a queue in production.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

from contracts.events import ALL, Event
from contracts.model import Service

SERVICES: tuple[str, ...] = get_args(Service)

SUBSCRIPTIONS: dict[str, tuple[type[Event], ...]] = {
    service: events for service in SERVICES if (events := tuple(e for e in ALL if service in e.subscribers))
}
"""What each service consumes; accounts consumes nothing."""
GATEWAY_SUBSCRIPTIONS = tuple(event for event in ALL if "gateway" in event.subscribers)
"""Each replica of the gateway has an exclusive queue of its own."""

STREAM = "epass.events"
"""The stream that every event goes to. It holds them for seven days, so that an operator can look back."""
RPC_EXCHANGE = "nameko-rpc"


def exchange_of(producer: str) -> str:
    """Return the topic exchange of a service's events. The routing key is the event's name."""
    return f"{producer}.events"


def rpc_queue(service: str) -> str:
    """Return the name of a service's request queue, which is nameko's own name for it."""
    return f"rpc-{service}"


@dataclass(frozen=True)
class Subscription:
    """One consumer of one event."""

    service: str
    event: type[Event]

    @property
    def queue(self) -> str:
        """The consumer's queue, and also the routing key by which a delayed message returns to it."""
        return f"{self.service}.{self.event.__name__}"

    @property
    def dead_letters(self) -> str:
        """The queue for events that this consumer could not handle."""
        return f"{self.queue}.dead"


def subscriptions() -> Iterator[Subscription]:
    """Return all subscriptions of the services; those of the gateway are not among them."""
    for service, subscribed in SUBSCRIPTIONS.items():
        for event in subscribed:
            yield Subscription(service, event)

"""Who hears what: the whole topology as one table, and the names on the wire. They are a contract; change none lightly."""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts import events
from contracts.events import Event

SERVICES = ("accounts", "application", "approval", "issuance", "notify", "verify")

HEARS: dict[str, tuple[type[Event], ...]] = {
    "application": (
        events.DirectoryChanged,
        events.PassApproved,
        events.PassRejected,
        events.PassReturned,
        events.ApprovalWithdrawn,
        events.ReviewEscalated,
        events.PassIssued,
        events.PassRevoked,
        events.NotificationDelivered,
        events.NotificationFailed,
        events.PassScanned,
    ),
    "approval": (
        events.ApplicationSubmitted,
        events.ApplicationAmended,
        events.ApplicationCancelled,
        events.ApplicationExpired,
        events.PersonalDataErased,
    ),
    "issuance": (
        events.PassApproved,
        events.ApprovalWithdrawn,
        events.ApplicationCancelled,
        events.PersonalDataErased,
    ),
    "notify": (
        events.OtpRequested,
        events.LoginIssued,
        events.ApplicationSubmitted,
        events.ApplicationCancelled,
        events.ApplicationExpired,
        events.PassRejected,
        events.PassReturned,
        events.PassIssued,
        events.PassRevoked,
        events.ReviewEscalated,
        events.PersonalDataErased,
    ),
    "verify": (events.PassIssued, events.PassRevoked, events.PersonalDataErased),
}
GATEWAY_HEARS: tuple[type[Event], ...] = (events.LoginDisabled, events.SessionEnded)
"""Each replica of the gateway, on an exclusive queue of its own."""

STREAM = "epass.events"
"""The stream that every event goes to, kept for seven days, from which ops can look back."""
RPC_EXCHANGE = "nameko-rpc"


def exchange_of(producer: str) -> str:
    """The topic exchange on which a service's events appear; the routing key is the event's name."""
    return f"{producer}.events"


def rpc_queue(service: str) -> str:
    """The request queue of a service, nameko's own name for it."""
    return f"rpc-{service}"


@dataclass(frozen=True)
class Subscription:
    """One consumer of one event."""

    service: str
    event: type[Event]

    @property
    def queue(self) -> str:
        """The consumer's queue, also the routing key by which a delayed message finds back to it."""
        return f"{self.service}.{self.event.__name__}"

    @property
    def dead_letters(self) -> str:
        """Where what this consumer cannot take ends."""
        return f"{self.queue}.dead"


def subscriptions() -> Iterator[Subscription]:
    """All subscriptions of the system."""
    for service, heard in HEARS.items():
        for event in heard:
            yield Subscription(service, event)

"""Which service subscribes to which event: the whole topology as one table, and the names on the wire.

The names are a contract. To change one means to move a queue in production.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from contracts import events
from contracts.events import Event

SERVICES = ("accounts", "application", "approval", "issuance", "notify", "verify")

SUBSCRIPTIONS: dict[str, tuple[type[Event], ...]] = {
    "application": (
        events.DirectoryChanged,
        events.PassApproved,
        events.PassRejected,
        events.PassReturned,
        events.ApprovalWithdrawn,
        events.VisitDayClosed,
        events.VisitDayReopened,
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
        events.MobileChanged,
        events.PassScanned,
        events.PersonalDataErased,
    ),
    "issuance": (
        events.PassApproved,
        events.ApprovalWithdrawn,
        events.VisitDayClosed,
        events.ApplicationCancelled,
        events.MobileChanged,
        events.PersonalDataErased,
    ),
    "notify": (
        events.DirectoryChanged,
        events.OtpRequested,
        events.LoginIssued,
        events.AccessChanged,
        events.ApplicationSubmitted,
        events.ApplicationCancelled,
        events.ApplicationExpired,
        events.MobileChanged,
        events.PassRejected,
        events.PassReturned,
        events.VisitDayClosed,
        events.VisitDayReopened,
        events.PassIssued,
        events.PassRevoked,
        events.ReviewEscalated,
        events.PersonalDataErased,
    ),
    "verify": (
        events.DirectoryChanged,
        events.GateAdvised,
        events.PassIssued,
        events.PassRevoked,
        events.PassDeliveryChanged,
        events.StatusListSigned,
        events.LoginDisabled,
        events.PersonalDataErased,
    ),
}
ANSWERS: dict[type[Event], str] = {
    events.PassApproved: "issuance",
    events.ApprovalWithdrawn: "issuance",
    events.ApplicationCancelled: "issuance",
}
"""Which service usually publishes another event a moment after it got this one, while somebody waits.

The relay looks for it sooner; nothing depends on it.
"""
STREAM_ONLY: tuple[type[Event], ...] = (events.GateConflictFound,)
"""Events that no service consumes; who looks back finds them in the stream."""
CAN_WAIT: tuple[type[Event], ...] = (
    events.NotificationDelivered,
    events.NotificationFailed,
    events.PassDeliveryChanged,
    events.PassScanned,
    events.GateConflictFound,
)
"""Events that nobody waits for.

The relay lets them gather, so that more of them share a message; nothing depends on it.
"""
GATEWAY_SUBSCRIPTIONS: tuple[type[Event], ...] = (
    events.LoginDisabled,
    events.PasswordReset,
    events.SessionEnded,
    events.SessionKeyWithdrawn,
)
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

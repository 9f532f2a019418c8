"""Who sent a message: the broker vouches for it, and each consumer takes messages of few senders only.

The broker refuses a message whose ``user-id`` is not the user of its connection, so no service can send in
the name of another one, whichever exchange it may write to. An event comes from the relay, or as a copy from
the consumer's own service (`retry`), or from a user who replays dead letters. A request comes from the
gateway, and a reply from the service that was asked.

Anything else is forged. It goes to the dead letters, from where nobody can replay it.
"""

from collections.abc import Collection, Mapping
from typing import Any

RELAY = "relay"
GATEWAY = "gateway"
REPLAYERS = frozenset({"ops", "administrator"})
"""Those who replay dead letters: the exporter for an operator, and the command line."""


class ForgedMessage(Exception):
    """A message is not of a sender who may send it, or an event not of the service that it names."""


def senders_of_events(service: str) -> frozenset[str]:
    """Return from whom a service takes events."""
    return REPLAYERS | {RELAY, service}


def senders_of_dead_letters(queue: str) -> frozenset[str]:
    """Return who may have put a message into the dead letters of a queue.

    It is the queue's service, or the broker, which leaves the original sender in the message.
    """
    return senders_of_events(queue.removeprefix("rpc-").partition(".")[0])


def require_sender(properties: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Check the sender in the properties of a message.

    Raises:
        ForgedMessage: it is not one of those who may send it.
    """
    if properties.get("user_id") not in allowed:
        raise ForgedMessage

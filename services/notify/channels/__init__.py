"""Channels: what carries a message to a person. Each is called while no transaction is open, and may take seconds."""

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from contracts.model import DeliverBy, Language
from services.notify.domain import Personal, Purpose
from services.notify.wording import Template


@dataclass(frozen=True)
class Outgoing:
    """A message as a channel gets it.

    ``id`` is the idempotency key: it stays the same when a try is repeated whose outcome nobody knows.
    """

    id: UUID
    purpose: Purpose
    channel: DeliverBy
    language: Language
    personal: Personal
    template: Template
    text: str


@dataclass(frozen=True)
class Receipt:
    """The channel took the message, under an id of its own where it gives one."""

    provider_id: str | None = None


class TemporaryChannelError(Exception):
    """A later try may succeed.

    Args:
        reason: a word of ours, never the vendor's text.
        may_have_arrived: whether the vendor may have taken the message all the same.
    """

    def __init__(self, reason: str, *, may_have_arrived: bool = False) -> None:
        self.reason = reason
        self.may_have_arrived = may_have_arrived
        super().__init__(reason)


class PermanentChannelError(Exception):
    """No try will succeed. ``reason`` is a word of ours, never the vendor's text."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Channel(Protocol):
    """One way to a person."""

    def send(self, message: Outgoing) -> Receipt:
        """Hands the message over.

        Raises:
            TemporaryChannelError: try again later.
            PermanentChannelError: do not.
        """
        ...

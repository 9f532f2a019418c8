"""The interface of channels, which carry a message to a person.

A channel is called while no transaction is open, and may take seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from contracts.model import DeliverBy, Language
from services.notify.domain.messages import Personal, Purpose
from services.notify.domain.templates import Template


@dataclass(frozen=True)
class Outgoing:
    """A message as a channel receives it.

    ``id`` is the idempotency key: it is the same at every try, so that a vendor can recognize a repeat.
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
    """The channel accepted the message, under an ID of its own where it gives one.

    ``phone_row`` is what the local phone shows. It is stored with the outcome, and nothing happened before.
    """

    provider_id: str | None = None
    phone_row: Mapping[str, Any] | None = field(default=None, repr=False)


class TemporaryChannelError(Exception):
    """A later try may succeed.

    Args:
        reason: one of our own codes, never the vendor's text.
        may_have_arrived: whether the vendor may have accepted the message all the same.
    """

    def __init__(self, reason: str, *, may_have_arrived: bool = False) -> None:
        self.reason = reason
        self.may_have_arrived = may_have_arrived
        super().__init__(reason)


class PermanentChannelError(Exception):
    """No try will succeed. ``reason`` is one of our own codes, never the vendor's text."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Channel(Protocol):
    """One way to a person."""

    def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the vendor.

        Raises:
            TemporaryChannelError: a later try may succeed.
            PermanentChannelError: no try will succeed.
        """
        ...

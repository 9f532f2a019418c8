"""The interface of channels, which carry a message to a person.

A channel is called while no transaction is open, and may take seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from contracts.model import DeliverBy, Language
from services.chassis.runtime.clock import monotonic
from services.notify.domain.messages import Personal, Purpose, ReportStatus
from services.notify.domain.templates import Template

SEND_SECONDS = 15.0
"""The longest time of a send, all its calls together: a sender that stops waits for it."""


@dataclass(frozen=True)
class Deadline:
    """The end of a send, for all its calls together, ``seconds`` after it began by the monotonic clock."""

    seconds: float = SEND_SECONDS
    began: float = field(default_factory=monotonic)

    def require_left(self) -> float:
        """Return the seconds that are left for a call.

        Raises:
            TemporaryChannelError: ``timeout``; less than a third is left, so the call is not to be begun.
        """
        left = self.began + self.seconds - monotonic()
        if left < self.seconds / 3:
            raise TemporaryChannelError("timeout")
        return left


@dataclass(frozen=True)
class Outgoing:
    """A message as a channel receives it.

    ``id`` is the idempotency key: it is the same at every try, so that a vendor can recognize a repeat. No
    call of the send goes on beyond ``deadline``: another sender may take the message then.
    """

    id: UUID
    purpose: Purpose
    channel: DeliverBy
    language: Language
    personal: Personal
    template: Template
    text: str
    deadline: Deadline = field(default_factory=Deadline, compare=False)


@dataclass(frozen=True)
class Receipt:
    """The channel accepted the message, under an ID of its own where it gives one.

    ``phone_row`` is what the local phone shows. It is stored with the outcome, and nothing happened before.
    ``parts`` is what the vendor bills: the segments of an SMS, else 1.
    """

    provider_id: str | None = None
    phone_row: Mapping[str, Any] | None = field(default=None, repr=False)
    parts: int = field(default=1, compare=False)


REASONS = frozenset(
    {
        "account", "bad_address", "bad_number", "busy", "credentials", "fault", "gateway_fault", "limited",
        "media", "no_channel", "not_on_whatsapp", "opted_out", "private_address", "refused", "rejected",
        "template", "timeout", "undelivered", "unreachable", "unreadable", "window_closed",
    }
)  # fmt: skip
"""Every reason of a failure, in a metric, on a page and in ``docs/messages.md``."""


class TemporaryChannelError(Exception):
    """A later try may succeed.

    Args:
        reason: one of our own codes, never the vendor's text.
        may_have_arrived: whether the vendor may have accepted the message all the same.
        retry_after: seconds that the vendor asked to wait at least, if it did.
        recipient_only: whether only messages to this person have to wait.
    """

    def __init__(
        self,
        reason: str,
        *,
        may_have_arrived: bool = False,
        retry_after: float | None = None,
        recipient_only: bool = False,
    ) -> None:
        self.reason = reason
        self.may_have_arrived = may_have_arrived
        self.retry_after = retry_after
        self.recipient_only = recipient_only
        super().__init__(reason)


class PermanentChannelError(Exception):
    """No try on this channel will succeed.

    Args:
        reason: one of our own codes, never the vendor's text.
        use_next: whether another channel may reach the person. False where nobody should be told or no
            channel can carry the message.
    """

    def __init__(self, reason: str, *, use_next: bool = True) -> None:
        self.reason = reason
        self.use_next = use_next
        super().__init__(reason)


class Channel(Protocol):
    """One way to a person, by one vendor."""

    @property
    def name(self) -> str:
        """The vendor and its product, as metrics, limits and pages of operations name it."""
        ...

    @property
    def gives_receipts(self) -> bool:
        """Whether the vendor tells later what became of a message that it has accepted."""
        ...

    def send(self, message: Outgoing) -> Receipt:
        """Hand the message to the vendor.

        Raises:
            TemporaryChannelError: a later try may succeed.
            PermanentChannelError: no try will succeed.
        """
        ...


@dataclass(frozen=True)
class DeliveryReport:
    """What a vendor tells of a message that it has accepted.

    ``provider_id`` is the ID of `Receipt`. ``at`` is the vendor's time. ``reason`` is one of our own codes,
    and stands where the status is ``failed``; ``use_next`` is as in `PermanentChannelError`. ``message_id``
    is our own ID, where the vendor returns it: then a try whose response was lost is known, too.
    """

    provider_id: str
    status: ReportStatus
    at: datetime
    reason: str | None = None
    use_next: bool = True
    message_id: UUID | None = None


@dataclass(frozen=True)
class InboundText:
    """A message that a person sent to us, by which they may opt out, or answer a question.

    ``sender`` is a number in E.164, or None of somebody who hides theirs, whom the vendor calls ``user``.
    ``answers`` is the vendor's ID of our message to which they answered, if they did.
    """

    sender: str | None = field(repr=False)
    text: str = field(repr=False)
    at: datetime
    user: str = field(default="", repr=False)
    answers: str | None = field(default=None, repr=False)
    id: str = field(default="", repr=False)
    """The vendor's ID of it, the same whenever it is repeated."""


class ReportService(Protocol):
    """A vendor that is asked what became of its messages, since it calls no webhook."""

    @property
    def name(self) -> str:
        """`Channel.name` of the channel whose messages it tells of."""
        ...

    def ask(self, provider_id: str) -> DeliveryReport | None:
        """Return what has become of a message, or None while nothing is final.

        Raises:
            TemporaryChannelError: nobody answered, or the vendor tells us nothing at all.
            PermanentChannelError: its name leads to a private address.
        """
        ...


class BadWebhook(Exception):
    """The body of a webhook is not what its vendor documents; it is answered with 400."""


class ReceiptSource(Protocol):
    """What a vendor's webhook tells. It touches neither network nor database."""

    @property
    def name(self) -> str:
        """`Channel.name` of the channel whose messages it tells of."""
        ...

    @property
    def channel(self) -> DeliverBy:
        """The channel on which an `InboundText` came, and which its sender may opt out of."""
        ...

    def verify(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """Return whether the vendor sent this body, in constant time. Names of headers are lower case."""
        ...

    def parse(self, raw: bytes) -> list[DeliveryReport | InboundText]:
        """Return what a verified body tells; skip and count entries of unknown kinds.

        Raises:
            BadWebhook: it is no such body.
        """
        ...

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """Return the response to the vendor's GET, or None where it is to be refused."""
        ...

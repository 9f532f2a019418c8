"""What notify publishes: outcomes of messages."""

from typing import ClassVar
from uuid import UUID

from contracts.events.base import AboutApplication, AboutPass, AnyDeliverBy, AnyDeliveryStatus, Event
from contracts.events.example_members import ID, UNTIL
from contracts.model import Instant


class MessageOutcome(Event, producer="notify", is_only_one=True, can_wait=True):
    """Outcome of a message."""

    message_id: UUID
    application_id: UUID | None = None
    purpose: str
    channel: AnyDeliverBy
    example: ClassVar = {"message_id": ID, "application_id": ID, "purpose": "pass_issued"}

    @property
    def subject(self) -> str:
        return f"message:{self.message_id}"


class NotificationDelivered(MessageOutcome, subscribers=("application",)):
    """The channel accepted the message, or the counter printed the pass.

    With a ``status``, the vendor has told more of a message that it accepted before. A message has one event
    of each status. ``possible_duplicate``: an earlier try may have arrived, too.
    """

    status: AnyDeliveryStatus = None
    possible_duplicate: bool = False
    example: ClassVar = {"channel": "whatsapp"}

    @property
    def subject(self) -> str:
        return super().subject if self.status is None else f"{super().subject}:{self.status}"


class NotificationFailed(MessageOutcome, subscribers=("application",)):
    """The message will not arrive on its channel, or nobody knows whether it did (``unconfirmed``).

    ``reason`` is one of our codes, never the vendor's text. ``next_channel`` is tried next; without one,
    nothing more is tried.
    """

    reason: str
    next_channel: AnyDeliverBy | None = None
    example: ClassVar = {"channel": "sms", "reason": "unreachable"}


class PassDeliveryChanged(AboutPass, producer="notify", subscribers=("verify",), can_wait=True):
    """No message has brought a pass to anybody, or one has since; it was printed, or ended, meanwhile."""

    undelivered: bool
    example: ClassVar = {"undelivered": True}


class QuestionAnswered(AboutApplication, producer="notify", subscribers=("application", "approval")):
    """Somebody answered one of our messages that asks something, by a plain reply: 1 for yes or 2 for no."""

    purpose: str
    """Of the message. Who knows no such question leaves its answer alone."""
    yes: bool
    until: Instant
    """The end of the question, as the event that called for it has it."""
    example: ClassVar = {"purpose": "visit_question", "yes": True, "until": UNTIL}

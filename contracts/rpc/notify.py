"""RPC of notify: messages once more, prints, the local phone."""

from pydantic import Field

from contracts.model import DeliverBy, Instant, Language, Strict, Wire
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Method, Nothing
from contracts.rpc.issuance import PassNumber


class SentMessage(Wire):
    """A message as the local phone shows it."""

    at: Instant
    to: str
    channel: DeliverBy
    purpose: str
    language: Language
    text: str
    link: str | None = None


class PhoneQuestion(Strict):
    """Messages to one number, in E.164."""

    to: str = Field(max_length=40)


class PhoneMessages(Wire):
    """Oldest first."""

    items: tuple[SentMessage, ...]


RESEND = Method("notify", "resend", ReferenceOnly, Nothing, command=True)
RECORD_PRINT = Method("notify", "record_print", PassNumber, Nothing, command=True)
LOCAL_PHONE = Method("notify", "local_phone", PhoneQuestion, PhoneMessages)

"""RPC of notify: resends, prints, the local phone."""

from pydantic import Field

from contracts.model import DeliverBy, Instant, Language, Strict, Wire
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Method, Nothing
from contracts.rpc.issuance import PassNumber


class SentMessage(Wire):
    """A message on the local phone."""

    at: Instant
    to: str
    channel: DeliverBy
    purpose: str
    language: Language
    text: str
    link: str | None = None


class PhoneQuestion(Strict):
    """The question for the messages to one number (E.164) or email address."""

    to: str = Field(max_length=40)


class PhoneMessages(Wire):
    """The messages, oldest first."""

    items: tuple[SentMessage, ...]


RESEND = Method("notify", "resend", ReferenceOnly, Nothing, command=True)
RECORD_PRINT = Method("notify", "record_print", PassNumber, Nothing, command=True)
LOCAL_PHONE = Method("notify", "local_phone", PhoneQuestion, PhoneMessages)

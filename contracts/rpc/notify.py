"""RPC of notify: resends, prints, webhooks of vendors, the local phone."""

from typing import Annotated
from uuid import UUID

from pydantic import Base64Bytes, Field

from contracts.model import (
    ClosureReason,
    Code,
    DeliverBy,
    Instant,
    Language,
    RejectionReason,
    Strict,
    Wire,
    date,
)
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion, most_looks
from contracts.rpc.call import Http, Method, Nothing
from contracts.rpc.issuance import PassNumber
from contracts.rpc.own_data import own_data


class SentMessage(Wire):
    """A message on the local phone."""

    at: Instant
    to: str
    channel: DeliverBy
    purpose: str
    language: Language
    text: str
    link: str | None = None
    picture: str | None = None
    """What WhatsApp and email show with the text: a PNG, base64. Only where the question asks for it."""


class PhoneQuestion(Strict):
    """The question for the messages to one number (E.164) or email address."""

    to: str = Field(max_length=40)
    with_pictures: bool = False


class PhoneMessages(Wire):
    """The messages, oldest first."""

    items: tuple[SentMessage, ...]


class RejectionPreview(Strict):
    """A rejection that is not sent yet; without a reason its message has dots in that place."""

    reference: str = Field(max_length=40)
    department: Code
    language: Language
    deliver_by: DeliverBy
    reason: RejectionReason | None = None
    note: str = Field(default="", max_length=500)


class WithdrawalPreview(RejectionPreview):
    """A withdrawal of an approval that is not sent yet."""

    reason: RejectionReason


class ClosurePreview(Strict):
    """The closing of a day whose visitors are not told yet."""

    department: Code
    language: Language
    day: date
    reason: ClosureReason
    note: str = Field(default="", max_length=300)


class MessagePreview(Wire):
    """The text of a message as it would be sent."""

    text: str


class WrongNumber(Strict):
    """The application of somebody else, whose messages come to one's own phone."""

    reference: str = Field(max_length=40)
    mobile_last4: str = Field(max_length=8)


class OwnMessages(Wire):
    """Whether somebody wants no messages but those by which they get in, or learn that they do not."""

    stopped: bool = False


class ChooseMessages(Strict):
    """Stop all others to the number that is signed in, or send them again."""

    stop: bool


class UndeliveredPass(Wire):
    """A pass of which nobody knows whether it has arrived, and that can still be used."""

    reference: str
    pass_number: str
    channel: DeliverBy
    """The last one that was tried."""
    since: Instant


class UndeliveredPasses(Wire):
    """The passes, the newest first; at most fifty."""

    items: tuple[UndeliveredPass, ...]


class MessageSearch(Strict):
    """What messages are looked for by: one of the three. None of them is personal."""

    reference: str | None = Field(default=None, max_length=40)
    pass_number: str | None = Field(default=None, max_length=40)
    message_id: UUID | None = None
    """As the logs of the sender have it."""


class FailedTry(Wire):
    """A try that did not succeed."""

    at: Instant
    reason: str
    """Our code for the vendor's answer, as ``docs/messages.md`` explains it."""


class VendorReport(Wire):
    """What a vendor has told of a message later; it is kept for some days."""

    at: Instant
    status: str
    reason: str | None = None


class MessageTrace(Wire):
    """What became of one message on one channel: neither its text nor whom it is for."""

    id: UUID
    event_id: UUID
    """The same on every channel of one message."""
    purpose: str
    pass_number: str | None = None
    channel: DeliverBy
    state: str
    queued_at: Instant
    step: int
    """0 on the channel that the person chose, 1 on the one after it, and so on."""
    is_resend: bool
    """Somebody asked for it again."""
    is_replaced: bool
    """Its applicant has another number since."""
    attempts: int
    failed: tuple[FailedTry, ...]
    """The newest twenty tries that did not succeed, the oldest first."""
    reason: str | None = None
    """Why it failed, or why the last try did not succeed."""
    possible_duplicates: int = 0
    provider: str | None = None
    """The vendor that accepted it."""
    reports: tuple[VendorReport, ...] = ()
    due_at: Instant | None = None
    """When it is tried next; only while it waits."""
    next_at: Instant | None = None
    """When it goes on to the next channel, unless its vendor reports the delivery before."""
    ended_at: Instant | None = None
    expires_at: Instant | None = None
    is_undelivered: bool = False
    """Its chain has ended without a sign that the pass has arrived: reception is shown it."""


class PassTrace(Wire):
    """A pass of an application, as far as its messages depend on it."""

    number: str
    revoked: bool
    printed: bool


class MessageTraces(Wire):
    """All messages about one application, the newest first; at most fifty."""

    reference: str | None
    """None where a message is about no application, as a one-time code is."""
    application_id: UUID | None
    """The subject of its events."""
    erased: bool = False
    passes: tuple[PassTrace, ...] = ()
    items: tuple[MessageTrace, ...]


LARGEST_WEBHOOK = 176 * 1024
"""Bytes of the body of a webhook, which fits into a message as base64."""


class Webhook(Strict):
    """A request of a vendor as it came; only notify can tell whether it is genuine."""

    vendor: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    headers: dict[str, str] = Field(default_factory=dict, max_length=10)
    """Those of `WEBHOOK_HEADERS` that it has, by names in lower case."""
    body: Base64Bytes = Field(max_length=LARGEST_WEBHOOK * 4 // 3 + 4)


PROVING_HEADERS = ("x-hub-signature-256", "authorization", "x-webhook-secret")
"""The headers by which vendors prove who they are."""
WEBHOOK_HEADERS = (*PROVING_HEADERS, "content-type")
VENDORS = ("whatsapp", "sms", "sms_replies")
"""The names of vendors in the paths of their webhooks."""


class WebhookChallenge(Strict):
    """The question by which a vendor finds out whether an address takes its webhooks."""

    vendor: str = Field(pattern=r"^[a-z0-9_]{1,40}$")
    query: dict[Annotated[str, Field(max_length=100)], Annotated[str, Field(max_length=500)]] = Field(
        max_length=20
    )


class ChallengeAnswer(Wire):
    """What the vendor wants to read."""

    text: str


RESEND = Method(
    "notify", "resend", ReferenceOnly, Nothing, command=True, said="Sent a message again",
    http=Http("applicant", "resend_message", "POST /applications/{reference}/resend",
        "Send the last message about an application again.", status=202),
)  # fmt: skip
WRONG_NUMBER = Method(
    "notify", "wrong_number", WrongNumber, Nothing, command=True,
    said="Said that messages came to the wrong number",
)  # fmt: skip
OWN_MESSAGES = Method("notify", "own_messages", Nothing, OwnMessages)
CHOOSE_MESSAGES = Method(
    "notify", "choose_messages", ChooseMessages, OwnMessages, command=True,
    said="Chose which messages to get",
)  # fmt: skip
RECORD_PRINT = Method("notify", "record_print", PassNumber, Nothing, command=True, said="Printed a pass")
UNDELIVERED_HERE = Method(
    "notify", "undelivered_here", Nothing, UndeliveredPasses, names_people=True,
    said="List of passes that did not arrive",
    http=Http("reception", "list_undelivered", "GET /counter/undelivered",
        """List the passes of this site that no message has brought to anybody, the newest first, at most
        fifty.

        A pass leaves the list when it is printed, delivered after all, sent to another number, revoked or
        over.
        """),
)  # fmt: skip
TRACE_MESSAGES = Method(
    "notify", "trace_messages", MessageSearch, MessageTraces, names_people=True,
    said="What became of messages",
)  # fmt: skip
RECEIVE_WEBHOOK = Method(
    "notify", "receive_webhook", Webhook, Nothing, command=True, carries_key=True, keeps_own_record=True,
    said="Reported what became of messages", together=True,
)  # fmt: skip
WEBHOOK_CHALLENGE = Method("notify", "webhook_challenge", WebhookChallenge, ChallengeAnswer)
LOCAL_PHONE = Method("notify", "local_phone", PhoneQuestion, PhoneMessages)
PREVIEW_CLOSURE = Method("notify", "preview_closure", ClosurePreview, MessagePreview)
PREVIEW_WITHDRAWAL = Method("notify", "preview_withdrawal", WithdrawalPreview, MessagePreview)
PREVIEW_REJECTION = Method("notify", "preview_rejection", RejectionPreview, MessagePreview)
OWN_DATA = own_data("notify")
AUDIT_ENTRIES = Method(
    "notify",
    "audit_entries",
    AuditQuestion,
    AuditEntries,
    names_people=True,
    polled=True,
    said="Audit log",
)
AUDIT_HEADS = Method("notify", "audit_heads", HeadQuestion, AuditHeads)
MOST_LOOKS = most_looks("notify")

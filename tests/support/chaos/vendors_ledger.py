"""The vendors beside the SMS gateway of `provider.py`: MSG91 (SMS with receipts), WhatsApp, a mail server.

All record what they take in the provider's ledger before they answer, and know no idempotency key. MSG91 is
not even told our ID of a message: the ledger has its own ID there, and `receipts.py` finds the message.

WhatsApp and MSG91 tell what became of each message: late, more than once, in any order, and again until our
webhook has it; then the report is in the ledger, too. What they do with a message, `fate_of` decides by its
recipient and purpose, so that a try after another one fares the same, and somebody can be reached always.
"""

import json
import time
from collections.abc import Mapping
from email.message import EmailMessage
from hashlib import sha256
from random import Random
from typing import Literal, Protocol
from urllib.parse import parse_qs
from urllib.request import Request, urlopen

from tests.support.vendors.mail import MailBox
from tests.support.vendors.msg91 import Msg91, failure
from tests.support.vendors.registered import texts
from tests.support.vendors.server import Answer, Received, VendorServer
from tests.support.vendors.whatsapp import WhatsApp, error, purpose_of

REPORTED_FOR = 60.0
"""A report is sent again for so many seconds."""
PAUSES = (0.5, 1, 2, 4, 8)
"""Seconds before a report that our webhook refused is sent again; the last one counts from then on."""
REPEATED = 0.25
"""The part of the reports that come twice although they were taken."""
LATEST = 8.0
"""Seconds that a report takes at most: some come after the message has gone on to another channel."""
CHANNELS = ("sms", "sms", "sms", "whatsapp", "whatsapp", "email")
"""By what people want their messages, each as often as it stands here."""
Fate = Literal[
    "whatsapp refuses", "whatsapp fails", "sms refuses", "sms fails", "sms tells nothing", "arrives"
]
FATES: tuple[Fate, ...] = (
    *("whatsapp refuses", "whatsapp fails", "sms refuses", "sms fails", "sms tells nothing"),
    *(["arrives"] * 11),
)  # fmt: skip


class Book(Protocol):
    """Where vendors record what they do."""

    def take(
        self, key: str, to: str, text: str, channel: str = "sms", purpose: str = "", vendor_id: str = ""
    ) -> None:
        """Record a message; ``key`` is our ID of it, or empty where the vendor has its own alone."""

    def tell(self, vendor_id: str, status: str) -> None:
        """Record a report that our webhook has taken."""


def fate_of(to: str, purpose: str) -> Fate:
    """Return what becomes of a message; a code arrives always, since nobody applies without it."""
    drawn = sha256(f"{to} {purpose}".encode()).digest()[0] % len(FATES)
    return "arrives" if purpose == "otp" else FATES[drawn]


class _Reporting(VendorServer):
    """Reports late, twice and in any order, until our webhook has each report."""

    def __init__(self, port: int, book: Book) -> None:
        self._book, self._chance = book, Random(port)
        super().__init__(port)
        self.faults.shuffled = True

    def _post_all(self, url: str, bodies: list[tuple[bytes, Mapping[str, str]]]) -> None:  # type: ignore[override]
        time.sleep(self._chance.random() * LATEST)
        twice = bodies if self._chance.random() < REPEATED else []
        for body, headers in (*bodies, *twice):
            until, pauses = time.monotonic() + REPORTED_FOR, iter(PAUSES)
            while time.monotonic() < until:
                try:
                    urlopen(Request(url, body, dict(headers)), timeout=10).close()
                except OSError:
                    time.sleep(next(pauses, PAUSES[-1]))
                else:
                    self._book.tell(*self.read(body))
                    break

    def read(self, body: bytes) -> tuple[str, str]:
        """Return the vendor's ID of the message that a report is about, and what it says."""
        raise NotImplementedError


class RecordingWhatsApp(_Reporting, WhatsApp):
    """One business number, as `WhatsApp`; every message that it takes is in the ledger."""

    def respond(self, received: Received) -> Answer:
        if not received.path.endswith("/messages"):
            return super().respond(received)
        body = json.loads(received.body)
        to, key, purpose = (
            body["to"],
            body["biz_opaque_callback_data"],
            purpose_of(body["template"]["name"]) or "",
        )
        fate = fate_of(f"+{to}", purpose)
        if fate == "whatsapp refuses":
            raise error(400, 131026, "Message Undeliverable")
        answer = super().respond(received)
        (sent,) = json.loads(answer[1])["messages"]
        self._book.take(key, f"+{to}", json.dumps(body["template"]), "whatsapp", purpose, sent["id"])
        return answer

    def statuses_of(self, to: str, purpose: str) -> tuple[str, ...]:
        return ("sent", "failed") if fate_of(f"+{to}", purpose) == "whatsapp fails" else self.statuses

    def read(self, body: bytes) -> tuple[str, str]:
        (entry,) = json.loads(body)["entry"]
        (status,) = entry["changes"][0]["value"]["statuses"]
        return status["id"], status["status"]


class RecordingMsg91(_Reporting, Msg91):
    """One account, as `Msg91`, in which every text of ours is a template."""

    def __init__(self, port: int, book: Book) -> None:
        super().__init__(port, book)
        self.templates = texts("msg91")

    def respond(self, received: Received) -> Answer:
        body = json.loads(received.body)
        (recipient,) = body["recipients"]
        to, purpose = f"+{recipient['mobiles']}", body["template_id"].rpartition("-")[0]
        if fate_of(to, purpose) == "sms refuses":
            return failure(200, "202", "Invalid mobile number")
        answer = super().respond(received)
        said = json.loads(answer[1])
        if said["type"] == "success":
            text = self.templates[body["template_id"]]
            for name, value in recipient.items():
                text = text.replace(f"##{name}##", value)
            self._book.take("", to, text, "sms", purpose, said["message"])
        return answer

    def status_of(self, to: str, template_id: str) -> str | None:
        fate = fate_of(f"+{to}", template_id.rpartition("-")[0])
        return None if fate == "sms tells nothing" else "2" if fate == "sms fails" else "1"

    def read(self, body: bytes) -> tuple[str, str]:
        (sent,) = json.loads(parse_qs(body.decode())["data"][0])
        (entry,) = sent["report"]
        return sent["requestId"], "delivered" if entry["status"] == "1" else "failed"


class _Letters(list[EmailMessage]):
    def __init__(self, book: Book) -> None:
        super().__init__()
        self._book = book

    def append(self, letter: EmailMessage) -> None:
        key = letter["Message-ID"].strip("<>").partition("@")[0]
        self._book.take(key, letter["To"], letter.as_string(), "email")


def record_letters(port: int, book: Book) -> MailBox:
    """Return a mail server that records what it takes."""
    box = MailBox(port=port)
    box.letters = _Letters(book)
    return box

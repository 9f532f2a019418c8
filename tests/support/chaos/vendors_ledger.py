"""The vendors beside the SMS gateway of `provider.py`: WhatsApp and a mail server.

Both record what they take in the provider's ledger before they answer, and know no idempotency key. WhatsApp
tells what became of each message: late, more than once, in any order, and again until our webhook has it.
Some messages it takes and tells later that they failed; others it refuses.
"""

import json
import time
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from random import Random
from urllib.request import Request, urlopen
from zlib import crc32

from tests.support.vendors.mail import MailBox
from tests.support.vendors.server import Answer, Received
from tests.support.vendors.whatsapp import WhatsApp, error

Take = Callable[[str, str, str, str], None]
"""Record a message that a vendor took: its key, its recipient, its text, its channel."""
REPORTED_FOR = 60.0
"""A report is sent again for so many seconds."""
LATEST = 8.0
"""Seconds that a report takes at most: some come after the message has gone on to another channel."""
CHANNELS = ("sms", "sms", "sms", "whatsapp", "whatsapp", "email")
"""By what people want their messages, each as often as it stands here."""


class RecordingWhatsApp(WhatsApp):
    """One business number, as `WhatsApp`; every message that it takes is in the ledger."""

    def __init__(self, port: int, take: Take) -> None:
        super().__init__(port)
        self._take = take
        self._chance = Random(port)
        self.faults.repeats, self.faults.shuffled = 2, True

    def respond(self, received: Received) -> Answer:
        if not received.path.endswith("/messages"):
            return super().respond(received)
        body = json.loads(received.body)
        to, key = body["to"], body["biz_opaque_callback_data"]
        fate = crc32(key.encode()) % 8
        if fate == 0:
            raise error(400, 131026, "Message Undeliverable")
        self._take(key, f"+{to}", json.dumps(body["template"]), "whatsapp")
        if fate == 1:
            self.fails_later.add(to)
        try:
            return super().respond(received)
        finally:
            self.fails_later.discard(to)

    def _post_all(self, url: str, bodies: list[tuple[bytes, Mapping[str, str]]]) -> None:  # type: ignore[override]
        time.sleep(self._chance.random() * LATEST)
        for body, headers in bodies:
            until = time.monotonic() + REPORTED_FOR
            while time.monotonic() < until:
                try:
                    urlopen(Request(url, body, dict(headers)), timeout=10).close()
                    break
                except OSError:
                    time.sleep(0.5)


class _Letters(list[EmailMessage]):
    def __init__(self, take: Take) -> None:
        super().__init__()
        self._take = take

    def append(self, letter: EmailMessage) -> None:
        key = letter["Message-ID"].strip("<>").partition("@")[0]
        self._take(key, letter["To"], letter.as_string(), "email")


def record_letters(port: int, take: Take) -> MailBox:
    """Return a mail server that records what it takes."""
    box = MailBox(port=port)
    box.letters = _Letters(take)
    return box

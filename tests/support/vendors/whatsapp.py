"""A stand-in for Meta's Cloud API of one business number.

From the pages that ``services/notify/adapters/channels/whatsapp.py`` names: uploads as multipart forms with
``messaging_product``, ``type`` and ``file``; template messages whose parameters have to be those of the
template; errors as ``{"error": {"code": …}}``; reports signed with the secret of the app.
"""

import email.parser
import email.policy
import hmac
import json
import time
from collections.abc import Mapping
from hashlib import sha256
from itertools import count
from typing import Any, get_args

from contracts.model import Language
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from tests.support.vendors.server import Answer, Received, Refused, Shown, VendorServer

NUMBER_ID = "106540352242922"
PATH = f"/v25.0/{NUMBER_ID}"
LANGUAGES = get_args(Language)
LAST_STATUSES = ("sent", "delivered", "read")


class WhatsApp(VendorServer):
    """One business number; every number has WhatsApp but those in ``not_on_whatsapp``."""

    token = "token-of-a-system-user"
    app_secret, verify_token = "secret-of-the-app", "token-of-the-webhook-of-more-than-32-letters"

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.url = f"{self.address}{PATH}/messages"
        self.media: dict[str, bytes] = {}
        self.not_on_whatsapp: set[str] = set()
        self.statuses: tuple[str, ...] = LAST_STATUSES
        self.fails_later: set[str] = set()
        """Numbers for which a message is accepted, and reported as failed."""
        self._ids = count(1)

    def respond(self, received: Received) -> Answer:
        if received.headers.get("authorization") != f"Bearer {self.token}":
            raise error(401, 190, "Authentication Error")
        if received.path == f"{PATH}/media":
            return self._upload(received)
        if received.path == f"{PATH}/messages":
            return self._send(json.loads(received.body))
        raise error(404, 100, "Unsupported post request")

    def _upload(self, received: Received) -> Answer:
        form = form_of(received)
        if form.get("messaging_product") != b"whatsapp" or form.get("type") != b"image/png":
            raise error(400, 100, "Invalid parameter")
        if not form.get("file", b"").startswith(b"\x89PNG"):
            raise error(400, 131053, "Media upload error")
        with self.lock:
            media_id = f"media-{next(self._ids)}"
            self.media[media_id] = form["file"]
        return 200, json.dumps({"id": media_id}).encode()

    def _send(self, body: Mapping[str, Any]) -> Answer:
        to, sent = body["to"], body["template"]
        if body["messaging_product"] != "whatsapp" or body["type"] != "template" or to.startswith("+"):
            raise error(400, 100, "Invalid parameter")
        if to in self.not_on_whatsapp:
            raise error(400, 131026, "Message Undeliverable")
        shown = self._shown(to, sent)
        with self.lock:
            wamid = f"wamid.{next(self._ids)}"
            self.phone.append(shown)
        statuses = self.statuses_of(to, purpose_of(sent["name"]) or "")
        self.report([self.signed(self.status(wamid, to, status)) for status in statuses])
        answer = {"messaging_product": "whatsapp", "messages": [{"id": wamid, "message_status": "accepted"}]}
        return 200, json.dumps(answer).encode()

    def statuses_of(self, to: str, _purpose: str) -> tuple[str, ...]:
        """Return what is reported of a message."""
        return ("sent", "failed") if to in self.fails_later else self.statuses

    def _shown(self, to: str, sent: Mapping[str, Any]) -> Shown:
        """Return what the person sees, if the request fits the template."""
        components = {part["type"]: part["parameters"] for part in sent["components"]}
        language, name = sent["language"]["code"], sent["name"]
        purpose = purpose_of(name)
        if language not in LANGUAGES or purpose is None:
            raise error(404, 132001, "Template name does not exist in the translation")
        template = templates.find(purpose, language)
        if purpose == "otp":  # Meta's own text; the code stands in the body and in the button
            (code,), (button,) = components["body"], components["button"]
            if code != button or set(code) != {"type", "text"}:
                raise error(400, 132000, "Number of parameters does not match")
            return Shown(to, "whatsapp", f"{code['text']} is your verification code.", button="Copy code")
        has_picture = name == template.whatsapp_picture_template
        text = template.whatsapp_picture if has_picture else template.whatsapp
        given = {one["parameter_name"]: one["text"] for one in components["body"]}
        names = {one for one in template.placeholders if f"{{{one}}}" in text}
        if set(given) != names or has_picture != ("header" in components):
            raise error(400, 132000, "Number of parameters does not match")
        if not all((*given.values(), *(one["text"] for one in components.get("button", ())))):
            raise error(400, 131008, "Required parameter is missing")
        if not has_picture:
            return Shown(to, "whatsapp", text.format_map(given))
        media_id = components["header"][0]["image"]["id"]
        if media_id not in self.media:
            raise error(400, 131053, "Media upload error")
        return Shown(
            to,
            "whatsapp",
            text.format_map(given),
            self.media[media_id],
            components["button"][0]["text"],
        )

    def status(self, wamid: str, to: str, status: str, code: int = 131026) -> dict[str, Any]:
        """Return the body of a report."""
        entry: dict[str, Any] = {
            "id": wamid,
            "status": status,
            "timestamp": str(int(time.time())),
            "recipient_id": to,
        }
        if status == "failed":
            entry["errors"] = [{"code": code, "title": "Message Undeliverable"}]
        return webhook({"statuses": [entry]})

    def signed(self, body: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return a body with the headers that Meta sends it with."""
        raw = json.dumps(body).encode()
        digest = hmac.new(self.app_secret.encode(), raw, sha256).hexdigest()
        return raw, {"X-Hub-Signature-256": f"sha256={digest}", "Content-Type": "application/json"}


def webhook(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of a webhook around its value."""
    metadata = {"display_phone_number": "911722740000", "phone_number_id": NUMBER_ID}
    change = {
        "field": "messages",
        "value": {"messaging_product": "whatsapp", "metadata": metadata, **value},
    }
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "102290129340398", "changes": [change]}],
    }


def purpose_of(name: str) -> Purpose | None:
    """Return the purpose whose template has this name."""
    for purpose in get_args(Purpose):
        template = templates.find(purpose, "en")
        if name in (template.whatsapp_template, template.whatsapp_picture_template):
            return purpose
    return None


def error(status: int, code: int, text: str) -> Refused:
    """Return an error as Meta's APIs put it."""
    body = {"error": {"message": f"(#{code}) {text}", "type": "OAuthException", "code": code}}
    return Refused(status, json.dumps(body).encode())


def form_of(received: Received) -> dict[str, bytes]:
    """Return the fields of a multipart form."""
    head = f"Content-Type: {received.headers['content-type']}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + received.body)
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
        for part in parsed.iter_parts()
    }

"""SMS through a gateway of an operator or aggregator that takes JSON with a bearer token.

It is for a gateway that has no adapter of its own. Under TRAI's rules (TCCCPR 2018) a commercial SMS is
delivered only if its text matches a template registered on the operators' distributed ledger (DLT); see
``domain/registrations.py``.

Request::

    {"to": "+919876543210", "text": "…", "template_id": "1107…", "language": "pa",
     "encoding": "ucs2", "parts": 2}

``encoding`` is ``gsm7`` or ``ucs2``. Response: 2xx with ``{"id": "…"}``; without an ID the gateway has not
taken the message. `fields` gives each field another name, and adds the entity ID and the header. Headers and
errors: ``http_gateway.py``.

Nobody can reply to a header. Replies come to a number of an operator or aggregator, which hands each one on
to ``/hooks/sms_replies``, as a form or as JSON, with a secret of its own, shown as MSG91 shows one::

    {"from": "9876543210", "text": "EPASS 1", "at": "2026-11-24 15:00:00", "id": "…"}

``at`` is Indian time where it has no zone. Without ``id`` the three others tell a repeat.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from urllib.parse import parse_qsl

from contracts.mobile import parse_mobile
from contracts.model import IST, DeliverBy
from services.notify.adapters.channels import (
    BadWebhook,
    DeliveryReport,
    InboundText,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.adapters.channels.http_gateway import GatewayClient, key_headers, require_success
from services.notify.domain.registrations import UNREGISTERED, Registrations
from services.notify.domain.sms_segments import count_segments, is_gsm


class SmsChannel:
    """Channel to an SMS gateway at one address."""

    name = "sms_gateway"
    gives_receipts = False

    def __init__(
        self,
        client: GatewayClient,
        url: str,
        token: str,
        registrations: Registrations = UNREGISTERED,
        fields: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._client = client
        self._url = url
        self._token = token
        self._registrations = registrations
        self._fields = fields

    def send(self, message: Outgoing) -> Receipt:
        """Hand the text to the gateway.

        Raises:
            TemporaryChannelError: as in ``http_gateway.py``; ``gateway_fault`` for what is no object of JSON.
            PermanentChannelError: as there; ``refused`` for an object without an ID.
        """
        parts = count_segments(message.text)
        body = {
            "to": message.personal.to,
            "text": message.text,
            "template_id": self._registrations.find(message.purpose, message.language) or "",
            "language": message.language,
            "encoding": "gsm7" if is_gsm(message.text) else "ucs2",
            "parts": parts,
            "entity_id": self._registrations.entity_id,
            "header": self._registrations.header,
        }
        names = {**{name: name for name in body if name not in ("entity_id", "header")}, **self._fields}
        named = {names[name]: value for name, value in body.items() if names.get(name)}
        response = self._client.post(
            self._url, key_headers(message.id, self._token), message.deadline, json=named
        )
        require_success(response)
        answer = response.fields()
        found = answer.get(self._fields.get("id", "id"))
        if isinstance(found, str | int) and str(found):
            return Receipt(str(found), parts=parts)
        if answer:  # such as {"status": "error"} with 200: it has read the message, and did not take it
            raise PermanentChannelError("refused")
        raise TemporaryChannelError("gateway_fault", may_have_arrived=True)


class OfSecret:
    """A source of webhooks whose sender shows a secret of ours, and asks nothing before."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def verify(self, headers: Mapping[str, str], _raw: bytes) -> bool:
        """Return whether a request has our secret, by basic authentication or in ``X-Webhook-Secret``."""
        given = headers.get("x-webhook-secret") or _password(headers.get("authorization", ""))
        return hmac.compare_digest(given.encode(), self._secret.encode())

    def challenge(self, _query: Mapping[str, str]) -> str | None:
        """Return nothing: nobody asks before they post."""
        return None


class SmsReplies(OfSecret):
    """The source of the replies that come to ``/hooks/sms_replies``.

    Args:
        secret: what whoever hands them on shows.
        reply_to: as in the settings; a reply is read without the words with which it has to begin, or those
            that the vendor has left of them.
        fields: the other name of a field.
    """

    name = SmsChannel.name
    channel: DeliverBy = "sms"

    def __init__(self, secret: str, reply_to: str, fields: Mapping[str, str]) -> None:
        super().__init__(secret)
        before = reply_to.casefold().split()[:-1]
        self._keywords = [" ".join(before[left:]) for left in range(len(before))]
        self._fields = fields

    def parse(self, raw: bytes) -> list[DeliveryReport | InboundText]:
        """Return the reply; none where it did not come from a mobile.

        Raises:
            BadWebhook: it is neither a form nor JSON with these fields.
        """
        try:
            text = raw.decode()
            is_json = text.lstrip().startswith("{")
            given = json.loads(text) if is_json else dict(parse_qsl(text, strict_parsing=True))
            sender, words, at = (str(given[self._fields.get(name, name)]) for name in ("from", "text", "at"))
            instant = datetime.fromisoformat(at)
            if not 2020 <= instant.year < 2100:
                raise BadWebhook("it has an absurd time")
        except (ValueError, KeyError, RecursionError):
            raise BadWebhook("it has no number, no text or no time of a reply") from None
        try:
            mobile = parse_mobile(sender)
        except ValueError:
            return []
        words = " ".join(words.split())
        for keyword in self._keywords:
            if words.casefold().startswith(keyword):
                words = words[len(keyword) :]
                break
        own = given.get(self._fields.get("id", "id")) or f"{mobile} {at} {words}"
        instant = instant if instant.tzinfo else instant.replace(tzinfo=IST)
        return [InboundText(mobile, words, instant, id=str(own))]


def _password(authorization: str) -> str:
    """Return the password of a header ``Basic …``, or nothing."""
    kind, _, encoded = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except ValueError:  # no base64, or no text
        return ""

"""SMS through MSG91's flow API, and its delivery reports.

Requests: https://docs.msg91.com/sms/send-sms. ``POST https://control.msg91.com/api/v5/flow`` with the header
``authkey``; the text is a template of its panel, which we name by ID and whose variables (``##number##``) we
fill in. Response: ``{"type": "success", "message": "<request id>"}``; an error may have the status 200, too,
with ``"type": "error"`` and a code.

Reports: https://msg91.com/help/webhooks/how-can-i-get-the-delivery-reports-on-my-webhook-url. MSG91 posts
each report to our address, as a form with a list in ``data`` (version 2) or as one JSON object (version 3).
Both have ``requestId``, ``status``, ``desc`` and ``date``, in Indian time without a zone. That page has all
statuses that count here: 1 delivered, 2 failed, 9 NDNC (of promotional SMS only), 16 and 25 rejected, 17
blocked number. Any other one says nothing, whatever its ``desc`` is. They are not signed: the address in the
panel contains a user name and our secret (``https://msg91:SECRET@…/hooks/sms``), which arrive as HTTP basic
authentication.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import parse_qs

from pydantic import JsonValue

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
from services.notify.adapters.channels.http_gateway import GatewayClient, require_success
from services.notify.adapters.channels.sms import OfSecret
from services.notify.domain.messages import ReportStatus
from services.notify.domain.registrations import Registrations
from services.notify.domain.sms_segments import count_segments

_LATER = {
    "201": "credentials", "207": "credentials", "208": "credentials", "418": "credentials",
    "301": "account", "302": "account", "303": "account",
}  # fmt: skip
_NEVER = {"101": "bad_number", "202": "bad_number", "400": "template"}
_DELIVERED = "1"
_FAILED = {"2": "undelivered", "9": "rejected", "16": "rejected", "17": "rejected", "25": "rejected"}
"""The reason of each status of a failure. That a number is blocked (17), or wants no promotion (9), says
nothing of what its holder wants from us: our texts are registered as service messages."""


class Msg91Channel:
    """Channel of one account.

    Args:
        url: the whole address of the flow API.
        authkey: the key of the account.
        registrations: the IDs of its templates.
        gives_receipts: whether reports come to our webhook.
    """

    name = "msg91"

    def __init__(
        self,
        client: GatewayClient,
        url: str,
        authkey: str,
        registrations: Registrations,
        *,
        gives_receipts: bool,
    ) -> None:
        self._client = client
        self._url = url
        self._authkey = authkey
        self._registrations = registrations
        self.gives_receipts = gives_receipts

    def send(self, message: Outgoing) -> Receipt:
        """Hand the variables of the text to the vendor.

        Raises:
            TemporaryChannelError: as in ``http_gateway.py``, and ``account``.
            PermanentChannelError: ``template``, ``bad_number`` or ``refused``.
        """
        template_id = self._registrations.find(message.purpose, message.language)
        if template_id is None:
            raise PermanentChannelError("template")
        parameters = message.personal.parameters
        recipient = {name: parameters[name] for name in message.template.placeholders}
        body = {
            "template_id": template_id,
            "short_url": "0",
            "recipients": [{"mobiles": message.personal.to.removeprefix("+"), **recipient}],
        }
        headers = {"authkey": self._authkey, "Accept": "application/json", "Accept-Encoding": "identity"}
        response = self._client.post(self._url, headers, message.deadline, json=body)
        answer = response.fields()
        if answer.get("type") == "error":
            code = str(answer.get("code", ""))
            if code in _LATER:
                raise TemporaryChannelError(_LATER[code])
            if code in _NEVER:
                raise PermanentChannelError(_NEVER[code])
            if response.is_success:
                raise PermanentChannelError("refused")
        require_success(response)
        found = answer.get("message")
        return Receipt(found if isinstance(found, str) else None, parts=count_segments(message.text))


class Msg91Reports(OfSecret):
    """The source of the delivery reports that come to ``/hooks/sms``."""

    name = Msg91Channel.name
    channel: DeliverBy = "sms"

    def parse(self, raw: bytes) -> list[DeliveryReport | InboundText]:
        """Return the reports of a request that say something final.

        Raises:
            BadWebhook: it has neither form.
        """
        reports: list[DeliveryReport | InboundText] = []
        for request_id, entry in _entries(raw):
            status, reason = _meaning(str(entry.get("status", "")))
            at = _instant(entry.get("date"))
            if status is not None and at is not None and request_id:
                reports.append(DeliveryReport(request_id, status, at, reason))
        return reports


def _entries(raw: bytes) -> Iterator[tuple[str, Mapping[str, JsonValue]]]:
    try:
        text = raw.decode()
        if not text.lstrip().startswith(("{", "[")):
            text = parse_qs(text, strict_parsing=True)["data"][0]
        content = json.loads(text)
        if isinstance(content, dict) and isinstance(content.get("data"), str):
            content = json.loads(content["data"])
    except (ValueError, KeyError, RecursionError):
        raise BadWebhook("it is neither a form with data nor JSON") from None
    for one in content if isinstance(content, list) else [content]:
        if not isinstance(one, dict):
            continue
        request_id = str(one.get("requestId", ""))
        inner = one.get("report")
        for entry in inner if isinstance(inner, list) else [one]:
            if isinstance(entry, dict):
                yield request_id, entry


def _meaning(status: str) -> tuple[ReportStatus | None, str | None]:
    """Return the status and the reason of a report; None for one that is not final, or unknown."""
    if status == _DELIVERED:
        return "delivered", None
    return ("failed", _FAILED[status]) if status in _FAILED else (None, None)


def _instant(value: JsonValue) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=IST)
    except ValueError:
        return None

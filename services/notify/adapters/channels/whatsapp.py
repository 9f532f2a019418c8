"""WhatsApp through Meta's Cloud API, or a provider with the same API.

Pages, all below https://developers.facebook.com/documentation/business-messaging/whatsapp/:

- ``templates/template-media``: a message that a business sends first is an approved template; its header may
  be an image, named by the ID of an upload to ``…/<phone number id>/media``. Uploads are kept for 30 days.
- ``templates/authentication-templates/copy-code-button-authentication-templates``: a one-time code goes in
  the body and once more in the button.
- ``support/error-codes``: what the codes of errors mean, in a response and in a report.
- ``webhooks/reference/messages/status``: reports of ``sent``, ``delivered``, ``read`` and ``failed``; they
  come late, twice and in any order, and ``delivered`` is left out where ``read`` says it. Each request is
  signed: ``X-Hub-Signature-256`` is the HMAC-SHA256 of its raw body under the app's secret.
- ``business-scoped-user-ids``: who has a user name may hide their number. What they write has a
  ``from_user_id`` and no ``from``; in an answer to a message of ours ``context.id`` is its ``wamid``.

``EPASS_WHATSAPP_URL`` is ``https://graph.facebook.com/<version>/<phone number id>/messages``. Templates are
registered under the names in ``templates/*.toml`` in all three languages, with named parameters. Response:
``{"messages": [{"id": "wamid.…"}]}``. The Cloud API ignores ``Idempotency-Key``; ``biz_opaque_callback_data``
returns our ID with each report. Reports are matched by ``wamid``, never by a number.
"""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import get_args
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from pydantic import JsonValue

from contracts.model import DeliverBy
from services.notify.adapters.channels import (
    BadWebhook,
    Deadline,
    DeliveryReport,
    InboundText,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.adapters.channels.http_gateway import (
    GatewayClient,
    Response,
    key_headers,
    require_success,
)
from services.notify.adapters.media_ids import StoredMediaIds
from services.notify.domain.messages import Personal, ReportStatus


@dataclass(frozen=True)
class _Fault:
    """What an error code means for us: our reason, and whether a later try helps."""

    reason: str
    later: bool = False
    retry_after: float | None = None
    may_have_arrived: bool = False
    recipient_only: bool = False


_FAULTS: Mapping[int, _Fault] = {
    # Too fast: for the app, for the account, for the number, and for this recipient (one message in 6 s).
    **dict.fromkeys((4, 80007, 130429), _Fault("busy", later=True)),
    131056: _Fault("busy", later=True, retry_after=6.0, recipient_only=True),
    # Wrong token or missing rights; an account that is blocked or has not paid. It may be mended.
    **dict.fromkeys((0, 3, 10, 190, *range(200, 300)), _Fault("credentials", later=True)),
    **dict.fromkeys((368, 131031, 131042, 131045, 133010), _Fault("account", later=True)),
    # Faults of Meta's; only the unknown ones may have sent the message.
    **dict.fromkeys((1, 131000), _Fault("gateway_fault", later=True, may_have_arrived=True)),
    **dict.fromkeys((2, 131016, 131057), _Fault("gateway_fault", later=True)),
    # The person cannot get it here: no WhatsApp, an old one, terms not accepted, or Meta's own limits.
    131026: _Fault("not_on_whatsapp"),
    131030: _Fault("not_on_whatsapp"),
    130497: _Fault("not_on_whatsapp"),
    131050: _Fault("opted_out"),
    131047: _Fault("window_closed"),
    **dict.fromkeys((130472, 131048, 131049), _Fault("limited")),
    # The template: not there, not in this language, paused, or with other parameters.
    **dict.fromkeys(
        (132000, 132001, 132005, 132007, 132012, 132015, 132016, 132068, 132069), _Fault("template")
    ),
    **dict.fromkeys((131052, 131053), _Fault("media")),
    131021: _Fault("bad_number"),
}
"""Codes that are not here are decided by the status of the response."""


class WhatsAppChannel:
    """Channel of one business number.

    Args:
        url: the address of its messages.
        token: a token of a system user, which does not expire.
        draw: returns the picture of a pass as PNG, or None for a message that has none.
        media: the IDs of pictures that were uploaded before; without it each try uploads its picture.
        gives_receipts: whether reports come to our webhook.
    """

    name = "whatsapp_cloud"

    def __init__(
        self,
        client: GatewayClient,
        url: str,
        token: str,
        *,
        draw: Callable[[Personal], bytes | None] = lambda _personal: None,
        media: StoredMediaIds | None = None,
        gives_receipts: bool = False,
    ) -> None:
        self._client = client
        self._url = url
        self._token = token
        self._draw = draw
        self._media = media
        self.gives_receipts = gives_receipts

    def send(self, message: Outgoing) -> Receipt:
        """Hand the template and its parameters to the API; a pass goes with its QR as the header.

        Raises:
            TemporaryChannelError: as in ``http_gateway.py``, and ``account``.
            PermanentChannelError: one of the reasons above, or ``refused``.
        """
        picture = self._draw(message.personal) if message.template.whatsapp_picture_template else None
        name = media_id = None
        if picture is not None:
            name = sha256(picture).hexdigest()
            media_id = self._media_id(name, picture, message.deadline)
        response = self._client.post(
            self._url,
            key_headers(message.id, self._token),
            message.deadline,
            json=template_message(message, media_id),
        )
        try:
            _require_success(response)
        except PermanentChannelError as error:
            if name is not None and error.reason == "media":
                if self._media is not None:
                    self._media.forget(name)  # it expired earlier than we knew: the next try uploads again
                raise TemporaryChannelError("media") from None
            raise
        first = next(_objects(response.fields().get("messages")), {})
        found = first.get("id")
        return Receipt(str(found) if found is not None else None)

    def _media_id(self, name: str, picture: bytes, deadline: Deadline) -> str:
        """Return the ID of an upload of the picture; nothing was sent if this raises an error.

        A slow upload leaves the message too little time to begin. The next try finds its ID.
        """
        if self._media is not None and (known := self._media.find(name)):
            return known
        url = self._url.removesuffix("/messages") + "/media"
        form = {"messaging_product": "whatsapp", "type": "image/png"}
        files = {"file": ("pass.png", picture, "image/png")}
        try:
            # A key of its own: it is another request, and one that Meta has deleted must not be a repeat.
            response = self._client.post(
                url, key_headers(uuid4(), self._token), deadline, data=form, files=files
            )
            _require_success(response)
        except TemporaryChannelError as error:
            raise TemporaryChannelError(error.reason, retry_after=error.retry_after) from None
        found = response.fields().get("id")
        if not isinstance(found, str):
            raise TemporaryChannelError("gateway_fault")
        if self._media is not None:
            self._media.keep(name, found)
        return found


def template_message(message: Outgoing, media_id: str | None) -> dict[str, JsonValue]:
    """Return the body of a request."""
    template, parameters = message.template, message.personal.parameters
    components: list[JsonValue]
    if message.purpose == "otp":
        code: JsonValue = [{"type": "text", "text": parameters["code"]}]
        components = [
            {"type": "body", "parameters": code},
            {"type": "button", "sub_type": "url", "index": "0", "parameters": code},
        ]
        name = template.whatsapp_template
    elif media_id is not None and template.whatsapp_picture_template:
        components = [
            {"type": "header", "parameters": [{"type": "image", "image": {"id": media_id}}]},
            {"type": "body", "parameters": _named(parameters, template.placeholders, without="link")},
            {
                "type": "button",
                "sub_type": "url",
                "index": "0",
                "parameters": [{"type": "text", "text": _path(message.personal.link or parameters["link"])}],
            },
        ]
        name = template.whatsapp_picture_template
    else:
        components = [{"type": "body", "parameters": _named(parameters, template.placeholders)}]
        name = template.whatsapp_template
    return {
        "messaging_product": "whatsapp",
        "to": message.personal.to.removeprefix("+"),
        "type": "template",
        "template": {"name": name, "language": {"code": message.language}, "components": components},
        "biz_opaque_callback_data": str(message.id),
    }


def _named(parameters: Mapping[str, str], names: tuple[str, ...], *, without: str = "") -> list[JsonValue]:
    return [
        {"type": "text", "parameter_name": name, "text": parameters[name]}
        for name in names
        if name != without
    ]


def _path(link: str) -> str:
    """Return what follows the address of e-Pass in a link: a button is registered with the address."""
    return urlsplit(link).path.removeprefix("/")


def _fault_of(error: Mapping[str, JsonValue]) -> _Fault | None:
    code = error.get("code")
    return _FAULTS.get(code) if isinstance(code, int) else None


def _require_success(response: Response) -> None:
    if response.is_success:
        return
    error = response.fields().get("error")
    fault = _fault_of(error) if isinstance(error, dict) else None
    if fault is None:
        require_success(response)
        return
    if fault.later:
        raise TemporaryChannelError(
            fault.reason,
            may_have_arrived=fault.may_have_arrived,
            retry_after=response.retry_after or fault.retry_after,
            recipient_only=fault.recipient_only,
        )
    raise PermanentChannelError(fault.reason)


class WhatsAppReports:
    """The source of the delivery reports that come to ``/hooks/whatsapp``.

    Args:
        app_secret: signs each request.
        verify_token: what Meta shows once, when the address is entered in its panel.
    """

    name = WhatsAppChannel.name
    channel: DeliverBy = "whatsapp"

    def __init__(self, app_secret: str, verify_token: str) -> None:
        self._app_secret = app_secret
        self._verify_token = verify_token

    def verify(self, headers: Mapping[str, str], raw: bytes) -> bool:
        """Return whether the signature is that of the raw body, compared in constant time."""
        expected = "sha256=" + hmac.new(self._app_secret.encode(), raw, sha256).hexdigest()
        return hmac.compare_digest(headers.get("x-hub-signature-256", "").encode(), expected.encode())

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """Return what Meta wants to hear when it has shown the right token, else None."""
        shown = query.get("hub.verify_token", "").encode()
        if query.get("hub.mode") != "subscribe" or not self._verify_token:
            return None
        right = hmac.compare_digest(shown, self._verify_token.encode())
        return query.get("hub.challenge", "") if right else None

    def parse(self, raw: bytes) -> list[DeliveryReport | InboundText]:
        """Return the reports of a request, and what people wrote to us; other entries are left out.

        Raises:
            BadWebhook: it is not JSON of the form that Meta sends.
        """
        try:
            content = json.loads(raw)
        except (ValueError, RecursionError):
            raise BadWebhook("it is not JSON") from None
        if not isinstance(content, dict) or content.get("object") != "whatsapp_business_account":
            raise BadWebhook("it is not about a WhatsApp business account")
        found = [_report(status) for status in _entries(content, "statuses")]
        texts = [_inbound_text(message) for message in _entries(content, "messages")]
        return [one for one in (*found, *texts) if one is not None]


def _entries(content: Mapping[str, JsonValue], kind: str) -> Iterator[Mapping[str, JsonValue]]:
    for entry in _objects(content.get("entry")):
        for change in _objects(entry.get("changes")):
            value = change.get("value")
            if isinstance(value, dict):
                yield from _objects(value.get(kind))


def _objects(value: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _report(status: Mapping[str, JsonValue]) -> DeliveryReport | None:
    wamid, word, at = status.get("id"), status.get("status"), _instant(status)
    known: ReportStatus | None = next((one for one in get_args(ReportStatus) if one == word), None)
    if not isinstance(wamid, str) or known is None or at is None:
        return None
    reason = None
    if known == "failed":
        fault = _fault_of(next(_objects(status.get("errors")), {}))
        reason = fault.reason if fault else "undelivered"
    return DeliveryReport(wamid, known, at, reason, message_id=_own_id(status))


def _own_id(status: Mapping[str, JsonValue]) -> UUID | None:
    """Return our ID of the message, which Meta returns as we sent it."""
    try:
        return UUID(str(status.get("biz_opaque_callback_data")))
    except ValueError:
        return None


def _inbound_text(message: Mapping[str, JsonValue]) -> InboundText | None:
    """Return what a person wrote, or the words of the button that they pressed."""
    sender, user, at = message.get("from"), message.get("from_user_id"), _instant(message)
    content, context = message.get(str(message.get("type"))), message.get("context")
    words = (content.get("body") or content.get("text")) if isinstance(content, dict) else None
    if not isinstance(sender or user, str) or not isinstance(words, str) or at is None:
        return None
    answers = context.get("id") if isinstance(context, dict) else None
    number = f"+{sender.removeprefix('+')}" if isinstance(sender, str) and sender else None
    own = str(message.get("id"))
    return InboundText(number, words, at, str(user), str(answers) if answers else None, own)


def _instant(entry: Mapping[str, JsonValue]) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(str(entry.get("timestamp"))), UTC)
    except (ValueError, OverflowError, OSError):
        return None

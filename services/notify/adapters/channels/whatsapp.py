"""WhatsApp through Meta's Cloud API, or a provider with the same API.

A message that a business sends first must be an approved template message. ``EPASS_WHATSAPP_URL`` is the
whole address, ``https://graph.facebook.com/<version>/<phone number id>/messages``; templates are registered
under the names in ``templates/*.toml`` in all three languages, with named parameters. Response:
``{"messages": [{"id": "wamid.…"}]}``. The Cloud API itself ignores ``Idempotency-Key``;
``biz_opaque_callback_data`` returns our ID with each receipt.
"""

from pydantic import JsonValue

from services.notify.adapters.channels import Outgoing, Receipt
from services.notify.adapters.channels.http_gateway import GatewayClient, post


class WhatsAppChannel:
    """Channel of one business number."""

    name = "whatsapp_cloud"
    gives_receipts = False

    def __init__(self, client: GatewayClient, url: str, token: str) -> None:
        self._client = client
        self._url = url
        self._token = token

    def send(self, message: Outgoing) -> Receipt:
        """Hand the template and its parameters to the API."""
        parameters: list[JsonValue] = [
            {"type": "text", "parameter_name": name, "text": message.personal.parameters[name]}
            for name in message.template.placeholders
        ]
        body: dict[str, JsonValue] = {
            "messaging_product": "whatsapp",
            "to": message.personal.to.removeprefix("+"),
            "type": "template",
            "template": {
                "name": message.template.whatsapp_template,
                "language": {"code": message.language},
                "components": [{"type": "body", "parameters": parameters}],
            },
            "biz_opaque_callback_data": str(message.id),
        }
        answer = post(self._client, self._url, self._token, message.id, body)
        messages = answer.get("messages") if isinstance(answer, dict) else None
        first = messages[0] if isinstance(messages, list) and messages else None
        found = first.get("id") if isinstance(first, dict) else None
        return Receipt(str(found) if found is not None else None)

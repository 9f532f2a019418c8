"""SMS through a gateway of an operator or aggregator that takes JSON with a bearer token.

It is for a gateway that has no adapter of its own. Under TRAI's rules (TCCCPR 2018) a commercial SMS is
delivered only if its text matches a template registered on the operators' distributed ledger (DLT); see
``domain/registrations.py``.

Request::

    {"to": "+919876543210", "text": "…", "template_id": "1107…", "language": "pa",
     "encoding": "ucs2", "parts": 2}

``encoding`` is ``gsm7`` or ``ucs2``. Response: 2xx with ``{"id": "…"}``. Headers and errors:
``http_gateway.py``.
"""

from services.notify.adapters.channels import Outgoing, Receipt
from services.notify.adapters.channels.http_gateway import GatewayClient, key_headers, require_success
from services.notify.domain.registrations import UNREGISTERED, Registrations
from services.notify.domain.sms_segments import count_segments, is_gsm


class SmsChannel:
    """Channel to an SMS gateway at one address."""

    name = "sms_gateway"
    gives_receipts = False

    def __init__(
        self, client: GatewayClient, url: str, token: str, registrations: Registrations = UNREGISTERED
    ) -> None:
        self._client = client
        self._url = url
        self._token = token
        self._registrations = registrations

    def send(self, message: Outgoing) -> Receipt:
        """Hand the text to the gateway."""
        parts = count_segments(message.text)
        body = {
            "to": message.personal.to,
            "text": message.text,
            "template_id": self._registrations.find(message.purpose, message.language) or "",
            "language": message.language,
            "encoding": "gsm7" if is_gsm(message.text) else "ucs2",
            "parts": parts,
        }
        response = self._client.post(
            self._url, key_headers(message.id, self._token), message.deadline, json=body
        )
        require_success(response)
        found = response.fields().get("id")
        return Receipt(str(found) if found is not None else None, parts=parts)

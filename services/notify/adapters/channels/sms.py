"""SMS through an HTTP gateway of an Indian operator or aggregator.

Under TRAI's rules (TCCCPR 2018) a commercial SMS is delivered only if its text matches a template registered
on the
operators' distributed ledger (DLT). The sender's entity and header are settings of the gateway's account.

Request::

    {"to": "+919876543210", "text": "…", "template_id": "1107…", "language": "pa",
     "encoding": "ucs2", "parts": 2}

``encoding`` is ``gsm7`` or ``ucs2``. Response: 2xx with ``{"id": "…"}``. Headers and errors:
``http_gateway.py``. URLs in a text must be registered as well, so that ``EPASS_PUBLIC_URL`` has to be
whitelisted with the header.
"""

from services.notify.adapters.channels import Outgoing, Receipt
from services.notify.adapters.channels.http_gateway import GatewayClient, post
from services.notify.domain.sms_segments import count_segments, is_gsm


class SmsChannel:
    """Channel to an SMS gateway at one address."""

    name = "sms_gateway"
    gives_receipts = False

    def __init__(self, client: GatewayClient, url: str, token: str) -> None:
        self._client = client
        self._url = url
        self._token = token

    def send(self, message: Outgoing) -> Receipt:
        """Hand the text to the gateway."""
        answer = post(
            self._client,
            self._url,
            self._token,
            message.id,
            {
                "to": message.personal.to,
                "text": message.text,
                "template_id": message.template.dlt_template_id,
                "language": message.language,
                "encoding": "gsm7" if is_gsm(message.text) else "ucs2",
                "parts": count_segments(message.text),
            },
        )
        found = answer.get("id") if isinstance(answer, dict) else None
        return Receipt(str(found) if found is not None else None, parts=count_segments(message.text))

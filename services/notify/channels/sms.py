"""SMS through an HTTP gateway of an Indian operator or aggregator.

TRAI's rules (TCCCPR 2018) let a commercial SMS through only if its text matches a template registered on the
operators' distributed ledger (DLT); the sender's entity and header are settings of the gateway's account. Request::

    {"to": "+919876543210", "text": "…", "template_id": "1107…", "language": "pa", "encoding": "ucs2", "parts": 2}

``encoding`` is ``gsm7`` or ``ucs2``. Answer: 2xx with ``{"id": "…"}``. Headers and errors: ``posting.py``. URLs in a
text must be registered as well, so ``EPASS_PUBLIC_URL`` is to be whitelisted with the header.
"""

import httpx

from services.notify.channels import Outgoing, Receipt
from services.notify.channels.posting import post
from services.notify.parts import is_gsm, sms_parts


class SmsChannel:
    """A gateway at one address."""

    def __init__(self, client: httpx.Client, url: str, token: str) -> None:
        self._client = client
        self._url = url
        self._token = token

    def send(self, message: Outgoing) -> Receipt:
        """Hands the text to the gateway."""
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
                "parts": sms_parts(message.text),
            },
        )
        found = answer.get("id") if isinstance(answer, dict) else None
        return Receipt(str(found) if found is not None else None)

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
"""

from collections.abc import Mapping
from types import MappingProxyType

from services.notify.adapters.channels import (
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

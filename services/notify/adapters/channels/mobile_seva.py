"""SMS through Mobile Seva, the gateway that C-DAC runs for government departments.

From https://services.mgov.gov.in/RegisterPushService and C-DAC's sample programs: one POST of a form to
``https://msdgweb.mgov.gov.in/esms/sendsmsrequestDLT``, where ``password`` is the SHA-1 of the password and
``key`` the SHA-512 of user name, sender ID, content and the department's secure key, in this order. A text
that is not plain ASCII goes as ``unicodemsg``, each UTF-16 unit as a numeric entity (``&#2605;``), and the
key is that of the entities. One-time codes have service types of their own, which go first.

The status is always 200. ``402,MsgID = 150620171497508632541egovernance`` means accepted; everything else
begins with ``ERROR :`` and a number. It has no idempotency key.

It calls no webhook, and is asked for reports: ``GET https://msdgweb.mgov.gov.in/ReportAPI/csvreport`` with
``userid``, ``password`` (the same SHA-1), ``msgid`` and ``pwd_encrypted=true``. The response has a line for
each number, ``919876543210,DELIVERED,2026-11-27 10:00:00``, in Indian time without a zone; ``SUBMITTED`` has
the time ``0000-00-00 00:00:00``. C-DAC gives an account the right to ask; without it the response is ``You
don't have Access to this resource.`` C-DAC's page has nothing of this: it is what public programs of two
departments do, which know the words ``DELIVERED``, ``FAILEDBYTELCO`` and ``SUBMITTED``. So it is asked only
where the address is set, and any other word says nothing.
"""

import hashlib
import re
from datetime import datetime

from contracts.model import IST
from services.notify.adapters.channels import (
    DeliveryReport,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.adapters.channels.http_gateway import GatewayClient, require_success
from services.notify.domain.registrations import Registrations
from services.notify.domain.sms_segments import count_segments

_ACCEPTED = re.compile(rb"402\s*,\s*MsgID\s*=\s*(\S*)", re.IGNORECASE)
_ID = re.compile(r"[\w.@-]{1,100}", re.ASCII)
"""What we store of an ID and ask by; a message with any other one is accepted without an ID."""
_NUMBER = re.compile(rb"\b(4\d\d)\b")
_SUBMITTED_LATER = 409
"""The operator is slow, "message will be submitted": accepted, without an ID."""
_LATER = {
    401: "credentials", 415: "credentials", 416: "credentials", 425: "credentials",
    403: "account", 411: "account", 412: "account",
    404: "gateway_fault", 405: "gateway_fault", 407: "gateway_fault", 408: "gateway_fault",
    410: "busy", 418: "busy",
}  # fmt: skip
_NEVER = {406: "bad_number", 413: "rejected", 414: "rejected", 422: "template", 423: "template"}
_NO_ACCESS = b"have access to this resource"
_FAILED_BY_OPERATOR = "FAILEDBYTELCO"


class MobileSevaChannel:
    """Channel of one department's account.

    Args:
        url: the whole address.
        secure_key: the key that the department generates in the portal.
        registrations: the sender ID, and the IDs of the texts.
        gives_receipts: whether `MobileSevaReports` asks for reports.
    """

    name = "mobile_seva"

    def __init__(
        self,
        client: GatewayClient,
        url: str,
        user: str,
        password: str,
        secure_key: str,
        registrations: Registrations,
        *,
        gives_receipts: bool = False,
    ) -> None:
        self.gives_receipts = gives_receipts
        self._client = client
        self._url = url
        self._user = user.strip()
        self._password = _hashed(password)
        self._secure_key = secure_key.strip()
        self._registrations = registrations

    def send(self, message: Outgoing) -> Receipt:
        """Hand the text to the gateway.

        Raises:
            TemporaryChannelError: as in ``http_gateway.py``, and ``account``.
            PermanentChannelError: ``template``, ``bad_number``, ``rejected`` or ``refused``.
        """
        template_id = self._registrations.find(message.purpose, message.language)
        if template_id is None:
            raise PermanentChannelError("template")
        response = self._client.post(
            self._url, {"Accept-Encoding": "identity"}, message.deadline, data=self.form(message, template_id)
        )
        require_success(response)
        return Receipt(_message_id(response.content), parts=count_segments(message.text))

    def form(self, message: Outgoing, template_id: str) -> dict[str, str]:
        """Return the fields of the request."""
        content = message.text.strip()
        number = message.personal.to.removeprefix("+")
        is_code = message.purpose == "otp"
        if content.isascii():
            kind, to = ("otpmsg" if is_code else "singlemsg"), {"mobileno": number}
        else:
            content = _entities(content)
            kind = "unicodeotpmsg" if is_code else "unicodemsg"
            to = {"mobileno" if is_code else "bulkmobno": number}
        sender = self._registrations.header.strip()
        signed = f"{self._user}{sender}{content}{self._secure_key}"
        return {
            "username": self._user,
            "password": self._password,
            "senderid": sender,
            "content": content,
            "smsservicetype": kind,
            **to,
            "key": hashlib.sha512(signed.encode()).hexdigest(),
            "templateid": template_id,
        }


class MobileSevaReports:
    """What the gateway tells of the messages of one account when it is asked.

    Args:
        url: the whole address.
    """

    name = MobileSevaChannel.name

    def __init__(self, client: GatewayClient, url: str, user: str, password: str) -> None:
        self._client = client
        self._url = url
        self._user = user.strip()
        self._password = _hashed(password)

    def ask(self, provider_id: str) -> DeliveryReport | None:
        """Return what has become of a message, or None while nothing is final.

        Raises:
            TemporaryChannelError: as in ``http_gateway.py``; ``credentials`` where the account may not ask.
            PermanentChannelError: ``private_address`` or ``refused``.
        """
        query = {
            "userid": self._user,
            "password": self._password,
            "msgid": provider_id,
            "pwd_encrypted": "true",
        }
        response = self._client.get(self._url, {"Accept-Encoding": "identity"}, query)
        require_success(response)
        if _NO_ACCESS in response.content.lower():
            raise TemporaryChannelError("credentials")
        for line in response.content.decode(errors="replace").splitlines():
            _, word, at, *_ = [*line.strip().split(","), "", ""]
            instant = _instant(at)
            if word == "DELIVERED" and instant is not None:
                return DeliveryReport(provider_id, "delivered", instant)
            if word == _FAILED_BY_OPERATOR and instant is not None:
                return DeliveryReport(provider_id, "failed", instant, "undelivered")
        return None


def _hashed(password: str) -> str:
    return hashlib.sha1(password.strip().encode(), usedforsecurity=False).hexdigest()


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=IST)
    except ValueError:
        return None


def _entities(text: str) -> str:
    """Return each UTF-16 unit of a text as a numeric entity."""
    units = text.encode("utf-16-be")
    return "".join(f"&#{int.from_bytes(units[place : place + 2])};" for place in range(0, len(units), 2))


def _message_id(content: bytes) -> str | None:
    """Return the gateway's ID of a message that it accepted, where it gives one.

    Raises:
        TemporaryChannelError: a later try may succeed; also where the response says nothing that we know.
        PermanentChannelError: no try will.
    """
    if accepted := _ACCEPTED.search(content):
        given = accepted.group(1).decode("ascii", "replace")
        return given if _ID.fullmatch(given) else None
    found = _NUMBER.search(content)
    number = int(found.group(1)) if found else 0
    if number == _SUBMITTED_LATER:
        return None
    if number in _LATER:
        raise TemporaryChannelError(_LATER[number])
    if number in _NEVER:
        raise PermanentChannelError(_NEVER[number])
    raise TemporaryChannelError("gateway_fault", may_have_arrived=True)

"""A stand-in for C-DAC's Mobile Seva, which checks the hashes and the registered text of each message.

From https://services.mgov.gov.in/RegisterPushService and C-DAC's sample programs; the reports from public
programs that ask for them.
"""

import hashlib
import html
import re
from collections.abc import Mapping
from itertools import count
from urllib.parse import parse_qsl, urlsplit

from tests.support.vendors.server import Answer, Received, Shown, VendorServer

PATH = "/esms/sendsmsrequestDLT"
REPORTS = "/ReportAPI/csvreport"
_UNICODE = {"unicodemsg": "bulkmobno", "unicodeotpmsg": "mobileno"}
_PLAIN = {"singlemsg": "mobileno", "otpmsg": "mobileno"}


class MobileSeva(VendorServer):
    """One department's account.

    ``registered`` has the text of each template by its ID, as the operators hold it. Where it is empty every
    text passes.
    """

    user, password, secure_key, header = "pbepass", "a-password", "a-secure-key", "PBEPAS"

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.url = f"{self.address}{PATH}"
        self.reports_url = f"{self.address}{REPORTS}"
        self.registered: Mapping[str, str] = {}
        self.may_ask = True
        """Whether the account may ask for reports."""
        self.word = "DELIVERED"
        """What has become of the messages that are sent from now on."""
        self.sent: dict[str, tuple[str, str]] = {}
        """Number and word of each message, by the ID that it got."""
        self._ids = count(1)

    def respond(self, received: Received) -> Answer:
        if received.path.startswith(REPORTS):
            return self._report(dict(parse_qsl(urlsplit(received.path).query)))
        form = dict(parse_qsl(received.body.decode(), keep_blank_values=True))
        refusal = self._refusal(received.path, form)
        if refusal is not None:
            return 200, f"ERROR : {refusal}\r\n".encode()
        to = form[(_UNICODE | _PLAIN)[form["smsservicetype"]]]
        text = html.unescape(form["content"]) if form["smsservicetype"] in _UNICODE else form["content"]
        with self.lock:
            message_id = f"2711202616{next(self._ids):08}{self.user}"
            self.phone.append(Shown(to, "sms", text))
            self.sent[message_id] = (to, self.word)
        return 200, f"402,MsgID = {message_id}\r\n".encode()

    def _report(self, query: Mapping[str, str]) -> Answer:
        password = hashlib.sha1(self.password.encode()).hexdigest()
        account = {"userid": self.user, "password": password, "pwd_encrypted": "true"}
        if not self.may_ask or any(query.get(name) != given for name, given in account.items()):
            return 200, b"You don't have Access to this resource. Please contact MobileSeva team.\n"
        if query.get("msgid") not in self.sent:
            return 200, b""
        to, word = self.sent[query["msgid"]]
        at = "0000-00-00 00:00:00" if word == "SUBMITTED" else "2026-11-27 16:00:05"
        return 200, f"{to},{word},{at}".encode()

    def _refusal(self, path: str, form: Mapping[str, str]) -> str | None:
        kind, content = form.get("smsservicetype", ""), form.get("content", "")
        password = hashlib.sha1(self.password.encode()).hexdigest()
        signed = f"{self.user}{self.header}{content}{self.secure_key}"
        if path != PATH or kind not in _UNICODE | _PLAIN:
            return "400 Invalid request"
        if (form.get("username"), form.get("password")) != (self.user, password):
            return "401 Credentials Error"
        if form.get("senderid") != self.header:
            return "412 Sender ID not approved"
        if form.get("key") != hashlib.sha512(signed.encode()).hexdigest():
            return "416 Hash doesn't match"
        if not re.fullmatch(r"(91)?[6-9]\d{9}", form.get((_UNICODE | _PLAIN)[kind], "")):
            return "406 Invalid mobile number"
        if kind in _UNICODE and not re.fullmatch(r"(&#\d+;)+", content):
            return "400 Invalid content"
        template = form.get("templateid", "")
        text = html.unescape(content) if kind in _UNICODE else content
        if self.registered and not matches(self.registered.get(template, ""), text):
            return "414 Rejected by the operator"
        return None if template else "423 TEMPLATE_ID is mandatory"


def matches(registered: str, text: str) -> bool:
    """Return whether a text is the registered one, with at most 40 characters in each variable but links."""
    pattern = ""
    for part in re.split(r"(\{#\w+#\})", registered):
        if part == "{#url#}":
            pattern += r"https?://\S+"
        elif part.startswith("{#"):
            pattern += ".{1,40}"
        else:
            pattern += re.escape(part)
    return re.fullmatch(pattern, text) is not None

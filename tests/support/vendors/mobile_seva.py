"""A stand-in for C-DAC's Mobile Seva, which checks the hashes and the registered text of each message.

From https://services.mgov.gov.in/RegisterPushService and C-DAC's sample programs.
"""

import hashlib
import html
import re
from collections.abc import Mapping
from itertools import count
from urllib.parse import parse_qsl

from tests.support.vendors.server import Answer, Received, Shown, VendorServer

PATH = "/esms/sendsmsrequestDLT"
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
        self.registered: Mapping[str, str] = {}
        self._ids = count(1)

    def respond(self, received: Received) -> Answer:
        form = dict(parse_qsl(received.body.decode(), keep_blank_values=True))
        refusal = self._refusal(received.path, form)
        if refusal is not None:
            return 200, f"ERROR : {refusal}\r\n".encode()
        to = form[(_UNICODE | _PLAIN)[form["smsservicetype"]]]
        text = html.unescape(form["content"]) if form["smsservicetype"] in _UNICODE else form["content"]
        with self.lock:
            number = next(self._ids)
            self.phone.append(Shown(to, "sms", text))
        return 200, f"402,MsgID = 2711202616{number:08}{self.user}\r\n".encode()

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

"""A stand-in for MSG91's flow API, with the reports of its panel.

From https://docs.msg91.com/sms/send-sms and
https://msg91.com/help/webhooks/how-can-i-get-the-delivery-reports-on-my-webhook-url.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import count
from typing import Any
from urllib.parse import urlencode

from contracts.model import IST
from tests.support.vendors.server import Answer, Received, Shown, VendorServer

PATH = "/api/v5/flow"


class Msg91(VendorServer):
    """One account. ``templates`` has the text of each template by its ID, with ``##variables##``."""

    authkey, secret = "an-authkey", "secret-of-the-webhook-of-more-than-32-letters"

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.url = f"{self.address}{PATH}"
        self.templates: Mapping[str, str] = {}
        self.fails_later: set[str] = set()
        self.webhook_version = 2
        self._ids = count(1)

    def respond(self, received: Received) -> Answer:
        if received.headers.get("authkey") != self.authkey:
            return failure(401, "201", "Unauthorized")
        body = json.loads(received.body)
        text = self.templates.get(body.get("template_id", ""))
        if text is None:
            return failure(400, "400", "Template ID Missing or Invalid Template")
        ((recipient),) = body["recipients"]
        to = recipient["mobiles"]
        if not re.fullmatch(r"91[6-9]\d{9}", to):
            return failure(200, "202", "Invalid mobile number")
        for name, value in recipient.items():
            text = text.replace(f"##{name}##", value)
        with self.lock:
            request_id = f"3469{next(self._ids):014}"
            self.phone.append(Shown(to, "sms", text))
        if status := self.status_of(to, body["template_id"]):
            self.report([self.delivery(request_id, to, status)])
        return 200, json.dumps({"message": request_id, "type": "success"}).encode()

    def status_of(self, to: str, _template_id: str) -> str | None:
        """Return what is reported of a message, None where nothing is."""
        return "2" if to in self.fails_later else "1"

    def delivery(self, request_id: str, to: str, status: str) -> tuple[bytes, dict[str, str]]:
        """Return a report with the headers that it comes with."""
        entry = {
            "date": f"{datetime.now(IST):%Y-%m-%d %H:%M:%S}",
            "number": to,
            "status": status,
            "desc": "DELIVERED" if status == "1" else "FAILED",
        }
        credentials = base64.b64encode(f"msg91:{self.secret}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        if self.webhook_version == 3:
            body: dict[str, Any] = {**entry, "requestId": request_id, "senderId": "PBEPAS"}
            return json.dumps(body).encode(), headers | {"Content-Type": "application/json"}
        data = json.dumps([{"senderId": "PBEPAS", "requestId": request_id, "report": [entry]}])
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return urlencode({"data": data}).encode(), headers | form


def failure(status: int, code: str, text: str) -> Answer:
    """Return an error as MSG91 puts it."""
    return status, json.dumps({"type": "error", "message": text, "code": code}).encode()

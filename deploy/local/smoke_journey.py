"""One journey through the HTTP interface, told as a story: from a citizen's phone to an open gate.

It knows nothing but the interface that everyone has (and ``/dev/messages``, which stands for the phone), so it is also
the smallest example of a client.
"""

import json
import random
import re
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx
import segno

from deploy.local.console import print_fact, print_heading, print_line
from deploy.local.errors import StackFailed

INDIA = ZoneInfo("Asia/Kolkata")
Json = dict[str, Any]
Found = TypeVar("Found")


class SmokeJourney:
    """The citizen, the department and the gate, each with a token of their own."""

    def __init__(self, address: str, logins: Path) -> None:
        self._http = httpx.Client(base_url=address, timeout=10, trust_env=False)
        self._logins: dict[str, Json] = json.loads(logins.read_text())
        self._step = "nothing yet"
        self._mobile = f"+9198{random.randrange(10**8):08d}"

    def run(self) -> None:
        """Walk it once.

        Raises:
            StackFailed: a step got another answer than the story needs; the message says which.
        """
        try:
            with self._http:
                citizen = self._sign_in()
                reference, window = self._apply(citizen)
                self._approve(reference, window)
                number = self._receive(citizen, reference)
                self._enter(number, citizen)
                self._look_back(citizen, reference)
        except httpx.HTTPError as error:
            raise StackFailed(f"{self._step} failed: {error!r}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise StackFailed(
                f"{self._step} was answered with something else than expected: {error!r}"
            ) from error

    def _sign_in(self) -> str:
        print_heading("A citizen proves a mobile")
        asked = self._post("asking for an OTP", "/otp", {"mobile": self._mobile})
        print_fact("mobile", self._mobile)
        message = self._until("the OTP's message", lambda: self._message(lambda m: m["purpose"] == "otp"))
        code = re.search(r"\b\d{6}\b", message["text"])
        if code is None:
            raise StackFailed(f"the OTP's message holds no code: {message['text']}")
        print_fact("message", message["text"])
        answer = self._post(
            "proving the OTP", "/otp/verify", {"request_id": asked["request_id"], "code": code[0]}
        )
        return str(answer["access_token"])

    def _apply(self, citizen: str) -> tuple[str, Json]:
        print_heading("… and applies for a visit")
        window = _window(datetime.now(INDIA))
        body = {
            "applicant": {"kind": "citizen", "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "language": "pa",
                          "id_type": "voter_id", "id_last4": "4821", "assistance": "wheelchair"},
            "site": "PCS1", "department": "home", "purpose_kind": "meeting", "purpose": "Arms licence renewal, file 114/2026",
            "preferred": [window],
            "companions": [{"name": "Harjit Singh", "id_type": "driving_licence", "id_last4": "0917"},
                           {"name": "Simran", "child": True}],
        }  # fmt: skip
        answer = self._post("applying", "/applications", body, citizen)
        print_fact("reference", answer["reference"])
        print_fact("status", answer["status"])
        return str(answer["reference"]), window

    def _approve(self, reference: str, window: Json) -> None:
        print_heading("The department decides")
        token = self._staff("department")
        found = self._until(
            "the review",
            lambda: self._post("searching the review", "/reviews/search", {"q": reference}, token)["items"],
        )
        answer = self._post("approving", f"/reviews/{found[0]['id']}/approve", window, token)
        print_fact(
            "approved by",
            f"{self._logins['department']['login_id']} for {window['date']}, {window['from']} to {window['to']}",
        )
        print_fact("review", answer.get("status", "approved"))

    def _receive(self, citizen: str, reference: str) -> str:
        print_heading("The pass arrives on the phone")
        path = f"/applications/{reference}"
        issued = self._until("the pass", lambda: self._get("the application", path, citizen).get("pass"))
        message = self._until(
            "the pass's message", lambda: self._message(lambda m: issued["number"] in m["text"])
        )
        print_fact("message", message["text"])
        token = self._get("the pass", f"/passes/{issued['number']}", citizen)["token"]
        print_line()
        segno.make(token, error="m", boost_error=False).terminal(compact=True)
        return str(issued["number"])

    def _enter(self, number: str, citizen: str) -> None:
        print_heading("A security officer scans it at the gate")
        officer, gate = self._staff("security"), self._logins["security"]["gate"]
        scan: Json = {
            "token": self._get("the pass", f"/passes/{number}", citizen)["token"], "gate": gate, "direction": "entry",
        }  # fmt: skip
        preview = self._scan(officer, scan, None)
        print_fact(
            "preview",
            f"{preview['verdict']}: {preview['applicant']['name_latin']}, party of {preview['party']}",
        )
        told = self._scan(officer, scan, {"kind": "matched", "id_type": "voter_id", "id_last4": "4821"})
        print_fact("ID proof", "voter_id …4821 matched")
        print_fact("verdict", told["verdict"])
        if told["verdict"] != "admit":
            raise StackFailed(f"the gate did not admit the pass: {told['verdict']}")
        print_fact("inside", told["inside"])

    def _scan(self, officer: str, scan: Json, id_check: Json | None) -> Json:
        now = datetime.now(INDIA).isoformat()
        return self._post(
            "scanning",
            "/scans",
            {**scan, "nonce": secrets.token_hex(16), "scanned_at": now, "id_check": id_check},
            officer,
        )

    def _look_back(self, citizen: str, reference: str) -> None:
        print_heading("The citizen looks at the timeline")

        def entered() -> Json | None:
            seen = self._get("the application", f"/applications/{reference}", citizen)
            return seen if seen["status"] == "entered" else None

        for entry in self._until("the entry in the timeline", entered)["timeline"]:
            at = datetime.fromisoformat(entry["at"]).astimezone(INDIA)
            print_fact(f"{at:%d %b %H:%M:%S}", entry["what"])

    def _staff(self, role: str) -> str:
        login = self._logins[role]
        body = {"login_id": login["login_id"], "password": login["password"]}
        return str(self._post(f"signing in as {login['login_id']}", "/sessions", body)["access_token"])

    def _message(self, wanted: Callable[[Json], bool]) -> Json | None:
        """The newest message on the citizen's phone that is wanted."""
        messages: list[Json] = self._ask(
            "reading the phone", "GET", "/dev/messages", params={"to": self._mobile}
        )
        return max(filter(wanted, messages), key=lambda message: str(message["at"]), default=None)

    def _post(self, step: str, path: str, body: Json, token: str = "") -> Json:
        headers = {"Idempotency-Key": secrets.token_hex(16), **_bearer(token)}
        return dict(self._ask(step, "POST", f"/api/v1{path}", json=body, headers=headers))

    def _get(self, step: str, path: str, token: str) -> Json:
        return dict(self._ask(step, "GET", f"/api/v1{path}", headers=_bearer(token)))

    def _ask(self, step: str, method: str, path: str, **content: Any) -> Any:
        self._step = step
        answer = self._http.request(method, path, **content)
        if not answer.is_success:
            raise StackFailed(f"{step} was answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def _until(self, what: str, look: Callable[[], Found | None], seconds: float = 60) -> Found:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.1)
        raise StackFailed(f"{what} did not come within {seconds:.0f} s")


def _window(now: datetime) -> Json:
    """Two hours from the next five minutes on; shortly before midnight tomorrow's first, which is open half an hour early."""
    start = (now + timedelta(minutes=6)).replace(second=0, microsecond=0)
    start -= timedelta(minutes=start.minute % 5)
    last = start.replace(hour=23, minute=59)
    if last - start < timedelta(minutes=20):
        start = (start + timedelta(days=1)).replace(hour=0, minute=0)
        last = start + timedelta(hours=2)
    return {
        "date": f"{start:%Y-%m-%d}",
        "from": f"{start:%H:%M}",
        "to": f"{min(start + timedelta(hours=2), last):%H:%M}",
    }


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}

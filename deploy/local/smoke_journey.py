"""One journey through the HTTP interface, printed step by step: from a phone through the gate and out.

It knows nothing but the interface that everyone has (and ``/dev/messages``, which stands for the phone), so
it is also an example of how to use `epass_client`.
"""

import json
import random
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import httpx
import segno
from pydantic import ValidationError

from contracts.application_form import Applicant, CompanionInput
from contracts.model import Direction, Slot
from contracts.rpc.application import ApplicationView, SubmitApplication
from contracts.rpc.notify import SentMessage
from contracts.rpc.verify.scans import Matched, ScanPass, ScanResult
from deploy.local.console import print_fact, print_heading, print_line
from deploy.local.errors import StackFailed
from epass_client import Call, Client, NoAnswer, Problem, calls, local

INDIA = ZoneInfo("Asia/Kolkata")
ID_CHECK = Matched(kind="matched", id_type="voter_id", id_last4="4821")
R = TypeVar("R")
Found = TypeVar("Found")


class SmokeJourney:
    """The applicant, the department and the gate, each with a session of their own.

    Args:
        address: of the gateway.
        logins: the file of the demo logins.
        http: reaches the gateway; by default directly.
        repeat_seconds: how long a call is repeated whose outcome is unknown; by default not at all.
    """

    def __init__(
        self, address: str, logins: Path, http: httpx.Client | None = None, repeat_seconds: float = 0
    ) -> None:
        http = http or httpx.Client(timeout=10, trust_env=False)
        self._anyone = Client(address, repeat_seconds=repeat_seconds, http=http)
        self._logins: dict[str, dict[str, str]] = json.loads(logins.read_text())
        self._step = "nothing yet"
        self._mobile = f"+9198{random.randrange(10**8):08d}"

    def run(self) -> None:
        """Go through the journey once.

        Raises:
            StackFailed: a step got another answer than the journey needs; the message names it.
        """
        try:
            with self._anyone:
                applicant = self._sign_in()
                reference, slot = self._apply(applicant)
                self._approve(reference, slot)
                token = self._receive(applicant, reference)
                officer = self._enter(token)
                self._leave(officer, token)
                self._show_timeline(applicant, reference)
        except Problem as error:
            raise StackFailed(f"{self._step} was answered {error}") from error
        except NoAnswer as error:
            raise StackFailed(f"{self._step} failed: {error}") from error
        except ValidationError as error:
            raise StackFailed(
                f"{self._step} was answered with something else than expected: {error!r}"
            ) from error

    def _sign_in(self) -> Client:
        print_heading("A citizen proves a mobile")
        self._step = "requesting an OTP"

        def read_code(mobile: str) -> str:
            print_fact("mobile", mobile)
            message = self._wait_for(
                "the OTP's message", lambda: self._message(lambda one: one.purpose == "otp")
            )
            print_fact("message", message.text)
            code = local.one_time_code([message])
            if code is None:
                raise StackFailed(f"the OTP's message holds no code: {message.text}")
            self._step = "proving the OTP"
            return code

        return self._anyone.sign_in_with_code(self._mobile, read_code)

    def _apply(self, applicant: Client) -> tuple[str, Slot]:
        print_heading("… and applies for a visit")
        slot = next_slot(datetime.now(INDIA))
        answer = self._send(
            "applying",
            applicant,
            calls.submit_application(
                SubmitApplication(
                    applicant=Applicant(
                        kind="citizen",
                        name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
                        name_latin="Gurpreet Kaur",
                        language="pa",
                        id_type="voter_id",
                        id_last4="4821",
                        assistance="wheelchair",
                    ),
                    site="PCS1",
                    department="home",
                    purpose_kind="meeting",
                    purpose="Arms licence renewal, file 114/2026",
                    preferred=(slot,),
                    companions=(
                        CompanionInput(name="Harjit Singh", id_type="driving_licence", id_last4="0917"),
                        CompanionInput(name="Simran", child=True),
                    ),
                )
            ),
        )
        print_fact("reference", answer.reference)
        print_fact("status", answer.status)
        return answer.reference, slot

    def _approve(self, reference: str, slot: Slot) -> None:
        print_heading("The department decides")
        department = self._sign_in_staff("department")
        search = calls.search_reviews(reference)
        review, *_ = self._wait_for(
            "the review", lambda: self._send("searching the review", department, search).items
        )
        answer = self._send("approving", department, calls.approve_review(review.id, slot))
        day, start, end = slot.model_dump(mode="json").values()
        print_fact("approved by", f"{self._logins['department']['login_id']} for {day}, {start} to {end}")
        print_fact("review", answer.status)

    def _receive(self, applicant: Client, reference: str) -> str:
        print_heading("The pass arrives on the phone")
        view = calls.view_application(reference)
        issued = self._wait_for("the pass", lambda: self._send("the application", applicant, view).pass_)
        message = self._wait_for(
            "the pass's message",
            lambda: self._message(lambda one: one.link is not None and issued.number in one.text),
        )
        print_fact("message", message.text)
        print_fact("pass", message.link)
        print_line()
        print_code(message.link or "")
        return self._send("the pass", applicant, calls.view_pass(issued.number)).token

    def _enter(self, token: str) -> Client:
        print_heading("A security officer scans it at the gate")
        officer = self._sign_in_staff("security")
        preview = self._scan(officer, token, None)
        name = preview.applicant.name_latin if preview.applicant else ""
        print_fact("preview", f"{preview.verdict}: {name}, party of {preview.party}")
        result = self._scan(officer, token, ID_CHECK)
        print_fact("ID proof", "voter_id …4821 matched")
        print_fact("verdict", result.verdict)
        if result.verdict != "admit":
            raise StackFailed(f"the gate did not admit the pass: {result.verdict}")
        print_fact("inside", result.inside)
        return officer

    def _leave(self, officer: Client, token: str) -> None:
        print_heading("The visitors leave again")
        result = self._scan(officer, token, None, "exit")
        print_fact("verdict", result.verdict)
        if result.inside:
            raise StackFailed(f"{result.inside} of the party are still inside after they left")

    def _scan(
        self, officer: Client, token: str, id_check: Matched | None, direction: Direction = "entry"
    ) -> ScanResult:
        scan = ScanPass(
            token=token,
            gate=self._logins["security"]["gate"],
            direction=direction,
            nonce=secrets.token_hex(16),
            scanned_at=datetime.now(INDIA),
            id_check=id_check,
        )
        return self._send("scanning", officer, calls.scan_pass(scan))

    def _show_timeline(self, applicant: Client, reference: str) -> None:
        print_heading("The citizen looks at the timeline")

        def visited() -> ApplicationView | None:
            view = self._send("the application", applicant, calls.view_application(reference))
            return view if view.status == "left" else None

        for entry in self._wait_for("the exit in the timeline", visited).timeline:
            print_fact(f"{entry.at.astimezone(INDIA):%d %b %H:%M:%S}", entry.what)

    def _sign_in_staff(self, role: str) -> Client:
        login = self._logins[role]
        self._step = f"signing in as {login['login_id']}"
        return self._anyone.sign_in(login["login_id"], login["password"])

    def _message(self, wanted: Callable[[SentMessage], bool]) -> SentMessage | None:
        """Return the newest message on the applicant's phone that is wanted."""
        messages = self._send("reading the phone", self._anyone, local.list_messages(self._mobile)).root
        return max(filter(wanted, messages), key=lambda message: message.at, default=None)

    def _send(self, step: str, client: Client, call: Call[R]) -> R:
        self._step = step
        return client.send(call)

    def _wait_for(self, what: str, look: Callable[[], Found | None], seconds: float = 60) -> Found:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.1)
        raise StackFailed(f"{what} did not come within {seconds:.0f} s")


def print_code(address: str) -> None:
    """Print the QR code of the address of a pass, which fits 80 × 24 characters; a token would not."""
    segno.make(address, error="l", boost_error=False).terminal(compact=True, border=2)


def next_slot(now: datetime) -> Slot:
    """Return two hours from the next full five minutes on.

    Shortly before midnight it is tomorrow's first two hours, for which gates open half an hour early.
    """
    start = (now + timedelta(minutes=6)).replace(second=0, microsecond=0)
    start -= timedelta(minutes=start.minute % 5)
    last = start.replace(hour=23, minute=59)
    if last - start < timedelta(minutes=20):
        start = (start + timedelta(days=1)).replace(hour=0, minute=0)
        last = start + timedelta(hours=2)
    end = min(start + timedelta(hours=2), last)
    return Slot(day=start.date(), start=start.time(), end=end.time())

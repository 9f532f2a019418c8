"""The people of a journey, each of them through HTTP only: what they send, and what they wait for."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from contracts.model import IST, Slot
from contracts.rpc.application import ApplicationView, PassSummary, SubmitApplication
from contracts.rpc.approval.reviews import ReviewView
from contracts.rpc.notify import SentMessage
from contracts.rpc.verify.scans import ScanPass, ScanResult
from epass_client import Call, Client, calls, local
from epass_client.call import R
from tests.support.stack.running import eventually
from tests.support.system.system import System

Json = dict[str, Any]
MATCHED: Json = {"kind": "matched", "id_type": "voter_id", "id_last4": "4821"}


def today(days: int = 0) -> str:
    """Return a date in India.

    In the last minutes before midnight it is tomorrow, whose gates open half an hour early.
    """
    return (datetime.now(IST) + timedelta(days=days, minutes=25)).date().isoformat()


def slot(days: int = 0, start: str = "00:00", end: str = "23:59") -> Json:
    """Return a slot as it is on the wire."""
    return {"date": today(days), "from": start, "to": end}


def new_mobile() -> str:
    return f"+919{random.randrange(10**8, 10**9)}"


def application(**changes: Any) -> Json:
    """Return a valid body of POST /applications; each test names only what it cares about."""
    applicant = {
        "kind": "citizen",
        "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
        "name_latin": "Gurpreet Kaur",
        "language": "pa",
        "id_type": "voter_id",
        "id_last4": "4821",
        **changes.pop("applicant", {}),
    }
    return {
        "applicant": applicant,
        "site": "PCS1",
        "department": "home",
        "purpose_kind": "meeting",
        "purpose": "Arms licence renewal, file 114/2026",
        "preferred": [slot()],
        "companions": [{"name": "Harjit Singh", "id_type": "driving_licence", "id_last4": "0917"}],
        **changes,
    }


def scan(**changes: Any) -> ScanPass:
    """Return an entry at PCS1-G1 under a new nonce; a test names the pass and what differs."""
    return ScanPass.model_validate(
        {"gate": "PCS1-G1", "direction": "entry", "nonce": str(uuid4()), "id_check": None, **changes}
    )


def ok(response: httpx.Response, status: int = 200) -> Any:
    """Return the body of a response that must have this status."""
    assert response.status_code == status, (
        f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:600]}"
    )
    return response.json() if response.content else None


class Actor:
    """Somebody with a session.

    ``send`` gives the answer of a call. ``get`` and ``post`` give the response itself, for what the client
    cannot or should not send; each POST carries an Idempotency-Key of its own.
    """

    def __init__(self, system: System, client: Client | None = None) -> None:
        self.system = system
        self.client = client or system.client()
        self._http = system.http()

    def send(self, call: Call[R]) -> R:
        return self.client.send(call)

    def get(self, path: str, *, timeout: float = 10, **parameters: Any) -> httpx.Response:
        url = f"{self.client.url}/api/v1{path}"
        return self._http.get(url, params=parameters, headers=self._session(), timeout=timeout)

    def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key or str(uuid4()), **self._session()}
        return self._http.post(f"{self.client.url}/api/v1{path}", json=body, headers=headers)

    def _session(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.client.token}"} if self.client.token else {}


def messages(system: System, mobile: str, purpose: str) -> list[SentMessage]:
    """Return what a phone has received of one purpose."""
    with system.client() as anyone:
        received = anyone.send(local.list_messages(mobile)).root
    return [message for message in received if message.purpose == purpose]


def read_code(system: System, mobile: str) -> str:
    """Wait for a one-time code on the local phone."""
    return eventually(lambda: local.one_time_code(messages(system, mobile, "otp")), "the code arrives")


class Applicant(Actor):
    """A citizen with a phone, whose number is proved by OTP.

    Args:
        system: the processes.
        mobile: by default a new one.
        code_of: waits for the code that a mobile receives; by default on the local phone.
    """

    def __init__(
        self, system: System, mobile: str | None = None, code_of: Callable[[str], str] | None = None
    ) -> None:
        self.mobile = mobile or new_mobile()
        code_of = code_of or (lambda mobile: read_code(system, mobile))
        super().__init__(system, system.client().sign_in_with_code(self.mobile, code_of, language="pa"))

    def apply(self, **changes: Any) -> str:
        body = SubmitApplication.model_validate(application(**changes))
        return self.send(calls.submit_application(body)).reference

    def view(self, reference: str) -> ApplicationView:
        return self.send(calls.view_application(reference))

    def wait_for(self, reference: str, status: str) -> ApplicationView:
        def look() -> ApplicationView | None:
            view = self.view(reference)
            return view if view.status == status else None

        return eventually(look, f"{reference} becomes {status}")

    def wait_for_pass(self, reference: str) -> PassSummary:
        summary = self.wait_for(reference, "issued").pass_
        assert summary is not None
        return summary

    def token(self, number: str) -> str:
        return self.send(calls.view_pass(number)).token


class Staff(Actor):
    """Somebody with a login of the demo."""

    def __init__(self, system: System, role: str) -> None:
        login = system.login(role)
        self.login_id = login["login_id"]
        super().__init__(system, system.client().sign_in(self.login_id, login["password"]))


class Department(Staff):
    """An officer of the home department."""

    def __init__(self, system: System) -> None:
        super().__init__(system, "department")

    def review_of(self, reference: str) -> ReviewView:
        search = calls.search_reviews(reference)
        return eventually(lambda: self.send(search).items, f"{reference} in the queue")[0]

    def approve(self, reference: str, **decision: Any) -> ReviewView:
        """Approve for today, unless the decision names another slot."""
        review = self.review_of(reference)
        visit = Slot.model_validate({name: decision.pop(name, value) for name, value in slot().items()})
        return self.send(calls.approve_review(review.id, visit, **decision))


class Officer(Staff):
    """A security officer at PCS1-G1."""

    def __init__(self, system: System) -> None:
        super().__init__(system, "security")

    def scan(self, **changes: Any) -> ScanResult:
        return self.send(calls.scan_pass(scan(**changes)))

    def wait_to_know(self, token: str) -> None:
        """Wait until the gate has heard of the pass: until then it knows the token, not the number."""
        eventually(lambda: self.scan(token=token).reference, "the gate hears of the pass")


def issued(
    visitor: Applicant, department: Department, *, known_to: Officer | None = None, **changes: Any
) -> tuple[str, PassSummary]:
    """Take an application as far as its pass, which the officer ``known_to`` can look up by its number.

    Returns:
        The reference and the pass.
    """
    decision = changes.pop("decision", {})
    reference = visitor.apply(**changes)
    department.approve(reference, **decision)
    summary = visitor.wait_for_pass(reference)
    if known_to is not None:
        known_to.wait_to_know(visitor.token(summary.number))
    return reference, summary

"""The people of a journey, each of them through HTTP only: what they send, and what they wait for."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from services.chassis.runtime.clock import IST
from tests.support.running import eventually
from tests.support.system import System

Json = dict[str, Any]


def today(days: int = 0) -> str:
    """A date in India. In the last minutes before midnight it is tomorrow, whose gates open half an hour early."""
    return (datetime.now(IST) + timedelta(days=days, minutes=25)).date().isoformat()


def slot(days: int = 0, start: str = "00:00", end: str = "23:59") -> Json:
    return {"date": today(days), "from": start, "to": end}


def new_mobile() -> str:
    return f"+919{random.randrange(10**8, 10**9)}"


def application(**changes: Any) -> Json:
    """A valid body of POST /applications; each test names only what it cares about."""
    applicant = {
        "kind": "citizen", "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "language": "pa", "id_type": "voter_id", "id_last4": "4821",
        **changes.pop("applicant", {}),
    }  # fmt: skip
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


def ok(response: httpx.Response, status: int = 200) -> Any:
    """The body of an answer that must have this status."""
    assert response.status_code == status, (
        f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text[:600]}"
    )
    return response.json() if response.content else None


class Actor:
    """Someone with an HTTP client. Each POST carries an Idempotency-Key of its own."""

    def __init__(self, system: System, token: str | None = None) -> None:
        self.system = system
        self.http = system.client(token)

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.http.get(f"/api/v1{path}", params=parameters)

    def post(self, path: str, body: Any = None, key: str | None = None) -> httpx.Response:
        return self.http.post(f"/api/v1{path}", json=body, headers={"Idempotency-Key": key or str(uuid4())})


def messages(system: System, mobile: str, purpose: str) -> list[Json]:
    """What a phone has received of one purpose."""
    with system.client() as http:
        return [
            message
            for message in ok(http.get("/dev/messages", params={"to": mobile}))
            if message["purpose"] == purpose
        ]


class Applicant(Actor):
    """A citizen with a phone, whose number is proved by OTP."""

    def __init__(self, system: System, mobile: str | None = None) -> None:
        super().__init__(system)
        self.mobile = mobile or new_mobile()
        request = ok(self.post("/otp", {"mobile": self.mobile, "language": "pa"}), 202)
        text = eventually(lambda: messages(system, self.mobile, "otp"), "the code arrives")[-1]["text"]
        code = next(
            word
            for word in text.replace(".", " ").replace("।", " ").replace(":", " ").split()
            if word.isdigit() and len(word) == 6
        )
        session = ok(self.post("/otp/verify", {"request_id": request["request_id"], "code": code}))
        self.http = system.client(session["access_token"])

    def apply(self, **changes: Any) -> str:
        reference: str = ok(self.post("/applications", application(**changes)), 201)["reference"]
        return reference

    def view(self, reference: str) -> Json:
        view: Json = ok(self.get(f"/applications/{reference}"))
        return view

    def wait_for(self, reference: str, status: str) -> Json:
        def look() -> Json | None:
            view = self.view(reference)
            return view if view["status"] == status else None

        return eventually(look, f"{reference} becomes {status}")

    def token(self, number: str) -> str:
        token: str = ok(self.get(f"/passes/{number}"))["token"]
        return token


class Staff(Actor):
    """Someone with a login of the demo."""

    def __init__(self, system: System, role: str) -> None:
        super().__init__(system)
        login = system.login(role)
        session = ok(self.post("/sessions", {"login_id": login["login_id"], "password": login["password"]}))
        self.http = system.client(session["access_token"])
        self.login_id = login["login_id"]


class Department(Staff):
    """An officer of the home department."""

    def __init__(self, system: System) -> None:
        super().__init__(system, "department")

    def review_of(self, reference: str) -> Json:
        return eventually(
            lambda: ok(self.post("/reviews/search", {"q": reference}))["items"], f"{reference} in the queue"
        )[0]

    def approve(self, reference: str, **decision: Any) -> Json:
        review = self.review_of(reference)
        view: Json = ok(self.post(f"/reviews/{review['id']}/approve", {**slot(), **decision}))
        return view


class Officer(Staff):
    """A security officer at PCS1-G1."""

    def __init__(self, system: System) -> None:
        super().__init__(system, "security")

    def scan(self, **scan: Any) -> Json:
        body = {"gate": "PCS1-G1", "direction": "entry", "nonce": str(uuid4()), "id_check": None, **scan}
        answer: Json = ok(self.post("/scans", body))
        return answer


MATCHED = {"kind": "matched", "id_type": "voter_id", "id_last4": "4821"}


def issued(visitor: Applicant, department: Department, **changes: Any) -> tuple[str, Json]:
    """An application taken as far as its pass: reference and pass."""
    decision = changes.pop("decision", {})
    reference = visitor.apply(**changes)
    department.approve(reference, **decision)
    return reference, visitor.wait_for(reference, "issued")["pass"]

"""Who does what while a part is away: one round of people with all that they need, prepared while everything works."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx

from tests.support.actors import MATCHED, Actor, Department, Officer, Staff, application, new_mobile, ok, slot
from tests.support.backends import TestStack
from tests.support.chaos.evidence import database
from tests.support.chaos.outages import ANSWER_SECONDS, Act, Answer
from tests.support.chaos.people import prove, read_code
from tests.support.chaos.provider import Provider
from tests.support.running import eventually
from tests.support.system import System


class Personnel:
    """The staff of all rounds, signed in once."""

    def __init__(self, system: System) -> None:
        self.department = Department(system)
        people: dict[str, Actor] = {
            "department": self.department,
            "security": Officer(system),
            "reception": Staff(system, "reception"),
            "ado": Staff(system, "ado"),
        }
        self.sessions = {role: person.http.headers["Authorization"] for role, person in people.items()}


class Round:
    """The people of one outage.

    Args:
        stack: where effects are looked for.
        system: the processes.
        provider: has the messages.
        personnel: the staff.
    """

    def __init__(self, stack: TestStack, system: System, provider: Provider, personnel: Personnel) -> None:
        self._stack, self._system, self._provider, self._department = (
            stack,
            system,
            provider,
            personnel.department,
        )
        self._http = httpx.Client(
            timeout=ANSWER_SECONDS + 1, trust_env=False, limits=httpx.Limits(max_connections=40)
        )
        self.url = system.url
        self._mobile = new_mobile()
        self._person = Actor(system, prove(system, provider, self._mobile))
        self._sessions = {**personnel.sessions, "applicant": self._person.http.headers["Authorization"]}
        with ThreadPoolExecutor(8) as pool:
            leaver, code = pool.submit(Staff, system, "auditor"), pool.submit(self._have_a_code)
            pending, issued = pool.map(self._apply, range(2)), pool.map(self._have_a_pass, range(4))
            self._sessions["leaver"] = leaver.result().http.headers["Authorization"]
            self._code = code.result()
            self._to_decide, self._to_be_told = pending
            self._shown, self._cancelled, self._replaced, self._sent_again = issued
        self._reviews = {
            reference: self._department.review_of(reference)["id"]
            for reference in (self._to_decide, self._to_be_told)
        }
        self._token = ok(self._person.get(f"/passes/{self._shown[1]}"))["token"]
        ((self._link,),) = self._rows(
            "issuance", "select link_code from passes where number = %s", self._shown[1]
        )

    def close(self) -> None:
        """Ends its connections."""
        self._http.close()

    def _have_a_code(self) -> dict[str, str]:
        mobile = new_mobile()
        request = ok(self._person.post("/otp", {"mobile": mobile, "language": "en"}), 202)
        return {
            "request_id": request["request_id"],
            "code": eventually(lambda: read_code(self._provider, mobile), "the code arrives", 60),
        }

    def _apply(self, _number: int = 0) -> str:
        return str(
            ok(self._person.post("/applications", application(companions=[], preferred=[slot()])), 201)[
                "reference"
            ]
        )

    def _have_a_pass(self, number: int) -> tuple[str, str]:
        """Reference and number of a pass that everybody has heard of."""
        reference = self._apply(number)
        self._department.approve(reference)
        eventually(
            lambda: ok(self._person.get(f"/applications/{reference}"))["status"] == "issued",
            "the pass is issued",
            60,
        )
        eventually(lambda: self._told(reference, "pass_issued"), "its message arrives", 60)
        eventually(
            lambda: self._rows("verify", "select 1 from passes where reference = %s", reference),
            "the gate knows it",
            60,
        )
        return reference, str(ok(self._person.get(f"/applications/{reference}"))["pass"]["number"])

    def acts(self) -> dict[str, Act]:
        """All that people do, under the names of the table."""
        return {
            **self._public(), **self._signing_in(), **self._applying(), **self._on_the_desk(), **self._with_a_pass(), **self._at_the_site(),
        }  # fmt: skip

    def _public(self) -> dict[str, Act]:
        return {
            "look at sites and departments": Act(
                (self._get("/api/v1/sites"), self._get("/api/v1/departments"))
            ),
            "search officers": Act((self._get("/api/v1/officers?department=home&q="),)),
            "check keys and revocations": Act(
                (self._get("/.well-known/jwks.json"), self._get("/.well-known/pass-status"))
            ),
        }

    def _signing_in(self) -> dict[str, Act]:
        mobile, login = new_mobile(), self._system.login("department")
        signing_in = {"login_id": login["login_id"], "password": login["password"]}
        sign_out = partial(self._ask, "DELETE", "/api/v1/sessions/current", "leaver")
        return {
            "ask for a code": Act(
                (self._post("/api/v1/otp", {"mobile": mobile, "language": "en"}),),
                lambda: read_code(self._provider, mobile) is not None,
            ),
            "sign in with a code": Act((self._post("/api/v1/otp/verify", self._code),)),
            "sign in with a login": Act((self._post("/api/v1/sessions", signing_in),)),
            "sign out": Act((sign_out,), lambda: sign_out().status == 401),
            "look at logins": Act((self._get("/api/v1/logins", "ado"),)),
        }

    def _applying(self) -> dict[str, Act]:
        applied: dict[str, str] = {}

        def apply(what: str) -> Answer:
            answer = self._ask(
                "POST", "/api/v1/applications", "applicant", application(companions=[], preferred=[slot()])
            )
            if answer.status == 201:
                applied[what] = answer.content["reference"]
            return answer

        on_the_desk = "select 1 from reviews where reference = %s"
        return {
            "apply": Act(
                (partial(apply, "desk"),), lambda: self._has("approval", on_the_desk, applied["desk"])
            ),
            "be told that it arrived": Act(
                (partial(apply, "told"),), lambda: self._told(applied["told"], "application_submitted")
            ),
            "follow the status": Act(
                (
                    self._get(f"/api/v1/applications/{self._to_decide}", "applicant"),
                    self._get("/api/v1/applications", "applicant"),
                    self._post(
                        "/api/v1/status", {"reference": self._to_decide, "mobile_last4": self._mobile[-4:]}
                    ),
                )
            ),
            "cancel": Act(
                (self._post(f"/api/v1/applications/{self._cancelled[0]}/cancel", None, "applicant"),),
                lambda: self._gate_refuses(self._cancelled[1]),
            ),
        }

    def _on_the_desk(self) -> dict[str, Act]:
        def approve(reference: str) -> Callable[[], Answer]:
            return self._post(f"/api/v1/reviews/{self._reviews[reference]}/approve", slot(), "department")

        issued = "select 1 from passes where reference = %s"
        return {
            "see the desk": Act((self._get("/api/v1/reviews?status=pending", "department"),)),
            "decide": Act(
                (approve(self._to_decide),), lambda: self._has("issuance", issued, self._to_decide)
            ),
            "get the pass by message": Act(
                (approve(self._to_be_told),), lambda: self._told(self._to_be_told, "pass_issued")
            ),
        }

    def _with_a_pass(self) -> dict[str, Act]:
        path = f"/api/v1/passes/{self._shown[1]}"
        return {
            "show the pass": Act(
                (
                    self._get(path, "applicant"),
                    self._get(f"{path}/qr.svg", "applicant"),
                    self._get(f"/p/{self._link}"),
                )
            ),
            "have the pass sent again": Act(
                (self._post(f"/api/v1/applications/{self._sent_again[0]}/resend", None, "applicant"),),
                lambda: self._told(self._sent_again[0], "pass_issued", again=True),
            ),
            "replace a lost pass": Act(
                (self._post(f"/api/v1/passes/{self._replaced[1]}/reissue", None, "applicant"),),
                lambda: self._gate_refuses(self._replaced[1]),
            ),
            "print the pass": Act((self._post(f"{path}/print", None, "reception"),)),
        }

    def _at_the_site(self) -> dict[str, Act]:
        scan = {
            "token": self._token,
            "gate": "PCS1-G1",
            "direction": "entry",
            "nonce": str(uuid4()),
            "id_check": MATCHED,
        }

        def admitted() -> Answer:
            answer = self._ask("POST", "/api/v1/scans", "security", scan)
            return (
                answer
                if answer.status != 200 or answer.content["verdict"] == "admit"
                else replace(answer, status=403)
            )

        return {
            "scan at the gate": Act((admitted,)),
            "see who is inside": Act((self._get("/api/v1/gate/inside?site=PCS1", "security"),)),
            "look up at the counter": Act(
                (self._post("/api/v1/counter/lookup", {"q": self._to_decide}, "reception"),)
            ),
        }

    def _get(self, path: str, who: str = "") -> Callable[[], Answer]:
        return partial(self._ask, "GET", path, who)

    def _post(self, path: str, body: Any, who: str = "") -> Callable[[], Answer]:
        return partial(self._ask, "POST", path, who, body)

    def _ask(self, method: str, path: str, who: str = "", body: Any = None) -> Answer:
        headers = {"Idempotency-Key": str(uuid4()), **({"Authorization": self._sessions[who]} if who else {})}
        began = monotonic()
        try:
            answer = self._http.request(method, self.url + path, json=body, headers=headers)
        except httpx.HTTPError as error:
            return Answer(0, monotonic() - began, error=type(error).__name__)
        content = answer.json() if "json" in answer.headers.get("Content-Type", "") else None
        return Answer(
            answer.status_code, monotonic() - began, answer.headers.get("Retry-After", "").isdigit(), content
        )

    def _rows(self, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        with database(self._stack, service) as connection:
            return connection.execute(query, values).fetchall()

    def _has(self, service: str, query: str, *values: object) -> bool:
        return bool(self._rows(service, query, *values))

    def _gate_refuses(self, number: str) -> bool:
        return self._has("verify", "select 1 from passes where number = %s and revoked_seq > 0", number)

    def _told(self, reference: str, purpose: str, *, again: bool = False) -> bool:
        """Whether the provider has taken the message."""
        query = """select m.id::text from messages m join applications a on a.id = m.application_id
            where a.reference = %s and m.purpose = %s and (m.resend_of is not null) = %s"""
        charged = self._provider.ledger().charged
        return any(charged[key] for (key,) in self._rows("notify", query, reference, purpose, again))

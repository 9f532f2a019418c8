"""The people of one outage, and all that they do; what they need is prepared while everything works."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID

import httpx

from contracts.model import Slot
from contracts.rpc.application import SubmitApplication
from epass_client import Call, Client, NoAnswer, Problem, calls
from tests.chaos.outages import ANSWER_SECONDS, Action, Answer
from tests.support.chaos.evidence import database
from tests.support.chaos.provider import Provider
from tests.support.stack.backends import TestStack
from tests.support.stack.running import eventually
from tests.support.system.actors import (
    MATCHED,
    Actor,
    Applicant,
    Department,
    Officer,
    Staff,
    application,
    new_mobile,
    scan,
    slot,
)
from tests.support.system.system import System


class Personnel:
    """The staff of all outages, signed in once."""

    def __init__(self, system: System) -> None:
        self.department = Department(system)
        people: dict[str, Actor] = {
            "department": self.department,
            "security": Officer(system),
            "reception": Staff(system, "reception"),
            "ado": Staff(system, "ado"),
        }
        self.tokens = {role: person.client.token for role, person in people.items()}


class OutageActors:
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
        self._person = Applicant(system, self._mobile, provider.wait_for_code)
        self._tokens = {**personnel.tokens, "applicant": self._person.client.token}
        with ThreadPoolExecutor(8) as pool:
            leaver, code = pool.submit(Staff, system, "auditor"), pool.submit(self._have_a_code)
            pending, issued = pool.map(self._apply, range(2)), pool.map(self._have_a_pass, range(4))
            self._tokens["leaver"] = leaver.result().client.token
            self._code = code.result()
            self._to_decide, self._to_be_notified = pending
            self._shown, self._cancelled, self._replaced, self._sent_again = issued
        self._reviews = {
            reference: self._department.review_of(reference).id
            for reference in (self._to_decide, self._to_be_notified)
        }
        self._token = self._person.token(self._shown[1])
        ((self._link,),) = self._rows(
            "issuance", "select link_code from passes where number = %s", self._shown[1]
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _have_a_code(self) -> tuple[UUID, str]:
        mobile = new_mobile()
        request = self._person.send(calls.request_otp(mobile))
        return request.request_id, self._provider.wait_for_code(mobile)

    def _apply(self, _number: int = 0) -> str:
        return self._person.apply(companions=[])

    def _have_a_pass(self, number: int) -> tuple[str, str]:
        """Return reference and number of a pass that its holder and the gate know."""
        reference = self._apply(number)
        self._department.approve(reference)
        eventually(lambda: self._person.view(reference).status == "issued", "the pass is issued", 60)
        eventually(lambda: self._was_sent(reference, "pass_issued"), "its message arrives", 60)
        eventually(
            lambda: self._rows("verify", "select 1 from passes where reference = %s", reference),
            "the gate knows it",
            60,
        )
        return reference, self._person.wait_for_pass(reference).number

    def actions(self) -> dict[str, Action]:
        """Return all that people do, by its name in the table."""
        return {
            **self._public(),
            **self._signing_in(),
            **self._applying(),
            **self._on_the_desk(),
            **self._with_a_pass(),
            **self._at_the_site(),
        }

    def _public(self) -> dict[str, Action]:
        return {
            "look at sites and departments": Action(
                (self._request(calls.list_sites()), self._request(calls.list_departments()))
            ),
            "search officers": Action((self._request(calls.list_officers("home")),)),
            "check keys and revocations": Action(
                (self._request(calls.view_jwks()), self._request(calls.view_pass_status()))
            ),
        }

    def _signing_in(self) -> dict[str, Action]:
        mobile, login = new_mobile(), self._system.login("department")
        sign_in = calls.log_in(login["login_id"], login["password"])
        sign_out = self._request(calls.log_out(), "leaver")
        return {
            "ask for a code": Action(
                (self._request(calls.request_otp(mobile)),),
                lambda: self._provider.last_code(mobile) is not None,
            ),
            "sign in with a code": Action((self._request(calls.verify_otp(*self._code)),)),
            "sign in with a login": Action((self._request(sign_in),)),
            "sign out": Action((sign_out,), lambda: sign_out().status == 401),
            "look at logins": Action((self._request(calls.list_logins(), "ado"),)),
        }

    def _applying(self) -> dict[str, Action]:
        applied: dict[str, str] = {}

        def apply(what: str) -> Answer:
            body = SubmitApplication.model_validate(application(companions=[], preferred=[slot()]))
            answer = self._send(calls.submit_application(body), "applicant")
            if answer.content:
                applied[what] = answer.content.reference
            return answer

        on_the_desk = "select 1 from reviews where reference = %s"
        return {
            "apply": Action(
                (partial(apply, "desk"),), lambda: self._has("approval", on_the_desk, applied["desk"])
            ),
            "receive the confirmation message": Action(
                (partial(apply, "message"),),
                lambda: self._was_sent(applied["message"], "application_submitted"),
            ),
            "follow the status": Action(
                (
                    self._request(calls.view_application(self._to_decide), "applicant"),
                    self._request(calls.list_applications(), "applicant"),
                    self._request(calls.look_up_status(self._to_decide, self._mobile[-4:])),
                )
            ),
            "cancel": Action(
                (self._request(calls.cancel_application(self._cancelled[0]), "applicant"),),
                lambda: self._gate_refuses(self._cancelled[1]),
            ),
        }

    def _on_the_desk(self) -> dict[str, Action]:
        def approve(reference: str) -> Callable[[], Answer]:
            visit = Slot.model_validate(slot())
            return self._request(calls.approve_review(self._reviews[reference], visit), "department")

        issued = "select 1 from passes where reference = %s"
        return {
            "see the desk": Action((self._request(calls.list_reviews(status="pending"), "department"),)),
            "decide": Action(
                (approve(self._to_decide),), lambda: self._has("issuance", issued, self._to_decide)
            ),
            "get the pass by message": Action(
                (approve(self._to_be_notified),), lambda: self._was_sent(self._to_be_notified, "pass_issued")
            ),
        }

    def _with_a_pass(self) -> dict[str, Action]:
        number = self._shown[1]
        return {
            "show the pass": Action(
                (
                    self._request(calls.view_pass(number), "applicant"),
                    self._request(calls.view_qr_svg(number), "applicant"),
                    self._request(Call("GET", f"/p/{self._link}", bytes)),
                )
            ),
            "have the pass sent again": Action(
                (self._request(calls.resend_message(self._sent_again[0]), "applicant"),),
                lambda: self._was_sent(self._sent_again[0], "pass_issued", again=True),
            ),
            "replace a lost pass": Action(
                (self._request(calls.reissue_pass(self._replaced[1]), "applicant"),),
                lambda: self._gate_refuses(self._replaced[1]),
            ),
            "print the pass": Action((self._request(calls.print_pass(number), "reception"),)),
        }

    def _at_the_site(self) -> dict[str, Action]:
        call = calls.scan_pass(scan(token=self._token, id_check=MATCHED))

        def admitted() -> Answer:
            answer = self._send(call, "security")
            refused = answer.content is not None and answer.content.verdict != "admit"
            return replace(answer, status=403) if refused else answer

        return {
            "scan at the gate": Action((admitted,)),
            "see who is inside": Action((self._request(calls.list_inside("PCS1"), "security"),)),
            "look up at the counter": Action(
                (self._request(calls.look_up_at_counter(self._to_decide), "reception"),)
            ),
        }

    def _request(self, call: Call[Any], who: str = "") -> Callable[[], Answer]:
        return partial(self._send, call, who)

    def _send(self, call: Call[Any], who: str = "") -> Answer:
        client = Client(self.url, self._tokens[who] if who else "", http=self._http, repeat_seconds=0)
        began = monotonic()
        try:
            content = client.send(call)
        except NoAnswer as error:
            return Answer(0, monotonic() - began, error=error.reason)
        except Problem as problem:
            return Answer(problem.status, monotonic() - began, problem.retry_after is not None)
        return Answer(200, monotonic() - began, content=content)

    def _rows(self, service: str, query: str, *values: object) -> list[tuple[Any, ...]]:
        with database(self._stack, service) as connection:
            return connection.execute(query, values).fetchall()

    def _has(self, service: str, query: str, *values: object) -> bool:
        return bool(self._rows(service, query, *values))

    def _gate_refuses(self, number: str) -> bool:
        return self._has("verify", "select 1 from passes where number = %s and revoked_seq > 0", number)

    def _was_sent(self, reference: str, purpose: str, *, again: bool = False) -> bool:
        """Return whether the provider has taken the message."""
        query = """select m.id::text from messages m join applications a on a.id = m.application_id
            where a.reference = %s and m.purpose = %s and (m.resend_of is not null) = %s"""
        charged = self._provider.ledger().charged
        return any(charged[key] for (key,) in self._rows("notify", query, reference, purpose, again))

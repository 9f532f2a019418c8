"""Fifty at once with one Idempotency-Key: one effect, and all are told the same. For every route that changes something."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from services.chassis.runtime.settings import Settings
from services.gateway.app import create_app
from tests.support.actors import (
    MATCHED,
    Actor,
    Applicant,
    Department,
    Officer,
    Staff,
    application,
    issued,
    messages,
    ok,
)
from tests.support.chaos import sabotage
from tests.support.chaos.evidence import database
from tests.support.chaos.scenario import replaced
from tests.support.concurrent_requests import Command, at_once
from tests.support.running import eventually
from tests.support.system import System

CROWD = 50
PASSWORD = "a password of the tests"


@dataclass(frozen=True)
class People:
    """Whoever may do something."""

    system: System
    applicant: Applicant
    department: Department
    officer: Officer
    reception: Staff
    ado: Staff


@pytest.fixture(scope="module")
def people(system: System, department: Department, officer: Officer, reception: Staff, ado: Staff) -> People:
    return People(system, Applicant(system), department, officer, reception, ado)


@dataclass(frozen=True)
class Case:
    """One command that can be carried out now, and where its effects are counted."""

    command: Command
    service: str
    query: str
    values: tuple[object, ...] = ()
    also: frozenset[int] = frozenset()
    """What a repeat may be told instead, for a reason beside the case."""

    def effects(self, system: System) -> int:
        with database(system.stack, self.service) as connection:
            ((count,),) = connection.execute(self.query, self.values).fetchall()
            return int(count)


def token_of(actor: Actor) -> str:
    return actor.http.headers["Authorization"].removeprefix("Bearer ")


def by(actor: Actor | None, path: str, body: Any = None, method: str = "POST") -> Command:
    return Command(path, str(uuid4()), token_of(actor) if actor else "", body, method)


def says(event: str, service: str, command: Command, **more: Any) -> Case:
    """A command whose effect is an event, found by its correlation id."""
    query = "select count(*) from outbox where type = %s and correlation_id = %s"
    return Case(command, service, query, (event, command.key), **more)


def opens_a_session(command: Command, **more: Any) -> Case:
    return Case(command, "accounts", "select count(*) from sessions", **more)


def new_login(people: People) -> Any:
    return ok(people.ado.post("/logins", {"role": "auditor", "name": "Somebody New"}), 201)


def signed_in(people: People) -> tuple[Actor, str]:
    """Somebody new with his initial password."""
    login = new_login(people)
    session = ok(
        Actor(people.system).post(
            "/sessions", {"login_id": login["login_id"], "password": login["initial_password"]}
        )
    )
    actor = Actor(people.system)
    actor.http = people.system.client(session["access_token"])
    return actor, login["initial_password"]


def verify_otp(people: People) -> Case:
    somebody = Applicant(people.system)
    request = ok(somebody.post("/otp", {"mobile": somebody.mobile, "language": "en"}), 202)
    text = eventually(lambda: messages(people.system, somebody.mobile, "otp")[1:], "the second code arrives")[
        0
    ]["text"]
    return opens_a_session(by(None, "/otp/verify", {"request_id": request["request_id"], "code": text[:6]}))


def log_in(people: People) -> Case:
    login = new_login(people)
    return opens_a_session(
        by(None, "/sessions", {"login_id": login["login_id"], "password": login["initial_password"]})
    )


def log_out(people: People) -> Case:
    """Whoever comes a moment later is told 401: the session that it ends is what allows it, and it has ended."""
    somebody, _ = signed_in(people)
    return says(
        "SessionEnded", "accounts", by(somebody, "/sessions/current", method="DELETE"), also=frozenset({401})
    )


def change_password(people: People) -> Case:
    """As above: it ends the session that asks."""
    somebody, initial = signed_in(people)
    return opens_a_session(
        by(somebody, "/password", {"current": initial, "new": PASSWORD}), also=frozenset({401})
    )


def amend(people: People) -> Case:
    reference = people.applicant.apply()
    ok(
        people.department.post(
            f"/reviews/{people.department.review_of(reference)['id']}/return",
            {"note": "The file number, please"},
        )
    )
    people.applicant.wait_for(reference, "returned")
    command = by(
        people.applicant,
        f"/applications/{reference}/amend",
        {"purpose": "Arms licence renewal, file 115/2026"},
    )
    return says("ApplicationAmended", "application", command)


def cancel(people: People) -> Case:
    return says(
        "ApplicationCancelled",
        "application",
        by(people.applicant, f"/applications/{people.applicant.apply()}/cancel"),
    )


def announced(people: People) -> tuple[str, str]:
    """Reference and number of a pass that its holder has been told of."""
    reference, the_pass = issued(people.applicant, people.department)
    number = the_pass["number"]
    told = partial(messages, people.system, people.applicant.mobile, "pass_issued")
    eventually(lambda: any(number in message["text"] for message in told()), "the pass arrives")
    return reference, number


def resend(people: People) -> Case:
    command = by(people.applicant, f"/applications/{announced(people)[0]}/resend")
    return Case(
        command, "notify", "select count(*) from messages where resend_of is not null and correlation_id = %s", (command.key,)
    )  # fmt: skip


def print_pass(people: People) -> Case:
    return says(
        "NotificationDelivered", "notify", by(people.reception, f"/passes/{announced(people)[1]}/print")
    )


def reissue(people: People) -> Case:
    _, the_pass = issued(people.applicant, people.department)
    return says("PassIssued", "issuance", by(people.applicant, f"/passes/{the_pass['number']}/reissue"))


def decide(verb: str, event: str, body: Any, people: People) -> Case:
    review = people.department.review_of(people.applicant.apply())
    return says(event, "approval", by(people.department, f"/reviews/{review['id']}/{verb}", body))


def forward(people: People) -> Case:
    review = people.department.review_of(people.applicant.apply())["id"]
    command = by(people.department, f"/reviews/{review}/forward", {"officer": "home-superintendent"})
    return Case(command, "approval", "select count(*) from forwardings where review_id = %s", (review,))


def withdraw(people: People) -> Case:
    review = people.department.approve(people.applicant.apply())
    return says(
        "ApprovalWithdrawn",
        "approval",
        by(people.department, f"/reviews/{review['id']}/withdraw", {"reason": "security"}),
    )


def scan(people: People) -> Case:
    _, the_pass = issued(people.applicant, people.department)
    body = {
        "token": people.applicant.token(the_pass["number"]), "gate": "PCS1-G1", "direction": "entry", "nonce": str(uuid4()), "id_check": MATCHED,
    }  # fmt: skip
    return Case(
        by(people.officer, "/scans", body),
        "verify",
        "select count(*) from scans where nonce = %s",
        (body["nonce"],),
    )


COMMANDS: dict[str, Callable[[People], Case]] = {
    "POST /api/v1/otp": lambda _: says(
        "OtpRequested", "accounts", by(None, "/otp", {"mobile": "+919812300001", "language": "en"})
    ),
    "POST /api/v1/otp/verify": verify_otp,
    "POST /api/v1/sessions": log_in,
    "DELETE /api/v1/sessions/current": log_out,
    "POST /api/v1/password": change_password,
    "POST /api/v1/logins": lambda people: says(
        "LoginIssued", "accounts", by(people.ado, "/logins", {"role": "auditor", "name": "Somebody New"})
    ),
    "POST /api/v1/logins/{login_id}/disable": lambda people: says(
        "LoginDisabled", "accounts", by(people.ado, f"/logins/{new_login(people)['login_id']}/disable")
    ),
    "POST /api/v1/logins/{login_id}/reset": lambda people: says(
        "LoginDisabled", "accounts", by(people.ado, f"/logins/{new_login(people)['login_id']}/reset")
    ),
    "POST /api/v1/applications": lambda people: says(
        "ApplicationSubmitted", "application", by(people.applicant, "/applications", application())
    ),
    "POST /api/v1/applications/{reference}/amend": amend,
    "POST /api/v1/applications/{reference}/cancel": cancel,
    "POST /api/v1/applications/{reference}/resend": resend,
    "POST /api/v1/counter/applications": lambda people: says(
        "ApplicationSubmitted",
        "application",
        by(people.reception, "/counter/applications", application() | {"mobile": None}),
    ),
    "POST /api/v1/passes/{number}/print": print_pass,
    "POST /api/v1/passes/{number}/reissue": reissue,
    "POST /api/v1/reviews/{review_id}/approve": lambda people: decide(
        "approve", "PassApproved", application()["preferred"][0], people
    ),
    "POST /api/v1/reviews/{review_id}/reject": lambda people: decide(
        "reject", "PassRejected", {"reason": "duplicate"}, people
    ),
    "POST /api/v1/reviews/{review_id}/return": lambda people: decide(
        "return", "PassReturned", {"note": "The file number, please"}, people
    ),
    "POST /api/v1/reviews/{review_id}/forward": forward,
    "POST /api/v1/reviews/{review_id}/withdraw": withdraw,
    "POST /api/v1/scans": scan,
}
QUESTIONS = {
    "POST /api/v1/status": "a reference and four digits in a URL would stand in logs",
    "POST /api/v1/counter/lookup": "the same of a mobile or a name",
    "POST /api/v1/reviews/search": "the same of a name",
}
"""Routes that change nothing and are no GET, with the reason why not."""


def routes_that_are_no_get() -> set[str]:
    """Those of the interface. A page's form has the service do the same commands, under the key that the form carries."""
    routes = [
        route
        for route in create_app(Settings(local_mode=True)).routes
        if isinstance(route, APIRoute) and "{language" not in route.path
    ]
    return {f"{method} {route.path_format}" for route in routes for method in route.methods - {"GET", "HEAD"}}


def test_every_route_that_changes_something_is_looked_at() -> None:
    assert routes_that_are_no_get() == set(COMMANDS) | set(QUESTIONS)


def outcome(system: System, case: Case) -> tuple[int, set[tuple[int, str]]]:
    """How many effects fifty requests had, and the different answers that they got."""
    before = case.effects(system)
    answers = {(answer.status_code, answer.text) for answer in at_once(system, [case.command] * CROWD)}
    return case.effects(system) - before, {answer for answer in answers if answer[0] not in case.also}


@pytest.mark.parametrize("route", COMMANDS)
def test_fifty_at_once_with_one_key_have_one_effect_and_one_answer(
    system: System, people: People, route: str
) -> None:
    effects, answers = outcome(system, COMMANDS[route](people))
    assert effects == 1
    assert [status // 100 for status, _ in answers] == [2], answers


def test_without_idempotency_they_would_have_more(system: System, people: People) -> None:
    """Negative control, where the domain allows the same again."""
    with replaced(system, ["accounts", "application", "approval", "notify"], sabotage.no_idempotency):
        for route in (
            "POST /api/v1/logins",
            "POST /api/v1/applications",
            "POST /api/v1/reviews/{review_id}/forward",
            "POST /api/v1/applications/{reference}/resend",
        ):
            effects, answers = outcome(system, COMMANDS[route](people))
            assert effects > 1, f"{route}: {effects}, {answers}"

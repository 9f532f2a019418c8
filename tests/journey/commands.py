"""A command as the test of idempotency sends it, and the people who send it."""

from dataclasses import dataclass, replace
from typing import Any

from contracts.model import Role
from contracts.rpc.accounts.logins import IssueLogin
from epass_client import Call, calls
from tests.support.chaos.evidence import database
from tests.support.system.actors import Actor, Applicant, Department, Officer, Staff
from tests.support.system.system import System

PASSWORD = "a password of the tests"


@dataclass(frozen=True)
class People:
    """One actor of each role."""

    system: System
    applicant: Applicant
    department: Department
    officer: Officer
    reception: Staff
    ado: Staff


@dataclass(frozen=True)
class Case:
    """One command that can be carried out now, and where its effects are counted."""

    token: str
    call: Call[Any]
    service: str
    query: str
    values: tuple[object, ...] = ()
    also: frozenset[int] = frozenset()
    """Statuses that a repeat may get instead, for a reason beside the case."""

    def effects(self, system: System) -> int:
        with database(system.stack, self.service) as connection:
            ((count,),) = connection.execute(self.query, self.values).fetchall()
            return int(count)


def publishes(event: str, service: str, actor: Actor | None, call: Call[Any], **more: Any) -> Case:
    """Return a command whose effect is an event, found by its correlation id."""
    query = "select count(*) from outbox where type = %s and correlation_id = %s"
    return Case(token_of(actor), traced(call), service, query, (event, call.key), **more)


def changes(service: str, actor: Actor, call: Call[Any], query: str, *values: object) -> Case:
    """Return a command whose effect is in the rows that a query counts.

    The same update of a column counts as one without idempotency, too: what proves it there is a test of the
    handler, in which a late repeat of an older key leaves the newer value as it is.
    """
    return Case(token_of(actor), call, service, query, values)


def opens_a_session(actor: Actor | None, call: Call[Any], **more: Any) -> Case:
    return Case(token_of(actor), call, "accounts", "select count(*) from sessions", **more)


def token_of(actor: Actor | None) -> str:
    return actor.client.token if actor else ""


def traced(call: Call[Any]) -> Call[Any]:
    """Make its key its correlation id, too, so that what it causes can be found by it."""
    return replace(call, correlation_id=call.key)


def signed_in(system: System, role: Role) -> Actor:
    """Return a new login of a role that no demo has, with a password of its own."""
    login = Staff(system, "ado").send(calls.issue_login(IssueLogin(role=role, name="Asha Rani")))
    first = system.client().sign_in(login.login_id, login.initial_password)
    session = first.send(calls.change_password(login.initial_password, PASSWORD))
    return Actor(system, system.client().with_token(session.access_token))

"""Somebody without their phone comes to the data officer: a copy, and an end of their data."""

import re

import httpx
import pytest

from contracts.model import Role
from contracts.rpc.accounts.logins import IssueLogin
from epass_client import calls
from tests.journey.commands import PASSWORD
from tests.support.stack.running import eventually
from tests.support.system.actors import Actor, Applicant, Staff
from tests.support.system.page_reader import SAME_SITE, hidden
from tests.support.system.system import System

WHY = {"asked": "in_person"}
PLACE = "/en/desk/privacy"


@pytest.fixture
def visitor(system: System) -> Applicant:
    return Applicant(system)


def signed_in(system: System, role: Role) -> Actor:
    """Return a new login of a role that no demo has, with a password of its own."""
    login = Staff(system, "ado").send(calls.issue_login(IssueLogin(role=role, name="Asha Rani")))
    first = system.client().sign_in(login.login_id, login.initial_password)
    session = first.send(calls.change_password(login.initial_password, PASSWORD))
    return Actor(system, system.client().with_token(session.access_token))


def pages(actor: Actor, system: System) -> httpx.Client:
    http = system.http()
    http.headers.update(SAME_SITE)
    http.cookies.set("session", actor.client.token or "")
    return http


def found(http: httpx.Client, typed: str) -> httpx.Response:
    answer = http.post(PLACE, data={"q": typed})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PLACE}/found")
    return http.get(f"{PLACE}/found")


def test_who_comes_in_person_gets_a_copy_and_has_their_data_erased_with_a_receipt(
    system: System, visitor: Applicant
) -> None:
    reference = visitor.apply(applicant={"name": "Canary Kaur", "name_latin": "Canary Kaur"})
    visitor.send(calls.cancel_application(reference))
    desk = pages(signed_in(system, "privacy"), system)
    person = found(desk, reference)
    assert (person.status_code, "Canary Kaur" in person.text) == (200, True)

    page = f"{PLACE}/people/{reference}"
    copy = desk.post(f"{page}/copy", data={"form": "json", **WHY}).json()
    assert copy["applications"][0]["reference"] == reference
    assert "Canary Kaur" in str(copy)
    printed = desk.post(f"{page}/copy", data={"form": "html", **WHY})
    assert "attachment" in printed.headers["content-disposition"]
    assert "Canary Kaur" in printed.text
    seen = pages(visitor, system).get("/en/my-data").text
    assert "Data officer" in seen, "the person sees whose office looked"

    asked = desk.get(f"{page}/erase")
    assert f"Everything that names the person in application {reference}" in asked.text
    done = desk.post(f"{page}/erase", data={**hidden(asked), **WHY})
    assert (done.status_code, done.headers["location"]) == (303, f"{PLACE}/erased")
    receipt = re.search(r">([0-9A-Z]{4}) ([0-9A-Z]{4})<", desk.get(f"{PLACE}/erased").text)
    assert receipt
    assert "Nothing is kept of anybody under that" in found(desk, reference).text
    assert reference not in pages(visitor, system).get("/en/my-data").text

    log = pages(Staff(system, "auditor"), system)
    number = receipt.expand(r"\1\2")

    def rows() -> list[str]:
        return [line for line in log.get("/en/audit/log.csv").text.splitlines() if number in line]

    row = eventually(rows, "the log has the receipt")[0]
    for said in ("DPO-", "in_person", reference, "Had somebody's data erased for them"):
        assert said in row


@pytest.mark.parametrize("role", ["grievance", "ado", "auditor"])
def test_control_another_role_finds_copies_and_erases_nobody(
    system: System, visitor: Applicant, role: Role
) -> None:
    reference = visitor.apply()
    visitor.send(calls.cancel_application(reference))
    other = pages(signed_in(system, role), system)
    assert other.post(PLACE, data={"q": reference}).status_code == 403
    for verb in ("copy", "erase"):
        form = {"form": "json", "reference": reference, **WHY}
        assert other.post(f"{PLACE}/people/{reference}/{verb}", data=form).status_code == 403
    assert visitor.view(reference).status == "cancelled"

"""Somebody without their phone comes to the data officer: a copy, a correction, an end of their data."""

import re

import httpx
import pytest

from contracts.model import Role
from epass_client import calls
from tests.journey.commands import signed_in
from tests.journey.correct import RIGHT, to_confirm
from tests.support.stack.running import eventually
from tests.support.system.actors import Actor, Applicant, Department, Officer, Staff, issued
from tests.support.system.page_reader import SAME_SITE, hidden
from tests.support.system.system import System

WHY = {"asked": "in_person"}
PLACE = "/en/desk/privacy"


@pytest.fixture
def visitor(system: System) -> Applicant:
    return Applicant(system)


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


def test_who_has_no_mobile_has_a_request_entered_and_gets_its_number_and_its_answer_on_paper(
    system: System,
) -> None:
    desk, place = pages(signed_in(system, "privacy"), system), "/en/desk/requests/new"
    told = {"kind": "own_data", "name": "Canary Singh", "contact": "House 12, Mohali", "language": "pa"}
    form = hidden(desk.get(place)) | told | {"text": "Which data of mine do you keep?"}
    entered = desk.post(place, data=form)
    request, _, notice = entered.headers["location"].partition("?")
    assert (entered.status_code, notice) == (303, "notice=entered")
    receipt = desk.get(entered.headers["location"]).text
    for said in (request.rpartition("/")[2], "Canary Singh", "House 12, Mohali", "Answer by"):
        assert said in receipt
    done = desk.post(request, data=hidden(desk.get(request)) | {"answer": "Nothing is kept of you."})
    answered = desk.get(done.headers["location"]).text
    assert "No message is sent: print this page" in answered
    assert "Nothing is kept of you." in answered


@pytest.mark.parametrize(
    ("language", "waits", "by_whom"),
    [
        ("en", "The correction waits for the department", "By the data officer, as you asked"),
        ("pa", "ਸੋਧ ਵਿਭਾਗ ਦੀ ਉਡੀਕ ਵਿੱਚ ਹੈ", "ਡਾਟਾ ਅਫ਼ਸਰ ਨੇ ਕੀਤਾ"),
    ],
)
def test_who_comes_in_person_is_corrected_after_the_pass_and_gates_refuse_the_old_one(
    system: System, visitor: Applicant, language: str, waits: str, by_whom: str
) -> None:
    department, guard = Department(system), Officer(system)
    reference, _ = issued(visitor, department)
    old = visitor.wait_for_pass(reference)
    before = visitor.token(old.number)
    guard.wait_to_know(before)
    desk = pages(signed_in(system, "privacy"), system)
    assert f"/people/{reference}/correct" in found(desk, reference).text

    page = f"/{language}/desk/privacy/people/{reference}/correct"
    asked = desk.get(page)
    typed = {"name": RIGHT, "name_latin": "", "id_type": "passport", "id_last4": "9Z01", "email": ""}
    done = desk.post(page, data={**hidden(asked), **typed, **WHY})
    assert done.status_code == 303, done.text[:2000]
    assert waits in desk.get(done.headers["location"]).text
    number = to_confirm(department, reference).number
    review = department.review_of(reference)
    assert review.corrected_by == "privacy"
    assert guard.scan(token=before).verdict == "admit", "nothing changes before the department confirms it"
    assert by_whom in pages(visitor, system).get(f"/{language}/applications/{reference}").text

    department.send(calls.settle_correction(review.id, number=number, confirm=True))

    def newer() -> str:
        summary = visitor.view(reference).pass_
        return summary.number if summary and summary.number != old.number else ""

    new = visitor.token(eventually(newer, "the pass is issued anew"))
    eventually(lambda: guard.scan(token=before).verdict == "revoked", "the old pass is refused")
    guard.wait_to_know(new)
    entered = guard.scan(token=new, id_check={"kind": "matched", "id_type": "passport", "id_last4": "9Z01"})
    assert (entered.verdict, entered.applicant and entered.applicant.name) == ("admit", RIGHT)


@pytest.mark.parametrize("role", ["grievance", "ado", "auditor"])
def test_control_another_role_finds_copies_and_erases_nobody(
    system: System, visitor: Applicant, role: Role
) -> None:
    reference = visitor.apply()
    visitor.send(calls.cancel_application(reference))
    other = pages(signed_in(system, role), system)
    assert other.post(PLACE, data={"q": reference}).status_code == 403
    for verb in ("copy", "correct", "erase"):
        form = {"form": "json", "reference": reference, **WHY}
        assert other.post(f"{PLACE}/people/{reference}/{verb}", data=form).status_code == 403
    assert visitor.view(reference).status == "cancelled"

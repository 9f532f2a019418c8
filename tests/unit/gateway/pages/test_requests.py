"""The pages on which people complain and ask, and on which the grievance officer answers."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from contracts.errors import Conflict, InvalidInput
from contracts.rpc.accounts.logins import LoginList
from contracts.rpc.approval.directory import DepartmentList, SiteList
from contracts.rpc.requests import RequestLine, RequestList, RequestSent, RequestView
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import TableClient, browsing, claims, signed, staff_claims
from tests.support.system.page_reader import HOME, SAME_SITE, SITE

NUMBER = "REQ-7K3M-9QW4"
PAGE, DESK = f"/requests/{NUMBER}", f"/desk/requests/{NUMBER}"
WORDS = "They sent me away.\n\nWhy?"
NEW = {"key": "k-1", "kind": "complaint", "text": WORDS}


def line(**changes: Any) -> RequestLine:
    facts = {"request_number": NUMBER, "kind": "complaint", "sent_at": now(), "answer_by": now()}
    return RequestLine.model_validate({**facts, **changes})


def request(**changes: Any) -> RequestView:
    return RequestView.model_validate({**line().model_dump(), "language": "pa", "text": WORDS, **changes})


ANSWERED = {"answered_at": now(), "answer": "The counter was closed. <b>Sorry</b>"}


class Reader:
    """Somebody at the pages, by default an applicant."""

    def __init__(self, http: httpx.AsyncClient, client: TableClient) -> None:
        self.http, self.client = http, client
        http.cookies.set("session", signed(claims("applicant")))

    def work_as(self, role: str) -> None:
        self.http.cookies.set("session", signed(staff_claims(role)))

    async def open(self, path: str, language: str = "en") -> str:
        return (await self.http.get(f"/{language}{path}", follow_redirects=True)).text

    async def send(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(f"/en{path}", data=form, headers=SAME_SITE)


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    async with browsing(
        application__send_request=RequestSent(request_number=NUMBER),
        application__answer_request=RequestSent(request_number=NUMBER),
        application__list_requests=RequestList(items=(line(), line(is_late=True)), next="on", late=2),
        application__view_request=request(),
        accounts__list_logins=LoginList(items=()),
        approval__sites=SiteList(items=(SITE,)),
        approval__departments=DepartmentList(items=(HOME,)),
    ) as (http, client):
        yield Reader(http, client)


async def test_a_person_who_is_not_signed_in_comes_back_to_the_form_after_the_code(reader: Reader) -> None:
    reader.http.cookies.clear()
    answer = await reader.http.get("/pa/requests/new")
    assert answer.headers["location"] == "/pa/sign-in?to=requests/new"
    reader.http.cookies.set("session", signed(claims("applicant")))
    back = await reader.http.get("/pa/sign-in?to=requests/new")
    assert back.headers["location"] == "/pa/requests/new"


async def test_what_was_sent_has_a_page_with_its_number_and_the_last_day_of_the_answer(
    reader: Reader,
) -> None:
    sent = await reader.send("/requests/new", **NEW)
    assert sent.headers["location"] == f"/en{PAGE}?notice=sent"
    asked = reader.client.last("application.send_request")[1]
    assert (asked.kind, asked.text, asked.language) == ("complaint", WORDS, "en")
    text = await reader.open(f"{PAGE}?notice=sent")
    assert f"Its number is {NUMBER}." in text
    assert "You get an answer at the latest by:" in text
    assert "the ADO Branch has been told" not in text
    assert "Aadhaar" not in text
    assert "only its last four digits" in await reader.open(f"{PAGE}?notice=masked")


async def test_what_is_missing_is_said_and_what_was_written_stays(reader: Reader) -> None:
    wrong = await reader.send("/requests/new", **NEW | {"kind": ""})
    assert wrong.status_code == 422
    assert "Choose what it is about" in wrong.text
    assert "They sent me away." in wrong.text
    reader.client.answers["application.send_request"] = InvalidInput.of("text", "empty")
    assert "This must be filled in" in (await reader.send("/requests/new", **NEW | {"text": ""})).text
    assert "This is too long" in (await reader.send("/requests/new", **NEW | {"text": "x" * 3001})).text


async def test_a_person_reads_the_answer_in_their_language_and_as_text(reader: Reader) -> None:
    reader.client.answers["application.view_request"] = request(**ANSWERED)
    text = await reader.open(PAGE)
    assert "The answer" in text
    assert "&lt;b&gt;Sorry&lt;/b&gt;" in text
    assert "at the latest" not in text
    late = request(is_late=True, answer_by=now() - timedelta(days=1))
    reader.client.answers["application.view_request"] = late
    assert "the ADO Branch has been told" in await reader.open(PAGE)


async def test_the_list_leads_to_each_request_and_on(reader: Reader) -> None:
    text = await reader.open("/requests")
    assert f'href="/en{PAGE}"' in text
    assert "/en/requests?after=on" in text


async def test_the_officer_sees_the_late_ones_and_answers(reader: Reader) -> None:
    reader.work_as("grievance")
    text = await reader.open("/desk/requests")
    assert "2 requests are late." in text
    assert f'href="/en{DESK}"' in text
    await reader.open("/desk/requests?which=answered")
    assert reader.client.last("application.list_requests")[1].answered
    assert "Write in the language of the request: ਪੰਜਾਬੀ" in await reader.open(DESK)
    sent = await reader.send(DESK, key="k", answer="It was closed.")
    assert sent.headers["location"] == f"/en{DESK}?notice=answered"
    assert reader.client.last("application.answer_request")[1].answer == "It was closed."


async def test_an_answer_that_comes_second_shows_the_first(reader: Reader) -> None:
    reader.work_as("grievance")
    reader.client.answers["application.answer_request"] = Conflict(code="already_answered")
    reader.client.answers["application.view_request"] = request(**ANSWERED)
    second = await reader.send(DESK, key="k", answer="Another")
    assert second.headers["location"] == f"/en{DESK}?notice=already_answered"
    shown = await reader.open(f"{DESK}?notice=already_answered")
    assert "Somebody has answered this already" in shown
    assert "The counter was closed." in shown
    reader.client.answers["application.answer_request"] = InvalidInput.of("answer", "empty")
    assert (await reader.send(DESK, key="k", answer="")).status_code == 422


async def test_the_ado_branch_sees_that_answers_are_late_and_no_words(reader: Reader) -> None:
    reader.work_as("ado")
    assert "2 requests are late." in await reader.open("/desk/logins")
    text = await reader.open("/desk/requests")
    assert NUMBER in text
    assert f'href="/en{DESK}"' not in text
    assert (await reader.http.get(f"/en{DESK}")).status_code == 403
    assert "late." not in await reader.open("/desk/logins?role=ado"), "a search is about something else"
    reader.client.answers["application.list_requests"] = RequestList()
    assert "late." not in await reader.open("/desk/logins")


async def test_a_request_is_closed_without_an_answer_only_with_a_reason_that_everybody_sees(
    reader: Reader,
) -> None:
    reader.work_as("grievance")
    reader.client.answers["application.close_request"] = RequestSent(request_number=NUMBER)
    without = await reader.send(f"{DESK}/close", key="k")
    assert (without.status_code, "Choose one" in without.text) == (422, True)
    assert not reader.client.was_asked("application.close_request")
    sent = await reader.send(f"{DESK}/close", key="k", closed_as="spam")
    assert sent.headers["location"] == f"/en{DESK}?notice=closed"
    assert reader.client.last("application.close_request")[1].closed_as == "spam"
    closed = request(answered_at=now(), closed_as="spam")
    reader.client.answers["application.view_request"] = closed
    said = "It is advertising, or says nothing that one can answer."
    assert said in await reader.open(DESK)
    reader.client.answers["application.close_request"] = Conflict(code="already_answered")
    second = await reader.send(f"{DESK}/close", key="k", closed_as="abuse")
    assert second.headers["location"] == f"/en{DESK}?notice=already_answered"
    reader.http.cookies.set("session", signed(claims("applicant")))
    own = await reader.open(PAGE)
    assert said in own
    assert "Closed" in own
    assert "at the latest" not in own


async def test_an_officer_enters_a_request_and_prints_its_receipt_and_its_answer(reader: Reader) -> None:
    reader.work_as("privacy")
    reader.client.answers["application.enter_request"] = RequestSent(request_number=NUMBER)
    assert 'href="/en/desk/requests/new"' in await reader.open("/desk/requests")
    assert 'value="en" checked' in await reader.open("/desk/requests/new")
    given = {
        "kind": "own_data",
        "language": "pa",
        "name": "Banta Singh",
        "contact": "House 12",
        "text": WORDS,
    }
    without = await reader.send("/desk/requests/new", key="k", **given | {"kind": ""})
    assert (without.status_code, "Banta Singh" in without.text) == (422, True)
    sent = await reader.send("/desk/requests/new", key="k", **given)
    assert sent.headers["location"] == f"/en{DESK}?notice=entered"
    assert reader.client.last("application.enter_request")[1].model_dump() == given
    theirs = {"name": "Banta Singh", "contact": "House 12", "kind": "own_data"}
    reader.client.answers["application.view_request"] = request(**theirs)
    receipt = await reader.open(f"{DESK}?notice=entered")
    for said in (NUMBER, "Banta Singh", "House 12", "Answer by", "Print this page for the person"):
        assert said in receipt
    reader.client.answers["application.view_request"] = request(**theirs, **ANSWERED)
    assert "No message is sent: print this page" in await reader.open(f"{DESK}?notice=answered")
    reader.client.answers["application.view_request"] = request(**theirs | {"kind": "complaint"})
    assert 'name="answer"' not in await reader.open(DESK)


async def test_the_data_officer_answers_where_the_grievance_officer_does(reader: Reader) -> None:
    reader.work_as("privacy")
    assert f'href="/en{DESK}"' in await reader.open("/desk/requests")
    sent = await reader.send(DESK, key="k", answer="It is corrected.")
    assert sent.headers["location"] == f"/en{DESK}?notice=answered"

"""Delegation on the desk: who decides for whom, and that a decision carries for whom it was meant."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.errors import Conflict, FieldError, Forbidden, InvalidInput
from contracts.rpc.accounts.logins import Colleague, ColleagueList
from contracts.rpc.approval.decisions import DelegationList, DelegationView
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from contracts.rpc.approval.reviews import ReviewList
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import browsing, claims
from tests.support.factories.pages import REVIEW_ID, delegation, review
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE, Reader

PAGE, REVIEW = "/en/desk/delegations", f"/en/desk/reviews/{REVIEW_ID}"
FORM = {
    "key": "k-1",
    "officer": "baldev",
    "login": "HOM-0002",
    "stand_in": "",
    "first_day": "2026-12-01",
    "last_day": "2026-12-05",
}


def reader(**session: Any) -> AsyncIterator[Reader]:
    return _reader(claims("staff", **session))


async def _reader(session: Any) -> AsyncIterator[Reader]:
    async with browsing(
        approval__list_delegations=DelegationList(items=(delegation(),)),
        approval__delegate=delegation(),
        approval__end_delegation=delegation(ended_at=now(), ended_by="HOM-0001"),
        accounts__colleagues=ColleagueList(
            items=(
                Colleague(login_id="HOM-0001", name="Harjit Singh"),
                Colleague(login_id="HOM-0002", name="Simran Kaur"),
            )
        ),
        approval__list_reviews=ReviewList(items=(review(on_behalf_of="baldev"),)),
        approval__view_review=review(on_behalf_of="baldev"),
        approval__approve=Conflict(code="delegation_ended"),
        approval__sites=SiteList(items=(SITE,)), approval__officers=OfficerList(items=(BALDEV,)),
        approval__departments=DepartmentList(items=(HOME,)),
        session=session,
    ) as (http, client):  # fmt: skip
        yield Reader(http, client)


@pytest.fixture
async def clerk() -> AsyncIterator[Reader]:
    async for one in reader():
        yield one


@pytest.fixture
async def assistant() -> AsyncIterator[Reader]:
    async for one in reader(sub="HOM-0009", assistant_of="baldev"):
        yield one


async def test_the_page_shows_who_decides_for_whom_and_until_when(clerk: Reader) -> None:
    clerk.client.answers["approval.list_delegations"] = DelegationList(
        items=(
            delegation(),
            delegation(id=uuid4(), starts=now() + timedelta(days=3), ends=now() + timedelta(days=5)),
            delegation(id=uuid4(), ended_at=now(), ended_by="HOM-0001"),
        )
    )
    shown = (await clerk.http.get(PAGE)).text
    for text in ("Baldev Singh", "Simran Kaur (HOM-0002)", "In force", "Begins later", "Ended"):
        assert text in shown, text
    assert shown.count("End now") == 2


async def test_what_is_chosen_reaches_the_service_once_and_the_next_page_says_so(clerk: Reader) -> None:
    made = await clerk.http.post(PAGE, data=FORM, headers=SAME_SITE)
    assert (made.status_code, made.headers["location"]) == (303, f"{PAGE}?notice=delegated")
    _, request, _, key = clerk.client.last("approval.delegate")
    assert (request.officer, request.login, request.stand_in) == ("baldev", "HOM-0002", None)
    assert (request.first_day, request.last_day, key) == (date(2026, 12, 1), date(2026, 12, 5), "k-1")
    assert "It counts from its first day" in (await clerk.http.get(made.headers["location"])).text


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"officer": ""}, "Choose one of these"),
        ({"login": "FIN-0001"}, "Choose one of these"),
        ({"last_day": "x"}, "Choose a day"),
    ],
)
async def test_what_cannot_be_read_or_is_no_colleague_stands_beside_its_field(
    clerk: Reader, form: dict[str, str], sentence: str
) -> None:
    wrong = await clerk.http.post(PAGE, data=FORM | form, headers=SAME_SITE)
    assert wrong.status_code == 422
    assert sentence in wrong.text
    assert not clerk.client.was_asked("approval.delegate")


async def test_a_refusal_of_the_service_stands_beside_its_field(clerk: Reader) -> None:
    field = FieldError(field="last_day", code="ends_before_it_begins", message="")
    clerk.client.answers["approval.delegate"] = InvalidInput("no", fields=(field,))
    wrong = await clerk.http.post(PAGE, data=FORM, headers=SAME_SITE)
    assert (wrong.status_code, "The last day is before the first" in wrong.text) == (422, True)
    assert 'value="2026-12-01"' in wrong.text, "what was typed is still there"


async def test_a_delegation_is_ended_with_one_click(clerk: Reader) -> None:
    one = delegation()
    ended = await clerk.http.post(f"{PAGE}/{one.id}/end", data={"key": "k-2"}, headers=SAME_SITE)
    assert (ended.status_code, ended.headers["location"]) == (303, f"{PAGE}?notice=ended")
    assert clerk.client.last("approval.end_delegation")[1].delegation_id == one.id


async def test_an_assistant_sees_the_delegations_and_makes_none(assistant: Reader) -> None:
    shown = (await assistant.http.get(PAGE)).text
    assert "Baldev Singh" in shown
    assert "End now" not in shown
    assert "Who decides?" not in shown
    assert assistant.client.asked[-1][2].assistant_of == "baldev"


@pytest.mark.usefixtures("before_the_visit")
async def test_a_decision_carries_for_whom_it_was_meant_when_the_page_was_opened(clerk: Reader) -> None:
    for path in (REVIEW, f"{REVIEW}/reject", "/en/desk"):
        assert 'name="on_behalf_of" value="baldev"' in (await clerk.http.get(path)).text, path
    assert "|baldev" in (await clerk.http.get("/en/desk")).text, "for many at once"
    slot = {"slot": "2026-12-01 10:00 12:00"}
    form = {"key": "k-3", "on_behalf_of": "baldev", "revision": "1", **slot}
    refused = await clerk.http.post(f"{REVIEW}/approve", data=form, headers=SAME_SITE)
    assert clerk.client.last("approval.approve")[1].on_behalf_of == "baldev"
    assert refused.headers["location"] == f"{REVIEW}?notice=delegation_ended"
    assert "has ended, so nothing was decided" in (await clerk.http.get(refused.headers["location"])).text


async def test_an_assistant_without_a_delegation_is_offered_no_decision(assistant: Reader) -> None:
    assistant.client.answers["approval.view_review"] = review(may_decide=False)
    assistant.client.answers["approval.list_reviews"] = ReviewList(items=(review(may_decide=False),))
    shown = (await assistant.http.get(REVIEW)).text
    assert "You prepare this application" in shown
    assert f"{REVIEW}/forward" in shown
    assert f"{REVIEW}/return" in shown
    assert f"{REVIEW}/reject" not in shown
    assert f'action="{REVIEW}/approve"' not in shown
    assert f'action="{REVIEW}/approve"' not in (await assistant.http.get("/en/desk")).text
    assistant.client.answers["approval.reject"] = Forbidden("no", code="no_delegation")
    form = {"key": "k-4", "reason": "duplicate", "revision": "1"}
    refused = await assistant.http.post(f"{REVIEW}/reject", data=form, headers=SAME_SITE)
    assert refused.headers["location"] == f"{REVIEW}?notice=no_delegation"


async def test_the_desk_shows_both_names_of_a_decision_and_who_stands_in(clerk: Reader) -> None:
    decision = {"status": "approved", "decided_by": "HOM-0002", "decided_at": now(), "on_behalf_of": "baldev"}
    clerk.client.answers["approval.view_review"] = review(
        status="approved", decision=decision, instead_of="baldev", officer="x"
    )
    shown = (await clerk.http.get(REVIEW)).text
    assert "Decided by HOM-0002 for Baldev Singh on" in shown
    assert "Baldev Singh is away then; x stands in." in shown


async def test_the_desk_says_since_when_a_visitor_waits_and_who_was_asked(clerk: Reader) -> None:
    since = now().replace(hour=4, minute=35)
    clerk.client.answers["approval.view_review"] = review(at_counter=True, waiting_since=since, escalated=2)
    shown = (await clerk.http.get(REVIEW)).text
    assert "Waiting at the reception since 10:05" in shown
    assert "The head of the department was asked" in shown


def test_a_delegation_of_the_factory_is_in_force() -> None:
    one = delegation()
    assert isinstance(one, DelegationView)
    assert one.starts <= now() < one.ends

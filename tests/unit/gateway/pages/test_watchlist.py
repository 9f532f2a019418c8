"""The pages of the watchlist, and what the desk and the gate show of a match."""

import re
from collections.abc import AsyncIterator
from datetime import time
from uuid import UUID

import httpx
import pytest

from contracts.errors import Conflict, InvalidInput
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from contracts.rpc.approval.reviews import FirstApproval, ReviewList
from contracts.rpc.approval.watchlist import EntryList, MatchList
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import NUMBER, TableClient, browsing, claims, signed
from tests.support.factories.pages import ADMIT, FIRST, PROPOSED, REVIEW_ID, entry, match, review
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE

NEW = {
    "key": "k-1", "name": "Balwinder Singh", "id_last4": "4821", "mobile": "", "reason": "Threats",
    "valid_until": "2027-03-31",
}  # fmt: skip

LET_IN = {"pass": NUMBER, "kind": "matched", "id_type": "voter_id", "id_last4": "4821", "nonce": "n"}


class Officer:
    """An officer at a page, by default of the ADO Branch."""

    def __init__(self, http: httpx.AsyncClient, client: TableClient) -> None:
        self.http, self.client = http, client

    async def open(self, path: str, language: str = "en") -> str:
        return (await self.http.get(f"/{language}{path}", follow_redirects=True)).text

    async def send(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(f"/en{path}", data=form, headers=SAME_SITE)

    def sign_in(self, role: str, **scope: str | None) -> None:
        token = signed(
            claims("staff", sub=f"{role[:3].upper()}-0001", role=role, **{"department": None} | scope)
        )
        self.http.cookies.set("session", token)


@pytest.fixture
async def officer() -> AsyncIterator[Officer]:
    async with browsing(
        approval__watchlist=EntryList(items=(entry(**PROPOSED),), counts={"proposed": 1, "active": 2},
            next="on"),
        approval__view_entry=entry(**PROPOSED), approval__propose_entry=entry(**PROPOSED),
        approval__confirm_entry=entry(), approval__end_entry=entry(state="ended"),
        approval__matches=MatchList(items=(match(),)), approval__view_match=match(),
        approval__settle_match=match(settled_as="dismissed"), approval__view_review=review(),
        approval__sites=SiteList(items=(SITE,)), approval__departments=DepartmentList(items=(HOME,)),
        approval__officers=OfficerList(items=(BALDEV,)),
    ) as (http, client):  # fmt: skip
        officer = Officer(http, client)
        officer.sign_in("ado")
        yield officer


async def test_the_list_shows_the_entries_and_the_counts_of_all_states(officer: Officer) -> None:
    text = await officer.open("/watchlist")
    assert f'href="/en/watchlist/entries/{REVIEW_ID}"' in text
    assert "In force (2)" in text
    assert "Nobody yet" in text
    await officer.open("/watchlist?state=active&after=on")
    assert officer.client.last("approval.watchlist")[1].state == "active"


async def test_an_entry_is_proposed_and_its_page_says_who_confirms_it(officer: Officer) -> None:
    sent = await officer.send("/watchlist/new", **NEW)
    assert sent.headers["location"] == f"/en/watchlist/entries/{REVIEW_ID}?notice=proposed"
    wanted = officer.client.last("approval.propose_entry")[1]
    assert (wanted.name, wanted.id_last4, wanted.mobile) == ("Balwinder Singh", "4821", None)
    text = await officer.open(f"/watchlist/entries/{REVIEW_ID}?notice=proposed")
    assert "Another officer has to confirm it." in text
    assert "Confirm the entry" not in text


async def test_what_is_wrong_is_shown_beside_its_field(officer: Officer) -> None:
    wrong = await officer.send("/watchlist/new", **NEW | {"name": "", "valid_until": "soon"})
    assert wrong.status_code == 422
    assert "Enter a name" in wrong.text
    officer.client.answers["approval.propose_entry"] = InvalidInput.of("id_last4", "last4_or_mobile")
    wrong = await officer.send("/watchlist/new", **NEW)
    assert "or a mobile number" in wrong.text
    assert 'value="Balwinder Singh"' in wrong.text


async def test_another_officer_confirms_or_declines(officer: Officer) -> None:
    officer.sign_in("security", site="PCS1")
    text = await officer.open(f"/watchlist/entries/{REVIEW_ID}")
    assert "Confirm the entry" in text
    assert "Decline the entry" in text
    sent = await officer.send(f"/watchlist/entries/{REVIEW_ID}", verb="confirm", key="k")
    assert sent.headers["location"].endswith("notice=confirm")
    await officer.send(f"/watchlist/entries/{REVIEW_ID}", verb="end", key="k2")
    assert officer.client.last("approval.end_entry")[1].entry_id == REVIEW_ID
    officer.client.answers["approval.confirm_entry"] = Conflict("same", code="same_officer")
    sent = await officer.send(f"/watchlist/entries/{REVIEW_ID}", verb="confirm", key="k3")
    assert "You proposed this entry" in await officer.open(sent.headers["location"].removeprefix("/en"))


async def test_security_is_offered_only_what_security_may_do(officer: Officer) -> None:
    officer.client.answers["approval.view_entry"] = entry()
    officer.client.answers["approval.view_match"] = match(kind="firm")
    lifts = {"entries": "End the entry", "matches": 'value="dismissed"'}
    for role, offered in (("ado", True), ("security", False)):
        officer.sign_in(role, site="PCS1")
        for page, text in lifts.items():
            assert (text in await officer.open(f"/watchlist/{page}/{REVIEW_ID}")) is offered


async def test_a_match_is_settled_with_a_reason(officer: Officer) -> None:
    assert "बलविंदर सिंह" in await officer.open("/watchlist/matches")
    text = await officer.open(f"/watchlist/matches/{REVIEW_ID}")
    assert "Threatened an officer" in text
    wrong = await officer.send(f"/watchlist/matches/{REVIEW_ID}", note="")
    assert wrong.status_code == 422
    assert "Say how you know" in wrong.text
    sent = await officer.send(f"/watchlist/matches/{REVIEW_ID}", settled_as="dismissed", note="Another face")
    assert sent.headers["location"].endswith("notice=settled")
    settled = officer.client.last("approval.settle_match")[1]
    assert (settled.settled_as, settled.note) == ("dismissed", "Another face")
    officer.client.answers["approval.settle_match"] = Conflict("late", code="already_settled")
    sent = await officer.send(f"/watchlist/matches/{REVIEW_ID}", settled_as="confirmed", note="x")
    assert "Somebody else settled this first." in await officer.open(
        sent.headers["location"].removeprefix("/en")
    )


# ---------------------------------------------------------------- the desk


HALF = FirstApproval(approved_by="HOM-0002", approved_at=now(), slot=FIRST)


async def test_the_desk_shows_the_mark_and_neither_entry_nor_reason(officer: Officer) -> None:
    officer.sign_in("department", department="home")
    officer.client.answers["approval.view_review"] = review(second_officer=True, first_approval=HALF)
    text = await officer.open(f"/desk/reviews/{REVIEW_ID}")
    assert "Two officers" in text
    assert "Your approval would be the second." in text
    assert not any(method.startswith("approval.match") for method, *_ in officer.client.asked)
    officer.client.answers["approval.view_review"] = review()
    assert "Two officers" not in await officer.open(f"/desk/reviews/{REVIEW_ID}")


async def test_the_first_approval_says_that_a_second_is_needed(officer: Officer) -> None:
    officer.sign_in("department", department="home")
    mine = HALF.model_copy(update={"approved_by": "DEP-0001"})
    waiting = review(second_officer=True, first_approval=mine)
    officer.client.answers |= {"approval.approve": waiting, "approval.view_review": waiting}
    slot = f"{FIRST.day} {FIRST.start:%H:%M} {FIRST.end:%H:%M}"
    sent = await officer.send(f"/desk/reviews/{REVIEW_ID}/approve", slot=slot, key="k", onward="yes")
    assert sent.headers["location"] == f"/en/desk/reviews/{REVIEW_ID}?notice=second_officer"
    text = await officer.open(f"/desk/reviews/{REVIEW_ID}?notice=second_officer")
    assert "You approved it on" in text
    officer.client.answers["approval.approve"] = Conflict("same", code="second_officer")
    sent = await officer.send(f"/desk/reviews/{REVIEW_ID}/approve", slot=slot, key="k2")
    assert sent.headers["location"].endswith("notice=second_officer")


async def test_the_second_officer_is_offered_a_time_of_the_first_that_nobody_had_asked_for(
    officer: Officer,
) -> None:
    officer.sign_in("department", department="home")
    slot = FIRST.model_copy(update={"start": time(15, 45), "end": time(16, 45)})
    half = HALF.model_copy(update={"slot": slot})
    officer.client.answers["approval.view_review"] = review(second_officer=True, first_approval=half)
    text = await officer.open(f"/desk/reviews/{REVIEW_ID}")
    assert re.search(r'name="slot" type="radio" value="own" checked', text)
    assert ('value="15:45"' in text, f'value="{FIRST.day}"' in text) == (True, True)


async def test_of_many_approvals_one_that_needs_a_second_officer_is_named(officer: Officer) -> None:
    officer.sign_in("department", department="home")
    officer.client.answers["approval.approve"] = review(second_officer=True, first_approval=HALF)
    chosen = f"{UUID(int=1)}|3|{FIRST.day}|{FIRST.start:%H:%M}|{FIRST.end:%H:%M}"
    sent = await officer.send("/desk/approve", review=chosen, key="k")
    assert "done=0" in sent.headers["location"]
    assert f"{UUID(int=1)}.second_officer" in sent.headers["location"]


# ---------------------------------------------------------------- the gate


async def test_a_guard_at_a_gate_is_not_asked_for_an_entry(officer: Officer) -> None:
    officer.sign_in("security", site="PCS1", gate="PCS1-G1")
    assert (await officer.http.get("/en/watchlist/new")).status_code == 403
    officer.sign_in("security", site="PCS1")
    assert (await officer.http.get("/en/watchlist/new")).status_code == 200


@pytest.mark.parametrize("call", [True, False])
async def test_the_gate_is_told_to_call_the_supervisor_and_not_why(officer: Officer, call: bool) -> None:
    officer.sign_in("security", site="PCS1", gate="PCS1-G1")
    officer.client.answers["verify.scan"] = ADMIT.model_copy(update={"call_supervisor": call})
    await officer.send("/gate", **{"pass": NUMBER, "direction": "entry"})
    text = await officer.open("/gate/result")
    assert ("Call the supervisor before anybody goes in." in text) is call
    main_action = re.search(r'<button type="submit"[^>]*class="govuk-button"[^>]*>\s*[^<]*[Ll]et in', text)
    assert (main_action is None) is call, "the main action would be to let them in"
    assert ("The supervisor agrees: let in" in text) is call
    assert "Threatened" not in text


async def test_a_watched_visitor_who_was_let_in_is_no_green_page(officer: Officer) -> None:
    officer.sign_in("security", site="PCS1", gate="PCS1-G1")
    let_in = ADMIT.model_copy(update={"call_supervisor": True, "preview": False, "inside": 1})
    officer.client.answers["verify.scan"] = let_in
    await officer.send("/gate/enter", **LET_IN)
    text = await officer.open("/gate/result")
    assert "epass-verdict--amber" in text
    assert "epass-verdict--good" not in text
    assert '<h1 class="epass-verdict__word">Call the supervisor</h1>' in text
    assert "The entry is recorded." in text
    assert "1 person inside now" in text


async def test_a_login_that_may_not_see_the_watchlist_reads_who_does(officer: Officer) -> None:
    officer.sign_in("department", department="home")
    refused = await officer.http.get("/en/watchlist")
    assert refused.status_code == 403
    assert "The watchlist is for the ADO Branch" in refused.text


@pytest.mark.usefixtures("before_the_visit")
async def test_the_first_officer_is_not_offered_the_second_approval(officer: Officer) -> None:
    officer.sign_in("department", department="home")
    mine = HALF.model_copy(update={"approved_by": "DEP-0001"})
    for first, offered in ((mine, False), (HALF, True)):
        waiting = review(second_officer=True, first_approval=first)
        officer.client.answers |= {
            "approval.view_review": waiting,
            "approval.list_reviews": ReviewList(items=(waiting,)),
        }
        row = await officer.open("/desk")
        page = await officer.open(f"/desk/reviews/{REVIEW_ID}")
        for text in (row, page):
            assert ("Waits for a second officer" in text) is not offered
            assert (f'action="/en/desk/reviews/{REVIEW_ID}/approve"' in text) is offered

"""The page of a pass tells its visitor where they are in the visit, and takes their word by the link."""

from datetime import date, timedelta
from typing import Any

import pytest

from contracts.errors import Conflict, Unavailable
from contracts.model import IST, Slot
from contracts.rpc.application import TimelineEntry, VisitOfPass
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import browsing, pass_view
from tests.support.system.page_reader import hidden

CODE = "aB3dE5fG7hJ9kL1mN2pQ4r"
PAGE = f"/p/{CODE}"
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


def near(hours: float = 12, **changes: Any):
    """Return a pass for a visit that begins so many hours from now."""
    start = (now() + timedelta(hours=hours)).astimezone(IST)
    slot = Slot(day=start.date(), start=start.time().replace(second=0, microsecond=0), end="23:59")
    times = {"valid_from": start - timedelta(minutes=30), "valid_to": start + timedelta(hours=2)}
    return pass_view(slot=slot, **{**times, **changes})


def visit(status: str = "entered", *happened: tuple[str, dict[str, Any]]) -> VisitOfPass:
    entries = tuple(TimelineEntry(at=now(), what=what, facts=facts) for what, facts in happened)
    return VisitOfPass(status=status, timeline=entries)


CAME = ("entered", {"gate": "PCS1-G1", "count": 1, "inside": 1})
TOLD = ("office_told", {"department": "home"})
WAIT = ("visit_answered", {"answer": "wait", "department": "home", "until": "2026-12-01T05:50:00+00:00"})
CALLED = ("visit_answered", {"answer": "come_up", "department": "home", "room": "402"})
ASKED = 'value="met"'


async def seen(found: Any, path: str = PAGE, **more: Any) -> str:
    answers = {"issuance__view_by_link": near(-1), "application__visit_of_pass": found, **more}
    async with browsing(**answers) as (http, _):
        answer = await http.get(path)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


async def test_the_page_says_where_the_visitor_is() -> None:
    for happened, said in [
        ((CAME, TOLD), "The office knows that you are here"),
        ((CAME, TOLD, WAIT), "until 11:20 am"),
        ((CAME, TOLD, WAIT, CALLED), "Room 402"),
    ]:
        for path in (f"{PAGE}?in=en", f"{PAGE}/now?in=en"):
            text = await seen(visit("entered", *happened), path)
            assert said in text, (path, said)
            assert 'data-wait-for-change="20" data-pauses' in text
            assert (ASKED in text) == (CALLED in happened)


async def test_the_page_asks_whoever_has_left_until_they_have_said_it() -> None:
    left = (CAME, TOLD, ("left", {"gate": "PCS1-G1", "count": 1, "inside": 0}))
    said = ("visit_ended", {"outcome": "met", "said_by": "visitor"})
    office = ("visit_ended", {"outcome": "met", "said_by": "office"})
    assert ASKED in await seen(visit("left", *left))
    assert ASKED in await seen(visit("left", *left, office)), "the visitor may say otherwise"
    assert ASKED not in await seen(visit("left", *left, said))
    assert ASKED not in await seen(visit("left", left[-1])), "no department would see what they say"
    assert "data-wait-for-change" not in await seen(visit("left", *left, said))


async def test_who_was_just_thanked_for_their_word_is_not_asked_again() -> None:
    left = visit("left", CAME, TOLD, ("left", {"gate": "PCS1-G1", "count": 1, "inside": 0}))
    assert ASKED not in await seen(left, f"{PAGE}?in=en&said=met"), "it is on its way to the department"


async def test_a_day_after_the_visit_its_link_tells_nothing_of_it() -> None:
    for days, told in [(0.9, True), (1.1, False)]:
        ended = near(-1, valid_to=now() - timedelta(days=days))
        for path in (f"{PAGE}?in=en", f"{PAGE}/now?in=en"):
            text = await seen(visit("entered", CAME, TOLD, CALLED), path, issuance__view_by_link=ended)
            assert ("Room 402" in text, ASKED in text) == (told, told), (path, days)


async def test_what_was_said_on_one_day_is_not_said_of_the_next() -> None:
    ended = ("visit_ended", {"outcome": "met", "said_by": "visitor"})
    before = visit("entered", CAME, CALLED, ended).timeline
    earlier = [one.model_copy(update={"at": one.at - timedelta(days=1)}) for one in before]
    again = visit("entered", CAME, TOLD)
    found = again.model_copy(update={"timeline": (*earlier, *again.timeline)})
    text = await seen(found)
    assert ASKED not in text
    called = found.model_copy(update={"timeline": (*found.timeline, *visit("entered", CALLED).timeline)})
    assert ASKED in await seen(called)


@pytest.mark.parametrize("path", ["/p/a%00b/now", "/q/a%00b", "/w/a%00b", "/v/a%00b", "/v/" + "x" * 41])
async def test_what_is_no_code_of_a_link_asks_no_service(path) -> None:
    async with browsing() as (http, client):
        answer = await http.get(path, follow_redirects=True)
        assert 400 <= answer.status_code < 500
        assert not client.asked


async def test_the_page_shows_the_pass_while_application_is_away() -> None:
    text = await seen(Unavailable("away"))
    assert "7K3M 9QW3" in text
    assert ASKED not in text
    assert "data-state" not in await seen(Unavailable("away"), f"{PAGE}/now")


async def test_the_page_asks_from_the_evening_before_whether_the_visitor_comes() -> None:
    asks = "Are you coming?"
    for hours, found, asked in [
        (12, visit("issued"), True),
        (12, Unavailable("away"), True),
        (72, visit("issued"), False),
        (-1, visit("issued"), False),
        (12, visit("entered", CAME), False),
        (12, visit("issued", ("visitor_coming", {})), False),
    ]:
        text = await seen(found, issuance__view_by_link=near(hours))
        assert (asks in text) == asked, (hours, found)


async def test_a_word_goes_to_issuance_by_the_link_and_the_page_thanks() -> None:
    answers = {
        "issuance__view_by_link": near(),
        "application__visit_of_pass": visit("issued"),
        "issuance__answer_by_link": Nothing(),
    }
    async with browsing(**answers) as (http, client):
        form = hidden(await http.get(PAGE))
        sent = await http.post(f"/en{PAGE}", data={**form, "answer": "not_coming"}, headers=SAME_SITE)
        assert (sent.status_code, sent.headers["location"]) == (303, f"{PAGE}?in=en&said=not_coming")
        request = client.last("issuance.answer_by_link")[1]
        assert (request.code, request.answer) == (CODE, "not_coming")
        assert "being cancelled" in (await http.get(sent.headers["location"])).text
        odd = await http.post(f"/en{PAGE}", data={"answer": "perhaps"}, headers=SAME_SITE)
        assert odd.headers["location"].endswith("said=too_late")
        client.answers["issuance.answer_by_link"] = Conflict("over", code="pass_over")
        late = await http.post(f"/en{PAGE}", data={**form, "answer": "met"}, headers=SAME_SITE)
        assert late.headers["location"].endswith("said=too_late")
        back = await http.get(f"/en{PAGE}")
        assert back.headers["location"] == f"{PAGE}?in=en"


async def test_no_page_of_another_site_gives_the_place_of_a_visitor_back() -> None:
    async with browsing(issuance__answer_by_link=Nothing()) as (http, client):
        other = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
        answer = await http.post(f"/en{PAGE}", data={"answer": "not_coming"}, headers=other)
        assert answer.status_code == 403
        assert not client.asked


@pytest.mark.parametrize("changes", [{"recurring": True}, {"further_days": (date(2030, 1, 2),)}, {}])
async def test_nobody_cancels_all_of_several_days_by_the_link_of_the_pass(changes: dict[str, Any]) -> None:
    for found in (visit("issued"), Unavailable()):
        text = await seen(found, f"{PAGE}?in=en", issuance__view_by_link=near(**changes))
        assert 'value="coming"' in text
        assert ('value="not_coming"' in text) is (changes == {})


async def test_who_is_reminded_of_a_later_day_reads_that_nothing_ends_if_they_do_not_come() -> None:
    for days, told in (((date(2030, 1, 2),), True), ((), False)):
        shown = near(-3, valid_to=now() + timedelta(days=1), further_days=days)
        text = await seen(visit("left", CAME), f"{PAGE}/now?in=en", issuance__view_by_link=shown)
        assert ("the pass stays good on the others" in text) is told
        assert "Are you coming?" not in text


async def test_before_each_later_day_the_page_asks_as_its_reminder_does_and_takes_the_word_once() -> None:
    yesterday = near(-18)
    shown = near(-18, further_days=(yesterday.slot.day + timedelta(days=1),))
    hour = timedelta(hours=1)
    for status, said, asked in (
        ("left", (), True),
        ("entered", (), True),
        ("issued", (), True),
        ("left", (20 * hour,), True),
        ("left", (20 * hour, hour), False),
    ):
        coming = tuple(TimelineEntry(at=now() - ago, what="visitor_coming", facts={}) for ago in said)
        found = VisitOfPass(status=status, timeline=coming)
        text = await seen(found, f"{PAGE}/now?in=en", issuance__view_by_link=shown)
        assert ('value="coming"' in text) is asked, (status, said)
        assert 'value="not_coming"' not in text
        assert "the pass stays good on the others" in text
    once = near(-18, valid_to=now() - 16 * hour)
    assert 'value="coming"' not in await seen(visit("left"), issuance__view_by_link=once)

"""The visitors of today at the desk: what each is offered, and what an answer sends."""

import re
from datetime import datetime, timedelta
from typing import get_args

import pytest

from contracts.errors import Conflict
from contracts.model import IST, Language
from contracts.rpc.approval.capacity import Availability
from contracts.rpc.approval.directory import OfficerList, SiteList
from contracts.rpc.approval.visits import VisitLine, VisitList, VisitPart
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import LANGUAGES, texts
from tests.support.factories.gateway import REFERENCE, browsing, claims
from tests.support.factories.pages import REVIEW_ID, review
from tests.support.system.page_reader import BALDEV, HIDDEN, SAME_SITE, SITE

COUNTS = {"expected": 1, "here": 1, "called": 0}
PLACE = f"/en/desk/visits/{REVIEW_ID}"


def answering(state="here", **given):
    came = None if state == "expected" else now() - timedelta(minutes=41)
    one = VisitLine(
        review_id=REVIEW_ID, reference=REFERENCE, name="Gurpreet Kaur", party=2, site="PCS1", state=state,
        officer="baldev", arrived_at=came, **given,
    )  # fmt: skip
    return browsing(
        approval__list_visits=VisitList(items=(one,), counts=COUNTS),
        approval__officers=OfficerList(items=(BALDEV,)),
        approval__answer_visit=Nothing(),
        approval__end_visit=Nothing(),
        approval__view_review=review(),
        approval__sites=SiteList(items=(SITE,)),
        approval__availability=Availability(limited=False),
        session=claims("staff"),
    )


async def test_one_tap_lets_a_visitor_come_to_the_officers_room() -> None:
    async with answering(is_overdue=True) as (http, client):
        shown = (await http.get("/en/desk/visits")).text
        answer = await http.post(
            f"{PLACE}/answer", data={"key": "k-1", "answer": "come_up", "room": "4-31"}, headers=SAME_SITE
        )
    assert f'name="room" value="{BALDEV.room}"' in shown
    assert "govuk-tag--red" in shown, "who has waited too long stands out"
    assert answer.headers["location"].endswith("/en/desk/visits?notice=told")
    sent = client.last("approval.answer_visit")[1]
    assert (sent.answer, sent.room, sent.wait_until) == ("come_up", "4-31", None)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_office_sees_before_it_calls_who_wants_it_in_writing(language: Language) -> None:
    words = texts(language).gettext("Write it down for me: I do not hear well")
    for assistance in ("written", None):
        async with answering(assistance=assistance) as (http, _):
            shown = (await http.get(f"/{language}/desk/visits")).text
        assert (words in shown.partition(f'id="visit-{REVIEW_ID}"')[2].partition("</th>")[0]) is bool(
            assistance
        )


async def test_whoever_has_a_standing_pass_is_offered_no_other_day() -> None:
    for standing in (False, True):
        async with answering(standing=standing) as (http, _):
            shown = (await http.get(f"/en/desk/visits?open={REVIEW_ID}")).text
        assert ("Come back on another day" in shown) is not standing


@pytest.mark.parametrize(("state", "more"), [("here", "Not possible today"), ("called", "Why?")])
async def test_the_other_answers_to_one_visitor_are_a_link_away_and_the_page_rests_meanwhile(
    state: str, more: str
) -> None:
    async with answering(state, called_at=now()) as (http, _):
        shown = (await http.get(f"/en/desk/visits?part={state}")).text
        (link,) = re.findall(r'href="([^"]+open=[^"]+)"', shown)
        opened = (await http.get(link.replace("&amp;", "&"))).text
    assert (more in shown, more in opened) == (False, True)
    assert ("data-wait-for-change" in shown, "data-wait-for-change" in opened) == (True, False)


async def test_a_time_that_is_typed_is_one_of_today() -> None:
    async with answering() as (http, client):
        await http.post(
            f"{PLACE}/answer", data={"key": "k-1", "answer": "wait", "wait_until": "11:20"}, headers=SAME_SITE
        )
        wrong = await http.post(
            f"{PLACE}/answer", data={"key": "k-1", "answer": "wait", "wait_until": "soon"}, headers=SAME_SITE
        )
    sent = client.last("approval.answer_visit")[1]
    assert sent.wait_until == datetime.combine(now().astimezone(IST).date(), sent.wait_until.timetz())
    assert f"{sent.wait_until.astimezone(IST):%H:%M}" == "11:20"
    assert wrong.status_code == 422
    assert f'id="wait_until-{REVIEW_ID}-error"' in wrong.text


@pytest.mark.parametrize(
    ("state", "offered"), [("here", "Let them come"), ("waits", "Let them come"), ("called", ">Met<")]
)
async def test_each_visitor_is_offered_the_next_step_alone(state: str, offered: str) -> None:
    async with answering(state, called_at=now()) as (http, _):
        shown = (await http.get("/en/desk/visits")).text
    assert offered in shown
    assert ("Let them come" in shown) == (state != "called")


async def test_whoever_has_left_is_asked_about_and_not_said_to_have_said_nothing() -> None:
    async with answering("gone", visitor_says="met") as (http, _):
        shown = (await http.get("/en/desk/visits?part=gone")).text
    assert 'govuk-tag--grey">Left: met or not?<' in shown
    assert "The visitor says: met" in shown


async def test_a_page_that_is_open_is_sent_again_once_something_has_changed() -> None:
    async with answering() as (http, client):
        shown = (await http.get("/en/desk/visits")).text
        known = {"If-None-Match": '"{}"'.format(*re.findall('data-state="(.+?)"', shown))}
        same = await http.get("/en/desk/visits", headers=known)
        client.answers["approval.list_visits"] = VisitList(items=(), counts=COUNTS | {"here": 0})
        other = await http.get("/en/desk/visits", headers=known)
    assert (same.status_code, same.content, other.status_code) == (304, b"", 200)


@pytest.mark.parametrize(
    ("path", "data"), [("answer", {"answer": "come_up"}), ("day", {"slot": "2026-12-03 10:00 12:00"})]
)
async def test_who_has_left_meanwhile_is_told_nothing_and_the_desk_reads_why(path, data) -> None:
    async with answering() as (http, client):
        client.answers["approval.answer_visit"] = Conflict("they have left", code="has_left")
        answer = await http.post(f"{PLACE}/{path}", data={"key": "k-1", **data}, headers=SAME_SITE)
        place = answer.headers["location"]
        shown = [(await http.get(place.replace("/en/", f"/{one}/"))).text for one in ("en", "pa", "hi")]
    assert place.endswith("/en/desk/visits?part=gone&notice=has_left")
    assert "The visitor has left, so nobody was told. Say whether they were met." in shown[0]
    assert "ਮੁਲਾਕਾਤੀ ਜਾ ਚੁੱਕੇ ਹਨ" in shown[1]
    assert "मुलाक़ाती जा चुके हैं" in shown[2]


async def test_each_count_of_the_day_leads_to_its_visitors() -> None:
    async with answering() as (http, _):
        shown = (await http.get("/en/desk/visits")).text
    assert set(re.findall(r"/en/desk/visits\?part=(\w+)", shown)) == set(get_args(VisitPart))


async def test_a_visitor_gets_the_day_that_was_chosen_of_those_with_places() -> None:
    async with answering() as (http, client):
        shown = (await http.get(f"{PLACE}/day")).text
        chosen = re.findall(r'value="(\d{4}-\d\d-\d\d \d\d:\d\d \d\d:\d\d)"', shown)
        answer = await http.post(f"{PLACE}/day", data={"key": "k", "slot": chosen[0]}, headers=SAME_SITE)
        nothing = await http.post(f"{PLACE}/day", data={"key": "k"}, headers=SAME_SITE)
    assert all(not one.startswith(f"{now().astimezone(IST):%Y-%m-%d}") for one in chosen), "none is today"
    assert answer.headers["location"].endswith("/en/desk/visits?notice=moved")
    sent = client.last("approval.answer_visit")[1]
    assert (sent.answer, f"{sent.come_back.day} {sent.come_back.start:%H:%M} {sent.come_back.end:%H:%M}") == (
        "not_today",
        chosen[0],
    )
    assert nothing.status_code == 422


@pytest.mark.parametrize("part", ["here", "called", "gone"])
async def test_one_tap_says_that_they_were_met_and_the_desk_goes_on_with_the_same_part(part: str) -> None:
    async with answering(part, called_at=now()) as (http, client):
        shown = (await http.get(f"/en/desk/visits?part={part}")).text
        (form,) = re.findall(f'action="{PLACE}/end".+?</form>', shown)
        done = await http.post(f"{PLACE}/end", data=dict(HIDDEN.findall(form)), headers=SAME_SITE)
        after = await http.get(done.headers["location"])
    assert client.last("approval.end_visit")[1].outcome == "met"
    assert f"part={part}" in done.headers["location"]
    assert (after.status_code, "Recorded." in after.text) == (200, True)

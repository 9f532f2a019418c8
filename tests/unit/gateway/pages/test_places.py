"""The waiting list on the pages: a full time can be wished by who waits, and a link takes the place."""

from datetime import time, timedelta

import pytest

from contracts.errors import Conflict
from contracts.rpc.application import StatusView
from contracts.rpc.approval.capacity import Availability, DayAvailability, WindowAvailability
from contracts.rpc.approval.directory import OfficerList, SiteList
from contracts.rpc.approval.places import PlaceWait
from contracts.rpc.approval.reviews import Whereabouts
from services.chassis.runtime.clock import IST, now
from tests.support.factories.gateway import REFERENCE, browsing, claims
from tests.support.factories.pages import FIRST, application, happened, review
from tests.support.system.page_reader import BALDEV, PERSON, SITE, VISIT, hidden, somebody, visiting
from tests.unit.gateway.pages.applicant import PAGE, key_of
from tests.unit.gateway.pages.clerk import Clerk

CODE = "x7KmQ2p-9w"
OFFERED = PlaceWait(
    code=CODE, reference=REFERENCE, department="home", site="PCS1", slot=FIRST, party=1, state="offered",
    offered_until=now() + timedelta(minutes=30),
)  # fmt: skip
WAITS = OFFERED.model_copy(update={"state": "waits", "before": 3, "offered_until": None})
DAY = now().astimezone(IST).date() + timedelta(days=1)


def full() -> Availability:
    """Return a department whose only window of tomorrow is full."""
    window = WindowAvailability(start=time(10), end=time(13), places=5, free=0)
    return Availability(limited=True, days=(DayAvailability(day=DAY, windows=(window,)),))


@pytest.fixture
def tomorrow_open(monkeypatch: pytest.MonkeyPatch) -> None:
    if any(hours.weekday == DAY.weekday() for hours in SITE.hours):
        return
    pytest.skip("the site of the tests is closed tomorrow")


async def test_the_link_of_the_message_shows_the_offer_and_only_its_button_takes_the_place() -> None:
    taken = OFFERED.model_copy(update={"state": "taken"})
    async with visiting(approval__view_wait=OFFERED, approval__answer_offer=taken) as person:
        page = await person.open(f"/w/{CODE}")
        assert "A place is free for you" in page.text
        assert not person.client.was_asked("approval.answer_offer"), "phones open links by themselves"
        person.client.answers["approval.view_wait"] = taken
        shown = await person.send(f"/w/{CODE}", key=key_of(page.text), answer="take")
        assert "The place is yours" in shown.text
        _, request, _, key = person.client.last("approval.answer_offer")
        assert (request.code, request.accepts, key) == (CODE, True, key_of(page.text))
        await person.send(f"/w/{CODE}", key="k-2", answer="leave")
        assert not person.client.last("approval.answer_offer")[1].accepts


async def test_a_form_without_a_choice_gives_no_place_away_and_shows_the_page_again() -> None:
    async with visiting(approval__view_wait=OFFERED, approval__answer_offer=OFFERED) as person:
        for said in ({}, {"answer": "no"}):
            shown = await person.send(f"/w/{CODE}", key="k-1", **said)
            assert shown.status_code == 422
            assert "Take the place" in shown.text
        assert not person.client.was_asked("approval.answer_offer")


async def test_who_comes_too_late_reads_how_it_stands() -> None:
    lapsed = OFFERED.model_copy(update={"state": "lapsed", "offered_until": None})
    late = Conflict("over", code="offer_over")
    async with visiting(approval__view_wait=lapsed, approval__answer_offer=late) as person:
        shown = await person.send(f"/w/{CODE}", key="k-1", answer="take")
    assert "It was too late. Nothing is offered any more." in shown.text
    assert "The place has gone to the next person" in shown.text


@pytest.mark.parametrize(("place", "words"), [(WAITS, "3 are before you."), (OFFERED, "Take the place")])
async def test_the_page_of_the_application_tells_the_position_and_leads_to_the_offer(place, words) -> None:
    where = Whereabouts(department="home", since=now(), place=place, place_code=CODE)
    async with somebody(application__view=application(), approval__whereabouts=where) as reader:
        shown = (await reader.open(PAGE)).text
    assert words in shown
    assert f"/en/w/{CODE}" in shown


async def test_who_knows_reference_and_four_digits_reads_of_the_place_and_proves_the_mobile_to_take_it() -> (
    None
):
    where = Whereabouts(department="home", since=now(), place=OFFERED)
    shown = {"site": "PCS1", "department": "home", "timeline": (happened("submitted"),)}
    status = StatusView(reference=REFERENCE, status="submitted", **shown)
    async with visiting(application__status=status, approval__whereabouts=where) as person:
        shown = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
    assert "A place is free for you" in shown.text
    assert "/w/" not in shown.text
    assert "For this we send a code to the mobile number that ends in 3210." in shown.text


@pytest.mark.usefixtures("tomorrow_open")
async def test_a_full_day_can_be_asked_for_by_who_waits_for_a_place_and_by_nobody_else() -> None:
    async with somebody(approval__availability=full()) as reader:
        await reader.send("/apply/who", **PERSON)
        await reader.send("/apply/department", department="home")
        wish = {**VISIT, "date-0": DAY.isoformat(), "half-0": "am"}
        refused = await reader.send("/apply/visit", **wish)
        assert refused.status_code == 422
        assert "I wait for a place" in refused.text
        checked = await reader.send("/apply/visit", **wish, waits_for_place="yes")
        assert checked.url.path == "/en/apply/check"
        await reader.send("/apply/check", **hidden(checked))
        (slot,) = reader.client.last("application.submit")[1].preferred
        assert (slot.day, slot.start, slot.end) == (DAY, time(10), time(13))


@pytest.mark.usefixtures("tomorrow_open")
async def test_other_dates_may_be_full_for_who_waits() -> None:
    shown = application()
    async with somebody(application__view=shown, approval__availability=full()) as reader:
        key = key_of((await reader.open(f"{PAGE}/dates")).text)
        wish = {"key": key, "date-0": DAY.isoformat(), "half-0": "am"}
        assert (await reader.send(f"{PAGE}/dates", **wish)).status_code == 422
        assert not reader.client.was_asked("application.amend")
        await reader.send(f"{PAGE}/dates", **wish, waits_for_place="yes")
        assert reader.client.last("application.amend")[1].preferred[0].day == DAY


async def test_the_officer_lets_a_visitor_wait_by_the_button_alone() -> None:
    conflict = Conflict(code="window_full", free=0, party=1)
    async with browsing(
        approval__view_review=review(),
        approval__approve=conflict,
        approval__sites=SiteList(items=(SITE,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        session=claims("staff"),
    ) as (http, client):
        clerk = Clerk(http, client, None)  # type: ignore[arg-type]  # these decisions look at no app
        refused = await clerk.decide("approve", slot="2026-12-01 10:00 12:00")
        assert refused.status_code == 409
        assert "Let them wait for a place" in refused.text
        assert "wait_if_full" not in clerk.sent("approve").model_fields_set, "approval of before knows it not"
        client.answers["approval.approve"] = review(place=WAITS)
        done = await clerk.decide("approve", slot="2026-12-01 10:00 12:00", wait_if_full="yes")
        assert clerk.sent("approve").wait_if_full
        client.answers["approval.view_review"] = review(place=WAITS)
        shown = (await http.get(done.headers["location"])).text
    assert "Waits for a place" in shown
    assert "3 are before them." in shown

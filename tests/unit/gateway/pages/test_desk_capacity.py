"""The visiting hours on the desk: what is typed reaches the service, and free places stand at each window."""

import re
from collections.abc import AsyncIterator
from datetime import date, time
from typing import Any

import httpx
import pytest
from fastapi.datastructures import FormData

from contracts.capacity import Capacity, VisitingDay
from contracts.errors import Conflict
from contracts.rpc.approval.capacity import Availability, CapacityView, DayAvailability, WindowAvailability
from contracts.rpc.approval.directory import DepartmentList, OfficerList, SiteList
from contracts.rpc.approval.reviews import ReviewList
from services.chassis.runtime.clock import now
from services.gateway.pages.desk import capacity as desk
from tests.support.factories.gateway import browsing, claims
from tests.support.factories.pages import FIRST, REVIEW_ID, review
from tests.support.system.page_reader import BALDEV, HOME, SAME_SITE, SITE, Reader

REVIEW = f"/en/desk/reviews/{REVIEW_ID}"
MONDAYS = Capacity(
    window_minutes=60,
    days=(VisitingDay(weekday=0, opens=time(10), closes=time(12), places=20),),
    closed=(date(2036, 8, 15),),
)
PLACES = Availability(
    limited=True,
    days=(
        DayAvailability(
            day=FIRST.day,
            windows=(
                WindowAvailability(start=time(10), end=time(11), places=20, free=7),
                WindowAvailability(start=time(11), end=time(12), places=20, free=0),
                WindowAvailability(start=time(12), end=time(13), places=20, free=19),
            ),
        ),
    ),
)
FORM = {"key": "k-1", "limited": "yes", "window": "60", "from-0": "10:00", "to-0": "12:00", "places-0": "20"}


@pytest.fixture
async def clerk() -> AsyncIterator[Reader]:
    async with browsing(
        approval__capacity=CapacityView(department="home", capacity=MONDAYS, set_by="HOM-0002", set_at=now()),
        approval__set_capacity=CapacityView(department="home"),
        approval__availability=PLACES,
        approval__list_reviews=ReviewList(items=(review(),)),
        approval__view_review=review(), approval__sites=SiteList(items=(SITE,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        approval__departments=DepartmentList(items=(HOME,)),
        approval__approve=Conflict(code="window_full", free=0, party=2),
        session=claims("staff"),
    ) as (http, client):  # fmt: skip
        yield Reader(http, client)


async def save(clerk: Reader, **form: Any) -> httpx.Response:
    return await clerk.http.post("/en/desk/capacity", data=FORM | form, headers=SAME_SITE)


async def test_the_page_shows_what_is_set_by_whom_and_what_is_free(clerk: Reader) -> None:
    shown = (await clerk.http.get("/en/desk/capacity")).text
    for text in ("Monday", "HOM-0002", 'value="2036-08-15"', "7 of 20 free", "Full", 'value="12:00"'):
        assert text in shown, text


async def test_what_is_typed_reaches_the_service_once_and_the_next_page_says_so(clerk: Reader) -> None:
    saved = await save(clerk, closed=["2036-08-15", "", "2036-08-01"], **{"from-6": "", "to-6": ""})
    assert (saved.status_code, saved.headers["location"]) == (303, "/en/desk/capacity?notice=saved")
    _, request, _, key = clerk.client.last("approval.set_capacity")
    assert request.capacity == MONDAYS.model_copy(update={"closed": (date(2036, 8, 1), date(2036, 8, 15))})
    assert key == "k-1"
    assert "Saved" in (await clerk.http.get(saved.headers["location"])).text


def test_what_the_form_shows_of_each_setting_is_read_again_as_it_was() -> None:
    assert Capacity.model_fields.keys() == MONDAYS.model_fields_set, "each has a value of its own here"
    closed = [("closed", day.isoformat()) for day in MONDAYS.closed]
    assert desk._read(FormData([*desk._typed(MONDAYS).items(), *closed])) == (MONDAYS, {})


async def test_without_a_limit_nothing_else_is_asked(clerk: Reader) -> None:
    assert (await save(clerk, limited="no", window="", **{"from-0": "x"})).status_code == 303
    assert clerk.client.last("approval.set_capacity")[1].capacity is None


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"limited": ""}, "limited"),
        ({"window": "7"}, "window"),
        ({"from-0": ""}, "from-0"),
        ({"to-0": "09:00"}, "to-0"),
        ({"to-0": "tomorrow"}, "to-0"),
        ({"places-0": "0"}, "places-0"),
        ({"places-0": "many"}, "places-0"),
        ({"places-0": "5001"}, "places-0"),
        ({"places-0": "0000000019999"}, "places-0"),
        ({"from-0": "", "to-0": "", "places-0": ""}, "from-0"),
        ({"from-3": "10:00"}, "to-3"),
    ],
)
async def test_what_cannot_be_meant_is_shown_at_its_field_and_changes_nothing(
    clerk: Reader, typed: dict[str, str], field: str
) -> None:
    refused = await save(clerk, **typed)
    assert refused.status_code == 422
    assert f'href="#{field}"' in refused.text
    assert "approval.set_capacity" not in [name for name, *_ in clerk.client.asked]


async def test_an_approval_offers_preferred_times_and_free_windows_with_their_places(clerk: Reader) -> None:
    shown = (await clerk.http.get(f"{REVIEW}/approve")).text
    assert "7 of 20 free" in shown
    assert "Full" in shown, "the first choice touches a full window"
    assert f'value="{FIRST.day} 12:00 13:00"' in shown
    assert f'value="{FIRST.day} 11:00 12:00"' not in shown, "there is no place in it for two"
    assert "The department receives nobody then" in shown, "the second choice"
    assert re.search(r'value="window" checked', shown), "a full time is not offered first"


@pytest.mark.usefixtures("before_the_visit")
async def test_where_the_window_is_full_the_queue_offers_its_form_and_no_tap_that_is_refused(
    clerk: Reader,
) -> None:
    free = FIRST.model_copy(update={"end": time(11)})
    for slot, fits in ((FIRST, False), (free, True)):
        clerk.client.answers["approval.list_reviews"] = ReviewList(items=(review(visit=slot),))
        shown = (await clerk.http.get("/en/desk")).text
        assert ("data-approve" in shown) == fits
        assert ("Choose a time" in shown, "Full" in shown) == (not fits, not fits)


async def test_an_approval_names_the_window_that_was_chosen(clerk: Reader) -> None:
    form = {"key": "k-2", "revision": "3", "slot": "window", "window": f"{FIRST.day} 12:00 13:00"}
    await clerk.http.post(f"{REVIEW}/approve", data=form, headers=SAME_SITE)
    slot = clerk.client.last("approval.approve")[1].slot
    assert (slot.day, slot.start, slot.end) == (FIRST.day, time(12), time(13))


async def test_a_window_that_filled_up_meanwhile_is_said_at_the_choice(clerk: Reader) -> None:
    form = {"key": "k-2", "revision": "3", "slot": f"{FIRST.day} 10:00 12:00"}
    refused = await clerk.http.post(f"{REVIEW}/approve", data=form, headers=SAME_SITE)
    assert refused.status_code == 409
    assert "There are not enough free places at this time" in refused.text
    assert 'href="#slot"' in refused.text


async def test_while_the_places_are_not_known_an_approval_is_possible_all_the_same() -> None:
    async with browsing(
        approval__view_review=review(),
        approval__sites=SiteList(items=(SITE,)),
        approval__officers=OfficerList(items=(BALDEV,)),
        session=claims("staff"),
    ) as (http, _):
        shown = await http.get(f"{REVIEW}/approve")
    assert shown.status_code == 200
    assert "free" not in shown.text


async def test_one_of_many_that_finds_no_place_says_why(clerk: Reader) -> None:
    chosen = f"{REVIEW_ID}|3|{FIRST.day}|10:00|12:00"
    done = await clerk.http.post("/en/desk/approve", data={"review": chosen, "key": "k"}, headers=SAME_SITE)
    assert f"failed={REVIEW_ID}.window_full" in done.headers["location"]
    assert "not enough free places" in (await clerk.http.get(done.headers["location"])).text

"""Opening hours: when a visit can take place, and how long a review has waited in working time."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from contracts.events import OpeningHours
from services.approval.opening import open_since, slot_problems
from tests.support.factories.approval import HOLI, MONDAY, NOW, SATURDAY, TUESDAY, ist, site, slot

T1 = site()


def problem(asked, where=T1, at=NOW, furthest=30) -> str | None:
    found = slot_problems(asked, where, at, furthest)
    return found[0].code if found else None


@pytest.mark.parametrize(("start", "end"), [("09:00", "17:00"), ("09:00", "09:15"), ("16:30", "17:00")])
def test_a_slot_within_the_opening_hours_is_accepted_to_the_minute(start, end) -> None:
    assert problem(slot(TUESDAY, start, end)) is None


@pytest.mark.parametrize(
    ("start", "end"), [("08:59", "10:00"), ("16:30", "17:01"), ("06:00", "07:00"), ("00:00", "23:59")]
)
def test_a_slot_that_leaves_the_opening_hours_is_refused(start, end) -> None:
    assert problem(slot(TUESDAY, start, end)) == "outside_hours"


def test_a_day_without_hours_and_a_closed_day_are_refused() -> None:
    assert problem(slot(SATURDAY)) == "outside_hours"
    assert problem(slot(HOLI)) == "closed_day"


def test_a_site_that_nobody_knows_is_never_open() -> None:
    assert problem(slot(TUESDAY), None) == "outside_hours"


@pytest.mark.parametrize(("start", "end"), [("12:00", "10:00"), ("10:00", "10:00")])
def test_a_slot_ends_after_it_begins(start, end) -> None:
    assert problem(slot(TUESDAY, start, end)) == "not_after_from"


def test_today_is_possible_while_time_remains_and_not_after() -> None:
    assert problem(slot(MONDAY, "10:00", "11:01")) is None
    assert problem(slot(MONDAY, "10:00", "11:00")) == "past"
    assert problem(slot(date(2026, 2, 27))) == "past"


def test_today_is_the_day_in_chandigarh_and_not_in_greenwich() -> None:
    after_midnight = datetime(2026, 3, 2, 19, 0, tzinfo=UTC)  # Tuesday, 00:30 IST
    assert problem(slot(MONDAY, "16:00", "17:00"), at=after_midnight) == "past"
    assert problem(slot(TUESDAY), at=after_midnight, furthest=0) is None
    assert problem(slot(TUESDAY), at=after_midnight - timedelta(hours=1), furthest=0) == "too_far"


def test_thirty_days_ahead_is_the_furthest() -> None:
    assert problem(slot(MONDAY + timedelta(days=30))) is None
    assert problem(slot(MONDAY + timedelta(days=31))) == "too_far"


def test_hours_hold_from_their_first_to_their_last_date() -> None:
    winter = OpeningHours(weekday=1, opens=time(11), closes=time(13), valid_from=TUESDAY, valid_to=TUESDAY)
    dated = site(hours=(winter,))
    assert problem(slot(TUESDAY, "11:00", "13:00"), dated) is None
    assert problem(slot(TUESDAY + timedelta(days=7), "11:00", "13:00"), dated) == "outside_hours"
    assert problem(slot(TUESDAY, "11:00", "13:00"), dated, at=NOW - timedelta(days=7), furthest=10) is None
    assert (
        problem(slot(TUESDAY - timedelta(days=7), "11:00", "13:00"), dated, at=NOW - timedelta(days=14))
        == "outside_hours"
    )


def test_waiting_counts_only_while_the_site_is_open() -> None:
    assert open_since(site(), ist(MONDAY, 11), timedelta(hours=1)) == ist(MONDAY, 10)
    assert open_since(site(), ist(MONDAY, 11), timedelta(hours=2)) == ist(MONDAY, 9)
    friday = date(2026, 2, 27)
    assert open_since(site(), ist(MONDAY, 11), timedelta(hours=4)) == ist(friday, 15), "over a weekend"
    assert open_since(site(), ist(MONDAY, 22), timedelta(hours=4)) == ist(MONDAY, 13), "not in the evening"
    assert open_since(site(), ist(date(2026, 3, 5), 10), timedelta(hours=2)) == ist(TUESDAY, 16), (
        "over a closed day"
    )


def test_hours_that_overlap_count_once() -> None:
    twice = tuple(
        OpeningHours(weekday=0, opens=time(opens), closes=time(17), valid_from=MONDAY) for opens in (9, 10)
    )
    assert open_since(site(hours=twice), ist(MONDAY, 12), timedelta(hours=3)) == ist(MONDAY, 9)
    assert open_since(site(hours=twice), ist(MONDAY, 12), timedelta(hours=4)) is None


def test_a_site_that_never_opens_makes_nobody_wait_too_long() -> None:
    assert open_since(site(hours=()), NOW, timedelta(hours=4)) is None

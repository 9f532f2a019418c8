"""Working time: how long a review has waited while its site was open."""

from datetime import date, datetime, time, timedelta

import pytest

from contracts.events import OpeningHours
from services.approval.domain.working_time import is_open, open_since
from tests.support.factories.approval import MONDAY, NOW, TUESDAY, ist, site


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


def test_at_a_site_that_never_opens_nobody_waits_too_long() -> None:
    assert open_since(site(hours=()), NOW, timedelta(hours=4)) is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (ist(MONDAY, 9), True),
        (ist(MONDAY, 9) - timedelta(microseconds=1), False),
        (ist(MONDAY, 17) - timedelta(microseconds=1), True),
        (ist(MONDAY, 17), False),
        (ist(date(2026, 3, 1), 11), False),
        (ist(date(2026, 3, 4), 11), False),
    ],
)
def test_a_site_is_open_in_its_hours_and_on_no_closed_day(at: datetime, expected: bool) -> None:
    assert is_open(site(), at) is expected

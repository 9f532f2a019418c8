"""Working time: how long a review has waited while its site was open."""

from datetime import date, time, timedelta

from contracts.events import OpeningHours
from services.approval.domain.working_time import open_since
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

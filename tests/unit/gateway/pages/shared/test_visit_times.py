"""The days and times that can be chosen for a visit, by the hours of a site."""

from datetime import date, datetime, time

import pytest

from contracts.events import ClosedDay, OpeningHours
from contracts.model import IST
from contracts.rpc.approval.capacity import Availability, DayAvailability, WindowAvailability
from services.gateway.pages.shared.visit_times import (
    Day,
    begins,
    days_with_places,
    ends,
    open_days,
    usual_windows,
)
from tests.support.system.page_reader import SITE

TUESDAY = date(2026, 12, 1)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime.combine(TUESDAY, time(hour, minute), IST)


def windows(moment: datetime, days: int = 0) -> list[tuple[time, time]]:
    return [window for one in open_days(SITE, days, moment) for window in one.windows]


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        (at(7), [(time(9), time(17))]),
        (at(10, 40), [(time(10, 30), time(17))]),
        (at(16, 45), [(time(16, 30), time(17))]),
        (at(16, 46), []),
        (at(18), []),
    ],
    ids=[
        "before it opens",
        "in the half hour that runs",
        "a quarter of an hour left",
        "less than that",
        "after it closed",
    ],
)
def test_today_only_the_remaining_hours_are_offered(moment: datetime, left: list[tuple[time, time]]) -> None:
    assert windows(moment) == left


def test_hours_are_those_valid_on_the_day_and_closed_days_are_left_out() -> None:
    lunch = tuple(
        OpeningHours(weekday=1, opens=opens, closes=closes, valid_from=date(2026, 12, 5))
        for opens, closes in ((time(9), time(13)), (time(14), time(17)))
    )
    old = OpeningHours(
        weekday=1, opens=time(10), closes=time(11), valid_from=date(2020, 1, 1), valid_to=date(2026, 12, 4)
    )
    record = SITE.model_copy(
        update={
            "hours": (*lunch, old),
            "closed_days": (ClosedDay(day=date(2026, 12, 15), reason="Guru Nanak Jayanti"),),
        }
    )
    found = list(open_days(record, 21, at(7)))
    assert [one.day.day for one in found] == [1, 8, 22]
    assert [one.windows for one in found] == [
        ((time(10), time(11)),),
        *[((time(9), time(13)), (time(14), time(17)))] * 2,
    ]


def test_a_visit_begins_and_ends_within_the_hours_of_some_day() -> None:
    days = [Day(TUESDAY, ((time(9), time(10, 10)), (time(14), time(15))))]
    assert begins(days) == [time(9), time(9, 30), time(14), time(14, 30)], "10:00 would leave ten minutes"
    assert ends(days) == [time(9, 30), time(10), time(10, 10), time(14, 30), time(15)]


def test_a_day_around_the_clock_ends_with_its_last_minute() -> None:
    days = [Day(TUESDAY, ((time(0), time(23, 59)),))]
    assert (len(begins(days)), begins(days)[-1], ends(days)[0], ends(days)[-1]) == (
        48,
        time(23, 30),
        time(0, 30),
        time(23, 59),
    )


def test_the_usual_hours_are_those_of_most_days_without_today() -> None:
    full, half = ((time(9), time(17)),), ((time(9), time(13)),)
    days = [
        Day(TUESDAY, ((time(16), time(17)),), is_today=True),
        Day(TUESDAY, half),
        Day(TUESDAY, full),
        Day(TUESDAY, full),
    ]
    assert usual_windows(days) == full
    assert usual_windows(days[:1]) == ()


def places(*windows: tuple[int, int, int], day: date = TUESDAY) -> Availability:
    """Return a day's windows: from which hour to which, and how many places are free."""
    shown = tuple(
        WindowAvailability(start=time(start), end=time(end), places=20, free=free)
        for start, end, free in windows
    )
    return Availability(limited=True, days=(DayAvailability(day=day, windows=shown),))


def test_only_days_on_which_the_department_receives_visitors_are_offered_with_their_free_hours() -> None:
    offered = days_with_places(open_days(SITE, 3, at(7)), places((10, 11, 3), (11, 12, 0), (12, 13, 3)), 2)
    (day,) = offered
    assert (day.day, day.windows, day.is_full) == (
        TUESDAY,
        ((time(10), time(11)), (time(12), time(13))),
        False,
    )


def test_windows_that_touch_are_offered_as_one() -> None:
    (day,) = days_with_places(open_days(SITE, 0, at(7)), places((10, 11, 3), (11, 12, 3)), 2)
    assert day.windows == ((time(10), time(12)),)


def test_a_day_without_places_for_the_whole_party_is_full_and_has_its_hours_for_who_waits() -> None:
    (day,) = days_with_places(open_days(SITE, 0, at(7)), places((10, 11, 3)), 4)
    assert (day.windows, day.is_full) == (((time(10), time(11)),), True)

"""The opening hours of a site as periods that begin on a day and end where the next one begins."""

from datetime import date, time

import pytest

from contracts.events import OpeningHours
from services.approval.domain.timetable import (
    Period,
    periods,
    read_windows,
    with_period,
    without_period,
    write_windows,
)

WINDOW = (time(9), time(17))
SHORT = (time(10), time(13))


def hours(weekday: int, start: str, end: str | None = None, window=WINDOW) -> OpeningHours:
    return OpeningHours(
        weekday=weekday,
        opens=window[0],
        closes=window[1],
        valid_from=date.fromisoformat(start),
        valid_to=date.fromisoformat(end) if end else None,
    )


def week(start: str, *weekdays: int, window=WINDOW) -> Period:
    return Period(date.fromisoformat(start), tuple((window,) if day in weekdays else () for day in range(7)))


def test_rows_of_each_weekday_are_periods_of_a_whole_week() -> None:
    rows = [hours(0, "2026-01-01"), hours(1, "2026-01-01", "2026-03-31"), hours(5, "2026-06-01")]
    assert periods(rows) == [week("2026-01-01", 0, 1), week("2026-04-01", 0), week("2026-06-01", 0, 5)]


def test_a_season_that_ends_is_followed_by_a_period_without_hours() -> None:
    assert periods([hours(0, "2026-01-01", "2026-03-31")]) == [week("2026-01-01", 0), week("2026-04-01")]


def test_new_hours_hold_until_the_next_change_that_was_planned() -> None:
    planned = [hours(0, "2026-01-01", "2026-11-30"), hours(0, "2026-12-01", window=SHORT)]
    changed = with_period(planned, week("2026-06-01", 4))
    assert periods(changed) == [
        week("2026-01-01", 0),
        week("2026-06-01", 4),
        week("2026-12-01", 0, window=SHORT),
    ]
    assert [row.valid_to for row in changed] == [date(2026, 5, 31), date(2026, 11, 30), None]


def test_hours_of_the_same_day_replace_those_that_were_planned() -> None:
    changed = with_period([hours(0, "2026-01-01")], week("2026-01-01", 3))
    assert periods(changed) == [week("2026-01-01", 3)]


def test_a_change_that_is_taken_back_lets_the_hours_before_it_go_on() -> None:
    before = (hours(0, "2026-01-01"),)
    changed = with_period(before, week("2026-06-01", 4))
    assert without_period(changed, date(2026, 6, 1)) == before


@pytest.mark.parametrize(
    "text",
    [
        "9-17",
        "09:00",
        "09:00-",
        "25:00-26:00",
        "17:00-09:00",
        "09:00-09:00",
        "09:00-13:00 13:00-17:00",
        "14:00-17:00 09:00-13:00",
        "09:00-13:00,14:00-17:00",
        "01:00-02:00 03:00-04:00 05:00-06:00 07:00-08:00 09:00-10:00",
    ],
)
def test_what_is_no_order_of_hours_is_not_read(text: str) -> None:
    assert read_windows(text) is None


@pytest.mark.parametrize("text", ["", "09:00-13:00", "09:00-13:00 14:00-17:00", "00:00-23:59"])
def test_hours_are_written_as_they_are_read(text: str) -> None:
    windows = read_windows(text)
    assert windows is not None
    assert write_windows(windows) == text

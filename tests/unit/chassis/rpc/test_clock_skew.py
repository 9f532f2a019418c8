"""What calls show about the clock of their receiver, and which deadlines have passed by it."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from services.chassis.rpc.clock_skew import ENOUGH_CALLS, ENOUGH_SECONDS, WINDOW_SECONDS, ClockSkew

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
"""By the clock of the callers, at the first call."""
AFTER = 30.0
"""Seconds from the first call until somebody looks at what is measured."""


def observed(ages: list[float], seconds: float, tolerated: float = 15.0) -> ClockSkew:
    """Return the skew after calls that looked so old, evenly over so many seconds."""
    skew = ClockSkew(tolerated)
    for number, age in enumerate(ages):
        observe(skew, number * seconds / len(ages), age)
    return skew


def observe(skew: ClockSkew, moment: float, age: float, caller: str = "", set_by: float = 0.0) -> None:
    """Let a call arrive that looks so old, by a clock that was set by so many seconds."""
    arrived_at = NOON + timedelta(seconds=moment + set_by)
    skew.observe(arrived_at - timedelta(seconds=age), arrived_at, moment, caller)


def is_late(skew: ClockSkew, remaining: float, ahead: float) -> bool:
    """Return whether a call with so much time left counts as late by a clock that is so far ahead."""
    return skew.is_past(NOON + timedelta(seconds=remaining), NOON + timedelta(seconds=ahead))


def test_the_fastest_call_shows_how_far_the_clock_is_ahead() -> None:
    assert observed([10.5, 10.002, 12.0] * 10, 30).measured(AFTER) == pytest.approx(10.002)


def test_by_clocks_that_agree_a_deadline_is_exact() -> None:
    skew = observed([0.001] * 30, 30)
    assert is_late(skew, -0.1, 0)
    assert not is_late(skew, 0.1, 0)


def test_a_clock_that_is_ahead_refuses_no_call_that_came_in_time_and_each_that_came_late() -> None:
    skew = observed([10.0] * 30, 30)
    assert not is_late(skew, 2.9, 10)
    assert is_late(skew, -0.1, 10)


def test_a_clock_that_is_behind_lets_no_late_call_through() -> None:
    skew = observed([-10.0], 1)
    assert is_late(skew, -0.1, -10)
    assert not is_late(skew, 2.9, -10)


@pytest.mark.parametrize("off", [-3600.0, -10.0, 10.0, 3600.0])
def test_no_call_is_refused_when_this_clock_is_set_right_or_set_within_what_is_tolerated(off: float) -> None:
    skew = observed([0.001] * 30, 30)
    observe(skew, 31, off, set_by=off)
    assert is_late(skew, 2.9, off) == (off == 3600)
    assert is_late(skew, -0.1, off) or off == -3600
    observe(skew, 32, 0.001)
    assert not is_late(skew, 2.9, 0)
    assert is_late(skew, -0.1, 0)


def test_a_skew_beyond_what_is_tolerated_is_measured_and_refuses_every_call() -> None:
    skew = observed([60.0] * 30, 30)
    assert skew.measured(AFTER) == 60
    assert is_late(skew, 3, 60)


@pytest.mark.parametrize(
    ("calls", "seconds"),
    [(ENOUGH_CALLS - 1, 30.0), (30, ENOUGH_SECONDS - 1)],
    ids=["few calls", "little time"],
)
def test_calls_that_waited_for_a_service_that_was_stopped_are_late_and_show_no_skew(
    calls: int, seconds: float
) -> None:
    skew = observed([8.0] * calls, seconds)
    assert skew.measured(AFTER) == 0
    assert is_late(skew, -5, 0)


def test_what_calls_showed_more_than_a_minute_ago_is_forgotten() -> None:
    skew = observed([10.0] * 30, 30)
    observe(skew, 31 + WINDOW_SECONDS, 0)
    assert skew.measured(AFTER) == 0


@pytest.mark.parametrize("seed", range(5))
def test_it_is_the_fastest_call_of_the_last_minute_however_many_there_were(seed: int) -> None:
    chance = random.Random(seed)
    skew, calls, moment = ClockSkew(15), [], 0.0
    for _ in range(300):
        moment, age = moment + chance.random(), chance.uniform(1, 10)
        observe(skew, moment, age)
        calls.append((moment, age))
        recent = [one for one in calls if one[0] >= moment - WINDOW_SECONDS]
        if len(recent) >= ENOUGH_CALLS and recent[-1][0] - recent[0][0] >= ENOUGH_SECONDS:
            assert skew.measured(AFTER) == pytest.approx(min(age for _, age in recent))


def test_without_a_call_no_skew_is_measured() -> None:
    assert ClockSkew(15).measured(AFTER) == 0


def test_a_caller_whose_clock_is_behind_is_answered_beside_others_whose_clocks_are_right() -> None:
    skew = ClockSkew(15.0)
    for number in range(30):
        observe(skew, number, 10, "behind")
        observe(skew, number, 0, "right")
    ten_seconds_later = NOON + timedelta(seconds=10)
    assert not skew.is_past(NOON + timedelta(seconds=3), ten_seconds_later, "behind")
    assert skew.is_past(NOON - timedelta(seconds=0.1), ten_seconds_later, "behind")
    assert skew.is_past(NOON + timedelta(seconds=3), ten_seconds_later, "right")
    assert skew.measured(AFTER) == 10


def test_a_caller_that_has_gone_is_forgotten() -> None:
    skew = ClockSkew(15.0)
    for number in range(30):
        observe(skew, number, 10, "gone")
    assert (skew.measured(29 + WINDOW_SECONDS), skew.measured(30 + WINDOW_SECONDS)) == (10, 0)
    observe(skew, 30 + WINDOW_SECONDS, 0, "here")
    assert skew.measured(AFTER) == 0

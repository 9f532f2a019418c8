"""Escalation: the steps that are due for a review, by the clock of its visit."""

from datetime import date, datetime, timedelta

import pytest

from contracts.events import EscalationMinutes
from services.approval.domain import escalation
from services.approval.domain.escalation import Waiting, due_steps, next_due
from tests.support.factories.approval import (
    HOLI,
    MONDAY,
    TUESDAY,
    department,
    ist,
    officer,
    site,
    slot,
    submitted,
)

MINUTES = EscalationMinutes()
FRIDAY, THURSDAY = date(2026, 2, 27), date(2026, 3, 5)


def waiting(since: datetime | None = None, level: int = 0, **changes: object) -> Waiting:
    """Return a review that waits for a visit on Tuesday from 10:00; the site is open from 9:00 to 17:00."""
    return Waiting(submitted(**changes), since or ist(FRIDAY, 9), level)


@pytest.mark.parametrize(
    ("at", "steps"),
    [
        (ist(MONDAY, 13, 59), ()),
        (ist(MONDAY, 14), ("stand_in",)),
        (ist(MONDAY, 15, 59), ("stand_in",)),
        (ist(MONDAY, 16), ("stand_in", "head")),
        (ist(TUESDAY, 8, 59), ("stand_in", "head")),
        (ist(TUESDAY, 9), ("stand_in", "head", "reception")),
    ],
)
def test_steps_follow_the_open_hours_that_are_left_until_the_visit(
    at: datetime, steps: tuple[str, ...]
) -> None:
    assert due_steps(waiting(), site(), MINUTES, at) == steps


def test_nights_and_closed_days_do_not_count_as_time_that_is_left() -> None:
    after_holi = waiting(preferred=(slot(THURSDAY),))
    assert due_steps(after_holi, site(), MINUTES, ist(HOLI, 17)) == ("stand_in", "head")
    assert next_due(waiting(preferred=(slot(THURSDAY),)), site(), MINUTES, ist(MONDAY, 9)) == ist(TUESDAY, 14)


def test_a_step_that_was_taken_is_not_due_again() -> None:
    at = ist(TUESDAY, 9)
    assert due_steps(waiting(level=1), site(), MINUTES, at) == ("head", "reception")
    assert due_steps(waiting(level=3), site(), MINUTES, at) == ()
    assert next_due(waiting(level=3), site(), MINUTES, at) is None


def test_the_nearest_preferred_slot_that_is_not_over_counts() -> None:
    several = {"preferred": (slot(THURSDAY), slot(TUESDAY), slot(MONDAY))}
    assert due_steps(waiting(**several), site(), MINUTES, ist(MONDAY, 9)) == ("stand_in", "head", "reception")
    assert due_steps(waiting(**several), site(), MINUTES, ist(MONDAY, 12, 30)) == ()
    assert next_due(waiting(**several), site(), MINUTES, ist(MONDAY, 12, 30)) == ist(MONDAY, 14)


def test_nothing_is_due_when_every_preferred_slot_is_over() -> None:
    assert due_steps(waiting(), site(), MINUTES, ist(TUESDAY, 12)) == ()
    assert next_due(waiting(), site(), MINUTES, ist(TUESDAY, 12)) is None


def test_each_step_gets_half_an_hour_even_if_the_visit_is_near_when_it_is_applied_for() -> None:
    late = waiting(ist(TUESDAY, 9, 15))
    assert [due_steps(late, site(), MINUTES, ist(TUESDAY, 9, minute)) for minute in (44, 45)] == [
        (),
        ("stand_in",),
    ]
    assert due_steps(late, site(), MINUTES, ist(TUESDAY, 10, 15)) == ("stand_in", "head")


@pytest.mark.parametrize("channel", ["counter", "kiosk"])
def test_a_visitor_who_waits_at_the_reception_waits_ten_minutes_for_each_step(channel: str) -> None:
    here = waiting(ist(TUESDAY, 10), channel=channel)
    assert here.at_reception
    assert due_steps(here, site(), MINUTES, ist(TUESDAY, 10, 9)) == ()
    assert due_steps(here, site(), MINUTES, ist(TUESDAY, 10, 10)) == ("stand_in",)
    assert due_steps(here, site(), MINUTES, ist(TUESDAY, 10, 30)) == ("stand_in", "head", "reception")
    assert next_due(here, site(), MINUTES, ist(TUESDAY, 10)) == ist(TUESDAY, 10, 10)


def test_who_applies_at_the_counter_for_another_day_does_not_wait_there() -> None:
    assert not waiting(ist(MONDAY, 10), channel="counter").at_reception


def test_a_department_has_its_own_minutes() -> None:
    own = EscalationMinutes(stand_in=30, head=20, reception=10)
    assert due_steps(waiting(), site(), own, ist(TUESDAY, 9, 29)) == ()
    assert due_steps(waiting(), site(), own, ist(TUESDAY, 9, 30)) == ("stand_in",)


def test_a_later_step_that_is_due_brings_the_earlier_ones_with_it() -> None:
    odd = EscalationMinutes(stand_in=10, head=60, reception=10)
    assert due_steps(waiting(), site(), odd, ist(TUESDAY, 9)) == ("stand_in", "head")


def test_looking_again_when_the_next_step_is_due_is_enough() -> None:
    now, level, seen = ist(FRIDAY, 9), 0, []
    while (at := next_due(waiting(level=level), site(), MINUTES, now)) is not None:
        assert at > now
        assert due_steps(waiting(level=level), site(), MINUTES, at - timedelta(minutes=1)) == ()
        now = at
        seen += due_steps(waiting(level=level), site(), MINUTES, now)
        level = len(seen)
    assert seen == list(escalation.STEPS)


def test_the_head_of_a_department_is_its_first_officer() -> None:
    home = department()
    assert escalation.officer_of("head", home, None) == "home-secretary"
    assert escalation.officer_of("stand_in", home, "home-under-secretary") == "home-under-secretary"
    assert escalation.officer_of("reception", home, "home-under-secretary") is None
    assert escalation.officer_of("head", None, None) is None
    gone = department(officers=(officer("retired", closed=True), officer("home-secretary")))
    assert escalation.officer_of("head", gone, None) == "home-secretary"


def test_who_was_invited_for_today_does_not_wait_at_the_reception() -> None:
    assert not waiting(ist(TUESDAY, 10), channel="invitation").at_reception

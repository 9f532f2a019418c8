"""The state of a pass, what a gate stores of its people, and when its party is presumed gone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from contracts.model import IST, Companion
from services.verify.domain.passes import Standing, Terms, Visitors, Window, presumed_gone_at
from tests.support.factories.verify import VALID_FROM, VALID_TO, pass_issued

TERMS = Terms("PCS1", None, 2, 1, VALID_FROM, VALID_TO)
FRESH = Standing(TERMS)


@pytest.mark.parametrize(
    ("standing", "used"),
    [
        (FRESH, False),
        (Standing(None), False),
        (replace(FRESH, inside=2, admitted=2), False),
        (replace(FRESH, inside=1, admitted=2), False),
        (replace(FRESH, admitted=1), False),
        (replace(FRESH, admitted=2), True),
        (replace(FRESH, terms=replace(TERMS, entries=2), admitted=3), False),
        (replace(FRESH, terms=replace(TERMS, entries=2), admitted=4), True),
    ],
)
def test_a_pass_is_used_up_when_nobody_may_come_in_and_nobody_has_to_go_out(
    standing: Standing, used: bool
) -> None:
    assert standing.used is used


THREE_DAYS = replace(TERMS, further_days=(1, 3))
DAY = timedelta(days=1)


def test_a_pass_for_several_days_is_used_up_on_the_last_of_them() -> None:
    assert not Standing(THREE_DAYS, admitted=2).used
    assert not Standing(THREE_DAYS, admitted=4, day=1, admitted_before=2).used
    assert not Standing(THREE_DAYS, admitted=4, day=3, admitted_before=3).used
    assert Standing(THREE_DAYS, admitted=4, day=3, admitted_before=2).used
    assert not Standing(THREE_DAYS, inside=1, admitted=4, day=3, admitted_before=2).used


def test_the_days_of_a_pass_are_those_in_india_whatever_the_margins_are() -> None:
    """A visit from 00:10 with a margin of 30 minutes may begin on the evening before."""
    opens = datetime(2026, 11, 30, 23, 40, tzinfo=IST)
    night = Terms("PCS1", None, 1, 1, opens, opens + timedelta(hours=2), (1, 2))
    assert night.days == (date(2026, 12, 1), date(2026, 12, 2), date(2026, 12, 3))


@pytest.mark.parametrize(
    ("at", "day"),
    [(VALID_FROM - DAY, 0), (VALID_FROM, 0), (VALID_TO, 1), (VALID_TO + DAY, 3), (VALID_TO + 9 * DAY, 3)],
)
def test_the_window_to_show_is_the_open_one_else_the_next_else_the_last(at: datetime, day: int) -> None:
    assert THREE_DAYS.window_to_show(at) == Window(day, VALID_FROM + day * DAY, VALID_TO + day * DAY)


def test_the_day_changes_in_the_middle_where_the_margins_of_two_days_overlap() -> None:
    """A site that is open around the clock: entry of one day ends half an hour after midnight."""
    opens = datetime(2026, 11, 30, 23, 30, tzinfo=IST)
    always = Terms("PCS1", None, 1, 1, opens, opens + timedelta(hours=25), (1,))
    midnight = datetime(2026, 12, 2, tzinfo=IST)
    open_then = [always.window_at(midnight + timedelta(minutes=minutes)) for minutes in (-29, -1, 1, 29)]
    assert [window.day for window in open_then if window] == [0, 0, 1, 1]


def test_a_party_is_presumed_gone_six_hours_after_its_window_or_at_midnight() -> None:
    morning, evening = datetime(2026, 12, 1, 12, 30, tzinfo=IST), datetime(2026, 12, 1, 19, 0, tzinfo=IST)
    assert presumed_gone_at(morning) == datetime(2026, 12, 1, 18, 30, tzinfo=IST)
    assert presumed_gone_at(evening.astimezone(UTC)) == datetime(2026, 12, 2, tzinfo=IST)


@pytest.mark.parametrize(
    ("standing", "overdue"),
    [
        (replace(FRESH, inside=1, presumed_gone_at=VALID_TO), True),
        (replace(FRESH, inside=0, presumed_gone_at=VALID_TO), False),
        (replace(FRESH, inside=1, presumed_gone_at=VALID_TO + timedelta(seconds=1)), False),
        (replace(FRESH, inside=1), False),
    ],
)
def test_a_party_is_overdue_while_it_is_inside_and_presumed_gone(standing: Standing, overdue: bool) -> None:
    assert standing.is_overdue(VALID_TO) is overdue


def test_a_gate_stores_no_mobile_and_no_id_number() -> None:
    issued = pass_issued(Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917"))
    stored = Visitors.of(issued.personal).model_dump_json()
    assert all(secret not in stored for secret in ("9876543210", "4821", "0917"))
    assert all(shown in stored for shown in ("Gurpreet Kaur", "Harjit Singh", "CH01AB1234"))

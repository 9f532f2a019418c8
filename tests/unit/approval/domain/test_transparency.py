"""What is published about departments: useful numbers, and nobody who can be found in them."""

from collections import defaultdict
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval.domain.transparency import Counted, publish, total_of

MONTH = date(2026, 11, 1)


def counted(decisions: int, before: int | None = None, applications: int = 50, code: str = "home") -> Counted:
    before = decisions if before is None else before
    return Counted(code, applications, decisions, before, 3_600 if decisions else None, 7_200)


def total(*parts: Counted) -> Counted:
    return Counted(
        "",
        sum(one.applications for one in parts),
        sum(one.decisions for one in parts),
        sum(one.before_visit for one in parts),
        1_800,
        9_000,
    )


def published(*parts: Counted):
    return publish(MONTH, parts, total(*parts))


def test_counts_of_five_and_more_are_published_with_what_describes_them() -> None:
    whole, home = published(counted(20, 15))
    assert (home.department, home.month, home.decisions, home.applications) == ("home", MONTH, 20, 50)
    assert (home.median_seconds, home.p95_seconds, home.percent_before_visit) == (3_600, 7_200, 75)
    assert (whole.department, whole.decisions, whole.percent_before_visit) == (None, 20, 75)
    assert (whole.median_seconds, whole.p95_seconds) == (1_800, 9_000)


@pytest.mark.parametrize("few", [1, 4])
def test_fewer_than_five_are_withheld_with_all_that_describes_them(few: int) -> None:
    _, home, _ = published(counted(few, applications=few), counted(30))
    assert vars(home) == {
        "department": "home",
        "month": MONTH,
        "applications": None,
        "decisions": None,
        "median_seconds": None,
        "p95_seconds": None,
        "percent_before_visit": None,
        "visits": 0,
        "percent_met": None,
        "median_call_seconds": None,
        "p95_call_seconds": None,
    }


def test_a_total_is_withheld_where_one_small_count_would_be_the_rest_of_it() -> None:
    assert published(counted(3), counted(30))[0].decisions is None
    assert published(counted(3), counted(2), counted(30))[0].decisions == 35


def test_a_share_that_would_tell_of_a_few_late_decisions_is_withheld() -> None:
    whole, home, other = published(counted(100, 98), counted(50, 40))
    assert (home.decisions, home.percent_before_visit) == (100, None)
    assert other.percent_before_visit == 80
    assert whole.percent_before_visit is None, "with the other share it would give this one away"


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=12))
def test_no_published_count_is_of_one_to_four_people(drawn: list[tuple[int, int]]) -> None:
    parts = [counted(decisions, min(before, decisions)) for decisions, before in drawn]
    for one in published(*parts):
        assert one.decisions is None or one.decisions == 0 or one.decisions >= 5
        if one.percent_before_visit is not None:
            assert one.decisions


def shown(counts: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return what everybody sees of counts: their total, and each that is not small."""
    return (total_of(counts), *(None if 0 < count < 5 else count for count in counts))


@pytest.mark.parametrize("departments", [1, 2, 3, 4])
def test_nobody_can_compute_a_withheld_count_even_knowing_the_rules(departments: int) -> None:
    """Try all possible counts: whatever is seen, a withheld count can have been at least two numbers."""
    possible: dict[tuple[int | None, ...], list[set[int]]] = defaultdict(
        lambda: [set() for _ in range(departments)]
    )
    for counts in product(range(8), repeat=departments):
        for values, count in zip(possible[shown(counts)], counts, strict=True):
            values.add(count)
    for seen, values in possible.items():
        for each, could_be in zip(seen[1:], values, strict=True):
            assert each is not None or len(could_be) > 1, seen


def test_nobody_can_compute_from_the_shares_how_few_were_late() -> None:
    """Try all decisions of two departments: what is seen leaves at least two numbers for a small count."""
    possible: dict[tuple[object, ...], list[set[int]]] = defaultdict(lambda: [set(), set()])
    worlds = [(decisions, before) for decisions in range(12) for before in range(decisions + 1)]
    small: dict[tuple[object, ...], set[int]] = defaultdict(set)
    for two in product(worlds, repeat=2):
        seen = tuple(tuple(vars(one).values()) for one in published(*(counted(*one) for one in two)))
        for at, (decisions, before) in enumerate(two):
            possible[seen][at].add(before)
            if 0 < before < 5 or 0 < decisions - before < 5:
                small[seen].add(at)
    assert small
    assert all(len(possible[seen][at]) > 1 for seen, which in small.items() for at in which)


@pytest.mark.parametrize(
    ("visits", "met", "called", "percent", "seconds"),
    [(20, 10, 20, 50, 600), (20, 17, 20, None, 600), (20, 10, 2, 50, None), (4, 0, 4, None, None)],
)
def test_what_describes_few_visitors_is_withheld(
    visits: int, met: int, called: int, percent: int | None, seconds: int | None
) -> None:
    one = Counted("home", 0, 0, 0, None, None, visits, met, called, 600, 1_200)
    for its in publish(MONTH, [one], one):
        assert (its.percent_met, its.median_call_seconds) == (percent, seconds)

"""What movements of a pass through several gates come to, in whichever order they are heard of."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.verify.domain.ledger import Ledger, Movement
from services.verify.domain.passes import Standing, Terms
from services.verify.domain.verdicts import Attempt, decide_entry, decide_exit, standing_after
from tests.support.factories.verify import GATE, NOON, VALID_FROM, VALID_TO

TERMS = Terms("PCS1", None, 2, 1, VALID_FROM, VALID_TO)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
OTHER_GATE = "PCS1-G2"


def entry(minute: float, count: int = 1, gate: str = GATE, **changes: Any) -> Movement:
    return Movement(uuid4(), gate, NOON + minute * MINUTE, "entry", count, **changes)


def leaving(minute: float, count: int = 1, gate: str = GATE, **changes: Any) -> Movement:
    return Movement(uuid4(), gate, NOON + minute * MINUTE, "exit", count, **changes)


def found(ledger: Ledger) -> list[tuple[str, int, int]]:
    """Return kind, exposure and number of movements of each contradiction, in the order of time."""
    return [(one.kind, one.exposure, len(one.movements)) for one in ledger.now.contradictions.values()]


@pytest.mark.parametrize(
    ("expected", "terms", "movements"),
    [
        ([], TERMS, [entry(0, 2), leaving(5, 2)]),
        ([("already_inside", 1, 2)], TERMS, [entry(0, 2), entry(5, 1)]),
        ([("already_inside", 1, 2)], TERMS, [entry(0, 1), entry(5, 2)]),
        ([("over_entries", 2, 2)], TERMS, [entry(0, 2), leaving(5, 2), entry(9, 2)]),
        ([("over_entries", 1, 2)], TERMS, [entry(0, 1), leaving(5, 1), entry(9, 2)]),
        ([], replace(TERMS, entries=2), [entry(0, 2), leaving(5, 2), entry(9, 2)]),
        ([("expired", 1, 1)], TERMS, [entry(-91)]),
        ([("expired", 1, 1)], TERMS, [entry(60)]),
        ([("wrong_place", 1, 1)], replace(TERMS, gate=OTHER_GATE), [entry(0)]),
        ([("id_mismatch", 1, 1)], TERMS, [entry(0, refusal="id_mismatch")]),
        ([("unknown", 2, 1)], TERMS, [entry(0, 2, refusal="unknown_pass")]),
        ([("already_inside", 1, 2)], TERMS, [entry(0, 2), entry(5, 1, refusal="id_mismatch")]),
        ([("already_inside", 1, 2), ("already_inside", 1, 3)], TERMS, [entry(0, 2), entry(5), entry(6)]),
    ],
)
def test_what_is_more_than_the_pass_allows_is_a_contradiction(
    expected: list[tuple[str, int, int]], terms: Terms, movements: list[Movement]
) -> None:
    assert found(Ledger(terms, movements)) == expected


def test_a_pass_that_was_revoked_after_the_entry_is_no_contradiction() -> None:
    after = entry(10)
    ledger = Ledger(TERMS, [entry(0), after], revoked_at=NOON + 5 * MINUTE)
    assert [(one.kind, one.movements) for one in ledger.now.contradictions.values()] == [
        ("revoked", (after,))
    ]


def test_each_person_is_counted_once_whichever_scan_comes_last() -> None:
    movements = [entry(0, 2), entry(1, 2, OTHER_GATE), entry(2, 1)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)):
        ledger = Ledger(TERMS)
        added = [ledger.add(movements[number]) for number in order]
        assert sum(one.exposure for each in added for one in each.contradictions) == 3


def test_who_was_presumed_gone_is_out_before_they_come_in_again() -> None:
    ledger = Ledger(replace(TERMS, further_days=(1,)), [entry(0, 2), entry(24 * 60)])
    assert (ledger.now.standing.inside, ledger.now.inside_since) == (1, NOON + DAY)
    (closing,) = ledger.now.closings
    assert (closing.count, closing.gate, NOON < closing.at < NOON + DAY) == (2, GATE, True)
    ledger.add(Movement(uuid4(), closing.gate, closing.at, "exit", closing.count, assumed=True))
    assert ledger.now.closings == []
    assert (ledger.now.standing.inside, found(ledger)) == (1, [])


def test_who_came_in_outside_the_hours_is_inside_until_midnight() -> None:
    ledger = Ledger(TERMS, [entry(7 * 60)])
    gone = ledger.now.standing.presumed_gone_at
    assert gone is not None
    assert gone > NOON + timedelta(hours=7)


def test_an_exit_without_an_entry_is_a_surplus_until_the_entry_is_heard_of() -> None:
    ledger = Ledger(TERMS)
    assert ledger.add(leaving(5)).has_surplus
    assert ledger.now.surplus == 1
    ledger.add(entry(0))
    assert (ledger.now.surplus, ledger.now.standing.inside) == (0, 0)


def test_an_exit_that_nobody_counted_lets_out_all_who_were_inside_also_those_heard_of_later() -> None:
    ledger = Ledger(replace(TERMS, party=5, entries=2))
    assert ledger.add(leaving(10, 1, OTHER_GATE, uncounted=True)).has_surplus
    ledger.add(entry(0, 5))
    assert (ledger.now.standing.inside, ledger.now.surplus) == (0, 0)
    assert ledger.add(entry(20, 5)).contradictions == ()
    assert ledger.now.standing.inside == 5


def test_an_exit_of_which_an_earlier_one_took_some_lets_out_the_rest() -> None:
    ledger = Ledger(TERMS, [entry(0, 2), leaving(10, 2, uncounted=True)])
    ledger.add(leaving(5, 1, OTHER_GATE))
    assert (ledger.now.standing.inside, ledger.now.surplus) == (0, 0)


movements = st.lists(
    st.builds(
        Movement,
        scan=st.uuids(),
        gate=st.sampled_from([GATE, OTHER_GATE]),
        at=st.integers(-100, 3 * 24 * 60).map(lambda minutes: NOON + minutes * MINUTE),
        direction=st.sampled_from(["entry", "exit"]),
        count=st.integers(1, 3),
    ),
    max_size=12,
    unique_by=(lambda one: one.at, lambda one: one.scan),
)
terms_of_passes = st.builds(
    Terms,
    site=st.just("PCS1"),
    gate=st.sampled_from([None, None, GATE]),
    party=st.integers(1, 3),
    entries=st.integers(1, 2),
    valid_from=st.just(VALID_FROM),
    valid_to=st.just(VALID_TO),
    further_days=st.sampled_from([(), (1,), (1, 2)]),
)


@given(terms_of_passes, movements, st.randoms(use_true_random=False))
def test_the_order_in_which_scans_arrive_changes_nothing(
    terms: Terms, happened: list[Movement], random: Random
) -> None:
    inorder, shuffled = Ledger(terms, happened), Ledger(terms)
    for movement in random.sample(happened, len(happened)):
        shuffled.add(movement)
    assert shuffled.now.standing == inorder.now.standing
    assert shuffled.now.contradictions == inorder.now.contradictions
    assert (shuffled.now.inside_since, shuffled.now.last_gate, shuffled.now.surplus) == (
        inorder.now.inside_since, inorder.now.last_gate, inorder.now.surplus,
    )  # fmt: skip


@given(terms_of_passes, movements)
def test_who_came_in_and_did_not_leave_is_inside(terms: Terms, happened: list[Movement]) -> None:
    ledger = Ledger(terms, happened)
    by_direction = Counter[str]()
    for movement in happened:
        by_direction[movement.direction] += movement.count
    left = by_direction["exit"] - ledger.now.surplus + sum(one.count for one in ledger.now.closings)
    assert ledger.now.standing.inside == by_direction["entry"] - left >= 0
    assert ledger.now.standing.admitted == by_direction["entry"]


@given(terms_of_passes, movements)
def test_what_one_server_would_have_allowed_contradicts_nothing_and_comes_to_the_same_state(
    terms: Terms, happened: list[Movement]
) -> None:
    """The same rules: what online scans admit one after another is no contradiction afterwards."""
    standing, taken = Standing(terms), []
    for movement in sorted(happened, key=lambda one: one.at):
        gone = standing.presumed_gone_at
        if movement.direction == "entry" and standing.inside > 0 and gone is not None and gone <= movement.at:
            closing = replace(movement, scan=uuid4(), at=gone - timedelta(microseconds=1), assumed=True)
            taken.append(replace(closing, direction="exit", count=standing.inside))
            standing = replace(standing, inside=0, presumed_gone_at=None)
        attempt = Attempt(movement.gate, movement.at)
        decide = decide_entry if movement.direction == "entry" else decide_exit
        decision = decide(standing, attempt)
        if decision.moves:
            standing = standing_after(standing, decision)
            taken.append(replace(movement, count=decision.count))
    ledger = Ledger(terms, taken)
    assert ledger.now.contradictions == {}
    assert ledger.now.standing == standing

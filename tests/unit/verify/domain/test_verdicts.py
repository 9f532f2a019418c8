"""The gate's decisions, without a database."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import InvalidInput
from services.verify.domain.passes import Standing, Terms
from services.verify.domain.verdicts import (
    MISMATCH_COUNTS,
    Attempt,
    Decision,
    decide_entry,
    decide_exit,
    needs_supervisor,
    standing_after,
    time_of_scan,
)
from tests.support.factories.verify import GATE, NOON, VALID_FROM, VALID_TO

TERMS = Terms("PCS1", None, 2, 1, VALID_FROM, VALID_TO)
FRESH = Standing(TERMS)
HERE = Attempt(GATE, NOON)


def test_a_fresh_pass_admits_the_whole_party() -> None:
    assert decide_entry(FRESH, HERE) == Decision("admit", count=2, inside=2)


@pytest.mark.parametrize(
    ("verdict", "standing", "attempt"),
    [
        ("revoked", replace(FRESH, revoked=True), HERE),
        ("revoked", Standing(None, revoked=True), HERE),
        ("wrong_site", FRESH, replace(HERE, gate="PCS2-G1")),
        ("wrong_gate", replace(FRESH, terms=replace(TERMS, gate="PCS1-G2")), HERE),
        ("not_yet_valid", FRESH, replace(HERE, at=VALID_FROM - timedelta(seconds=1))),
        ("not_yet_valid", FRESH, replace(HERE, at=NOON - timedelta(days=1))),
        ("expired", FRESH, replace(HERE, at=VALID_TO)),
        ("already_inside", replace(FRESH, inside=2, admitted=2), HERE),
        ("already_used", replace(FRESH, inside=0, admitted=2), HERE),
        ("already_used", replace(FRESH, inside=1, admitted=2), HERE),
        ("id_mismatch", FRESH, replace(HERE, identified=False)),
    ],
)
def test_an_entry_is_refused_for_each_reason(verdict: str, standing: Standing, attempt: Attempt) -> None:
    decision = decide_entry(standing, attempt)
    assert replace(decision, overridable=()) == Decision(verdict, count=0, inside=standing.inside)
    assert not decision.moves


def test_the_first_applicable_reason_is_the_verdict() -> None:
    """Everything is wrong; each reason that is put right gives way to the next."""
    standing = Standing(replace(TERMS, site="PCS2", gate="PCS2-G2"), revoked=True, inside=2, admitted=2)
    attempt = replace(HERE, at=VALID_FROM - timedelta(days=1), identified=False)
    seen = [decide_entry(standing, attempt).verdict]
    standing = replace(standing, revoked=False)
    seen.append(decide_entry(standing, attempt).verdict)
    standing = replace(standing, terms=replace(TERMS, gate="PCS1-G2"))
    seen.append(decide_entry(standing, attempt).verdict)
    standing = replace(standing, terms=TERMS)
    seen.append(decide_entry(standing, attempt).verdict)
    attempt = replace(attempt, at=VALID_TO + timedelta(days=1))
    seen.append(decide_entry(standing, attempt).verdict)
    attempt = replace(attempt, at=NOON)
    seen.append(decide_entry(standing, attempt).verdict)
    standing = replace(standing, inside=0)
    seen.append(decide_entry(standing, attempt).verdict)
    standing = replace(standing, admitted=0)
    seen.append(decide_entry(standing, attempt).verdict)
    seen.append(decide_entry(standing, replace(attempt, identified=True)).verdict)
    assert seen == [
        "revoked",
        "wrong_site",
        "wrong_gate",
        "not_yet_valid",
        "expired",
        "already_inside",
        "already_used",
        "id_mismatch",
        "admit",
    ]


def test_entry_opens_at_the_first_instant_of_the_window_and_closes_with_its_last() -> None:
    assert decide_entry(FRESH, replace(HERE, at=VALID_FROM)).verdict == "admit"
    assert decide_entry(FRESH, replace(HERE, at=VALID_TO - timedelta(microseconds=1))).verdict == "admit"


def test_a_pass_for_one_gate_admits_at_that_gate() -> None:
    assert decide_entry(replace(FRESH, terms=replace(TERMS, gate=GATE)), HERE).verdict == "admit"


def test_a_party_that_arrives_in_parts_is_counted() -> None:
    one = decide_entry(FRESH, replace(HERE, count=1))
    rest = decide_entry(replace(FRESH, inside=1, admitted=1), HERE)
    assert (one, rest) == (Decision("admit", 1, 1), Decision("admit", 1, 2))


def test_an_exit_does_not_use_up_the_entry_of_a_person_who_has_not_come_yet() -> None:
    """One came and left; the other may still come in, but not both."""
    standing = replace(FRESH, inside=0, admitted=1)
    assert decide_entry(standing, HERE) == Decision("admit", 1, 1)
    with pytest.raises(InvalidInput) as refused:
        decide_entry(standing, replace(HERE, count=2))
    assert refused.value.body.fields[0].code == "count_over_remaining"


def test_a_count_over_the_party_is_an_error_and_no_verdict() -> None:
    with pytest.raises(InvalidInput) as refused:
        decide_entry(FRESH, replace(HERE, count=3))
    assert refused.value.body.fields[0].code == "count_over_party"


def test_a_refusal_takes_precedence_over_a_wrong_count() -> None:
    assert (
        decide_entry(replace(FRESH, inside=2, admitted=2), replace(HERE, count=9)).verdict == "already_inside"
    )


def test_a_pass_with_two_entries_admits_the_party_twice() -> None:
    twice = replace(TERMS, entries=2)
    assert decide_entry(Standing(twice, inside=0, admitted=2), HERE) == Decision("admit", 2, 2)
    assert decide_entry(Standing(twice, inside=0, admitted=4), HERE).verdict == "already_used"


def test_marks_of_an_attempt_are_recorded_for_an_entry_only() -> None:
    marked = replace(HERE, marks=("other_id",))
    assert decide_entry(FRESH, marked).marks == ("other_id",)
    assert decide_entry(replace(FRESH, revoked=True), marked).marks == ()


@pytest.mark.parametrize(
    ("marks", "standing", "attempt"),
    [
        ((), Standing(TERMS, inside=2, admitted=2), HERE),
        (("late",), Standing(TERMS, inside=2, admitted=2), replace(HERE, at=VALID_TO)),
        (("revoked",), Standing(TERMS, revoked=True, inside=2, admitted=2), HERE),
        (("other_gate",), Standing(replace(TERMS, gate="PCS1-G2"), inside=2, admitted=2), HERE),
        (("no_entry",), FRESH, HERE),
        (("revoked", "no_entry"), Standing(None, revoked=True), HERE),
        (("no_entry",), Standing(TERMS, inside=1, admitted=1), replace(HERE, count=2)),
    ],
)
def test_an_exit_is_recorded_and_marked_whatever_the_state(
    marks: tuple[str, ...], standing: Standing, attempt: Attempt
) -> None:
    decision = decide_exit(standing, attempt)
    assert (decision.verdict, decision.marks, decision.inside) == ("exit", marks, 0)
    assert decision.moves


def test_an_exit_does_not_remove_another_sites_people() -> None:
    decision = decide_exit(Standing(TERMS, inside=2, admitted=2), replace(HERE, gate="PCS2-G1"))
    assert decision == Decision("wrong_site", count=0, inside=2)
    assert not decision.moves


def test_an_exit_counts_all_who_are_inside_and_at_least_one() -> None:
    assert decide_exit(Standing(TERMS, inside=2, admitted=2), HERE).count == 2
    assert decide_exit(FRESH, HERE).count == 1


def test_a_party_leaves_in_parts() -> None:
    assert decide_exit(Standing(TERMS, inside=2, admitted=2), replace(HERE, count=1)) == Decision(
        "exit", 1, 1
    )


DAY = timedelta(days=1)
THREE_DAYS = replace(TERMS, further_days=(1, 3))
"""A pass for the first, the second and the fourth day."""
ON_FIRST_DAY = Standing(THREE_DAYS, inside=0, admitted=2)


@pytest.mark.parametrize(
    ("verdict", "standing", "at"),
    [
        ("not_yet_valid", Standing(THREE_DAYS), VALID_FROM - timedelta(seconds=1)),
        ("admit", Standing(THREE_DAYS), NOON),
        ("already_used", ON_FIRST_DAY, NOON),
        ("not_yet_valid", ON_FIRST_DAY, VALID_TO),
        ("not_yet_valid", ON_FIRST_DAY, NOON + timedelta(hours=12)),
        ("not_yet_valid", ON_FIRST_DAY, VALID_FROM + DAY - timedelta(seconds=1)),
        ("admit", ON_FIRST_DAY, VALID_FROM + DAY),
        ("already_inside", replace(ON_FIRST_DAY, inside=2), NOON + DAY),
        ("already_used", replace(ON_FIRST_DAY, admitted=4, day=1, admitted_before=2), NOON + DAY),
        ("not_yet_valid", ON_FIRST_DAY, NOON + 2 * DAY),
        ("admit", ON_FIRST_DAY, NOON + 3 * DAY),
        ("admit", replace(ON_FIRST_DAY, admitted=4, day=1, admitted_before=2), NOON + 3 * DAY),
        ("expired", ON_FIRST_DAY, VALID_TO + 3 * DAY),
        ("expired", Standing(THREE_DAYS), NOON + 4 * DAY),
    ],
)
def test_a_pass_for_several_days_admits_the_party_on_each_of_them_and_at_no_other_time(
    verdict: str, standing: Standing, at: datetime
) -> None:
    assert decide_entry(standing, replace(HERE, at=at)).verdict == verdict


SHORTENED = replace(THREE_DAYS, closed_days=(-1, 2))
"""The day before the first and the third were closed."""


@pytest.mark.parametrize(
    ("verdict", "at"),
    [
        ("day_closed", NOON - DAY),
        ("not_yet_valid", NOON - 2 * DAY),
        ("admit", NOON),
        ("admit", NOON + DAY),
        ("day_closed", VALID_FROM + 2 * DAY - timedelta(hours=2)),
        ("day_closed", NOON + 2 * DAY),
        ("admit", NOON + 3 * DAY),
        ("expired", NOON + 4 * DAY),
    ],
)
def test_on_a_day_that_was_closed_the_verdict_says_so_and_the_other_days_admit(
    verdict: str, at: datetime
) -> None:
    assert decide_entry(Standing(SHORTENED), replace(HERE, at=at)).verdict == verdict


@pytest.mark.parametrize("days", [-1, 2])
def test_who_comes_in_on_a_closed_day_by_a_supervisor_may_come_in_on_each_day_of_the_pass(days: int) -> None:
    standing = Standing(SHORTENED)
    for day in sorted({0, 1, days}):
        attempt = replace(HERE, at=NOON + day * DAY, overrides=("day_closed",) if day == days else ())
        decision = decide_entry(standing, attempt)
        assert (decision.verdict, decision.count) == ("admit", TERMS.party)
        standing = replace(standing_after(standing, decision), inside=0, presumed_gone_at=None)
    assert decide_entry(standing, replace(HERE, at=NOON + DAY)).verdict == "already_used"


def test_the_last_day_of_a_pass_that_was_closed_is_no_expired_pass() -> None:
    last = Standing(replace(TERMS, closed_days=(1,)))
    assert decide_entry(last, replace(HERE, at=NOON + DAY)).verdict == "day_closed"
    assert decide_entry(last, replace(HERE, at=NOON + 2 * DAY)).verdict == "expired"


def test_who_did_not_come_on_one_day_has_no_more_entries_on_the_next() -> None:
    """One of two came on the first day; the other cannot bring somebody else on the second."""
    standing = Standing(THREE_DAYS, inside=0, admitted=1)
    tomorrow = replace(HERE, at=NOON + DAY)
    assert decide_entry(standing, tomorrow) == Decision("admit", 2, 2, day=1)
    with pytest.raises(InvalidInput) as refused:
        decide_entry(standing, replace(tomorrow, count=3))
    assert refused.value.body.fields[0].code == "count_over_party"


def test_an_earlier_day_is_not_counted_anew_because_a_clock_is_slow() -> None:
    """Two gates scan around midnight; the slower one still has the day before."""
    always = Terms("PCS1", None, 1, 1, NOON, NOON + DAY + timedelta(hours=1), (1,))
    turn = NOON + DAY + timedelta(minutes=30)
    first = decide_entry(Standing(always), replace(HERE, at=turn + timedelta(seconds=1)))
    assert (first.verdict, first.day) == ("admit", 1)
    slow = replace(HERE, at=turn - timedelta(seconds=1))
    assert decide_entry(Standing(always, inside=0, admitted=1, day=1), slow).verdict == "already_used"
    two = Standing(replace(always, party=2), inside=1, admitted=1, day=1)
    assert decide_entry(two, slow) == Decision("admit", 1, 2, day=1)


def test_an_exit_between_two_days_is_late_and_on_a_further_day_it_is_not() -> None:
    inside = replace(ON_FIRST_DAY, inside=2)
    assert decide_exit(inside, replace(HERE, at=VALID_TO)).marks == ("late",)
    assert decide_exit(inside, replace(HERE, at=NOON + DAY)).marks == ()
    assert decide_exit(inside, replace(HERE, at=VALID_TO + 3 * DAY)).marks == ("late",)


standings = st.builds(
    Standing,
    terms=st.none() | st.just(TERMS) | st.just(replace(TERMS, gate="PCS1-G2")) | st.just(THREE_DAYS),
    revoked=st.booleans(),
    inside=st.integers(0, 5),
    admitted=st.integers(0, 9),
)
attempts = st.builds(
    Attempt,
    gate=st.sampled_from(["PCS1-G1", "PCS1-G2", "PCS2-G1"]),
    at=st.timedeltas(timedelta(days=-40), timedelta(days=40)).map(NOON.__add__),
    count=st.none() | st.integers(1, 51),
    identified=st.booleans(),
)


@given(standings, attempts)
def test_no_exit_is_ever_refused_at_the_site_of_the_pass(standing: Standing, attempt: Attempt) -> None:
    decision = decide_exit(standing, attempt)
    if standing.terms is not None and attempt.site != standing.terms.site:
        assert decision == Decision("wrong_site", inside=standing.inside)
        return
    assert decision.verdict == "exit"
    assert decision.count >= 1
    assert 0 <= decision.inside <= standing.inside


@given(
    st.lists(st.tuples(st.booleans(), st.none() | st.integers(1, 6)), max_size=30),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_no_sequence_of_scans_admits_more_than_the_pass_allows(
    steps: list[tuple[bool, int | None]], party: int, entries: int
) -> None:
    standing = Standing(replace(TERMS, party=party, entries=entries))
    for enters, count in steps:
        attempt = replace(HERE, count=count)
        try:
            decision = decide_entry(standing, attempt) if enters else decide_exit(standing, attempt)
        except InvalidInput:
            continue
        admitted = standing.admitted + (decision.count if decision.verdict == "admit" else 0)
        standing = replace(standing, inside=decision.inside, admitted=admitted)
        assert 0 <= standing.inside <= party
        assert standing.admitted <= party * entries


@given(
    st.lists(st.tuples(st.booleans(), st.timedeltas(timedelta(), 5 * DAY)), max_size=30),
    st.integers(1, 3),
    st.integers(1, 2),
    st.sets(st.integers(1, 4)),
)
def test_no_sequence_of_scans_admits_more_on_a_day_than_the_pass_allows(
    steps: list[tuple[bool, timedelta]], party: int, entries: int, further: set[int]
) -> None:
    terms = replace(TERMS, party=party, entries=entries, further_days=tuple(sorted(further)))
    standing, by_day = Standing(terms), Counter[int]()
    for enters, later in sorted(steps, key=lambda step: step[1]):
        attempt = replace(HERE, at=VALID_FROM + later)
        if not enters:
            standing = replace(standing, inside=decide_exit(standing, attempt).inside)
            continue
        decision = decide_entry(standing, attempt)
        if decision.verdict == "admit":
            assert terms.window_at(attempt.at) is not None
            by_day[(attempt.at - VALID_FROM).days] += decision.count
            before = standing.admitted if decision.day != standing.day else standing.admitted_before
            standing = replace(
                standing,
                inside=decision.inside,
                admitted=standing.admitted + decision.count,
                day=decision.day,
                admitted_before=before,
            )
    assert set(by_day) <= {0, *further}
    assert all(count <= party * entries for count in by_day.values())


def test_the_time_of_a_gate_is_used_if_it_is_within_five_minutes() -> None:
    near, far = NOON - timedelta(minutes=5), NOON + timedelta(minutes=5, seconds=1)
    assert [time_of_scan(claimed, NOON) for claimed in (near, far, None)] == [near, NOON, NOON]


@pytest.mark.parametrize("is_compared", [True, False])
def test_an_advised_entry_needs_a_supervisor_whatever_card_is_shown(is_compared: bool) -> None:
    assert needs_supervisor(None, NOON, is_advised=True, is_compared=is_compared)


@pytest.mark.parametrize(
    ("before", "is_compared", "expected"),
    [
        (timedelta(0), False, True),
        (MISMATCH_COUNTS - timedelta(microseconds=1), False, True),
        (MISMATCH_COUNTS, False, False),
        (timedelta(microseconds=-1), False, False),
        (timedelta(0), True, False),
    ],
)
def test_after_a_mismatch_only_the_last_four_are_believed_without_a_supervisor(
    before: timedelta, is_compared: bool, expected: bool
) -> None:
    needs = needs_supervisor(NOON - before, NOON, is_advised=False, is_compared=is_compared)
    assert needs is expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (-MISMATCH_COUNTS, True),
        (-MISMATCH_COUNTS - timedelta(microseconds=1), False),
        (timedelta(minutes=-1), True),
        (MISMATCH_COUNTS, False),
    ],
)
def test_of_a_scan_that_is_sent_late_a_mismatch_counts_on_either_side(
    after: timedelta, expected: bool
) -> None:
    needs = needs_supervisor(NOON, NOON + after, is_advised=False, is_compared=False, is_late=True)
    assert needs is expected
    assert not needs_supervisor(NOON, NOON + after, is_advised=False, is_compared=True, is_late=True)


def test_an_ordinary_entry_needs_no_supervisor() -> None:
    assert not needs_supervisor(None, NOON, is_advised=False, is_compared=False)

"""The checker of histories finds a planted violation, and accepts whatever can have happened."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.approval.domain.reviews import Review
from services.verify.domain.passes import Terms
from tests.chaos import histories
from tests.chaos.histories import Operation, TooLong, violation
from tests.chaos.history_models import (
    DONE,
    REFUSED_COUNT,
    ApplicationAtDesk,
    Closing,
    Decide,
    PassAtGates,
    Revocation,
    Scan,
)
from tests.support.factories.approval import submitted

Request = tuple[str, int]


class Register:
    """A number that is written and read."""

    def start(self) -> int:
        return 0

    def after(self, state: int, request: Request) -> Iterable[tuple[int | None, int]]:
        kind, value = request
        return [(None, value)] if kind == "write" else [(state, state)]


class Coin:
    """Each toss shows one side or the other."""

    def start(self) -> int:
        return 0

    def after(self, state: int, request: str) -> Iterable[tuple[int | None, int]]:
        return [(side, state) for side in (0, 1)]


def write(value: int, began: float, ended: float | None) -> Operation[Request, int]:
    return Operation(("write", value), None, began, ended)


def read(value: int, began: float, ended: float | None) -> Operation[Request, int]:
    return Operation(("read", 0), value, began, ended)


@pytest.mark.parametrize(
    "history",
    [
        [],
        [read(0, 0, 1)],
        [write(1, 0, 1), read(1, 2, 3)],
        [write(1, 0, 3), read(0, 1, 2)],
        [write(1, 0, 3), read(1, 1, 2)],
        [write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)],
        [write(1, 0, 9), write(2, 0, 9), read(2, 1, 2), read(1, 3, 4)],
        [write(1, 0, 1), read(1, 1, 2)],
    ],
)
def test_what_can_have_happened_is_accepted(history: list[Operation[Request, int]]) -> None:
    assert violation(history, Register()) is None


@pytest.mark.parametrize(
    "history",
    [
        [read(1, 0, 1)],
        [write(1, 0, 1), read(0, 2, 3)],
        [write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)],
        [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)],
        [write(1, 0, 9), write(2, 0, 9), read(1, 1, 2), read(2, 3, 4), read(1, 5, 6)],
        [read(1, 0, 1), write(1, 2, 3)],
    ],
)
def test_a_planted_violation_is_found(history: list[Operation[Request, int]]) -> None:
    assert violation(history, Register()) is not None


def test_an_operation_of_unknown_outcome_may_have_happened_late_or_never() -> None:
    unknown = write(1, 0, None)
    assert violation([unknown, read(0, 1, 2)], Register()) is None
    assert violation([unknown, read(1, 1, 2)], Register()) is None
    assert violation([unknown, read(0, 1, 2), read(1, 3, 4)], Register()) is None
    assert violation([unknown, read(1, 1, 2), read(0, 3, 4)], Register()) is not None, "not undone again"
    assert violation([read(1, 0, 1), write(1, 2, None)], Register()) is not None, "not before it began"


def test_a_model_may_have_several_answers() -> None:
    tosses = [Operation("toss", side, number, number + 0.5) for number, side in enumerate((1, 0, 0, 1))]
    assert violation(tosses, Coin()) is None
    assert violation([Operation("toss", 2, 0, 1)], Coin()) is not None


def test_a_violation_says_what_fits_nowhere() -> None:
    found = violation([write(1, 0, 1), read(1, 2, 3), read(0, 4, 5)], Register())
    assert found is not None
    assert [one.request[0] for one in found.order] == ["write", "read"]
    assert [one.answer for one in found.stuck] == [0]
    assert "('read', 0) -> 0" in str(found)


def test_a_history_that_is_too_long_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "MOST_PAIRS", 100)
    crowd = [write(number, 0, 100) for number in range(12)]
    with pytest.raises(TooLong):
        violation([*crowd, read(99, 101, 102)], Register())


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.floats(0, 5), st.floats(0, 5)), max_size=12))
def test_every_sequential_run_that_is_seen_through_wider_intervals_is_accepted(
    steps: list[tuple[bool, int, float, float]],
) -> None:
    value, history = 0, []
    for at, (writes, wanted, before, after) in enumerate(steps):
        if writes:
            value = wanted
        one = write if writes else read
        history.append(one(value, at - before, at + after))
    assert violation(history, Register()) is None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.floats(0, 5), st.floats(0, 5)), max_size=10),
    st.floats(20, 30),
)
def test_a_value_that_nobody_wrote_is_never_accepted(
    steps: list[tuple[bool, int, float, float]], last: float
) -> None:
    value, history = 0, []
    for at, (writes, wanted, before, after) in enumerate(steps):
        if writes:
            value = wanted
        one = write if writes else read
        history.append(one(value, at - before, at + after))
    assert violation([*history, read(7, last, last + 1)], Register()) is not None


NOW = datetime(2026, 12, 1, 11, tzinfo=UTC)
FAMILY = PassAtGates(Terms("S1", None, 2, 1, NOW - timedelta(hours=1), NOW + timedelta(hours=1)), NOW)
GATE = "S1-G1"


def steps(*seen: tuple[object, object]) -> list[Operation[Any, Any]]:
    """Return operations one after the other."""
    return [Operation(request, answer, at, at + 0.5) for at, (request, answer) in enumerate(seen)]


@pytest.mark.parametrize(
    ("seen", "possible"),
    [
        ([(Scan("entry", GATE), ("admit", 2)), (Scan("exit", GATE), ("exit", 0))], True),
        ([(Scan("entry", GATE), ("admit", 2)), (Scan("entry", GATE), ("admit", 2))], False),
        ([(Scan("entry", GATE, 1), ("admit", 1)), (Scan("entry", GATE, 1), ("admit", 2))], True),
        ([(Scan("entry", GATE, 1), ("admit", 1)), (Scan("entry", GATE, 1), ("admit", 1))], False),
        ([(Scan("entry", GATE, 1), ("admit", 1)), (Scan("entry", GATE, 2), REFUSED_COUNT)], True),
        ([(Scan("entry", GATE, 2), REFUSED_COUNT)], False),
        ([(Revocation(), None), (Scan("entry", GATE), ("admit", 2))], False),
        ([(Revocation(), None), (Scan("exit", GATE), ("exit", 0))], True),
        ([(Scan("entry", GATE), ("revoked", 0))], False),
        ([(Scan("entry", GATE, None, False), ("id_mismatch", 0)), (Scan("entry", GATE), ("admit", 2))], True),
    ],
)
def test_planted_violations_at_the_gates_are_found(seen: list[tuple[object, object]], possible: bool) -> None:
    assert (violation(steps(*seen), FAMILY) is None) == possible


DESK = ApplicationAtDesk(Review(uuid4(), submitted(), "home", None, "pending"), NOW)


@pytest.mark.parametrize(
    ("seen", "possible"),
    [
        ([(Decide("approve"), DONE), (Decide("reject"), "already_decided")], True),
        ([(Decide("approve"), DONE), (Decide("reject"), DONE)], False),
        ([(Decide("approve"), DONE), (Decide("withdraw"), DONE), (Decide("withdraw"), DONE)], False),
        ([(Decide("withdraw"), "not_approved"), (Decide("approve"), DONE)], True),
        ([(Decide("approve"), "already_decided")], False),
        ([(Closing(), None), (Decide("approve"), DONE)], False),
        ([(Decide("approve"), DONE), (Closing(), None), (Decide("withdraw"), "application_closed")], True),
    ],
)
def test_planted_violations_at_the_desk_are_found(seen: list[tuple[object, object]], possible: bool) -> None:
    assert (violation(steps(*seen), DESK) is None) == possible

"""Invariants as arithmetic: what is in flight must lie somewhere, and what lies nowhere is lost."""

import pytest

from services.ops.balances import Balance, InFlight, merge_join


def balance(number: int, unsent: int = 0) -> Balance:
    """Ten said, so many of them long ago and not heard."""
    return Balance(
        "b",
        "said",
        10,
        {"heard": 7, "in flight": 3},
        {},
        (("in flight", InFlight(number, ("a.B",), unsent)),),
    )


@pytest.mark.parametrize(
    ("old", "unsent", "lying", "lost"),
    [(0, 0, 0, 0), (3, 0, 3, 0), (3, 3, 0, 0), (3, 1, 1, 1), (3, 0, 0, 3), (2, 0, 50, 0)],
)
def test_lost_is_what_is_old_and_lies_nowhere(old: int, unsent: int, queued: int, lost: int) -> None:
    judge = balance(old, unsent).judge(lambda _queues: queued)
    assert judge.faults == {"in flight and lost": lost}
    assert judge.parts["in flight"] == 3 - lost
    assert judge.holds == (lost == 0)


def test_parts_that_are_not_the_whole_break_it() -> None:
    assert Balance("b", "said", 2, {"heard": 1, "pending": 1}).holds
    assert not Balance("b", "said", 3, {"heard": 1, "pending": 1}).holds
    assert not Balance("b", "said", 2, {"heard": 1, "pending": 1}, {"never": 1}).holds


def test_rows_of_one_key_stand_side_by_side() -> None:
    left, right = [(1, "l"), (2, "l"), (4, "l")], [(2, "r"), (3, "r"), (4, "r"), (5, "r")]
    assert list(merge_join(left, right)) == [
        ((1, "l"), None), ((2, "l"), (2, "r")), (None, (3, "r")), ((4, "l"), (4, "r")), (None, (5, "r")),
    ]  # fmt: skip

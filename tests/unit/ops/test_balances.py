"""Balances: an event in flight must be in an outbox or a queue; otherwise it is lost."""

import pytest

from services.ops.balances import Balance, InFlight, merge_join


def balance(overdue: int, unsent: int = 0) -> Balance:
    """Return a balance of ten published events, of which some are overdue and not received."""
    return Balance(
        "b",
        "published",
        10,
        {"received": 7, "in flight": 3},
        {},
        (("in flight", InFlight(overdue, ("a.B",), unsent)),),
    )


@pytest.mark.parametrize(
    ("overdue", "unsent", "queued", "lost"),
    [(0, 0, 0, 0), (3, 0, 3, 0), (3, 3, 0, 0), (3, 1, 1, 1), (3, 0, 0, 3), (2, 0, 50, 0)],
)
def test_an_overdue_event_that_is_in_no_outbox_and_no_queue_is_lost(
    overdue: int, unsent: int, queued: int, lost: int
) -> None:
    judged = balance(overdue, unsent).judge(lambda _queues: queued)
    assert judged.faults == {"in flight and lost": lost}
    assert judged.parts["in flight"] == 3 - lost
    assert judged.holds == (lost == 0)


def test_a_balance_holds_only_if_the_parts_add_up_and_there_is_no_fault() -> None:
    assert Balance("b", "published", 2, {"received": 1, "pending": 1}).holds
    assert not Balance("b", "published", 3, {"received": 1, "pending": 1}).holds
    assert not Balance("b", "published", 2, {"received": 1, "pending": 1}, {"never": 1}).holds


def test_rows_with_the_same_key_are_paired() -> None:
    left, right = [(1, "l"), (2, "l"), (4, "l")], [(2, "r"), (3, "r"), (4, "r"), (5, "r")]
    assert list(merge_join(left, right)) == [
        ((1, "l"), None), ((2, "l"), (2, "r")), (None, (3, "r")), ((4, "l"), (4, "r")), (None, (5, "r")),
    ]  # fmt: skip

"""Group commit: who waits while a group is at work is in the next one; everybody gets their own answer."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.chassis.db.group_commit import GROUPS_AT_ONCE, LARGEST_GROUP, GroupCommit
from tests.support.running import eventually


class Work:
    """Work that waits until it is let go; it doubles each number."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        assert self.go.wait(20)
        return [2 * number for number in numbers]


def test_a_call_that_comes_alone_is_served_at_once() -> None:
    group: GroupCommit[int, int] = GroupCommit()
    work = Work()
    work.go.set()
    assert [group.submit(number, work) for number in range(3)] == [0, 2, 4]
    assert work.groups == [[0], [1], [2]]


def test_calls_that_wait_while_others_are_at_work_share_the_next_group_and_get_their_own_results() -> None:
    group: GroupCommit[int, int] = GroupCommit()
    work = Work()
    calls = 10 * LARGEST_GROUP
    with ThreadPoolExecutor(calls) as pool:
        futures = [pool.submit(group.submit, number, work) for number in range(GROUPS_AT_ONCE)]
        eventually(lambda: len(work.groups) == GROUPS_AT_ONCE, "all groups are at work")
        futures += [pool.submit(group.submit, number, work) for number in range(GROUPS_AT_ONCE, calls)]
        eventually(lambda: len(group._waiting) == calls - GROUPS_AT_ONCE, "the others wait")
        work.go.set()
        assert [future.result(20) for future in futures] == [2 * number for number in range(calls)]
    assert sorted(number for one in work.groups for number in one) == list(range(calls)), "each once"
    assert max(len(one) for one in work.groups) == LARGEST_GROUP
    assert len(work.groups) < calls / 4


def test_an_error_of_a_group_reaches_each_of_its_calls_and_no_later_one() -> None:
    group: GroupCommit[int, int] = GroupCommit()
    work = Work()

    def fail(numbers: Sequence[int]) -> list[int]:
        work(numbers)
        raise RuntimeError("all of them")

    with ThreadPoolExecutor(8) as pool:
        first = [pool.submit(group.submit, number, fail) for number in range(8)]
        eventually(lambda: len(work.groups) == GROUPS_AT_ONCE, "they are at work")
        work.go.set()
        for one in first:
            with pytest.raises(RuntimeError, match="all of them"):
                one.result(20)
    assert group.submit(21, work) == 42


def test_whoever_is_at_work_can_be_ended_without_leaving_the_others_waiting() -> None:
    """A killed worker raises an error that is no `Exception`."""
    group: GroupCommit[int, int] = GroupCommit()

    def end(_: Sequence[int]) -> list[int]:
        raise SystemExit

    with pytest.raises(SystemExit):
        group.submit(1, end)
    assert group.submit(21, lambda numbers: [2 * number for number in numbers]) == 42

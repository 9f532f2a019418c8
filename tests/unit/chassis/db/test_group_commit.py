"""Group commit: who waits while a group is at work is in the next one; everybody gets their own answer."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.chassis.db import group_commit
from services.chassis.db.group_commit import GROUPS_AT_ONCE, LARGEST_GROUP, GroupCommit
from tests.support.running import eventually

IN_GREEN_THREADS = """
import eventlet
eventlet.monkey_patch()
from services.chassis.db.group_commit import GroupCommit

sizes = []
def one(number):
    sizes.append(1)
    eventlet.sleep(0.001)
    return 2 * number
def many(numbers):
    sizes.append(len(numbers))
    eventlet.sleep(0.001)
    return [2 * number for number in numbers]

group, pool = GroupCommit(), eventlet.GreenPool(40)
assert list(pool.imap(lambda number: group.submit(number, one, many), range(400))) == list(range(0, 800, 2))
print(len(sizes), max(sizes))
"""


class Work:
    """Work that waits until it is let go; it doubles each number."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()

    def one(self, number: int) -> int:
        return self.many([number])[0]

    def many(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        assert self.go.wait(20)
        return [2 * number for number in numbers]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls wait for as long as a test holds others at work."""
    monkeypatch.setattr(group_commit, "PATIENCE", 60)


def never(*_: object) -> int:
    raise AssertionError("it was not to be called")


def test_a_call_that_comes_alone_is_handled_alone_at_once() -> None:
    group: GroupCommit[int, int] = GroupCommit()
    assert [group.submit(number, lambda one: 2 * one, never) for number in range(3)] == [0, 2, 4]  # type: ignore[arg-type]


@pytest.mark.usefixtures("patient")
def test_calls_that_wait_while_others_are_at_work_share_the_next_group_and_get_their_own_results() -> None:
    group: GroupCommit[int, int] = GroupCommit()
    work = Work()
    calls = 10 * LARGEST_GROUP
    with ThreadPoolExecutor(calls) as pool:
        futures = [pool.submit(group.submit, number, work.one, work.many) for number in range(GROUPS_AT_ONCE)]
        eventually(lambda: len(work.groups) == GROUPS_AT_ONCE, "all groups are at work")
        futures += [
            pool.submit(group.submit, number, work.one, work.many) for number in range(GROUPS_AT_ONCE, calls)
        ]
        eventually(lambda: len(group._waiting) == calls - GROUPS_AT_ONCE, "the others wait")
        work.go.set()
        assert [future.result(20) for future in futures] == [2 * number for number in range(calls)]
    assert sorted(number for one in work.groups for number in one) == list(range(calls)), "each once"
    assert max(len(one) for one in work.groups) == LARGEST_GROUP
    assert len(work.groups) < calls / 4


def test_groups_form_in_the_green_threads_of_a_service() -> None:
    """There a call that does not wait for anything is done before the next one begins."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_GREEN_THREADS], capture_output=True, text=True, check=True
    )
    transactions, largest = map(int, run.stdout.split())
    assert transactions < 400 / 4
    assert largest > 8


def test_the_error_of_a_call_alone_is_its_own() -> None:
    group: GroupCommit[int, int] = GroupCommit()

    def fail(_: int) -> int:
        raise RuntimeError("its own")

    with pytest.raises(RuntimeError, match="its own"):
        group.submit(1, fail, never)  # type: ignore[arg-type]
    assert group.submit(21, lambda one: 2 * one, never) == 42  # type: ignore[arg-type]


@pytest.mark.usefixtures("patient")
def test_when_a_group_fails_or_leaves_a_call_out_it_is_handled_alone() -> None:
    group: GroupCommit[int, int] = GroupCommit()
    work = Work()
    alone: list[int] = []

    def one(number: int) -> int:
        if number >= GROUPS_AT_ONCE:
            alone.append(number)
            return 2 * number
        return work.one(number)

    def many(numbers: Sequence[int]) -> Sequence[int | None]:
        work.many(numbers)
        if 7 in numbers:
            raise RuntimeError("all of them")
        return [None if number % 2 else 2 * number for number in numbers]

    with ThreadPoolExecutor(200) as pool:
        futures = [pool.submit(group.submit, number, one, many) for number in range(GROUPS_AT_ONCE)]
        eventually(lambda: len(work.groups) == GROUPS_AT_ONCE, "all groups are at work")
        futures += [pool.submit(group.submit, number, one, many) for number in range(GROUPS_AT_ONCE, 200)]
        eventually(lambda: len(group._waiting) == 200 - GROUPS_AT_ONCE, "the others wait")
        work.go.set()
        assert [future.result(20) for future in futures] == [2 * number for number in range(200)]
    assert len(alone) == len(set(alone))
    assert {7, *range(GROUPS_AT_ONCE + 1, 200, 2)} <= set(alone) < set(range(200))


def test_groups_that_are_stuck_hold_up_nobody_else() -> None:
    group: GroupCommit[int, int] = GroupCommit()
    stuck = Work()
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(group.submit, number, stuck.one, stuck.many) for number in range(GROUPS_AT_ONCE)]
        eventually(lambda: len(stuck.groups) == GROUPS_AT_ONCE, "all groups are stuck")
        others = [
            pool.submit(group.submit, number, lambda one: 2 * one, lambda many: [2 * one for one in many])
            for number in (21, 22, 23)
        ]
        assert [other.result(20) for other in others] == [42, 44, 46]
        stuck.go.set()
        assert [one.result(20) for one in held] == [0, 2]
    assert (group._groups, list(group._waiting)) == (0, [])


@pytest.mark.usefixtures("patient")
def test_whoever_is_at_work_can_be_ended_without_leaving_the_others_waiting() -> None:
    """A killed worker raises an error that is no `Exception`."""
    group: GroupCommit[int, int] = GroupCommit()
    started, go = threading.Event(), threading.Event()

    def end(_: int) -> int:
        started.set()
        assert go.wait(20)
        raise SystemExit

    with ThreadPoolExecutor(4) as pool:
        ended = [pool.submit(group.submit, number, end, never) for number in range(GROUPS_AT_ONCE)]  # type: ignore[arg-type]
        assert started.wait(20)
        eventually(lambda: group._groups == GROUPS_AT_ONCE, "all groups are at work")
        waits = pool.submit(group.submit, 21, lambda one: 2 * one, never)  # type: ignore[arg-type]
        eventually(lambda: len(group._waiting) == 1, "another waits")
        go.set()
        assert waits.result(20) == 42
        for one in ended:
            with pytest.raises(SystemExit):
                one.result(20)


def test_whoever_is_ended_while_waiting_leaves_its_turn_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    group: GroupCommit[int, int] = GroupCommit()
    monkeypatch.setattr(threading.Event, "wait", never)
    with pytest.raises(AssertionError, match="not to be called"):
        group.submit(1, never, never)  # type: ignore[arg-type]
    monkeypatch.undo()
    assert (group._groups, list(group._waiting)) == (0, [])
    assert group.submit(21, lambda one: 2 * one, never) == 42  # type: ignore[arg-type]

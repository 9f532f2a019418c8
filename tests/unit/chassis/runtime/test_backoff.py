"""Reconnecting: pauses that grow, that differ by chance, and that begin again."""

import pytest

from services.chassis.runtime.backoff import LONGEST, SHORTEST, Backoff, retrying


def test_pauses_grow_up_to_the_longest_one() -> None:
    pauses = [[backoff.next_pause() for _ in range(8)] for backoff in (Backoff() for _ in range(200))]
    longest = [max(column) for column in zip(*pauses, strict=True)]
    assert longest[0] <= 2 * SHORTEST
    assert longest[0] < longest[1] < longest[2]
    assert LONGEST / 2 < longest[-1] <= LONGEST
    assert min(map(min, pauses)) >= SHORTEST


def test_replicas_do_not_pause_for_the_same_time() -> None:
    assert len({Backoff().next_pause() for _ in range(50)}) > 40


def test_a_connection_that_worked_begins_again_with_a_short_pause() -> None:
    backoff = Backoff()
    for _ in range(10):
        backoff.next_pause()
    backoff.reset()
    assert backoff.next_pause() <= 2 * SHORTEST


class Failing:
    """A call that fails a number of times before it succeeds."""

    def __init__(self, error: type[Exception], times: int) -> None:
        self.error, self.times, self.calls = error, times, 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return "done"


def test_a_call_is_repeated_until_it_succeeds() -> None:
    call = Failing(OSError, times=2)
    assert retrying((OSError,), seconds=5)(call) == "done"
    assert call.calls == 3


def test_the_last_error_is_raised_when_the_time_is_over() -> None:
    with pytest.raises(ConnectionError):
        retrying((OSError,), seconds=0.2)(Failing(ConnectionError, times=1000))


def test_an_error_of_another_kind_is_raised_at_once() -> None:
    call = Failing(ZeroDivisionError, times=1000)
    with pytest.raises(ZeroDivisionError):
        retrying((OSError,), seconds=5)(call)
    assert call.calls == 1

"""The service times of the simulation, from what was measured."""

from itertools import chain

import pytest

from bench.day import AFTER, MEASURED, PROCESS, RELAYS, TIMES, Line


def test_a_batch_takes_a_time_of_its_own_and_one_for_each_unit() -> None:
    points = [(n, (0.008 + 0.001 * n) / n) for n in (1, 4, 15, 40)]
    line = Line.through(points)
    assert (line.fixed, line.each) == pytest.approx((0.008, 0.001))


def test_times_are_never_negative() -> None:
    assert Line.through([(1, 0.001), (2, 0.002)]).fixed == 0
    assert Line.through([(1, 1.0), (1.1, 0.1)]).each == 0


def test_a_visit_comes_to_each_step_as_often_as_the_steps_before_send_it() -> None:
    """Two scans, one application and one approval come from outside."""
    begins = {"apply": 1, "approve": 1, "scan": 2}
    after = {**AFTER, **RELAYS}
    comes = {name: begins.get(name, 0) for name in chain(MEASURED, RELAYS)}
    waiting = list(begins.items())
    while waiting:
        name, times = waiting.pop()
        for following in after.get(name, ()):
            comes[following] += times
            waiting.append((following, times))
    assert comes == {name: TIMES[name] or 1 for name in comes}
    assert set(PROCESS) == set(MEASURED)

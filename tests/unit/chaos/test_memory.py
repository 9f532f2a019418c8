"""Who needs more memory than a container has is found, and fails a run."""

import os
from collections import Counter
from dataclasses import dataclass
from typing import cast

import pytest

from tests.chaos.report import Report
from tests.support.chaos import memory
from tests.support.chaos.memory import LIMIT_MB, Peaks, within_limit
from tests.support.chaos.oracle import Findings
from tests.support.stack.running import Process


@dataclass
class _Own:
    """This process, as `Peaks` sees those of a system."""

    pid: int


OWN = {"sender": cast(Process, _Own(os.getpid()))}


def report(peaks: Peaks) -> Report:
    return Report(
        seed=1,
        seconds=1,
        injected=[],
        applications=1,
        outcomes=Counter(),
        unanswered=Counter(),
        final_after=1,
        findings=Findings(),
        sender_kills=0,
        held=0,
        messages=0,
        offline=0,
        conflicts=0,
        memory=peaks,
        ended_by_themselves=[],
        backend="none",
    )


def test_the_limit_is_that_of_a_container() -> None:
    assert LIMIT_MB == 384


def test_who_needed_less_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "LIMIT_MB", 2 * memory.peak_mb(os.getpid()))
    with within_limit(OWN):
        pass
    peaks = Peaks(OWN)
    peaks.look()
    assert report(peaks).good


@pytest.mark.parametrize("is_alive", [True, False])
def test_control_a_limit_below_what_a_process_needed_fails_the_run(
    monkeypatch: pytest.MonkeyPatch, is_alive: bool
) -> None:
    peaks = Peaks({**OWN})
    peaks.look()
    if not is_alive:
        peaks._processes = {}
    monkeypatch.setattr(memory, "LIMIT_MB", peaks.highest["sender"] / 2)
    peaks.look()
    found = report(peaks)
    assert not found.good
    assert any("sender" in line and "! more than" in line for line in found.lines())
    with pytest.raises(AssertionError, match="sender"), within_limit(OWN):
        pass

"""A periodic job is young only after a run that succeeded, by a clock that nobody sets."""

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from services.chassis.runtime import jobs
from services.chassis.runtime.jobs import Job
from services.chassis.runtime.lifecycle import Stopping


def age() -> float | None:
    return REGISTRY.get_sample_value("epass_job_success_age_seconds", {"job_name": "sweep"})


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, which a pause moves on."""
    passed = [0.0]

    def pause(length: float) -> None:
        passed[0] += length
        if passed[0] > 400:
            raise Stopping

    monkeypatch.setattr(jobs, "monotonic", lambda: passed[0])
    monkeypatch.setattr(jobs, "pause", pause)
    return passed


def outcomes(*errors: Exception | None) -> Iterator[Exception | None]:
    yield from errors
    while True:
        yield None


def test_a_job_that_has_never_succeeded_counts_from_the_start_of_its_process(seconds: list[float]) -> None:
    Job("sweep", 60)
    seconds[0] = 200.0
    assert age() == 200.0


def test_a_run_that_fails_is_no_success_and_the_next_one_comes_after_the_interval(
    seconds: list[float],
) -> None:
    ran: list[tuple[float, float | None]] = []
    fails = outcomes(None, RuntimeError("a secret"), RuntimeError("a secret"))

    def work() -> None:
        ran.append((seconds[0], age()))
        if (error := next(fails)) is not None:
            raise error

    Job("sweep", 100).repeat(work, first=10)
    assert ran == [(10, 10), (110, 100), (210, 200), (310, 300)]


def test_what_stops_the_process_is_no_failure_of_a_job(
    seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(jobs.log, "warning", lambda event, **_: logged.append(event))

    def stop() -> None:
        raise Stopping

    Job("sweep", 100).repeat(stop, first=10)
    assert (seconds, logged) == ([10.0], [])

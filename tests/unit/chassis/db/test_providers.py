"""Providers inject what the process object holds; scheduled jobs survive their errors."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from itertools import chain, repeat
from types import SimpleNamespace

import eventlet
import nameko.timer
import pytest
from nameko import config
from prometheus_client import REGISTRY

from contracts.subscriptions import SERVICES
from services.chassis.db import providers
from services.chassis.db.providers import DatabaseProvider, Process, Schedule, SettingsProvider, every
from services.chassis.runtime import jobs
from services.chassis.runtime.handlers import SINGLE
from services.chassis.runtime.health import Health
from services.issuance.settings import IssuanceSettings
from tests.support.stack.settings import make_settings

SETTINGS = make_settings(IssuanceSettings, status_list_seconds=7)


@pytest.fixture(autouse=True)
def provided():
    """Provide a process object as `serve.run` does."""
    process = Process(SETTINGS, SimpleNamespace(), Health())
    process.provide()
    yield process
    config.clear()


def test_settings_and_database_of_the_process_are_injected(provided: Process) -> None:
    assert SettingsProvider().get_dependency(None) is SETTINGS
    assert DatabaseProvider().get_dependency(None) is provided.database


def schedule_of(method):
    (schedule,) = method.nameko_entrypoints
    schedule.setup()
    return schedule


def test_the_interval_of_a_job_may_be_the_name_of_a_setting() -> None:
    assert schedule_of(every("status_list_seconds", lambda: None)).interval == 7
    assert schedule_of(every(3600, lambda: None)).interval == 3600


INTERVAL = 0.02


class Container:
    """Runs each tick at once, as a worker would, and counts them."""

    def __init__(self, outcome: object = True) -> None:
        self.ticks, self.outcome = 0, outcome
        self.spawn_managed_thread = eventlet.spawn

    def spawn_worker(self, schedule: Schedule, _args: object, _kwargs: object, handle_result) -> None:
        self.ticks += 1
        handle_result(None, self.outcome, None)

    def wait_for_ticks(self, more: int) -> None:
        wanted = self.ticks + more
        with eventlet.Timeout(10):
            while self.ticks < wanted:
                eventlet.sleep(INTERVAL / 4)


@contextmanager
def scheduled(container: Container, interval: float = INTERVAL) -> Iterator[Schedule]:
    """Run the schedule of a job named `sweep`."""
    schedule = Schedule(interval=interval)
    schedule.container, schedule.method_name = container, "sweep"
    schedule.setup()
    schedule.start()
    try:
        yield schedule
    finally:
        schedule.kill()


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A wall clock that leaps by ``offset``, for nameko's timer as for ours."""
    wall = SimpleNamespace(offset=0.0, time=lambda: time.time() + wall.offset)
    monkeypatch.setattr(nameko.timer, "time", wall)
    return wall


def test_a_clock_that_is_set_back_stops_no_job(wall_clock: SimpleNamespace) -> None:
    container = Container()
    with scheduled(container):
        container.wait_for_ticks(2)
        wall_clock.offset = -3600.0
        container.wait_for_ticks(5)


def test_a_clock_that_is_set_forward_makes_up_for_no_tick(wall_clock: SimpleNamespace) -> None:
    container = Container()
    with scheduled(container):
        container.wait_for_ticks(2)
        wall_clock.offset, before, began = 600.0, container.ticks, time.monotonic()
        container.wait_for_ticks(3)
        passed = time.monotonic() - began
        assert container.ticks - before <= passed / INTERVAL + 1


def test_a_run_that_took_long_is_followed_by_one_and_not_by_all_that_were_due() -> None:
    container = Container()
    with scheduled(container) as schedule:
        container.wait_for_ticks(1)
        time.sleep(20 * INTERVAL)  # nothing else of this process runs meanwhile
        before, began = container.ticks, time.monotonic()
        container.wait_for_ticks(3)
        assert container.ticks - before <= (time.monotonic() - began) / schedule.interval + 2


def test_an_hourly_job_runs_in_a_process_that_lives_for_two_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    started_and_later = chain([0.0], repeat(120.0))
    monkeypatch.setattr(providers, "monotonic", lambda: next(started_and_later))
    container = Container()
    with scheduled(container, 3600.0):
        container.wait_for_ticks(1)


@pytest.mark.parametrize(("outcome", "is_late"), [(True, False), (False, True), (None, True)])
def test_only_a_run_that_succeeded_makes_a_job_young(
    monkeypatch: pytest.MonkeyPatch, outcome: object, *, is_late: bool
) -> None:
    clock = [0.0]
    monkeypatch.setattr(jobs, "monotonic", lambda: clock[0])
    schedule = Schedule(interval=60)
    schedule.container, schedule.method_name = Container(outcome), "sweep"
    schedule.setup()
    clock[0] = 300.0
    schedule.handle_timer_tick()
    clock[0] = 301.0

    def read(name: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"job_name": "sweep"})

    assert read("epass_job_success_age_seconds") == (301.0 if is_late else 1.0)
    assert read("epass_job_interval_seconds") == 60


def test_a_job_that_fails_is_logged_by_its_name_and_does_not_end_its_schedule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(
        providers, "log", SimpleNamespace(warning=lambda _event, job, **_: logged.append(job))
    )

    def fail() -> None:
        raise RuntimeError("a secret")

    class Consumers:
        sweep = every(1, fail)

    assert Consumers().sweep() is False
    assert logged == ["sweep"]


@pytest.mark.parametrize("rows", [2, "batch"], ids=["a number", "a setting"])
def test_a_job_of_batches_is_called_again_until_it_finds_less_than_a_whole_batch(rows: int | str) -> None:
    sessions: list[int] = []

    @contextmanager
    def transaction() -> Iterator[int]:
        sessions.append(len(sessions))
        yield sessions[-1]

    class Consumers:
        db, settings = SimpleNamespace(transaction=transaction), SimpleNamespace(batch=2)
        sweep = every(1, lambda session: 2 - session, rows=rows)

    assert Consumers().sweep() is True
    assert sessions == [0, 1]


def test_each_consumer_that_names_a_setting_has_the_settings() -> None:
    for service in SERVICES:
        module = import_module(f"services.{service}.consumers")
        for container in {
            one for one in vars(module).values() if hasattr(one, "db") and hasattr(one, "name")
        }:
            named = {
                name
                for entrypoint in vars(container).values()
                if (handler := getattr(entrypoint, "__wrapped__", None)) is not None
                for name in signature(handler).parameters
            }
            assert not named & {"settings", *SINGLE} or hasattr(container, "settings"), container

"""Providers inject what the process object holds; scheduled jobs survive their errors."""

from types import SimpleNamespace

import pytest
from nameko import config

from services.chassis.runtime import providers
from services.chassis.runtime.health import Health
from services.chassis.runtime.providers import DatabaseProvider, Process, SettingsProvider, every
from services.issuance.settings import IssuanceSettings
from tests.support.settings import make_settings

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
    @every("status_list_seconds")
    def by_setting(_self: object) -> None: ...

    @every(3600)
    def by_number(_self: object) -> None: ...

    assert schedule_of(by_setting).interval == 7
    assert schedule_of(by_number).interval == 3600


def test_a_job_that_fails_is_logged_and_does_not_end_its_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(
        providers, "log", SimpleNamespace(warning=lambda _event, job, **_: logged.append(job))
    )

    @every(1)
    def fail(_self: object) -> None:
        raise RuntimeError("a secret")

    fail(None)
    assert logged == ["fail"]

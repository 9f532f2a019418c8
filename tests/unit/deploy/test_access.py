"""The environments of local processes: each holds the settings that the process needs, and no others."""

import os
from pathlib import Path

import pytest

from contracts.subscriptions import SERVICES
from deploy.local.access import Environment
from deploy.local.secrets import SecretStore
from services.chassis.runtime.settings import Section, read
from services.ops.settings import BrokerCommandSettings, InvariantsCommandSettings
from tests.support.stack.settings import PROCESSES


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    for name in [name for name in os.environ if name.startswith("EPASS_")]:
        monkeypatch.delenv(name)
    ports = dict.fromkeys([*PROCESSES, "ops"], 9100)
    return Environment(
        lambda user: f"amqp://{user}@broker/",
        lambda role, database=None: f"postgresql+psycopg://{role}@server/{database or role}",
        SecretStore(tmp_path / "secrets.json"),
        ports,
        8080,
    )


def test_every_service_is_among_the_processes() -> None:
    assert set(SERVICES) <= set(PROCESSES)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_gets_the_settings_that_it_needs_and_no_others(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    given = environment.of(name)
    for setting, value in given.items():
        monkeypatch.setenv(setting, value)
    read(PROCESSES[name])
    assert set(given) <= {f"EPASS_{field.upper()}" for field in PROCESSES[name].model_fields}


@pytest.mark.parametrize("kind", [BrokerCommandSettings, InvariantsCommandSettings])
def test_the_administrator_gets_the_settings_of_the_commands(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, kind: type[Section]
) -> None:
    for setting, value in environment.of("administrator").items():
        monkeypatch.setenv(setting, value)
    read(kind)

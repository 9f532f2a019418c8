"""`epass` without settings: a process stops at start and names what is missing."""

import asyncio
import os

import pytest
from click.testing import CliRunner

from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime.health import Health
from services.ops import cli
from services.ops.cli import main
from tests.support.stack.settings import make_settings


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("relay", "EPASS_RELAY_DATABASE_URLS"),
        ("ops-exporter", "EPASS_BROKER_URLS"),
        ("sender", "EPASS_PERSONAL_KEYS"),
        ("gateway", "EPASS_ANSWERS_KEYS"),
        ("migrate accounts", "EPASS_DATABASE_URL"),
        ("topology apply", "EPASS_BROKER_URLS"),
    ],
)
def test_a_process_without_its_settings_stops_and_names_them(
    monkeypatch: pytest.MonkeyPatch, command: str, missing: str
) -> None:
    for name in [name for name in os.environ if name.startswith("EPASS_")]:
        monkeypatch.delenv(name)
    stopped = CliRunner().invoke(main, command.split())
    assert stopped.exit_code == 1
    assert f"{missing} is missing" in stopped.output


def test_a_command_that_answers_by_its_exit_code_uses_another_code_for_missing_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("EPASS_BROKER_URLS", raising=False)
    stopped = CliRunner().invoke(main, ["invariants"])
    assert stopped.exit_code == 2
    assert "EPASS_OPS_DATABASE_URLS is missing" in stopped.output


def test_the_loop_that_works_is_what_shows_that_relay_and_exporter_are_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []

    async def run(_settings: RelaySettings, health: Health, _stop: asyncio.Event) -> None:
        seen.append(health.loop is asyncio.get_running_loop())

    monkeypatch.setattr(cli, "read", make_settings)
    monkeypatch.setattr(cli.logs, "configure", lambda *_: None)
    cli._run_until_stopped("relay", RelaySettings, run)
    assert seen == [True]

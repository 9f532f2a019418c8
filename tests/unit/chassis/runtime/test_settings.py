"""Settings: one frozen object, each explained to whoever deploys it."""

import re

import pytest
from pydantic import ValidationError

from services.chassis.runtime.settings import Settings
from tests.support.paths import ROOT

EXAMPLE = ROOT / "deploy" / ".env.example"


def test_every_setting_stands_in_the_example_file_and_nothing_else_does() -> None:
    named = set(re.findall(r"^(EPASS_[A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert named == {f"EPASS_{name.upper()}" for name in Settings.model_fields} | {"EPASS_SECRETS_DIR"}


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().local_mode = False  # type: ignore[misc]  # that it is not allowed is the point


def test_no_worker_waits_for_a_connection_that_another_holds() -> None:
    options = Settings()
    assert options.database_pool >= options.rpc_workers + options.event_workers + options.urgent_workers


def test_lists_are_written_with_commas(monkeypatch) -> None:
    monkeypatch.setenv("EPASS_BROKER_URLS", "amqp://a, amqp://b")
    monkeypatch.setenv("EPASS_RETRY_DELAYS", "1,2.5")
    assert Settings().broker_urls == ("amqp://a", "amqp://b")
    assert Settings().retry_delays == (1.0, 2.5)


def test_a_wrong_value_is_named_and_not_quoted(monkeypatch) -> None:
    monkeypatch.setenv("EPASS_GATEWAY_PORT", "hunter2")
    with pytest.raises(ValidationError, match="gateway_port") as caught:
        Settings()
    assert "hunter2" not in str(caught.value)

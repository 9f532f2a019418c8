"""The processes of ``make run``: how each is started."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.local import run
from deploy.local.services import COMMANDS, GATE_FIRST, Services


def test_every_process_but_the_gates_own_gives_way_on_a_busy_machine(tmp_path: Path) -> None:
    stack: Any = SimpleNamespace(folder=tmp_path, logs=tmp_path, environment=lambda _: {})
    services = Services(stack)
    lines = {name: services._program(name).command[-1] for name in COMMANDS}
    first = {name for name, line in lines.items() if "exec nice" not in line}
    assert first == set(GATE_FIRST) == {"gateway", "verify"}
    assert all(line.endswith(f" {COMMANDS[name]}") for name, line in lines.items())


def test_the_file_of_the_sender_has_the_vendors_that_make_run_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a message that is tried by hand goes where the sender sends."""
    for name, value in {
        "SMS_URL": "http://127.0.0.1:9/sms",
        "SMS_TOKEN": "t o k",
        "HEALTH_PORT": "1",
    }.items():
        monkeypatch.setenv(f"EPASS_{name}", value)
    stack: Any = SimpleNamespace(
        folder=tmp_path, logs=tmp_path, environment=lambda _: {"EPASS_HEALTH_PORT": "2"}
    )
    written = {name: Services(stack)._write_settings(name).read_text() for name in ("sender", "verify")}
    assert "EPASS_SMS_URL=http://127.0.0.1:9/sms\nEPASS_SMS_TOKEN='t o k'\n" in written["sender"]
    assert "EPASS_HEALTH_PORT=2\n" in written["sender"], "what the stack says counts"
    assert "SMS" not in written["verify"]


def test_the_journey_alone_says_at_once_that_a_vendor_has_its_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EPASS_SMS_URL", "http://127.0.0.1:9/sms")
    monkeypatch.setattr("sys.argv", ["run", "--once", "--folder", str(tmp_path)])
    assert run.main() == 1
    assert "unset EPASS_SMS_URL" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [], "nothing was started"

"""What keeps logs on one server: the file of rsyslog, and the script that deletes the oldest days."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.stack.paths import ROOT

PRUNE = ROOT / "deploy" / "logs" / "prune"
CONFIGURATION = (ROOT / "deploy" / "logs" / "rsyslog.conf").read_text()
UNIT = (ROOT / "deploy" / "systemd" / "epass-logs.service").read_text()


def prune(folder: Path, days: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "EPASS_LOGS": str(folder), "EPASS_LOGS_KEPT_DAYS": days}
    return subprocess.run([PRUNE], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(190):
        (tmp_path / f"2026-{number // 28 + 1:02}-{number % 28 + 1:02}.jsonl").touch()
    (tmp_path / "2026-notes.txt").touch()
    return tmp_path


def test_the_newest_days_are_kept_and_nothing_else_is_touched(folder: Path) -> None:
    days = sorted(folder.glob("*.jsonl"))
    assert prune(folder, "180").returncode == 0
    assert sorted(folder.glob("*.jsonl")) == days[-180:]
    assert (folder / "2026-notes.txt").exists()


def test_a_clock_of_years_ahead_deletes_one_day_for_its_file(folder: Path) -> None:
    prune(folder, "180")
    (folder / "2099-01-01.jsonl").touch()
    prune(folder, "180")
    assert len(list(folder.glob("*.jsonl"))) == 180
    assert (folder / "2099-01-01.jsonl").exists()


@pytest.mark.parametrize("days", ["179", "0", "", "a year", "-1"])
def test_fewer_days_than_cert_in_asks_for_delete_nothing(folder: Path, days: str) -> None:
    done = prune(folder, days)
    kept = len(list(folder.glob("*.jsonl")))
    assert (done.returncode, kept) == ((0, 190) if days == "" else (1, 190)), "empty is a year"


def test_all_parts_name_one_folder_and_a_year(folder: Path) -> None:
    assert "/var/log/epass/%$year%-%$month%-%$day%.jsonl" in CONFIGURATION
    assert "${EPASS_LOGS:-/var/log/epass}" in PRUNE.read_text()
    assert "Environment=EPASS_LOGS_KEPT_DAYS=366" in UNIT
    assert "ExecStart=/opt/epass/deploy/logs/prune" in UNIT

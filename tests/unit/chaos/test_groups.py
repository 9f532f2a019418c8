"""Tests of one group share servers, so they run in one process."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = """
import os
from pathlib import Path

import pytest


@pytest.mark.xdist_group("the group")
@pytest.mark.parametrize("number", range(4))
def test_one(number):
    with Path(__file__).with_name("processes").open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")
"""


def test_a_group_runs_in_one_process(tmp_path: Path) -> None:
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(TESTS)
    command = ["-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "no:pytest_nameko"]
    done = subprocess.run(
        [sys.executable, *command, tmp_path],
        check=False,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    processes = (tmp_path / "processes").read_text().split()
    assert (len(processes), len(set(processes))) == (8, 1)

"""Each switch of the negative controls finds the guard that it takes out."""

import os
import subprocess
import sys

SCRIPT = """
import eventlet
eventlet.monkey_patch()
from tests.support.chaos.sabotage import SWITCHES
for name, switch in SWITCHES.items():
    try:
        switch()
    except Exception as error:
        print(f"{name}: {error!r}")
"""


def test_every_switch_finds_its_guard() -> None:
    environment = {**os.environ, "SLOW": "q", "SLOW_MS": "1", "HELD": "q"}
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0), done.stdout + done.stderr

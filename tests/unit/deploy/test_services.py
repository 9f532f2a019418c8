"""The processes of ``make run``: how each is started."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from deploy.local.services import COMMANDS, GATE_FIRST, Services


def test_every_process_but_the_gates_own_gives_way_on_a_busy_machine(tmp_path: Path) -> None:
    stack: Any = SimpleNamespace(folder=tmp_path, logs=tmp_path, environment=lambda _: {})
    services = Services(stack)
    lines = {name: services._program(name).command[-1] for name in COMMANDS}
    first = {name for name, line in lines.items() if "exec nice" not in line}
    assert first == set(GATE_FIRST) == {"gateway", "verify"}
    assert all(line.endswith(f" {COMMANDS[name]}") for name, line in lines.items())

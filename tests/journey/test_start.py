"""The start of each process."""

import pytest

from contracts.subscriptions import SERVICES
from tests.support.stack.running import eventually
from tests.support.system.system import System


@pytest.mark.parametrize("name", [*SERVICES, "gateway"])
def test_a_process_that_answers_people_has_frozen_what_its_start_has_made(system: System, name: str) -> None:
    lines = system.processes[name].log_lines
    frozen = eventually(
        lambda: [line["frozen"] for line in lines() if line["event"] == "started"], "has started"
    )
    assert min(frozen) > 50_000

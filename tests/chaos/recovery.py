"""How long outages last, and the checks after one: the same processes, nothing lost, no dead letters."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from contracts.subscriptions import SERVICES
from tests.support.chaos.prober import Prober
from tests.support.chaos.scenario import Scenario
from tests.support.stack.running import eventually
from tests.support.system.system import System

OUTAGE_SECONDS = float(os.environ.get("CHAOS_OUTAGE_SECONDS", "15"))
ALARM_SECONDS = float(os.environ.get("CHAOS_ALARM_SECONDS", OUTAGE_SECONDS / 2))
DATABASE_SECONDS = float(os.environ.get("CHAOS_DATABASE_OUTAGE_SECONDS", OUTAGE_SECONDS))
BACKLOG = int(os.environ.get("CHAOS_BACKLOG", "2000"))
COMMAND_SECONDS = 10.0
"""Commands succeed again within this time after the end of an outage."""
DRAIN_SECONDS = 60.0


def print_figures(what: str, **seconds: float) -> None:
    """Print a line of figures."""
    sys.stderr.write(f"\n{what}: {', '.join(f'{name} {value:.1f} s' for name, value in seconds.items())}\n")


@contextmanager
def no_process_restarts(system: System) -> Iterator[None]:
    """Check that all processes are the same at the end of the block as at its beginning."""
    before = {name: process.pid for name, process in system.processes.items()}
    yield
    assert {name: process.pid for name, process in system.processes.items() if process.alive} == before


def wait_until_all_ready(system: System) -> None:
    """Wait until all are ready, also those whose pools still hold broken connections."""
    for name, process in system.processes.items():
        eventually(process.is_ready, f"{name} is ready", 80)


def failed_attempts(system: System) -> float:
    """Return how many failures were counted against a message, in all services."""
    services = [system.processes[name] for name in SERVICES]
    return sum(
        process.metric("epass_retries_total") + process.metric("epass_dead_lettered_total")
        for process in services
    )


def check_answers(prober: Prober) -> None:
    """Check that each request was answered in time, by an outcome or by a proper 503."""
    assert not prober.late(), prober.late()
    assert not prober.odd(), prober.odd()


def check_nothing_is_lost(scenario: Scenario) -> None:
    """Check that all is done within the promised time, and stays so.

    It is checked twice, because what a consumer has in hand is seen nowhere.
    """
    until = time.monotonic() + DRAIN_SECONDS
    while True:
        scenario.decide()
        found = list(scenario.findings().details())
        if not found:
            break
        assert time.monotonic() < until, f"not within {DRAIN_SECONDS} s: {found}"
        time.sleep(0.2)
    found = list(scenario.wait_until_settled().details())
    assert not found, found

"""A system at work, and a Prometheus that watches it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

from epass_client import NoAnswer, Problem
from tests.support.actors import MATCHED, Applicant, Department, Officer, issued
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.monitoring import Monitoring, monitoring
from tests.support.running import Process

HEALTHY = {
    "max(epass_outbox_lag_seconds) < 30": "outboxes",
    "max(epass_dead_letters) == 0": "dead letters",
    "min(epass_queue_consumers) > 0": "consumers",
    "min(epass_invariant_holds) == 1": "invariants",
    "min(epass_database_writable) == 1": "databases",
    'sum(epass_scans_total{verdict="admit"}) > 0': "scans",
    "max(time() - epass_ops_looked_at_timestamp_seconds) < 600": "looks",
}
AT_ONCE = 4


@dataclass(frozen=True)
class Pass:
    """A pass in its holder's hand."""

    holder: Applicant
    number: str
    token: str


@dataclass(frozen=True)
class Watched:
    """A system at work and its monitoring. ``inside`` has entered, and ``waiting`` is at the gate."""

    deployment: Deployment
    monitor: Monitoring
    processes: dict[str, Process]
    department: Department
    officer: Officer
    inside: Pass
    waiting: Pass

    @classmethod
    def at_work(
        cls, deployment: Deployment, monitor: Monitoring, processes: dict[str, Process], desk: Department
    ) -> Self:
        officer = Officer(deployment.system)
        first, second = (issued_pass(deployment, desk, officer) for _ in range(2))
        running = cls(deployment, monitor, processes, desk, officer, first, second)
        running.enter(first)
        return running

    def journey(self) -> Pass:
        """Take an application as far as a pass, of which the gate has seen a preview."""
        return issued_pass(self.deployment, self.department, self.officer)

    def enter(self, one: Pass) -> None:
        assert self.officer.scan(token=one.token, id_check=MATCHED).verdict == "admit"

    def leave(self, one: Pass) -> None:
        assert self.officer.scan(token=one.token, direction="exit").verdict == "exit"

    def unwell(self) -> list[str]:
        """Return what is not known to be well."""
        return [what for expression, what in HEALTHY.items() if not self.monitor.ask(expression)]

    @contextmanager
    def people_ask(self) -> Iterator[None]:
        """Let people look at a pass, several at once, for the length of the block."""
        ended = threading.Event()

        def ask(officer: Officer) -> None:
            while not ended.wait(0.1):
                with suppress(Problem, NoAnswer, httpx.HTTPError):
                    officer.scan(token=self.waiting.token)

        threads = [
            threading.Thread(target=ask, args=(Officer(self.deployment.system),)) for _ in range(AT_ONCE)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ended.set()
            for thread in threads:
                thread.join()


def issued_pass(deployment: Deployment, department: Department, officer: Officer) -> Pass:
    """Take an application as far as a pass, of which the gate has seen a preview."""
    holder = Applicant(deployment.system, code_of=deployment.provider.wait_for_code)
    number = issued(holder, department)[1].number
    one = Pass(holder, number, holder.token(number))
    assert officer.scan(token=one.token).verdict == "admit"
    return one


@contextmanager
def watch(deployment: Deployment, department: Department, folder: Path) -> Iterator[Watched]:
    """Run an exporter and a Prometheus beside a system."""
    exporter = deployment.system.process("exporter", EPASS_OPS_INTERVAL="1").start()
    processes = {**deployment.system.processes, "exporter": exporter}
    try:
        with monitoring(folder / "prometheus", processes, deployment.stack.broker_metrics()) as monitor:
            yield Watched.at_work(deployment, monitor, processes, department)
    finally:
        exporter.kill()

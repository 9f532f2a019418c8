"""A system at work, and a Prometheus that watches it. Proxies stand before its broker and its databases."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from epass_client import NoAnswer, Problem
from tests.chaos.proxied import proxied_system
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.monitoring import Monitoring, monitoring
from tests.support.chaos.proxy import Proxy
from tests.support.stack.running import Process
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued

HEALTHY = {
    "max(epass_outbox_lag_seconds) < 30": "outboxes",
    "max(epass_dead_letters) == 0": "dead letters",
    "min(epass_queue_consumers) > 0": "consumers",
    "min(epass_invariant_holds) == 1": "invariants",
    "max(epass_revocations_age_seconds) < 60": "revocations",
    "min(epass_database_writable) == 1": "databases",
    'sum(epass_processes{state!="ready"}) == 0': "processes",
    'max(epass_job_success_age_seconds{job_name=~"look_at_.+"}) < 600': "looks",
}
QUICK = {"EPASS_BROKER_HEARTBEAT": "5"}
"""A half-open connection is noticed within three times this."""
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
    broker: Proxy
    databases: Proxy
    department: Department
    officer: Officer
    inside: Pass
    waiting: Pass

    @property
    def processes(self) -> dict[str, Process]:
        return self.deployment.system.processes

    def journey(self) -> Pass:
        """Take an application as far as a pass."""
        return issued_pass(self.deployment, self.department)

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
        officers = [Officer(self.deployment.system) for _ in range(AT_ONCE)]
        with meanwhile(*(lambda one=one: one.scan(token=self.waiting.token) for one in officers)):
            yield


@contextmanager
def meanwhile(*actions: Callable[[], object], pause: float = 0.1) -> Iterator[None]:
    """Do things again and again for the length of the block, each on a thread; they may fail."""
    ended = threading.Event()

    def repeat(action: Callable[[], object]) -> None:
        while not ended.wait(pause):
            with suppress(Problem, NoAnswer, httpx.HTTPError):
                action()

    threads = [threading.Thread(target=repeat, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def issued_pass(deployment: Deployment, department: Department) -> Pass:
    """Take an application as far as a pass. No gate looks at it: a login may look at so many only."""
    holder = Applicant(deployment.system, code_of=deployment.provider.wait_for_code)
    number = issued(holder, department)[1].number
    return Pass(holder, number, holder.token(number))


@contextmanager
def watch(folder: Path) -> Iterator[Watched]:
    """Run a system with its exporter, and a Prometheus beside it."""
    urls = (lambda stack: stack.broker_url("approval"), lambda stack: stack.database_url("approval"))
    with (
        proxied_system(folder, *urls, **QUICK) as (deployment, (broker, databases)),
        monitoring(
            folder / "prometheus", deployment.system.processes, deployment.stack.broker_metrics()
        ) as monitor,
    ):
        department, officer = Department(deployment.system), Officer(deployment.system)
        first, second = (issued_pass(deployment, department) for _ in range(2))
        watched = Watched(deployment, monitor, broker, databases, department, officer, first, second)
        watched.enter(first)
        assert officer.scan(token=second.token).verdict == "admit"
        yield watched

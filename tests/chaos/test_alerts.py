"""Each alert fires because of a real fault and resolves, in a real Prometheus that monitors the whole system.

The first tests need a system that nobody has broken yet, so this file comes first of those that share it.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import httpx
import pytest

from deploy.grafana.overview import OVERVIEW
from deploy.local.prometheus import is_installed
from epass_client import NoAnswer, Problem
from tests.support.actors import MATCHED, Applicant, Department, Officer, issued
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import database
from tests.support.chaos.monitoring import Monitoring, monitoring
from tests.support.running import Process, eventually
from tests.support.wire import wire

pytestmark = [
    pytest.mark.outage,
    pytest.mark.skipif(not is_installed(), reason="Debian's package prometheus is not installed here"),
]

BLIND = "NobodyLooks"
OF_FAULTS = {
    "RelayBehind",
    "DeadLetters",
    "ConsumerGone",
    "ProcessGone",
    "InvariantBroken",
    "GateRefusesEverything",
}
OTHERS = {
    "AnswersLate", "BrokerFull", "BrokerGone", "ClockSkew", "DatabaseAway", "HostClock", "NoMonthsAhead",
    "ProviderFails", "QueueBehind", "ReplicaGone", "RequestsFail",
}  # fmt: skip
"""Their faults are not injected here; `promtool test rules` shows that these fire and resolve."""
HEALTHY = {
    "max(epass_outbox_lag_seconds) < 30": "outboxes",
    "max(epass_dead_letters) == 0": "dead letters",
    "min(epass_queue_consumers) > 0": "consumers",
    "min(epass_invariant_holds) == 1": "invariants",
    'sum(epass_scans_total{verdict="admit"}) > 0': "scans",
    "max(time() - epass_ops_looked_at_timestamp_seconds) < 600": "looks",
}
POISONED = "verify.PassRevoked"


@dataclass(frozen=True)
class Pass:
    """A pass in its holder's hand."""

    holder: Applicant
    number: str
    token: str


@dataclass(frozen=True)
class Watched:
    """A system at work and its monitoring."""

    deployment: Deployment
    monitor: Monitoring
    processes: dict[str, Process]
    department: Department
    officer: Officer

    def journey(self) -> Pass:
        """Take an application as far as a pass, of which the gate has seen a preview."""
        holder = Applicant(self.deployment.system, code_of=self.deployment.provider.wait_for_code)
        number = issued(holder, self.department)[1].number
        issued_pass = Pass(holder, number, holder.token(number))
        assert self.officer.scan(token=issued_pass.token).verdict == "admit"
        return issued_pass

    def enter(self, issued_pass: Pass) -> None:
        assert self.officer.scan(token=issued_pass.token, id_check=MATCHED).verdict == "admit"

    def visit(self) -> Pass:
        """Take an application as far as an entry."""
        visitors = self.journey()
        self.enter(visitors)
        return visitors

    def unwell(self) -> list[str]:
        """Return what is not known to be well."""
        return [what for expression, what in HEALTHY.items() if not self.monitor.ask(expression)]


@pytest.fixture(scope="module")
def watched(
    deployment: Deployment, department: Department, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watched]:
    exporter = deployment.system.process("exporter", EPASS_OPS_INTERVAL="1").start()
    processes = {**deployment.system.processes, "exporter": exporter}
    try:
        with monitoring(tmp_path_factory.mktemp("watch") / "prometheus", processes) as monitor:
            running = Watched(deployment, monitor, processes, department, Officer(deployment.system))
            running.visit()  # Prometheus takes the first value of a new counter for its beginning
            eventually(monitor.all_answer, "every process has answered Prometheus")
            yield running
    finally:
        exporter.kill()


def test_no_alert_fires_while_all_is_well(watched: Watched) -> None:
    watched.visit()
    eventually(lambda: not watched.unwell(), "everything was looked at and is well")
    began = time.time()
    eventually(
        lambda: watched.monitor.ask(f"min(timestamp(up)) > {began + 8}"),
        "a while, longer than any alert waits",
    )
    assert watched.monitor.ask('count_over_time(ALERTS{alertstate="firing"}[8s])') == []
    assert {rule["name"] for rule in watched.monitor.rules()} == OF_FAULTS | OTHERS | {BLIND}


def test_every_query_of_the_overview_finds_data(watched: Watched) -> None:
    watched.visit()
    elsewhere = {"gate": "PCS1-G2", "pass_number": "00000000", "direction": "exit", "nonce": str(uuid4())}
    assert watched.officer.post("/scans", elsewhere).status_code == 403
    wanted, found = {query.replace("$__rate_interval", "5m") for query in OVERVIEW.queries()}, set[str]()

    def missing() -> set[str]:
        found.update(query for query in wanted - found if watched.monitor.ask(query))
        return wanted - found

    eventually(lambda: not missing(), "every query finds data", 15)
    assert missing() == set()
    assert not watched.monitor.ask("sum(rate(epass_of_which_nobody_has_heard[5m]))")


def test_the_metrics_of_each_process_pass_promtool(watched: Watched) -> None:
    for name, process in watched.processes.items():
        page = httpx.get(f"http://127.0.0.1:{process.port}/metrics", trust_env=False).text
        assert "epass_" in page
        assert not _faults(page), name
    assert "_count" in _faults(
        "# HELP epass_wrong_count A gauge with a histogram's suffix\n"
        "# TYPE epass_wrong_count gauge\nepass_wrong_count 1\n"
    )


def _faults(page: str) -> str:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_each_alert_fires_because_of_its_fault_and_resolves_afterwards(watched: Watched) -> None:
    inside, next_one = watched.visit(), watched.journey()
    forged = next_one.token[:-8] + "AAAAAAAA"
    fired: set[str] = set()

    def refuse_and_look() -> bool:
        with suppress(Problem, NoAnswer):
            watched.officer.scan(token=forged, id_check=MATCHED)
        fired.update(watched.monitor.firing())
        return fired >= OF_FAULTS

    with ExitStack() as mending:
        for fault in (no_relay, no_issuance, a_poison_message, a_false_count):
            mending.enter_context(fault(watched, inside))
        next_one.holder.apply()
        with suppress(AssertionError):
            eventually(refuse_and_look, "all of them fire", 75)
        assert OF_FAULTS - fired == set()
    watched.enter(next_one)
    eventually(
        lambda: not watched.unwell() and not watched.monitor.firing(),
        "all is well again, and no alert fires",
        60,
    )


def test_an_alert_fires_when_the_exporter_has_died(watched: Watched) -> None:
    watched.processes["exporter"].kill()
    eventually(lambda: watched.monitor.firing() == {BLIND, "ProcessGone"}, "nobody looks")
    watched.processes["exporter"].start()
    eventually(lambda: not watched.unwell() and not watched.monitor.firing(), "somebody looks again")


@contextmanager
def no_relay(watched: Watched, _inside: Pass) -> Iterator[None]:
    """Kill the relay, so that new events stay in the outboxes."""
    relay = watched.deployment.system.processes["relay"]
    relay.kill()
    try:
        yield
    finally:
        relay.start()


@contextmanager
def no_issuance(watched: Watched, _inside: Pass) -> Iterator[None]:
    """Stop a service."""
    issuance = watched.deployment.system.processes["issuance"]
    issuance.stop()
    try:
        yield
    finally:
        issuance.start()


@contextmanager
def a_poison_message(watched: Watched, _inside: Pass) -> Iterator[None]:
    """Publish bytes that are no event to a consumer; ops drop them afterwards."""
    with wire(watched.deployment.stack.broker_url("administrator")) as broker:
        broker.publish("", POISONED, b"no event")
    try:
        yield
    finally:
        watched.deployment.system.epass("administrator", "dead-letters", "drop", "--queue", POISONED, "--yes")


@contextmanager
def a_false_count(watched: Watched, inside: Pass) -> Iterator[None]:
    """Count somebody as inside who has never entered."""
    statement = "update passes set inside = inside + %s where number = %s"
    with database(watched.deployment.stack, "verify") as connection:
        connection.execute(statement, (1, inside.number))
        try:
            yield
        finally:
            connection.execute(statement, (-1, inside.number))

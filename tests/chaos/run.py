"""One run of chaos: a crowd works on a thread of its own while faults are injected; then everything must
settle."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from amqp.exceptions import AMQPError

from epass_client import Client
from tests.chaos.clocks import Clocks
from tests.chaos.fault_schedule import FIRST_ROUND, Fault, schedule
from tests.chaos.injector import FaultInjector, InjectedFault, Probe
from tests.chaos.report import Report
from tests.support.chaos.crowd import CrowdThread, entering_on, unsettled, visiting_day
from tests.support.chaos.evidence import collect
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Provider
from tests.support.chaos.workload import Pacer, Plan
from tests.support.stack.backends import TestStack, backend_name
from tests.support.system.actors import Applicant
from tests.support.system.system import System

FINAL_SECONDS = 120.0
"""Within this time after the last fault every application is in a final state."""
PrintLine = Callable[[str], None]


@dataclass(frozen=True)
class Limits:
    """The size of a run.

    It ends with its applications and kills, or when its time is up and each part was hit once.
    """

    applications: int
    kills: int
    seconds: float
    seed: int
    final_seconds: float = FINAL_SECONDS


class Run:
    """One run on a system that is up.

    Args:
        stack: broker and database server.
        system: the processes, with `settings_of_every_channel`.
        provider: takes the messages.
        limits: the size of the run.
        print_line: prints a line of progress.
        clocks: of the processes, if they can be set.
    """

    def __init__(
        self,
        stack: TestStack,
        system: System,
        provider: Provider,
        limits: Limits,
        print_line: PrintLine,
        clocks: Clocks | None = None,
    ) -> None:
        self._clocks = clocks
        self._stack, self._system, self._provider, self._limits, self._print_line = (
            stack,
            system,
            provider,
            limits,
            print_line,
        )
        self._promises = Promises()
        self._found: Findings | None = None
        """What was found when all was settled: a moment later a job's next event may be under way."""
        self._day = visiting_day(limits.seconds + limits.final_seconds)
        self._began = time.monotonic()

    def __call__(self) -> Report:
        limits = self._limits
        faults = schedule(limits.seed, limits.kills, clocks=self._clocks is not None)
        until = self._began + limits.seconds
        plan = Plan(
            max(limits.applications - len(faults), 1),
            limits.seed,
            self._day,
            entering=entering_on(self._day),
            apart=entering_on(self._day),
            on_every_channel=True,
        )
        pacer = Pacer(plan.applications / max(len(faults) * 5.0, 1))
        person = Applicant(self._system, code_of=self._provider.wait_for_code)
        client = Client(
            self._system.url, person.client.token, http=self._system.http(timeout=4), repeat_seconds=0
        )
        probe = Probe(self._system, self._promises, person.mobile, client, self._day)
        with CrowdThread(self._system, self._provider, self._promises, plan, pacer) as crowd:
            injector = FaultInjector(self._stack, self._system, probe, self._clocks, self._began)
            self._inject_all(injector, faults, pacer, crowd, until)
            pacer.rate = 1_000.0
            final_after = self._wait_until_final(injector, crowd, injector.last_at)
        return self._report(injector, final_after)

    def _inject_all(
        self, injector: FaultInjector, faults: list[Fault], pacer: Pacer, crowd: CrowdThread, until: float
    ) -> None:
        """Inject faults in step with the applications, so that both end together."""
        total, spent = self._limits.applications, 0.0
        for number, fault in enumerate(faults):
            self._let_applications_follow(injector, total * (number - 2) / len(faults), crowd, until)
            began = time.monotonic()
            if began > until and number >= FIRST_ROUND:
                break
            injected = injector.inject(fault)
            spent += time.monotonic() - began
            left = min(
                spent / (number + 1) * max(len(faults) - number - 1, 1), max(until - time.monotonic(), 1)
            )
            pacer.rate = max((total - len(self._promises.mobiles)) / left, 0.5)
            self._print_progress(number + 1, len(faults), injected)
        pacer.closed = time.monotonic() > until

    def _let_applications_follow(
        self, injector: FaultInjector, number: float, crowd: CrowdThread, until: float
    ) -> None:
        while len(self._promises.mobiles) < number and crowd.alive and time.monotonic() < until:
            injector.revive()
            time.sleep(0.05)

    def _print_progress(self, done: int, of: int, injected: InjectedFault) -> None:
        seconds, applied = time.monotonic() - self._began, len(self._promises.mobiles)
        how = "never" if injected.recovery is None else f"{injected.recovery:.1f} s"
        last = f" (last: {injected.lacking})" if injected.lacking else ""
        self._print_line(
            f"{seconds:6.0f} s  faults {done}/{of}  applications {applied}/{self._limits.applications}"
            f"  {injected.fault}: {how}{last}"
        )

    def _wait_until_final(self, injector: FaultInjector, crowd: CrowdThread, since: float) -> float | None:
        """Return the seconds from the last fault until nothing was left to do; None if that took too long."""
        while time.monotonic() - since < self._limits.final_seconds:
            injector.revive()
            if crowd.finished and not unsettled(found := self._judge(injector)):
                self._found = found
                return time.monotonic() - since
            time.sleep(1)
        return None

    def _judge(self, injector: FaultInjector) -> Findings | None:
        """Return what the oracle finds, None while a server does not answer."""
        try:
            evidence = collect(self._stack, set(self._promises.mobiles.values()))
        except (psycopg.OperationalError, AMQPError, OSError):
            return None
        return judge(
            self._promises,
            evidence,
            self._provider.ledger(),
            injector.held,
        )

    def _report(self, injector: FaultInjector, final_after: float | None) -> Report:
        injector.peaks.look()
        findings = self._found or self._judge(injector)
        assert findings is not None
        decided, left = self._promises.decided, self._promises.left
        outcomes = Counter(
            "cancelled"
            if reference in self._promises.cancelled
            else "withdrawn"
            if reference in self._promises.withdrawn
            else "left"
            if reference in left
            else "entered"
            if reference in self._promises.scans
            else decided.get(reference, "undecided")
            for reference in self._promises.mobiles
        )
        return Report(
            seed=self._limits.seed,
            seconds=time.monotonic() - self._began,
            injected=injector.injected,
            applications=len(self._promises.mobiles),
            outcomes=outcomes,
            unanswered=self._promises.unanswered,
            final_after=final_after,
            findings=findings,
            sender_kills=injector.sender_kills,
            held=len(injector.held),
            messages=sum(findings.channels.values()),
            offline=self._promises.offline,
            conflicts=self._promises.conflicts,
            memory=injector.peaks,
            ended_by_themselves=injector.ended_by_themselves,
            backend=backend_name(),
        )

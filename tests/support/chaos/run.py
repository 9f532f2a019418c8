"""One run of chaos: a crowd works on a thread of its own while faults are injected; then everything must
settle."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import httpx
import psycopg
from amqp.exceptions import AMQPError

from contracts.model import IST
from contracts.rpc.accounts.logins import IssueLogin
from epass_client import AsyncClient, Client, calls
from tests.support.chaos.clocks import Clocks
from tests.support.chaos.evidence import collect
from tests.support.chaos.fault_schedule import FIRST_ROUND, Fault, schedule
from tests.support.chaos.gates import man
from tests.support.chaos.injector import FaultInjector, InjectedFault, Probe
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Provider
from tests.support.chaos.report import Report
from tests.support.chaos.workload import OTHER_DEPARTMENT, PATIENCE, Crowd, Pacer, Plan, RecordingClient
from tests.support.stack.backends import TestStack, backend_name
from tests.support.stack.plain_http import NO_AUTHORITIES
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


class CrowdThread:
    """The crowd, as the thread that injects faults sees it."""

    def __init__(
        self,
        system: System,
        provider: Provider,
        promises: Promises,
        plan: Plan,
        pacer: Pacer,
        http: Callable[[], httpx.AsyncClient] | None = None,
    ) -> None:
        self._system, self._provider, self._promises, self._plan, self._pacer = (
            system,
            provider,
            promises,
            plan,
            pacer,
        )
        limits = httpx.Limits(max_connections=80)
        self._http = http or (
            lambda: httpx.AsyncClient(timeout=6, trust_env=False, verify=NO_AUTHORITIES, limits=limits)
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._crowd: Crowd | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True, name="crowd")

    def _other_department(self) -> dict[str, str]:
        """Issue a login of another department, to which reviews are forwarded."""
        issue = IssueLogin(role="department", name="Other Department", department=OTHER_DEPARTMENT)
        anyone = Client(self._system.url, "", http=self._system.http(), repeat_seconds=PATIENCE)
        ado = self._system.login("ado")
        login = anyone.sign_in(ado["login_id"], ado["password"]).send(calls.issue_login(issue))
        person = anyone.sign_in(login.login_id, login.initial_password)
        password = "password-of-the-other-department"
        person.send(calls.change_password(login.initial_password, password))
        return {"login_id": login.login_id, "password": password}

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with self._http() as http:
            logins = {role: self._system.login(role) for role in ("department", "security", "reception")}
            logins["other department"] = self._other
            client = RecordingClient(
                AsyncClient(self._system.url, http=http, repeat_seconds=PATIENCE), self._promises
            )
            self._crowd = Crowd(client, self._provider.code_url, logins, self._plan, self._pacer, self._posts)
            await self._crowd.run(self._over)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._other = self._other_department()
        self._provider.report_to(self._system.url)
        self._posts = man(self._system, PATIENCE) if self._plan.apart else []
        self._thread.start()

    @property
    def finished(self) -> bool:
        return self._crowd is not None and self._crowd.finished

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        if self._loop is not None and self._over is not None and self.alive:
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)


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


def unsettled(findings: Findings | None) -> bool:
    """Return whether something is still unfinished."""
    return findings is None or bool(
        findings.lost
        or findings.undecided
        or findings.unfinished
        or findings.disagreements
        or findings.sms_missing
        or findings.silent_chains
        or findings.unheard
    )


def visiting_day(seconds: float) -> int:
    """Return the day to apply for, counted from today: tomorrow if today ends before the run does."""
    at = datetime.now(IST)
    midnight = (at + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return 0 if (midnight - at).total_seconds() > seconds else 1


def entering_on(day: int) -> float:
    """Return the share of visitors who go through the gate: nobody enters a day early."""
    return 0.05 if day == 0 else 0.0

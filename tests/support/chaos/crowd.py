"""The crowd on a thread of its own, beside which a test injects faults."""

import asyncio
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import httpx

from contracts.model import IST
from contracts.rpc.accounts.logins import IssueLogin
from epass_client import AsyncClient, Client, calls
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import Lease, collect
from tests.support.chaos.gates import man
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Provider
from tests.support.chaos.workload import OTHER_DEPARTMENT, PATIENCE, Crowd, Pacer, Plan, RecordingClient
from tests.support.stack.plain_http import NO_AUTHORITIES
from tests.support.stack.running import eventually
from tests.support.system.system import System


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


@contextmanager
def crowd_at_work(
    deployment: Deployment,
    promises: Promises,
    plan: Plan,
    rate: float,
    http: Callable[[], httpx.AsyncClient],
    is_final: Callable[[], bool],
    patience: float = 60,
) -> Iterator[None]:
    """Let a crowd work for the length of the block; afterwards wait until everybody has finished.

    Args:
        deployment: where.
        promises: the crowd's ledger.
        plan: what its people do.
        rate: applications a second.
        http: makes the client of all of them.
        is_final: whether no more is to be expected.
        patience: seconds within which whatever is awaited must have happened.
    """
    pacer = Pacer(rate)
    crowd = CrowdThread(deployment.system, deployment.provider, promises, plan, pacer, http)
    crowd.start()
    try:
        eventually(lambda: promises.decided, "people are at work", patience)
        yield
        pacer.closed = True
        eventually(lambda: crowd.finished and is_final(), "all is final", patience)
    finally:
        pacer.closed = True
        crowd.stop()


def findings(deployment: Deployment, promises: Promises, held: Collection[Lease] = frozenset()) -> Findings:
    """Return the oracle's findings. Unless a sender was killed, nothing explains a duplicate."""
    evidence, ledger = collect(deployment.stack, set(promises.mobiles.values())), deployment.provider.ledger()
    evidence.codes = [code for code in evidence.codes if ledger.numbers.get(code.id) in promises.numbers]
    return judge(promises, evidence, ledger, held)

"""Rolling restarts: with two of each, every process may be stopped and started while people work; nobody
notices."""

import signal
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import httpx
import pytest

from tests.chaos.replicas import ANSWER_SECONDS, Gateways, Pair, gateway, two_of_each
from tests.support.chaos import sabotage
from tests.support.chaos.crowd import CrowdThread, entering_on, unsettled, visiting_day
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.evidence import Lease, collect
from tests.support.chaos.oracle import Findings, judge
from tests.support.chaos.promises import Promises
from tests.support.chaos.scenario import Scenario, without
from tests.support.chaos.workload import Pacer, Plan
from tests.support.stack.running import Process, eventually
from tests.support.system.actors import ok

pytestmark = pytest.mark.outage

RATE = 4.0
"""Applications a second; each is followed by a decision and views, some by a cancellation or a scan."""
STOP_SECONDS = 30
SEEDS = count(2026)
"""Each crowd has another seed, because crowds of one seed are the same people and apply twice."""
AT_ONCE = (
    ("accounts", "application", "approval"),
    ("issuance", "notify", "verify"),
    ("relay", "sender", "gateway"),
)


@contextmanager
def people_at_work(
    deployment: Deployment,
    pairs: dict[str, Pair],
    promises: Promises,
    held: Collection[Lease] = frozenset(),
    rate: float = RATE,
    **differences: Any,
) -> Iterator[Gateways]:
    """Let a crowd work for the length of the block; afterwards wait until everybody has finished.

    Args:
        deployment: where.
        pairs: two of each process.
        promises: the crowd's ledger.
        held: what killed senders had leased, which explains duplicates.
        rate: applications a second.
        differences: of its plan.
    """
    day = visiting_day(300)
    pacer, gateways = Pacer(rate), Gateways(*(process.port for process in pairs["gateway"]))

    def http() -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False, transport=gateways)

    crowd = CrowdThread(
        deployment.system,
        deployment.provider,
        promises,
        replace(Plan(10_000, next(SEEDS), day, entering=entering_on(day), fates={}), **differences),
        pacer,
        http,
    )
    crowd.start()
    try:
        eventually(lambda: promises.decided, "people are at work")
        yield gateways
        pacer.closed = True
        eventually(
            lambda: crowd.finished and not unsettled(findings(deployment, promises, held)),
            "all is final",
            60,
        )
    finally:
        pacer.closed = True
        crowd.stop()


def findings(deployment: Deployment, promises: Promises, held: Collection[Lease] = frozenset()) -> Findings:
    """Return the oracle's findings. Unless a sender was killed, nothing explains a duplicate."""
    evidence, ledger = collect(deployment.stack, set(promises.mobiles.values())), deployment.provider.ledger()
    evidence.codes = [code for code in evidence.codes if ledger.numbers.get(code.id) in promises.numbers]
    return judge(promises, evidence, ledger, held)


def restart(process: Process) -> None:
    """Stop and start a process, as an orchestrator does."""
    assert process.stop(STOP_SECONDS) == 0, process.log.read_text()[-2000:]
    process.start()


def test_a_rolling_restart_of_everything_fails_no_request_and_loses_nothing(deployment: Deployment) -> None:
    promises = Promises()
    with (
        two_of_each(deployment.system) as pairs,
        people_at_work(deployment, pairs, promises) as gateways,
        ThreadPoolExecutor(3) as pool,
    ):
        for replica in (0, 1):
            for names in AT_ONCE:
                list(pool.map(restart, [pairs[name][replica] for name in names]))
    print(
        f"{gateways.asked} requests, {len(promises.mobiles)} applications, "
        f"{gateways.refused} connections refused"
    )
    assert gateways.failed == []
    assert not promises.unanswered
    assert gateways.refused
    assert findings(deployment, promises).problems() == {}


@pytest.fixture
def another(deployment: Deployment) -> Iterator[Process]:
    """A gateway that a test may stop."""
    process = gateway(deployment.system, "-another").start()
    yield process
    process.kill()


@pytest.mark.parametrize(
    ("name", "number", "answered"),
    [
        ("application", signal.SIGTERM, True),
        ("gateway", signal.SIGTERM, True),
        ("gateway", signal.SIGKILL, False),
    ],
)
def test_a_process_that_is_stopped_answers_the_request_in_hand_and_one_that_is_killed_does_not(
    scenario: Scenario, another: Process, name: str, number: signal.Signals, answered: bool
) -> None:
    scenario.through(another)
    with scenario.process("application") as application, ThreadPoolExecutor(1) as pool:
        process = another if name == "gateway" else application
        with scenario.locked("application", "applications"):
            answer = pool.submit(scenario.try_to_apply)
            eventually(lambda: scenario.is_waited_for("application", "applications"), "the handler waits")
            process.signal(number)
            eventually(lambda: not process.is_ready(), "it goes")
        if answered:
            ok(answer.result(), 201)
            assert process.stop(STOP_SECONDS) == 0
        else:
            with pytest.raises(httpx.TransportError):
                answer.result()


@pytest.mark.parametrize("removed_guards", [(), (sabotage.no_leaving,)], ids=["guarded", "unguarded"])
def test_a_gateway_that_stops_refuses_new_connections_and_serves_those_it_has(
    deployment: Deployment, another: Process, removed_guards: tuple[Callable[[], None], ...]
) -> None:
    if removed_guards:
        another.kill()
        without(another, *removed_guards).start()
    with httpx.Client(base_url=f"http://127.0.0.1:{another.port}", trust_env=False) as connected:
        assert "connection" not in connected.get("/healthz").headers
        another.signal(signal.SIGTERM)
        eventually(lambda: not another.is_ready(), "it refuses newcomers")
        if removed_guards:
            with pytest.raises(httpx.TransportError):
                connected.get("/healthz")
        else:
            assert connected.get("/healthz").headers["connection"] == "close"
    assert another.stop(STOP_SECONDS) == 0


def test_a_gateway_listens_only_when_it_can_serve(deployment: Deployment) -> None:
    starting = gateway(deployment.system, "-starting").start(ready=False)
    try:
        assert eventually(lambda: _first_answer(starting), "it answers", 60) == 200
    finally:
        starting.kill()


def _first_answer(process: Process) -> int | None:
    try:
        return httpx.get(f"http://127.0.0.1:{process.port}/readyz", timeout=5, trust_env=False).status_code
    except httpx.ConnectError:
        return None

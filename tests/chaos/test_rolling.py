"""Rolling restarts: with two of each, every process may be stopped and started while people work; nobody
notices."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.chaos.replicas import STOP_SECONDS, gateway, people_at_work, restart, two_of_each
from tests.support.chaos import sabotage
from tests.support.chaos.crowd import findings
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.promises import Promises
from tests.support.chaos.scenario import Scenario, without
from tests.support.stack.running import Process, eventually
from tests.support.system.actors import ok

pytestmark = pytest.mark.outage

AT_ONCE = (
    ("accounts", "application", "approval"),
    ("issuance", "notify", "verify"),
    ("relay", "sender", "gateway"),
)


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

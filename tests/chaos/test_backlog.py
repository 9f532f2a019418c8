"""A backlog of slow events does not slow down scans, sign-ins or codes. Times are printed, not asserted."""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.chaos.faults import publish_backlog, purge, queue_of
from tests.chaos.recovery import BACKLOG
from tests.chaos.report import machine
from tests.support.chaos import sabotage
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.scenario import Scenario, without
from tests.support.stack.backends import TestStack
from tests.support.stack.running import eventually
from tests.support.stack.wire import wire
from tests.support.system.actors import Actor, Staff, new_mobile

pytestmark = pytest.mark.outage
SLOW_MS = ("500", "50")
"""Slow by waiting, as for a lock or a disk, and slow by sheer number: 160 a second, which two cores feel."""
MEASURE_SECONDS = BACKLOG / 500
"""Eight workers need three times as long for the backlog."""
Shape = Callable[[Scenario, str, str], AbstractContextManager[None]]
CONSUMED_BY = ("verify", "notify")
"""What a gate and a code need; accounts, which signs people in, consumes no events."""


def depth(stack: TestStack, service: str) -> int:
    with wire(stack.broker_url("administrator")) as broker:
        return broker.depth(queue_of(service))


class Busy:
    """The users of the system while it is measured; each sends one request after the other."""

    def __init__(self, scenario: Scenario) -> None:
        self._token = scenario.pass_token()
        self._scene, self._officer, self._anyone = (
            scenario,
            Staff(scenario.system, "security"),
            Actor(scenario.system),
        )
        self._login = scenario.system.login("department")

    def scan(self) -> httpx.Response:
        return self._officer.post(
            "/scans", self._scene.scan(self._token).model_dump(mode="json", exclude_unset=True)
        )

    def sign_in(self) -> httpx.Response:
        return self._anyone.post("/sessions", {name: self._login[name] for name in ("login_id", "password")})

    def ask_for_a_code(self) -> httpx.Response:
        return self._anyone.post("/otp", {"mobile": new_mobile(), "language": "en"})

    def have_a_code(self) -> httpx.Response:
        """Request a code and wait until it is on the phone."""
        mobile = new_mobile()
        answer = self._anyone.post("/otp", {"mobile": mobile, "language": "en"})
        if answer.is_success:
            eventually(lambda: self._scene.provider.last_code(mobile), "the code arrives")
        return answer

    def measure(self) -> "Measured":
        """Do everything at once, for a while."""
        actions = (self.scan, self.sign_in, self.ask_for_a_code, self.have_a_code)
        with ThreadPoolExecutor(len(actions)) as pool:
            return Measured(
                dict(zip((act.__name__ for act in actions), pool.map(_timed, actions), strict=True))
            )


def _timed(act: Callable[[], httpx.Response]) -> list[tuple[int, float]]:
    until, answers = time.monotonic() + MEASURE_SECONDS, []
    while time.monotonic() < until:
        began = time.monotonic()
        status = act().status_code
        answers.append((status, time.monotonic() - began))
    return answers


@dataclass(frozen=True)
class Measured:
    """Status and seconds of each answer, by what was done."""

    answers: dict[str, list[tuple[int, float]]]

    @property
    def statuses(self) -> set[int]:
        return {status for theirs in self.answers.values() for status, _ in theirs}

    def milliseconds(self, name: str) -> tuple[float, float]:
        """Return the median and the 99th percentile."""
        cuts = statistics.quantiles(
            (1000 * seconds for _, seconds in self.answers[name]), n=100, method="inclusive"
        )
        return cuts[49], cuts[98]


def print_figures(slow_ms: str, shape: str, alone: Measured, beside: Measured) -> None:
    """Print the figures, as ratios too."""
    print(
        f"\n{BACKLOG} events of {slow_ms} ms each in the queues of {' and '.join(CONSUMED_BY)}, "
        f"{shape}; {machine()}",
        file=sys.stderr,
    )
    for name in alone.answers:
        (p50, p99), (p50_beside, p99_beside) = alone.milliseconds(name), beside.milliseconds(name)
        count = len(beside.answers[name])
        print(
            f"  {name.replace('_', ' '):16} {count:5} answers"
            f"  p50 {p50:6.1f} → {p50_beside:6.1f} ms (× {p50_beside / p50:.2f})"
            f"  p99 {p99:6.1f} → {p99_beside:6.1f} ms (× {p99_beside / p99:.2f})",
            file=sys.stderr,
        )


@contextmanager
def in_one_process(scenario: Scenario, service: str, slow_ms: str) -> Iterator[None]:
    """Run RPC and events of a service in one process, as on one machine."""
    with scenario.process(service, sabotage.slow_events, SLOW=queue_of(service), SLOW_MS=slow_ms):
        yield


@contextmanager
def in_two_processes(scenario: Scenario, service: str, slow_ms: str) -> Iterator[None]:
    """Run RPC and events of a service in two processes, as in production."""
    own, settings = scenario.system.processes[service], {"SLOW": queue_of(service), "SLOW_MS": slow_ms}
    answers = scenario.system.process(service, "-rpc", "rpc")
    consumer = without(
        scenario.system.process(service, "-events", "events", **settings), sabotage.slow_events
    )
    own.kill()
    try:
        answers.start(ready=False)
        consumer.start()
        answers.wait_ready(60)
        yield
    finally:
        answers.kill()
        consumer.kill()
        own.start()


@contextmanager
def slow_services(scenario: Scenario, shape: Shape, slow_ms: str) -> Iterator[None]:
    """Slow down the events of all services that are measured; drop what is left at the end of the block."""
    with ExitStack() as slow:
        for service in CONSUMED_BY:
            slow.enter_context(shape(scenario, service, slow_ms))
        yield
        for service in CONSUMED_BY:
            purge(scenario.stack, service)


@pytest.mark.parametrize("slow_ms", SLOW_MS)
@pytest.mark.parametrize("shape", [in_one_process, in_two_processes])
def test_a_backlog_of_slow_events_delays_nobody(
    deployment: Deployment, scenario: Scenario, shape: Shape, slow_ms: str
) -> None:
    with slow_services(scenario, shape, slow_ms):
        busy = Busy(scenario)
        alone = busy.measure()
        for service in CONSUMED_BY:
            publish_backlog(deployment.stack, service, BACKLOG)
        beside = busy.measure()
        left = {service: depth(deployment.stack, service) for service in CONSUMED_BY}
    print_figures(slow_ms, shape.__name__.replace("_", " "), alone, beside)
    assert alone.statuses == beside.statuses == {200, 202}
    assert all(left.values()), f"it was not measured beside a backlog: {left}"


@pytest.mark.parametrize(
    "removed_guards", [(), (sabotage.one_pool,)], ids=["with a pool for each", "with one pool for both"]
)
def test_events_delay_a_scan_only_if_both_share_their_workers(
    deployment: Deployment, scenario: Scenario, removed_guards: tuple[Callable[[], None], ...]
) -> None:
    """Negative control of the two pools."""
    busy = Busy(scenario)
    with scenario.process(
        "verify",
        sabotage.slow_events,
        *removed_guards,
        SLOW=queue_of("verify"),
        SLOW_MS="12000",
        EPASS_PREFETCH="40",
    ):
        publish_backlog(deployment.stack, "verify", 100)
        eventually(
            lambda: depth(deployment.stack, "verify") <= 60, "all workers have an event, and others wait"
        )
        assert busy.scan().status_code == (503 if removed_guards else 200)
        purge(deployment.stack, "verify")


@pytest.mark.parametrize(
    "removed_guards",
    [(), (sabotage.no_lane_for_codes,)],
    ids=["with workers of their own", "with the workers of all events"],
)
def test_a_code_arrives_although_other_events_occupy_all_workers(
    deployment: Deployment, scenario: Scenario, removed_guards: tuple[Callable[[], None], ...]
) -> None:
    with scenario.process(
        "notify",
        sabotage.held_events,
        *removed_guards,
        HELD="notify.PassRevoked",
        EPASS_PREFETCH="20",
        EPASS_EVENT_WORKERS="2",
    ):
        publish_backlog(deployment.stack, "notify", 100)
        eventually(
            lambda: depth(deployment.stack, "notify") <= 80, "all workers have an event, and others wait"
        )
        mobile = new_mobile()
        assert Actor(scenario.system).post("/otp", {"mobile": mobile, "language": "en"}).is_success

        def first() -> str | None:
            if depth(deployment.stack, "notify") < 80:
                return "an event"
            return "the code" if scenario.provider.last_code(mobile) else None

        assert eventually(first, "one of the two", 60) == ("an event" if removed_guards else "the code")
        purge(deployment.stack, "notify")

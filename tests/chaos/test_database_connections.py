"""Connections to the databases fail: through a proxy, on a system of its own, so that the invariants must
hold."""

import time
from collections.abc import Callable, Iterator

import pytest

from services.chassis.db.connection_timeouts import RESPONSE_TIMEOUT
from tests.chaos.proxied import proxied_system
from tests.chaos.recovery import (
    COMMAND_SECONDS,
    OUTAGE_SECONDS,
    check_answers,
    check_nothing_is_lost,
    no_process_restarts,
    print_figures,
    wait_until_all_ready,
)
from tests.support.chaos import sabotage
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.prober import Prober
from tests.support.chaos.proxy import Proxy
from tests.support.chaos.scenario import Scenario, mobile_ending_in
from tests.support.stack.backends import TestStack
from tests.support.stack.running import eventually
from tests.support.system.actors import Department, Staff

pytestmark = pytest.mark.outage
LOOK_AGE = 'epass_job_success_age_seconds{job_name="look_at_invariants"}'


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, Proxy]]:
    folder = tmp_path_factory.mktemp("proxied")
    with proxied_system(folder, lambda stack: stack.database_url("approval")) as (deployment, (proxy,)):
        yield deployment, proxy


@pytest.fixture
def scenario(proxied: tuple[Deployment, Proxy]) -> Scenario:
    deployment, _ = proxied
    return Scenario(
        deployment.stack,
        deployment.system,
        deployment.provider,
        Department(deployment.system),
        mobile_ending_in(2),
    )


def killed_and_restarted(stack: TestStack, _proxy: Proxy) -> None:
    stack.kill_postgres()
    stack.start_postgres()


def cut_again_and_again(_stack: TestStack, proxy: Proxy) -> None:
    for _ in range(6):
        proxy.cut()
        time.sleep(0.5)


def two_seconds_late(_stack: TestStack, proxy: Proxy) -> None:
    with proxy.latency(2):
        time.sleep(OUTAGE_SECONDS / 3)


def half_open(_stack: TestStack, proxy: Proxy) -> None:
    with proxy.half_open():
        time.sleep(OUTAGE_SECONDS)


@pytest.mark.parametrize("inject", [killed_and_restarted, cut_again_and_again, two_seconds_late, half_open])
def test_the_system_recovers_from_broken_database_connections_without_a_restart(
    proxied: tuple[Deployment, Proxy], scenario: Scenario, inject: Callable[[TestStack, Proxy], None]
) -> None:
    deployment, proxy = proxied
    with no_process_restarts(deployment.system), Prober(scenario) as prober:
        inject(deployment.stack, proxy)
        back, exporter = time.monotonic(), deployment.system.processes["exporter"]
        succeeded = prober.until_all_succeed(back, COMMAND_SECONDS)
    check_nothing_is_lost(scenario)
    print_figures(
        inject.__name__, **{"first success": max(succeeded.values()), "at rest": time.monotonic() - back}
    )
    wait_until_all_ready(deployment.system)
    eventually(lambda: exporter.metric(LOOK_AGE) < time.monotonic() - back, "the exporter looks again", 80)
    deployment.system.epass("administrator", "invariants")
    check_answers(prober)
    assert prober.refused(), "the fault was not felt"


def test_a_service_without_a_time_limit_never_recovers_from_a_half_open_connection(
    proxied: tuple[Deployment, Proxy], scenario: Scenario
) -> None:
    """Negative control of the limit: a gate has one worker, and loses it with one connection."""
    _, proxy = proxied
    with scenario.process("verify", sabotage.patient_connections, EPASS_RPC_WORKERS="1"):
        inside = Staff(scenario.system, "security")
        eventually(lambda: inside.get("/gate/inside", site="PCS1").status_code == 200, "it answers")
        with proxy.half_open():
            assert inside.get("/gate/inside", site="PCS1").status_code == 503
        until = time.monotonic() + RESPONSE_TIMEOUT + 2
        while time.monotonic() < until:
            assert inside.get("/gate/inside", site="PCS1").status_code == 503
    eventually(lambda: inside.get("/gate/inside", site="PCS1").status_code == 200, "the true one answers")

"""Connections to the broker fail at every process at once: through a proxy, on a system of its own.

Whichever way they fail, the processes that it concerns are not ready, each request is answered, and all goes
on by itself. How each kind of client fails at each step of a handshake is tested beside it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest

from contracts.subscriptions import SERVICES
from services.gateway.rpc.client import OPEN_SECONDS
from tests.chaos.faults import at
from tests.chaos.proxied import proxied_system
from tests.chaos.recovery import (
    COMMAND_SECONDS,
    check_answers,
    check_nothing_is_lost,
    no_process_restarts,
    print_figures,
    wait_until_all_ready,
)
from tests.support.chaos import proxy as proxies
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.prober import Prober
from tests.support.chaos.proxy import Proxy
from tests.support.chaos.scenario import Scenario, mobile_ending_in
from tests.support.stack.running import eventually
from tests.support.system.actors import Department

pytestmark = pytest.mark.outage
QUICK = {"EPASS_BROKER_HEARTBEAT": "2", "EPASS_RELAY_WATCHDOG": "3"}
NOTICED_SECONDS = 20.0
BACK_SECONDS = OPEN_SECONDS + COMMAND_SECONDS
"""An attempt that hangs as the fault ends is given up first."""


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Deployment, Proxy]]:
    folder = tmp_path_factory.mktemp("proxied")
    with proxied_system(folder, lambda stack: stack.broker_url("approval"), **QUICK) as (
        deployment,
        (proxy,),
    ):
        yield deployment, proxy


FAULTS: dict[str, tuple[tuple[str, ...], Callable[[Proxy], AbstractContextManager[None]]]] = {
    "closes after open-ok": (("relay", "gateway", *SERVICES), partial(at, proxies.OPEN_OK, "cut")),
    "hangs in declare": (("relay", "gateway"), partial(at, proxies.QUEUE_DECLARED, "hang")),
    "hangs in consume": (("gateway", *SERVICES), partial(at, proxies.CONSUMING, "hang")),
    "half open": (("relay", "gateway", *SERVICES), Proxy.half_open),
}
"""By fault: who is not ready meanwhile. Services declare nothing, and the relay consumes nothing."""


@pytest.mark.parametrize("fault", FAULTS)
def test_processes_are_not_ready_while_broker_connections_are_broken_and_go_on_by_themselves(
    proxied: tuple[Deployment, Proxy], fault: str
) -> None:
    deployment, proxy = proxied
    system, (concerned, inject) = deployment.system, FAULTS[fault]
    scenario = Scenario(
        deployment.stack, system, deployment.provider, Department(system), mobile_ending_in(2)
    )
    with no_process_restarts(system), Prober(scenario) as prober:
        began = time.monotonic()
        with inject(proxy):
            for name in concerned:
                process = system.processes[name]
                eventually(lambda one=process: not one.is_ready(), f"{name} is not ready", NOTICED_SECONDS)
            eventually(prober.refused, "commands are refused")
        back = time.monotonic()
        succeeded = prober.until_all_succeed(back, BACK_SECONDS)
    check_nothing_is_lost(scenario)
    print_figures(
        fault,
        **{
            "noticed": back - began,
            "first success": max(succeeded.values()),
            "at rest": time.monotonic() - back,
        },
    )
    wait_until_all_ready(system)
    system.epass("administrator", "invariants")
    check_answers(prober)

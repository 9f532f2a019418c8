"""A cluster of three brokers, as Kubernetes has it: each node is killed, or cut off, while people work."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.cluster.alerts import check_alerts, with_prometheus
from tests.cluster.brokers import minority_pauses
from tests.cluster.load import PATIENCE, check_promises, people_at_work
from tests.cluster.stacks import BrokerClusterStack, running
from tests.support.chaos.deployment import Deployment
from tests.support.chaos.injections import NODE_AWAY
from tests.support.stack.running import eventually, free_port


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("brokers")
    (folder / "stack").mkdir()
    with running(BrokerClusterStack(folder / "stack"), folder) as deployment:
        yield deployment


def test_control_a_gateway_that_knows_one_node_only_is_away_while_that_one_is(
    deployment: Deployment,
) -> None:
    brokers, system = cast(BrokerClusterStack, deployment.stack).brokers, deployment.system
    lonely = system.process(
        "gateway",
        "-lonely",
        EPASS_GATEWAY_PORT=str(free_port()),
        EPASS_BROKER_URLS=brokers.nodes[1].url("gateway"),
    )
    try:
        lonely.start()
        brokers.nodes[1].kill()
        eventually(lambda: not lonely.is_ready(), "it is away", PATIENCE)
        eventually(system.processes["gateway"].is_ready, "the other one is there", PATIENCE)
        assert not lonely.is_ready()
        brokers.nodes[1].start()
        eventually(lonely.is_ready, "it is there", PATIENCE)
    finally:
        lonely.kill()


def test_each_broker_node_is_killed_in_turn_and_nothing_is_lost_or_doubled(deployment: Deployment) -> None:
    brokers = cast(BrokerClusterStack, deployment.stack).brokers
    with people_at_work(deployment) as load:
        for number, node in brokers.nodes.items():
            eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
            with load.span("all nodes"):
                load.goes_on()
            with load.span(f"node {number} is killed"):
                node.kill()
                other = number % len(brokers.nodes) + 1
                eventually(
                    lambda other=other: brokers.unreachable(other) == 1, "the alert's metric", PATIENCE
                )  # type: ignore[misc]  # mypy cannot infer a lambda's default
                load.goes_on()
            with load.span(f"node {number} starts again"):
                node.start()
                eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
                assert brokers.unreachable(other) == 0
                load.goes_on()
    check_promises(deployment, load)


def test_each_broker_node_is_cut_off_from_the_others_in_turn_and_nothing_is_lost_or_doubled(
    deployment: Deployment,
) -> None:
    brokers = cast(BrokerClusterStack, deployment.stack).brokers
    with people_at_work(deployment) as load:
        for number, node in brokers.nodes.items():
            eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
            with load.span("all nodes"):
                load.goes_on()
            with load.span(f"node {number} is cut off"), brokers.cut_off(number):
                other = number % len(brokers.nodes) + 1
                eventually(
                    lambda other=other: len(brokers.running_nodes(other)) == 2, "they notice", PATIENCE
                )  # type: ignore[misc]  # mypy cannot infer a lambda's default
                if minority_pauses():
                    eventually(lambda node=node: not node.answers(), "it pauses", PATIENCE)  # type: ignore[misc]  # mypy cannot infer a lambda's default
                load.goes_on()
            with load.span(f"node {number} is back"):
                eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
                load.goes_on()
    check_promises(deployment, load)


@with_prometheus
def test_a_node_that_is_killed_is_named_by_its_alert_until_it_is_back(
    deployment: Deployment, tmp_path: Path
) -> None:
    brokers = cast(BrokerClusterStack, deployment.stack).brokers
    eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
    with check_alerts(tmp_path, NODE_AWAY, *brokers.metrics()) as wait:
        brokers.nodes[2].kill()
        wait.until_they_fire()
        brokers.nodes[2].start()
        wait.until_they_resolve()


def test_a_broker_node_hangs_and_nothing_is_lost_or_doubled(deployment: Deployment) -> None:
    brokers = cast(BrokerClusterStack, deployment.stack).brokers
    eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
    with people_at_work(deployment) as load:
        with load.span("all nodes"):
            load.goes_on()
        with load.span("node 2 hangs"):
            brokers.nodes[2].suspend()
            try:
                load.goes_on()
            finally:
                brokers.nodes[2].resume()
        with load.span("node 2 is back, and its probe restarts it"):
            eventually(lambda: brokers.restart_unhealthy() == [2], "the others have counted it out", PATIENCE)
            eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
            load.goes_on()
    check_promises(deployment, load)


def test_two_of_three_broker_nodes_are_killed_and_all_goes_on_once_one_is_back(
    deployment: Deployment,
) -> None:
    brokers = cast(BrokerClusterStack, deployment.stack).brokers
    eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
    with people_at_work(deployment) as load:
        with load.span("two nodes are killed"):
            brokers.nodes[2].kill()
            brokers.nodes[3].kill()
            if minority_pauses():
                eventually(lambda: not brokers.nodes[1].answers(), "the third one pauses", PATIENCE)
        with load.span("one of them is back"):
            brokers.nodes[3].launch()
            brokers.nodes[3].wait(PATIENCE)
            load.goes_on()
        with load.span("the other one, too"):
            brokers.nodes[2].start()
            eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
            load.goes_on()
    check_promises(deployment, load)

"""A cluster of three brokers, as Kubernetes has it: each node is killed, or cut off, while people work."""

from collections.abc import Iterator
from typing import cast

import pytest

from tests.support.chaos.deployment import Deployment
from tests.support.cluster.load import PATIENCE, check_promises, people_at_work
from tests.support.cluster.stacks import BrokerClusterStack, running
from tests.support.running import eventually


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("brokers")
    (folder / "stack").mkdir()
    with running(BrokerClusterStack(folder / "stack"), folder) as deployment:
        yield deployment


def test_each_broker_node_is_killed_in_turn_and_nothing_is_lost_or_doubled(deployment: Deployment) -> None:
    brokers = cast(BrokerClusterStack, deployment.stack).brokers
    with people_at_work(deployment) as load:
        for number, node in brokers.nodes.items():
            eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
            with load.span("all nodes"):
                load.goes_on()
            with load.span(f"node {number} is killed"):
                node.kill()
                load.goes_on()
            with load.span(f"node {number} starts again"):
                node.start()
                eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
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
                eventually(lambda node=node: not node.answers(), "it pauses", PATIENCE)  # type: ignore[misc]  # mypy cannot infer a lambda's default
                load.goes_on()
            with load.span(f"node {number} is back"):
                eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
                load.goes_on()
    check_promises(deployment, load)


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
        with load.span("node 2 is back"):
            eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
            load.goes_on()
    check_promises(deployment, load)

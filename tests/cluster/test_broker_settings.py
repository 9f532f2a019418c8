"""What the settings of the installed cluster are for: without them it loses events, or does not heal."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from amqp.exceptions import AMQPError

from contracts.subscriptions import STREAM, exchange_of
from deploy.local import processes
from deploy.local.errors import StackFailed
from deploy.local.secrets import SecretStore
from services.chassis.messaging import topology
from services.chassis.messaging.broker import connect
from tests.cluster.brokers import MANIFEST, BrokerCluster, Config, minority_pauses
from tests.cluster.load import PATIENCE
from tests.support.stack.running import eventually
from tests.support.stack.wire import wire

QUEUE = "issuance.PassApproved"
EVENTS = 20
INSTALLED = Config.installed(MANIFEST.read_text())
ONE_COPY = Config(
    INSTALLED.lines.replace("reconciliation.enabled = true", "reconciliation.enabled = false"),
    "[{rabbit, [{quorum_cluster_size, 1}]}].",
)
NEVER_PAUSING = Config(INSTALLED.lines.replace("pause_minority", "ignore"), INSTALLED.advanced)


@contextmanager
def cluster(folder: Path, config: Config) -> Iterator[BrokerCluster]:
    """Run a cluster with all exchanges and queues for the length of the block."""
    mark = f"cluster{folder.stat().st_ino}"
    brokers = BrokerCluster(folder, SecretStore(folder / "secrets.json"), mark, config)
    try:
        brokers.launch()
        brokers.wait()
        asyncio.run(_declare(brokers))
        yield brokers
    finally:
        brokers.stop()
        processes.end(processes.marked(mark), 2)


async def _declare(brokers: BrokerCluster) -> None:
    async with await connect(brokers.url("administrator").split(","), "test") as connection:
        declared = await topology.apply(connection, (1.0, 5.0, 30.0, 300.0))
    assert declared.refused == {}


def _waiting(url: str) -> int:
    """Return how many events wait in the queue; 0 if it is not there."""
    try:
        with wire(url) as broker:
            return broker.depth(QUEUE)
    except (AMQPError, OSError):
        return 0


@pytest.mark.parametrize("config", [INSTALLED, ONE_COPY], ids=["as installed", "one copy of each queue"])
def test_a_node_that_loses_its_disk_takes_no_event_with_it_unless_there_is_one_copy(
    tmp_path: Path, config: Config
) -> None:
    with cluster(tmp_path, config) as brokers:
        lost, *_ = brokers.copies(QUEUE)
        other = brokers.nodes[lost % 3 + 1]
        with wire(other.url("relay")) as broker:
            for _ in range(EVENTS):
                broker.publish(exchange_of("approval"), "PassApproved", b"an event")
        brokers.nodes[lost].lose_disk()
        if config is ONE_COPY:
            with pytest.raises(StackFailed, match="Quorum queues"):
                other.ctl("forget_cluster_node", brokers.nodes[lost].node)
            assert brokers.copies(QUEUE) == []
            assert _waiting(other.url("relay")) == 0
            return
        other.ctl("forget_cluster_node", brokers.nodes[lost].node)
        brokers.nodes[lost].start()
        eventually(lambda: _waiting(other.url("relay")) == EVENTS, "all events are there", PATIENCE)
        eventually(lambda: len(brokers.copies(QUEUE)) == 3, "three copies again, by itself", PATIENCE)
        other.ctl(
            "add_replica", "--vhost", "epass", STREAM, brokers.nodes[lost].node, program="rabbitmq-streams"
        )
        eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)


@pytest.mark.parametrize("config", [INSTALLED, NEVER_PAUSING], ids=["as installed", "no minority pauses"])
def test_a_cluster_that_was_divided_is_one_again_by_itself_unless_no_minority_pauses(
    tmp_path: Path, config: Config
) -> None:
    with cluster(tmp_path, config) as brokers:
        cut_off = brokers.nodes[3]
        with brokers.cut_off(3):
            eventually(lambda: len(brokers.running_nodes(1)) == 2, "the others notice", PATIENCE)
            if config is INSTALLED and minority_pauses():
                eventually(lambda: not cut_off.answers(), "it pauses", PATIENCE)
            else:
                eventually(lambda: len(brokers.running_nodes(3)) == 1, "it notices", PATIENCE)
                assert cut_off.answers()
        if config is INSTALLED or not minority_pauses():
            eventually(brokers.is_whole, "it is a cluster", PATIENCE)
            assert not brokers.partitions()
        else:
            eventually(brokers.partitions, "two that do not agree", PATIENCE)


@pytest.mark.parametrize("probed", [True, False], ids=["as installed", "no liveness probe"])
def test_a_node_that_hung_is_one_with_the_others_again_unless_nobody_restarts_it(
    tmp_path: Path, probed: bool
) -> None:
    with cluster(tmp_path, INSTALLED) as brokers:
        assert brokers.restart_unhealthy() == []
        brokers.nodes[3].suspend()
        eventually(lambda: len(brokers.running_nodes(1)) == 2, "the others notice", PATIENCE)
        brokers.nodes[3].resume()
        if not minority_pauses():
            eventually(brokers.is_whole, "it is a cluster by itself", PATIENCE)
            assert brokers.restart_unhealthy() == []
            return
        eventually(brokers.partitions, "it has counted them out, too", PATIENCE)
        if probed:
            assert brokers.restart_unhealthy() == [3]
            eventually(lambda: len(brokers.running_nodes(1)) == 3, "it is a cluster", PATIENCE)
            eventually(brokers.is_whole, "each queue is on all nodes", PATIENCE)
            assert brokers.restart_unhealthy() == []
        else:
            assert len(brokers.running_nodes(1)) == 2

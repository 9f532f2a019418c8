"""Stacks of private processes in which the broker, or the database server, has several nodes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.brokers import BrokerCluster
from tests.cluster.postgres_pair import PostgresPair
from tests.support.chaos.deployment import Deployment, settings_for
from tests.support.chaos.provider import Provider
from tests.support.stack.backends import LocalProcesses
from tests.support.stack.running import free_port
from tests.support.system.system import System


class BrokerClusterStack(LocalProcesses):
    """A cluster of brokers and one database server."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.brokers = BrokerCluster(folder / "brokers", self.stack.secret_store, self.stack.id)
        self.stack.broker = self.brokers  # type: ignore[assignment]  # it has what a stack needs of a broker

    def broker_url(self, user: str) -> str:
        """Return the address of a node that answers."""
        return next(node for node in self.brokers.nodes.values() if node.answers()).url(user)


class PostgresPairStack(LocalProcesses):
    """One broker, and a primary with a standby."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        stack = self.stack
        ports = (stack.ports["postgres"], free_port())
        self.pair = PostgresPair(folder / "postgres", ports, stack.secret_store, stack.logs, stack.id)
        stack.postgres = self.pair  # type: ignore[assignment]  # it has what a stack needs of a server

    def database_url(self, role: str, database: str | None = None) -> str:
        """Return the address of a database on the primary of the moment."""
        return self.pair.primary.url(role, database)


@contextmanager
def running(stack: LocalProcesses, folder: Path, **settings: str) -> Iterator[Deployment]:
    """Run a stack and the system on it for the length of the block."""
    stack.stack.start()
    try:
        with (
            Provider(folder) as provider,
            System(stack, **settings_for(provider), **settings) as system,
        ):
            yield Deployment(stack, system, provider)
    finally:
        stack.stack.stop()
        stack.stack.remove()

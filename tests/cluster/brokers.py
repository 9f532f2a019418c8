"""Three RabbitMQ nodes on the loopback address, configured as deploy/kubernetes configures them.

Each node has a port mapper (epmd) of its own. In it the other two are registered with the ports of proxies,
so whatever two nodes say to each other goes through a proxy that a test can break. That needs no root,
and nothing is left of it when the test has ended. Only the copies of a stream go from node to node directly;
a node that pauses, or is paused, stops its streams too.
"""

import re
import shutil
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import httpx
import yaml

from deploy.local import ports
from deploy.local.broker import Broker, _script, _version
from deploy.local.errors import StackFailed
from deploy.local.permissions import VHOST
from deploy.local.secrets import SecretStore, write_private
from tests.support.chaos.proxy import Proxy
from tests.support.stack.paths import ROOT
from tests.support.stack.running import eventually

MANIFEST = ROOT / "deploy/kubernetes/base/servers/broker.yaml"


@dataclass(frozen=True)
class Config:
    """What all nodes share: lines of ``rabbitmq.conf``, and what only ``advanced.config`` can say."""

    lines: str
    advanced: str

    @classmethod
    def installed(cls, manifest: str) -> "Config":
        """Return what a cluster on Kubernetes has, without the place of the definitions."""
        (cluster,) = [one for one in yaml.safe_load_all(manifest) if one["kind"] == "RabbitmqCluster"]
        settings = cluster["spec"]["rabbitmq"]
        lines = settings["additionalConfig"].splitlines()
        kept = "".join(f"{line}\n" for line in lines if not line.startswith("definitions."))
        return cls(kept, settings["advancedConfig"])


def minority_pauses() -> bool:
    """Return whether a node that is cut off closes its connections; from RabbitMQ 4.3 on it keeps them."""
    return _version(_script()) < (4, 3)


def liveness_probe(manifest: str) -> list[str]:
    """Return the arguments of ``rabbitmqctl`` that Kubernetes asks each node with."""
    (cluster,) = [one for one in yaml.safe_load_all(manifest) if one["kind"] == "RabbitmqCluster"]
    (container,) = cluster["spec"]["override"]["statefulSet"]["spec"]["template"]["spec"]["containers"]
    program, *arguments = container["livenessProbe"]["exec"]["command"]
    assert program == "rabbitmqctl"
    return list(arguments)


def registration(node: str, port: int) -> bytes:
    """Return the request that tells a port mapper where a node listens.

    It is ALIVE2_REQ of Erlang's distribution protocol, with the versions 5 to 6 of the handshake.
    """
    name = node.partition("@")[0].encode()
    body = struct.pack(">BHBBHHH", 120, port, 77, 0, 6, 5, len(name)) + name + struct.pack(">H", 0)
    return struct.pack(">H", len(body)) + body


class Node(Broker):
    """One node of a cluster.

    Args:
        folder: its own.
        number: its number in the cluster, from 1.
        config: of all nodes.
        secret_store, mark: of the stack.
    """

    def __init__(
        self, folder: Path, number: int, config: Config, secret_store: SecretStore, mark: str
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        own = ports.stored_ports(folder / "ports.json")
        super().__init__(folder, own, secret_store, folder / "broker.log", mark)
        self.node = f"epass-{mark}-{number}@localhost"
        self.distribution, self.mapper, self._management = own["distribution"], own["epmd"], own["management"]
        self.prometheus = own["prometheus"]
        self._config = config
        self._auth = ("administrator", secret_store.password("broker administrator"))

    def _configure(self) -> None:
        super()._configure()
        with (self._folder / "rabbitmq.conf").open("a") as file:
            file.write(self._config.lines)
        (self._folder / "advanced.config").write_text(self._config.advanced)
        write_private(self._folder / ".erlang.cookie", self._secret_store.password("erlang cookie"))

    def _environment(self) -> dict[str, str]:
        return {
            **super()._environment(),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self._folder / "advanced.config"),
        }

    def get(self, path: str) -> httpx.Response:
        """Ask the management interface."""
        url = f"http://127.0.0.1:{self._management}/api/{path}"
        return httpx.get(url, auth=self._auth, timeout=10, trust_env=False)

    def lose_disk(self) -> None:
        """Kill it and delete all that it has stored."""
        self.kill()
        shutil.rmtree(self._folder / "data")

    def is_dispensable(self) -> bool:
        """Return whether the others could go on without it: a majority of each queue is elsewhere."""
        try:
            return self.get("health/checks/node-is-quorum-critical").status_code == 200
        except httpx.HTTPError:
            return False


class BrokerCluster:
    """Three nodes. `launch`, `wait`, `stop` and `url` are those of one broker, so that a stack can have it.

    Args:
        folder: of the cluster.
        secret_store, mark: of the stack.
        config: of the nodes; by default that of the manifest.
    """

    def __init__(
        self, folder: Path, secret_store: SecretStore, mark: str, config: Config | None = None
    ) -> None:
        config = config or Config.installed(MANIFEST.read_text())
        members = "".join(
            f"cluster_formation.classic_config.nodes.{number} = epass-{mark}-{number}@localhost\n"
            for number in (1, 2, 3)
        )
        config = Config(config.lines + members, config.advanced)
        self.nodes = {
            number: Node(folder / str(number), number, config, secret_store, mark) for number in (1, 2, 3)
        }
        self._links: dict[tuple[int, int], Proxy] = {}
        self._open = ExitStack()

    def launch(self) -> None:
        """Start all nodes, and tell each where the others are, without waiting until they answer."""
        for one in self.nodes.values():
            one.launch()
        for here, there in permutations(self.nodes, 2):
            target = self.nodes[there]
            link = self._open.enter_context(Proxy("127.0.0.1", target.distribution))
            self._links[here, there] = link
            self._register(self.nodes[here].mapper, registration(target.node, link.port))

    def _register(self, mapper: int, request: bytes) -> None:
        """Register for as long as the connection is open."""

        def connect() -> socket.socket | None:
            try:
                return socket.create_connection(("127.0.0.1", mapper), 5)
            except ConnectionRefusedError:
                return None

        connection = self._open.enter_context(eventually(connect, "the port mapper answers"))
        connection.sendall(request)
        answer = connection.recv(6)
        assert answer[0] in {118, 121}, answer
        assert answer[1] == 0, "the port mapper refuses the name"

    def wait(self) -> None:
        """Wait until all nodes answer and know each other."""
        for one in self.nodes.values():
            one.wait(120)
        eventually(lambda: len(self.running_nodes(1)) == len(self.nodes), "the nodes are a cluster", 60)

    def running_nodes(self, number: int) -> list[str]:
        """Return the names of the nodes that run, as this one sees it."""
        return [one["name"] for one in self._seen_by(number) if one["running"]]

    def partitions(self) -> list[str]:
        """Return the nodes with which another one does not agree, since both went on alone."""
        seen = [one for number in self.nodes for one in self._seen_by(number)]
        return [name for one in seen for name in one.get("partitions", [])]

    def _seen_by(self, number: int) -> list[dict[str, Any]]:
        seen: list[dict[str, Any]] = self.nodes[number].get("nodes").json()
        return seen

    def copies(self, queue: str) -> list[int]:
        """Return the numbers of the nodes with a copy of a queue that is up to date; its leader's first."""
        for one in self.nodes.values():
            if one.is_running():
                found = one.get(f"queues/{VHOST}/{queue}").json()
                names = sorted(found.get("online", []), key=lambda name: name != found.get("leader"))
                return [number for name in names for number, node in self.nodes.items() if node.node == name]
        return []

    def metrics(self) -> list[str]:
        """Return where each node answers Prometheus."""
        return [f"127.0.0.1:{node.prometheus}" for node in self.nodes.values()]

    def unreachable(self, number: int) -> int:
        """Return how many others this node cannot reach, as it tells Prometheus (alert `BrokerNodeGone`)."""
        page = httpx.get(f"http://{self.metrics()[number - 1]}/metrics", timeout=10, trust_env=False)
        (value,) = re.findall(r"^rabbitmq_unreachable_cluster_peers_count ([\d.]+)", page.text, re.MULTILINE)
        return int(float(value))

    def stop(self) -> None:
        """Stop all nodes; harmless when they do not run."""
        for one in self.nodes.values():
            one.stop()
        self._open.close()

    def url(self, user: str) -> str:
        """Return the addresses of all nodes, as ``EPASS_BROKER_URLS`` has them."""
        return ",".join(one.url(user) for one in self.nodes.values())

    def is_whole(self) -> bool:
        """Return whether any one node may be lost now."""
        return all(one.is_dispensable() for one in self.nodes.values())

    def restart_unhealthy(self) -> list[int]:
        """Do what Kubernetes does: restart each node whose liveness probe fails, and return their numbers."""
        probe, restarted = liveness_probe(MANIFEST.read_text()), []
        for number, node in self.nodes.items():
            try:
                node.ctl(*probe)
            except StackFailed:
                node.kill()
                node.start()
                restarted.append(number)
        return restarted

    @contextmanager
    def cut_off(self, number: int) -> Iterator[None]:
        """Let a node and the others lose, in silence, whatever they send each other.

        Clients still reach all of them.
        """
        links = [link for pair, link in self._links.items() if number in pair]
        with ExitStack() as silent:
            for link in links:
                silent.enter_context(link.half_open())
            yield
        for link in links:
            link.cut()

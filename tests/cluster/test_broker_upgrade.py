"""The broker is upgraded line by line, as ``docs/upgrading.md`` says, with full queues and while events come.

Each node is a container of the public images. Without an engine, or an image of each line, these are skipped.
"""

import asyncio
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import docker
import pytest
from amqp.exceptions import AMQPError
from docker.errors import DockerException
from docker.models.containers import Container

from contracts.subscriptions import STREAM, exchange_of
from deploy.local.permissions import PERMISSIONS, VHOST, definitions
from services.chassis.messaging import topology
from services.chassis.messaging.broker import connect
from tests.cluster.brokers import MANIFEST, Config
from tests.support.stack.running import eventually
from tests.support.stack.wire import wire

LINES = ("4.0", "4.2", "4.3")
DELAYS = (1.0, 5.0, 30.0, 300.0)
FULL = 500
"""Messages in each kind of queue, before the first node is stopped."""
QUEUE, DEAD = "issuance.PassApproved", "issuance.PassApproved.dead"
DELAY, LATER = "epass.delay.3", "verify.PassRevoked"
"""A delay of five minutes, and the queue in which its messages are afterwards."""
FLAGS_BEFORE = {"4.2": ("all",), "4.3": ("all", "khepri_db")}
"""What is enabled before the first node of a line starts."""
PASSWORDS = {user: f"password-of-{user}" for user in PERMISSIONS}
PATIENCE = 180


def image(line: str) -> str:
    return f"rabbitmq:{line}-management"


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    with ExitStack() as opened:
        try:
            client = opened.enter_context(closing(docker.from_env(timeout=120)))
            for line in LINES:
                client.images.list(name=image(line)) or client.images.pull(image(line))
        except DockerException as error:
            pytest.skip(f"no engine, or no image of a line: {error}")
        yield client


class Nodes:
    """A cluster of containers; each keeps its name and its volume when its image is another one."""

    def __init__(self, engine: docker.DockerClient, number: int, name: str) -> None:
        self._engine, self._name, self.numbers = engine, name, range(1, number + 1)
        self._network = engine.networks.create(name)
        self.containers: dict[int, Container] = {}
        lines = Config.installed(MANIFEST.read_text()).lines.replace("_size = 3", f"_size = {number}")
        members = [
            f"cluster_formation.classic_config.nodes.{one} = rabbit@{name}-{one}\n" for one in self.numbers
        ]
        self._config = lines + ("".join(members) if number > 1 else "")

    def start(self, number: int, line: str) -> None:
        """Start a node of this line, in place of the one that was there, with its data."""
        name = f"{self._name}-{number}"
        if old := self.containers.pop(number, None):
            old.stop(timeout=60)
            old.remove()
        new = self._engine.containers.create(
            image(line),
            name=name,
            hostname=name,
            network=self._network.name,
            volumes={name: {"bind": "/var/lib/rabbitmq", "mode": "rw"}},
            ports={"5672/tcp": ("127.0.0.1", None)},
            environment={"RABBITMQ_ERLANG_COOKIE": "of-these-tests"},
        )
        self.containers[number] = new
        new.put_archive("/etc/rabbitmq", archive("conf.d/20-cluster.conf", self._config))
        new.start()

    def wait(self, number: int) -> None:
        eventually(
            lambda: self._succeeds(number, "rabbitmqctl", "await_startup"), f"{number} is up", PATIENCE
        )
        members = str(len(self.containers))
        self.ctl(number, "await_online_nodes", members, "--timeout", "120")

    def _succeeds(self, number: int, *command: str) -> bool:
        return int(self.containers[number].exec_run([*command]).exit_code) == 0

    def is_dispensable(self, number: int) -> bool:
        """Return whether the others have a majority of each queue without it."""
        return self._succeeds(number, "rabbitmq-diagnostics", "check_if_node_is_quorum_critical")

    def ctl(self, number: int, *arguments: str) -> str:
        done = self.containers[number].exec_run(["rabbitmqctl", *arguments])
        assert done.exit_code == 0, done.output.decode(errors="replace")
        return str(done.output.decode(errors="replace"))

    def url(self, number: int) -> str:
        one = self.containers[number]
        one.reload()
        port = one.ports["5672/tcp"][0]["HostPort"]
        return f"amqp://administrator:{PASSWORDS['administrator']}@127.0.0.1:{port}/{VHOST}"

    def stop(self) -> None:
        for one in self.containers.values():
            one.remove(force=True, v=True)
        for number in self.numbers:
            with suppress(DockerException):
                self._engine.volumes.get(f"{self._name}-{number}").remove(force=True)
        self._network.remove()


def archive(path: str, text: str) -> bytes:
    """Return a tar of one file that everybody may read."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        entry = tarfile.TarInfo(path)
        entry.size, entry.mode = len(text.encode()), 0o644
        tar.addfile(entry, io.BytesIO(text.encode()))
    return file.getvalue()


@contextmanager
def cluster(engine: docker.DockerClient, number: int, folder: Path) -> Iterator[Nodes]:
    """Run nodes of the oldest line, with our users, exchanges and queues, for the length of the block."""
    nodes = Nodes(engine, number, f"epass-upgrade-{folder.stat().st_ino}")
    with ExitStack() as running:
        running.callback(nodes.stop)
        for one in nodes.numbers:
            nodes.start(one, LINES[0])
        for one in nodes.numbers:
            nodes.wait(one)
        users = json.dumps(definitions(PASSWORDS))
        nodes.containers[1].put_archive("/tmp", archive("definitions.json", users))
        nodes.ctl(1, "import_definitions", "/tmp/definitions.json")
        asyncio.run(declare(nodes.url(1)))
        yield nodes


async def declare(url: str) -> None:
    async with await connect([url], "test") as connection:
        assert (await topology.apply(connection, DELAYS)).refused == {}


async def missing(url: str) -> list[str]:
    async with await connect([url], "test") as connection:
        return await topology.missing(connection, DELAYS)


class Publisher(threading.Thread):
    """Publishes one event after the other to whichever node answers, and notes which were confirmed."""

    def __init__(self, nodes: Nodes) -> None:
        super().__init__(daemon=True)
        self._nodes, self._done = nodes, threading.Event()
        self.confirmed: set[bytes] = set()

    def run(self) -> None:
        for turn in count():
            with suppress(AMQPError, OSError, KeyError, DockerException), wire(self._url(turn)) as broker:
                while not self._done.wait(0.02):
                    event = f"event {turn} {len(self.confirmed)}".encode()
                    broker.publish(exchange_of("approval"), "PassApproved", event)
                    self.confirmed.add(event)
            if self._done.wait(0.2):
                return

    def _url(self, turn: int) -> str:
        return self._nodes.url(self._nodes.numbers[turn % len(self._nodes.numbers)])

    def goes_on(self) -> None:
        before = len(self.confirmed)
        eventually(lambda: len(self.confirmed) > before + 10, "events are confirmed", PATIENCE)

    def stop(self) -> set[bytes]:
        self._done.set()
        self.join()
        return self.confirmed


def fill(url: str) -> None:
    with wire(url) as broker:
        for number in range(FULL):
            broker.publish("epass.dead", DEAD, f"letter {number}".encode())
            broker.publish(DELAY, LATER, f"retry {number}".encode())


def in_stream(nodes: Nodes) -> int:
    listed = nodes.ctl(
        1, "--quiet", "list_queues", "--vhost", VHOST, "--no-table-headers", "name", "messages"
    )
    return int(dict(line.split("\t") for line in listed.splitlines())[STREAM])


def taken(url: str, queue: str) -> list[bytes]:
    """Take all that waits in a queue."""
    with wire(url) as broker, broker.connection.channel() as channel:
        found = iter(lambda: channel.basic_get(queue, no_ack=True), None)
        return [one.body if isinstance(one.body, bytes) else one.body.encode() for one in found]


@pytest.mark.parametrize("number", [1, 3], ids=["one node", "three nodes, one after the other"])
def test_the_broker_is_upgraded_line_by_line_and_nothing_that_waits_in_it_is_lost(
    engine: docker.DockerClient, number: int, tmp_path: Path
) -> None:
    with cluster(engine, number, tmp_path) as nodes:
        fill(nodes.url(1))
        publisher = Publisher(nodes)
        publisher.start()
        publisher.goes_on()
        for line in LINES[1:]:
            for flag in FLAGS_BEFORE[line]:
                nodes.ctl(1, "enable_feature_flag", flag)
            for one in nodes.numbers:
                if number > 1:
                    eventually(
                        lambda one=one: nodes.is_dispensable(one), "the others can do without", PATIENCE
                    )  # type: ignore[misc]  # mypy cannot infer a lambda's default
                nodes.start(one, line)
                nodes.wait(one)
                publisher.goes_on()
        nodes.ctl(1, "enable_feature_flag", "all")
        confirmed = publisher.stop()
        url = nodes.url(1)
        assert confirmed - {*taken(url, QUEUE)} == set()
        assert len({*taken(url, DEAD)}) == FULL
        assert len({*taken(url, DELAY), *taken(url, LATER)}) == FULL
        assert in_stream(nodes) >= len(confirmed)
        assert asyncio.run(missing(url)) == []

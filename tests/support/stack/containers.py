"""The tests' broker and database server as containers of the public images, wherever a container engine
answers.

They hold what the private processes of `make run` hold: the users and permissions of
``deploy/local/permissions.py``, and for each service a database of its own. Both keep their host ports when
they are killed and started again.
"""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import amqp
import psycopg
from docker.errors import DockerException
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from contracts.subscriptions import SERVICES
from deploy.local import access, ports
from deploy.local.permissions import PERMISSIONS, VHOST, definitions
from deploy.local.secrets import SecretStore
from tests.support.stack import images

SUPERUSER = "postgres"
POSTGRES_COMMAND = ["postgres", "-c", "max_connections=300", "-c", "timezone=UTC", "-c", "fsync=off"]


class Containers:
    """RabbitMQ and PostgreSQL in two containers. ``folder`` holds the secrets and the ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._secret_store = SecretStore(folder / "secrets.json")
        self._ports = ports.stored_ports(folder / "ports.json")
        self._addresses: dict[str, str] = {}
        self._running = ExitStack()
        self._broker = self._make_broker()
        self._postgres = self._make_postgres()

    def broker_url(self, user: str) -> str:
        return f"amqp://{user}:{self._broker_password(user)}@{self._addresses['broker']}/{VHOST}"

    def broker_metrics(self) -> str:
        return _address(self._broker, 15692)

    def database_url(self, role: str, database: str | None = None) -> str:
        return self._database_url(role, database, "postgresql+psycopg")

    def environment(self, name: str) -> dict[str, str]:
        return access.Environment(
            self.broker_url, self.database_url, self._secret_store, self._ports, self._ports["gateway"]
        ).of(name)

    def grant_rights(self) -> None:
        access.grant_rights(self._superuser)

    def kill_broker(self) -> None:
        _kill(self._broker)

    def start_broker(self) -> None:
        self._broker.get_wrapped_container().start()
        self._wait_for_broker()

    def kill_postgres(self) -> None:
        _kill(self._postgres)

    def start_postgres(self) -> None:
        self._postgres.get_wrapped_container().start()
        self._wait_for_postgres()

    def suspend_broker(self) -> None:
        self._broker.get_wrapped_container().pause()

    def resume_broker(self) -> None:
        self._broker.get_wrapped_container().unpause()

    def suspend_postgres(self) -> None:
        self._postgres.get_wrapped_container().pause()

    def resume_postgres(self) -> None:
        self._postgres.get_wrapped_container().unpause()

    def broker_ctl(self, *arguments: str) -> str:
        done = self._broker.exec(["rabbitmqctl", *arguments])
        output = done.output.decode(errors="replace")
        assert done.exit_code == 0, f"rabbitmqctl {arguments[0]}: {output}"
        return output

    def __enter__(self) -> Self:
        with ExitStack() as running:
            for container in (self._broker, self._postgres):
                running.callback(container.stop)
            self._broker.start()
            self._postgres.start()
            self._addresses = {
                "broker": _address(self._broker, 5672),
                "postgres": _address(self._postgres, 5432),
            }
            self._make_databases()
            self._make_users()
            self._running = running.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _make_broker(self) -> DockerContainer:
        """Create the broker with its virtual host and administrator, without the image's default guest."""
        born_with = {"USER": "administrator", "PASS": self._broker_password("administrator"), "VHOST": VHOST}
        container = DockerContainer(
            images.chosen("EPASS_RABBITMQ_IMAGE", _is_here, _pull),
            env={f"RABBITMQ_DEFAULT_{name}": value for name, value in born_with.items()},
        )
        container.with_bind_ports(15692, self._ports["prometheus"])
        return container.with_bind_ports(5672, self._ports["amqp"])

    def _make_postgres(self) -> PostgresContainer:
        password = self._database_password(SUPERUSER)
        container = PostgresContainer(
            images.chosen("EPASS_POSTGRES_IMAGE", _is_here, _pull),
            username=SUPERUSER,
            password=password,
            dbname=SUPERUSER,
            command=POSTGRES_COMMAND,
        )
        return container.with_bind_ports(5432, self._ports["postgres"])

    def _make_users(self) -> None:
        self._wait_for_broker()
        users = definitions({user: self._broker_password(user) for user in PERMISSIONS})
        self._broker.copy_into_container(json.dumps(users).encode(), "/tmp/definitions.json")
        self.broker_ctl("import_definitions", "/tmp/definitions.json")

    def _make_databases(self) -> None:
        self._wait_for_postgres()
        for service in SERVICES:
            access.create_database(self._superuser, service, self._database_password, *access.READERS)

    def _wait_for_broker(self) -> None:
        _wait(self._log_in_to_broker, OSError, amqp.exceptions.AMQPError)

    def _wait_for_postgres(self) -> None:
        _wait(lambda: self._superuser(SUPERUSER).close(), psycopg.OperationalError)

    def _log_in_to_broker(self) -> None:
        password = self._broker_password("administrator")
        address = self._addresses["broker"]
        connection = amqp.Connection(
            address, "administrator", password, virtual_host=VHOST, connect_timeout=2, read_timeout=5
        )
        connection.connect()
        connection.close()

    def _superuser(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        return psycopg.connect(
            self._database_url(SUPERUSER, database, "postgresql"), autocommit=True, connect_timeout=5
        )

    def _database_url(self, role: str, database: str | None, scheme: str) -> str:
        password, address = self._database_password(role), self._addresses["postgres"]
        return f"{scheme}://{role}:{password}@{address}/{database or role}"

    def _broker_password(self, user: str) -> str:
        return self._secret_store.password(f"broker {user}")

    def _database_password(self, role: str) -> str:
        return self._secret_store.password(f"database {role}")


def _is_here(image: str) -> bool:
    return bool(DockerClient().client.images.list(name=image))


def _pull(image: str) -> bool:
    try:
        DockerClient().client.images.pull(image)
    except DockerException:
        return False
    return True


def _kill(container: DockerContainer) -> None:
    """Kill all processes of a container (SIGKILL), as a crash would; its files stay."""
    wrapped = container.get_wrapped_container()
    wrapped.kill()
    wrapped.wait()


def _address(container: DockerContainer, port: int) -> str:
    """Return host and port of a container; the loopback is a number, since its name would mean IPv6 first."""
    host = container.get_container_host_ip().replace("localhost", "127.0.0.1")
    return f"{host}:{container.get_exposed_port(port)}"


def _wait(attempt: Callable[[], None], *not_yet: type[Exception], seconds: float = 60) -> None:
    """Repeat ``attempt`` until it succeeds; raise its own error when the time is over."""
    until = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except not_yet:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)

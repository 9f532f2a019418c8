"""One private database server and one private broker in a folder, and the settings of their clients.

``make run`` has one in ``.local``; an integration test makes one in a temporary folder. Any number can run
side by side.
"""

import fcntl
import os
import secrets
import shutil
import signal
from pathlib import Path
from types import TracebackType
from typing import Self

from contracts.subscriptions import SERVICES
from deploy.local import access, ports, processes
from deploy.local.broker import Broker
from deploy.local.errors import StackFailed
from deploy.local.postgres import Postgres
from deploy.local.processes import Launch
from deploy.local.secrets import SecretStore
from deploy.local.supervisor import Supervisor


class Stack:
    """The two servers of one folder.

    Args:
        folder: holds everything; a second ``start`` continues with it.
        gateway_port: on which the gateway listens; by default a port of this stack's own.
        supervised: whether the servers begin again when they end. In a test they do not.
        durable: whether what the servers have stored outlasts a loss of power. In a test only a process dies.
    """

    def __init__(
        self,
        folder: Path,
        gateway_port: int | None = None,
        *,
        supervised: bool = False,
        durable: bool = True,
    ) -> None:
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.id = self._id()
        self.ports = ports.stored_ports(self.folder / "ports.json")
        self.gateway_port = gateway_port or self.ports["gateway"]
        self.secret_store = SecretStore(self.folder / "secrets.json")
        self.supervisor = Supervisor(self.folder / "supervisor", self.logs / "supervisor.log", self.id)
        launch: Launch = self.supervisor.launch if supervised else processes.spawn
        self.postgres = Postgres(
            self.folder / "postgres",
            self.ports["postgres"],
            self.secret_store,
            self.logs / "postgres.log",
            self.id,
            launch,
            durable=durable,
        )
        self.broker = Broker(
            self.folder / "broker",
            self.ports,
            self.secret_store,
            self.logs / "broker.log",
            self.id,
            launch,
            durable=durable,
        )
        self._lock: int | None = None

    def start(self) -> None:
        """Start both servers and create databases and users; if that fails, stop everything.

        Raises:
            StackFailed: a server does not start, or a port is taken.
        """
        self.claim()
        try:
            self._check_ports()
            self.broker.launch()
            self.postgres.start()
            for service in SERVICES:
                self.postgres.create_database(service, *access.READERS)
            self.broker.wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both servers and whatever else this stack started; harmless when nothing runs."""
        if self._lock is not None:
            self.broker.stop()
            self.postgres.stop()
            self.supervisor.stop()
            self._end_leftovers(2)
            os.close(self._lock)
            self._lock = None

    def is_running(self) -> bool:
        """Return whether this object has started the stack and not stopped it again."""
        return self._lock is not None

    def remove(self) -> None:
        """Stop, then delete the folder and all data."""
        self.claim()
        self.stop()
        self.postgres.remove()
        shutil.rmtree(self.folder, ignore_errors=True)

    def claim(self) -> None:
        """Lock this folder for this process, and end what a killed run has left behind."""
        if self._lock is None:
            self._lock = _lock(self.folder / "lock")
            self._end_leftovers()

    def grant_rights(self) -> None:
        """Give each role its rights in the databases; call it after each migration."""
        access.grant_rights(self.postgres.connect)

    def environment(self, name: str) -> dict[str, str]:
        """Return the settings (``EPASS_…``) of one process; see `access.Environment.of`."""
        environment = access.Environment(
            self.broker.url, self.postgres.url, self.secret_store, self.ports, self.gateway_port
        )
        return {processes.MARK: self.id} | environment.of(name)

    def _check_ports(self) -> None:
        ports.check(
            [("gateway", self.gateway_port)],
            "stop that program, or choose another: EPASS_GATEWAY_PORT=8081 make run",
        )
        file = self.folder / "ports.json"
        remedy = f"stop that program, or delete {file} to choose other ports (no data is lost)"
        ports.check(((name, self.ports[name]) for name in ports.NAMES if name != "gateway"), remedy)

    def _end_leftovers(self, seconds: float = 10) -> None:
        """End services and node before the database server, as an orderly stop would."""
        processes.end(processes.marked(self.id), seconds)
        processes.end(self.postgres.leftovers(), seconds, signal.SIGINT)

    def _id(self) -> str:
        file = self.folder / "id"
        if not file.exists():
            file.write_text(secrets.token_hex(6))
        return file.read_text().strip()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _lock(file: Path) -> int:
    """Take an exclusive lock that the kernel releases when this process ends."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = file.read_text().strip()
        os.close(descriptor)
        raise StackFailed(
            f"already running in {file.parent} (process {holder}): stop that one first"
        ) from error
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return descriptor

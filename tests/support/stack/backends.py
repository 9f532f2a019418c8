"""Broker and databases of the tests: containers if an engine answers, else private local processes."""

import gc
import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import pytest

from deploy.local.secrets import write_private
from tests.support.stack import migrated
from tests.support.stack.settings import EVENT_KEY_SEEDS

DURABLE = "PYTEST_VERSION" not in os.environ or bool(os.environ.get("EPASS_TEST_DURABLE"))
"""Whether servers wait for their disk. Tests kill processes, never the machine; what is measured waits."""


class TestStack(Protocol):
    """What tests need of either. Users: each service, ``relay``, ``gateway`` and ``administrator``."""

    __test__ = False
    folder: Path

    def broker_url(self, user: str) -> str: ...
    def broker_metrics(self) -> str: ...
    def database_url(self, role: str, database: str | None = None) -> str: ...
    def environment(self, name: str) -> dict[str, str]: ...
    def grant_rights(self) -> None: ...
    def kill_broker(self) -> None: ...
    def start_broker(self) -> None: ...
    def kill_postgres(self) -> None: ...
    def start_postgres(self) -> None: ...
    def suspend_broker(self) -> None: ...
    def resume_broker(self) -> None: ...
    def suspend_postgres(self) -> None: ...
    def resume_postgres(self) -> None: ...
    def broker_ctl(self, *arguments: str) -> str: ...


@lru_cache(maxsize=1)
def backend_name() -> str:
    """Return ``containers`` or ``processes``."""
    chosen = os.environ.get("EPASS_TEST_BACKEND", "")
    if chosen:
        if chosen not in {"containers", "processes"}:
            raise pytest.UsageError(f"EPASS_TEST_BACKEND={chosen}: it may be containers or processes")
        if chosen == "containers" and not _engine_answers():
            raise pytest.UsageError("EPASS_TEST_BACKEND=containers: no Docker-compatible engine answers")
        return chosen
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return "processes"
    return "containers" if _engine_answers() else "processes"


def _engine_answers() -> bool:
    """Return whether a container engine answers.

    If none does, the client leaves its socket to the garbage collector, whose warning is suppressed here.
    """
    import docker
    from docker.errors import DockerException

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with closing(docker.from_env(timeout=3)) as client:
                return bool(client.ping())
        except (DockerException, OSError):
            pass
        gc.collect()
    return False


def _forwarded(server: str, verb: str) -> Callable[["LocalProcesses"], None]:
    """Return a method that does something to the broker or the database server that the stack has then."""
    return lambda self: getattr(getattr(self.stack, server), verb)()


class LocalProcesses:
    """The private processes of `make run`, in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        from deploy.local.stack import Stack

        self.folder = folder
        self.stack = Stack(folder, durable=DURABLE)

    def broker_url(self, user: str) -> str:
        return self.stack.broker.url(user)

    def broker_metrics(self) -> str:
        """Return the address at which Prometheus asks the broker."""
        return f"127.0.0.1:{self.stack.ports['prometheus']}"

    def database_url(self, role: str, database: str | None = None) -> str:
        return self.stack.postgres.url(role, database)

    def environment(self, name: str) -> dict[str, str]:
        return self.stack.environment(name)

    def grant_rights(self) -> None:
        self.stack.grant_rights()

    kill_broker = _forwarded("broker", "kill")
    kill_postgres = _forwarded("postgres", "kill")
    start_broker = _forwarded("broker", "start")
    start_postgres = _forwarded("postgres", "start")
    suspend_broker = _forwarded("broker", "suspend")
    suspend_postgres = _forwarded("postgres", "suspend")
    resume_broker = _forwarded("broker", "resume")
    resume_postgres = _forwarded("postgres", "resume")

    def broker_ctl(self, *arguments: str) -> str:
        return self.stack.broker.ctl(*arguments)


@contextmanager
def start_stack(folder: Path, *, empty: bool = False) -> Iterator[TestStack]:
    """Start a broker and a database server of either kind, and stop them afterwards.

    Its services sign events with the keys that all tests know. Secrets that are in the folder stay. Where the
    servers are private processes, the databases begin as copies of migrated ones, unless they have to be
    ``empty`` or durable, or secrets of a backup are there.
    """
    event_keys = {f"event key {service}": seed for service, seed in EVENT_KEY_SEEDS.items()}
    file = folder / "secrets.json"
    of_a_backup = json.loads(file.read_text()) if file.exists() else {}
    write_private(file, json.dumps(event_keys | of_a_backup))
    if backend_name() == "containers":
        from tests.support.stack.containers import Containers

        with Containers(folder) as containers:
            yield containers
        return
    if empty or of_a_backup or DURABLE:
        local = LocalProcesses(folder)
    else:
        with migrated.server() as (passwords, data):
            write_private(file, json.dumps(event_keys | passwords))
            local = LocalProcesses(folder)
            migrated.copy(data, local.stack.postgres)
    local.stack.start()
    try:
        yield local
    finally:
        local.kill_broker()  # what is deleted needs no orderly end, which takes seconds
        local.kill_postgres()
        local.stack.stop()
        local.stack.remove()

"""What tests stand on: settings for this process, one real broker and database server a session, emptied databases.

One fixture, ``stack``, chooses: containers (testcontainers) where a Docker-compatible engine answers, else the private
processes that `make run` uses. EPASS_TEST_BACKEND=containers|processes overrides. The head of the report says which.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

os.environ.update(
    {
        "EPASS_LOCAL_MODE": "true",
        "EPASS_PERSONAL_KEYS": Fernet.generate_key().decode(),
        "EPASS_KEY_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "EPASS_IDEMPOTENCY_SECRET": "test-idempotency",
        "EPASS_OTP_SECRET": "test-otp",
        "EPASS_PASSWORD_SECRET": "test-password",
        "EPASS_COMMITMENT_MASTER": "test-commitment",
    }
)

from contracts.rpc import Call, Principal
from contracts.subscriptions import SERVICES
from services.chassis.clock import now
from services.chassis.db import Database
from tests.backends import TestStack, backend_name, start_stack
from tests.system import System


def pytest_report_header() -> str:
    return f"broker and databases: {backend_name()}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Fast ones first: unit, contract, integration, journey."""
    order = {"unit": 0, "contract": 1, "integration": 2, "journey": 3}
    items.sort(key=lambda item: order.get(item.path.parent.name, 9))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestStack]:
    """A broker and a database server, with a user for each service."""
    folder: Path = tmp_path_factory.mktemp("stack")
    with start_stack(folder) as running:
        yield running


class Databases(Mapping[str, Database]):
    """Each service's database, migrated when first asked for and emptied before each test that uses it."""

    def __init__(self, stack: TestStack) -> None:
        self._stack = stack
        self._open: dict[str, Database] = {}
        self._clean: set[str] = set()

    def __getitem__(self, service: str) -> Database:
        from services.chassis.migrate import upgrade

        if service not in self._open:
            url = self._stack.database_url(service)
            upgrade(service, url)
            self._open[service] = Database(url, pool=40)
        if service not in self._clean:
            self._empty(service)
        return self._open[service]

    def _empty(self, service: str) -> None:
        from sqlalchemy import text

        with self._open[service].transaction() as session:
            query = "select quote_ident(tablename) from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
            tables = session.execute(text(query)).scalars().all()
            session.execute(text(f"truncate {', '.join(tables)} restart identity cascade"))
        self._clean.add(service)

    def forget_cleanliness(self) -> None:
        """A new test begins."""
        self._clean.clear()

    def reconnect(self) -> None:
        """The server was restarted: connections that this process keeps are of the old one."""
        for database in self._open.values():
            database.close()

    def close(self) -> None:
        for database in self._open.values():
            database.close()

    def __iter__(self) -> Iterator[str]:
        return iter(SERVICES)

    def __len__(self) -> int:
        return len(SERVICES)


@pytest.fixture(scope="session")
def _databases(stack: TestStack) -> Iterator[Databases]:
    databases = Databases(stack)
    yield databases
    databases.close()


@pytest.fixture
def databases(_databases: Databases) -> Databases:
    """``databases["application"]``: a real, empty database with that service's schema."""
    _databases.forget_cleanliness()
    return _databases


def make_call(principal: Principal | None = None, key: str | None = None) -> Call:
    """A call that is in time."""
    return Call(principal=principal or Principal(), deadline=now() + timedelta(seconds=3), idempotency_key=key)


@pytest.fixture
def call() -> object:
    """``call(principal=…, key=…)``."""
    return make_call


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The whole system on a stack of its own, with the demo's directory and logins."""
    with start_stack(tmp_path_factory.mktemp("system")) as own, System(own) as running:
        yield running

"""The chassis under test: a broker with the topology, the probe's database, a relay and the probe."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from contracts import supervisor_pin
from services.accounts.adapters import passwords
from services.chassis.db.database import Database
from tests.integration.chassis_under_test import QUEUE, apply_topology, make_probe
from tests.support.stack.backends import TestStack
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.running import Process
from tests.support.stack.wire import Wire, wire


@pytest.fixture(scope="session", autouse=True)
def _quick_hashes() -> Iterator[None]:
    """Hash passwords and PINs quickly in this process; tests of their own look at what they cost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(passwords, "NOBODY", passwords.hash_password("nobody has it"))
        patch.setattr(supervisor_pin, "ITERATIONS", 1_000)
        patch.setattr(supervisor_pin.derive, "__defaults__", (1_000,))
        yield


@pytest.fixture(scope="session")
def topology(stack: TestStack) -> TestStack:
    """Start the stack and declare every exchange and queue."""
    apply_topology(stack)
    return stack


@pytest.fixture
def broker(topology: TestStack) -> Iterator[Wire]:
    """Connect to the broker as its administrator and empty the probe's queues."""
    with wire(topology.broker_url("administrator")) as connection:
        for queue in (QUEUE, f"{QUEUE}.dead", "rpc-verify", "rpc-verify.dead"):
            connection.purge(queue)
        yield connection


@pytest.fixture
def effects(databases, stack: TestStack) -> Iterator[Callable[[], list[str]]]:
    """Return a function that reads what the probe stored, oldest first."""
    database: Database = databases["verify"]
    with owner_of(database).transaction() as session:
        session.execute(text("create table if not exists probe (id bigserial, what text)"))
        session.execute(text("truncate probe"))
        session.execute(text("grant select, insert, update on probe to verify_app"))
        session.execute(text("grant usage on sequence probe_id_seq to verify_app"))

    def look() -> list[str]:
        with database.transaction() as session:
            return list(session.execute(text("select what from probe order by id")).scalars())

    yield look
    execute(owner_of(database), "drop table probe")


@pytest.fixture
def probe(topology: TestStack, effects, broker, tmp_path: Path) -> Iterator[Process]:
    """Run the probe: RPC and events, with few attempts."""
    process = make_probe(topology, tmp_path).start()
    yield process
    process.kill()


@pytest.fixture
def issuance(databases, stack):
    """Return issuance's database, which the relay may read."""
    database = databases["issuance"]
    for service in databases:
        databases[service]  # each has its outbox, so that the relay's role can be let in
    stack.grant_rights()
    return database

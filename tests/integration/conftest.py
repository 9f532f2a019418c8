"""The chassis under test: a broker with the topology, the probe's database, a relay and the probe."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg import Connection, sql
from sqlalchemy import text

from contracts import supervisor_pin
from contracts.events import PassRevoked, RevocationPersonal
from services.accounts.adapters import passwords
from services.chassis.db.database import Database
from services.chassis.messaging import outbox
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES
from services.chassis.runtime.clock import now
from services.ops import grants
from tests.support import forks
from tests.support.backends import TestStack
from tests.support.databases import owner_of
from tests.support.envelopes import key_ring, sign, wrap
from tests.support.running import Process
from tests.support.wire import Wire, wire

QUEUE = "verify.PassRevoked"


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


def apply_topology(stack: TestStack) -> None:
    """Declare the topology as a deployment does it."""
    environment = {**os.environ, **stack.environment("administrator")}
    forks.run(["-m", "services.ops.cli", "topology", "apply"], environment).check_returncode()


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
    with owner_of(database).transaction() as session:
        session.execute(text("drop table probe"))


@pytest.fixture
def probe(topology: TestStack, effects, broker, tmp_path: Path) -> Iterator[Process]:
    """Run the probe: RPC and events, with few attempts."""
    process = make_probe(topology, tmp_path).start()
    yield process
    process.kill()


def make_probe(
    stack: TestStack,
    folder: Path,
    *only: str,
    sabotage: str = "",
    module: str = "tests.support.probe.serve",
    **settings: str,
) -> Process:
    """Return a probe that is not started yet. ``sabotage`` names a guard that is taken out of it.

    ``module`` may be that of the real services; then the first of ``only`` is verify.
    """
    own = {key: value for key, value in os.environ.items() if key.startswith("EPASS_")}
    environment = {
        **own,
        **stack.environment("verify"),
        "EPASS_PERSONAL_KEYS": own["EPASS_PERSONAL_KEYS"],
        "EPASS_ATTEMPTS": "3",
    }
    guards_out = ["tests.support.chaos.sabotage", sabotage] if sabotage else []
    return Process(
        ["-m", *guards_out, module, *only],
        {**environment, **settings},
        folder / f"probe-{uuid4().hex[:6]}.log",
    )


def make_relay(stack, folder, name="relay", *, sabotage: str = "", **settings: str) -> Process:
    """Return a relay of issuance's outbox that is not started yet. ``sabotage`` is as in `make_probe`."""
    environment = {
        **stack.environment("relay"),
        "EPASS_RELAY_DATABASE_URLS": stack.database_url("relay", "issuance"),
        **settings,
    }
    command = (
        ["tests.support.chaos.sabotage", sabotage, "services.ops.cli"] if sabotage else ["services.ops.cli"]
    )
    return Process(["-m", *command, "relay"], environment, folder / f"{name}.log")


def revoked(reference: str = "done", *, at: datetime | None = None) -> PassRevoked:
    """Return an event whose reference commands the probe."""
    return PassRevoked(
        pass_number="7K3M9QW4",
        application_id=UUID(int=1),
        reference=reference,
        reason="security",
        valid_to=at or now(),
        language="en",
        deliver_by="sms",
        personal=RevocationPersonal(name="Gurpreet Kaur", mobile="+919876543210"),
    )


def revoked_bytes(reference: str = "done", event_id: UUID | None = None, **envelope: object) -> bytes:
    """Return the wire form of such an event, signed by the producer that it names."""
    whole = wrap(revoked(reference), event_id=event_id or uuid4(), seq=1, occurred_at=now(), keys=key_ring())
    return sign(whole.model_copy(update=envelope)).to_bytes()


def deliver_often(topology: TestStack, messages: int = 1) -> None:
    """Take so many messages off the queue and return them, as often as makes them suspicious."""
    for _ in range(AFTER_DELIVERIES):
        with wire(topology.broker_url("administrator")) as lost:
            taken = [lost.connection.default_channel.basic_get(QUEUE) for _ in range(messages)]
            for message in taken:
                assert message is not None
                message.channel.basic_reject(message.delivery_tag, requeue=True)


@pytest.fixture
def issuance(databases, stack):
    """Return issuance's database, which the relay may read."""
    database = databases["issuance"]
    for service in databases:
        databases[service]  # each has its outbox, so that the relay's role can be let in
    stack.grant_relay()
    return database


def add_events(database, *references: str, **options) -> None:
    """Add one event for each reference to the outbox, each in a transaction of its own."""
    for reference in references:
        with database.transaction() as session:
            outbox.add(session, revoked(reference), at=now(), **options)


def waiting(database) -> int:
    """Return the number of events that are not marked as sent."""
    with database.transaction() as session:
        return session.execute(text("select count(*) from outbox where sent_at is null")).scalar_one()


@contextmanager
def postgres_away(stack: TestStack) -> Iterator[None]:
    """Kill the database server, as a crash would, and start it again after the block."""
    stack.kill_postgres()
    try:
        yield
    finally:
        stack.start_postgres()


@contextmanager
def superuser(stack: TestStack, database: str = "postgres") -> Iterator[Connection]:
    """Open a superuser's connection, each statement a transaction of its own."""
    url = stack.database_url("postgres", database).replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def end_sessions(connection: Connection, database: str) -> None:
    """End all other sessions of a database, as a server that restarts does."""
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (database,)
    )


@contextmanager
def read_only(stack: TestStack, database: str) -> Iterator[None]:
    """Let a database take no changes for the length of the block, as after a failover to a standby."""
    with superuser(stack) as connection:
        connection.execute(f"alter database {database} set default_transaction_read_only = on")
        end_sessions(connection, database)
        try:
            yield
        finally:
            connection.execute(f"alter database {database} reset default_transaction_read_only")


@contextmanager
def demoted(stack: TestStack, _database: str) -> Iterator[None]:
    """Let the server take no changes for the length of the block, in the sessions that it has."""
    with superuser(stack) as connection:
        connection.execute("alter system set default_transaction_read_only = on")
        connection.execute("select pg_reload_conf()")
        try:
            yield
        finally:
            connection.execute("alter system reset default_transaction_read_only")
            connection.execute("select pg_reload_conf()")


@contextmanager
def password_changed(stack: TestStack, database: str) -> Iterator[None]:
    """Let a service's password be another one for the length of the block, as while it is rotated."""
    role = sql.Identifier(grants.role_of(database))
    url = urlsplit(stack.database_url(grants.role_of(database)))
    with superuser(stack) as connection:
        connection.execute(sql.SQL("alter role {} password 'another'").format(role))
        end_sessions(connection, database)
        try:
            yield
        finally:
            own = sql.Literal(unquote(url.password or ""))
            connection.execute(sql.SQL("alter role {} password {}").format(role, own))

"""After a failover that lost commits: what consumers lack is sent again, and no new event is taken for an old
one."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from contracts.events import DirectoryChanged
from deploy.local.backup import run_program
from deploy.local.postgres import Postgres
from deploy.local.secrets import SecretStore
from services.chassis.db import deferred_writes
from services.chassis.db.database import Database
from services.chassis.messaging import inbox, outbox
from services.chassis.runtime.clock import now
from services.ops.migrations import upgrade
from services.verify.models import SiteRow
from tests.integration.ops.command_line import epass
from tests.support.factories.envelopes import key_ring
from tests.support.factories.verify import Gate, gates_of
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.extent import long
from tests.support.stack.running import eventually, free_port
from tests.support.stack.settings import EVENT_SIGNERS

pytestmark = long

Databases = Mapping[str, Database]


@pytest.fixture
def granted(databases, stack) -> Databases:
    for service in databases:
        databases[service]
    stack.grant_rights()
    return databases


def publish(approval: Database, event: DirectoryChanged, sent: str = "5 minutes") -> Any:
    with approval.transaction() as session:
        event_id = outbox.add(session, event, at=now())
        deferred_writes.send(session)
    execute(
        owner_of(approval),
        f"update outbox set sent_at = now() - interval '{sent}' where id = :id",
        id=event_id,
    )
    return event_id


def receive(databases: Databases, event_id: Any, *services: str) -> None:
    for service in services:
        with databases[service].transaction() as session:
            assert inbox.mark_seen(session, f"{service}.DirectoryChanged", [event_id])


def unsent(approval: Database) -> set[Any]:
    with approval.transaction() as session:
        return set(session.scalars(text("select id from outbox where sent_at is null")))


def test_events_that_a_consumer_lacks_are_sent_again_and_no_others(granted, topology) -> None:
    approval, event = granted["approval"], gates_of("PCS1", "PCS1-G1")
    whole, lacking, just_sent = (
        publish(approval, event),
        publish(approval, event),
        publish(approval, event, sent="5 seconds"),
    )
    receive(granted, whole, "application", "notify", "verify")
    receive(granted, lacking, "application", "notify")
    counted = epass(topology, "outbox", "replay-unseen", "--dry-run", "--json", name="relay")
    assert json.loads(counted.stdout)["unseen"]["approval"] == 1
    assert unsent(approval) == set()
    done = epass(topology, "outbox", "replay-unseen", name="relay")
    assert "approval     1 are sent again" in done.stdout
    assert unsent(approval) == {lacking}
    assert just_sent not in unsent(approval)
    epass(topology, "outbox", "replay-unseen", "--broker-is-empty", name="relay")
    assert unsent(approval) == {lacking, just_sent}


def test_without_all_databases_nothing_is_sent_again(topology) -> None:
    url = topology.database_url("relay", "approval")
    done = epass(topology, "outbox", "replay-unseen", name="relay", EPASS_RELAY_DATABASE_URLS=url)
    assert done.returncode == 2
    assert "does not name accounts" in done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    """A PostgreSQL of this test's own, which it may promote, with approval's database."""
    with cluster(tmp_path, "postgres") as server:
        upgrade("approval", server.create_database("approval"))
        yield server


@pytest.fixture
def new_cluster(tmp_path: Path) -> Iterator[Postgres]:
    """Another one, with nothing in it."""
    with cluster(tmp_path, "new") as server:
        yield server


@contextmanager
def cluster(folder: Path, name: str) -> Iterator[Postgres]:
    store, mark = SecretStore(folder / f"{name}.json"), f"failover-{uuid4().hex[:8]}"
    server = Postgres(folder / name, free_port(), store, folder / f"{name}.log", mark, durable=False)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.remove()


def promote(server: Postgres) -> None:
    """Let the server end a recovery as a standby does that becomes the primary."""
    with server.connect() as connection:
        ((folder,),) = connection.execute("show data_directory").fetchall()
        connection.execute("alter system set restore_command = 'false'")
    server.stop()
    (Path(str(folder)) / "recovery.signal").touch()
    server.start()
    with server.connect() as connection:
        eventually(
            lambda: connection.execute("select not pg_is_in_recovery()").fetchall() == [(True,)], "promoted"
        )


@pytest.mark.parametrize("epoch", [outbox.EPOCH_EVENTS, 0], ids=["guarded", "control: without epochs"])
def test_an_event_after_a_failover_is_not_taken_for_one_that_was_lost(
    databases, server: Postgres, monkeypatch, epoch: int
) -> None:
    monkeypatch.setattr(outbox, "EPOCH_EVENTS", epoch)
    approval = Database(server.url("approval"), personal_keys=key_ring(), event_key=EVENT_SIGNERS["approval"])
    gate = Gate(databases["verify"])

    def publish(*gates: str) -> int:
        with approval.transaction() as session:
            outbox.add(session, gates_of("PCS1", *gates), at=now())
            deferred_writes.send(session)
            seq = session.scalar(text("select max(seq) from outbox"))
        gate.handle(gates_of("PCS1", *gates), seq=seq)
        return int(seq)

    assert [publish("PCS1-G1") for _ in range(3)] == [1, 2, 3]
    with approval.transaction() as session:  # the standby has never had the last two commits
        session.execute(text("update event_sequences set seq = 1"))
        session.execute(text("delete from outbox"))
    approval.close()
    promote(server)
    assert publish("PCS1-G1", "PCS1-G2") == (1_000_002 if epoch else 2)
    approval.close()
    with databases["verify"].transaction() as session:
        known = session.get_one(SiteRow, "PCS1").gates
    assert known == (["PCS1-G1", "PCS1-G2"] if epoch else ["PCS1-G1"])


@pytest.mark.parametrize("epoch", [outbox.EPOCH_EVENTS, 0], ids=["guarded", "control: without epochs"])
def test_event_numbers_survive_a_dump_into_a_new_cluster_and_a_failover_there(
    server: Postgres, new_cluster: Postgres, monkeypatch, epoch: int
) -> None:
    """A new cluster, such as that of `pg_upgrade`, begins with timeline 1 again."""
    monkeypatch.setattr(outbox, "EPOCH_EVENTS", epoch)
    promote(server)
    seen = [publish_from(server) for _ in range(2)]
    restore(new_cluster, dump(server))
    before = numbers_of(new_cluster)
    seen += [publish_from(new_cluster) for _ in range(2)]
    put_back(new_cluster, before)  # the standby has never had these two commits
    promote(new_cluster)
    seen.append(publish_from(new_cluster))
    assert (seen == sorted(set(seen))) == bool(epoch), seen


@pytest.mark.parametrize("epoch", [outbox.EPOCH_EVENTS, 0], ids=["guarded", "control: without epochs"])
def test_event_numbers_survive_a_restore_into_a_new_database_of_the_same_server(
    server: Postgres, monkeypatch, epoch: int
) -> None:
    monkeypatch.setattr(outbox, "EPOCH_EVENTS", epoch)
    seen = [publish_from(server)]
    dumped = dump(server)
    seen.append(publish_from(server))  # the dump has never had this one
    with server.connect() as connection:
        connection.execute("drop database approval")
    restore(server, dumped)
    seen.append(publish_from(server))
    assert (seen == sorted(set(seen))) == bool(epoch), seen


def dump(server: Postgres) -> str:
    """Dump approval's database, and return the file."""
    file = f"{server.log}.dump"
    source = server.url("approval", scheme="postgresql")
    run_program("pg_dump", ["--format=custom", f"--file={file}"], source)
    return file


def restore(server: Postgres, file: str) -> None:
    """Restore a dump of approval's database into a new one."""
    server.create_database("approval")
    run_program("pg_restore", ["--dbname=approval", file], server.url("approval", scheme="postgresql"))


def publish_from(server: Postgres) -> int:
    """Publish an event of one subject, and return its number."""
    database = Database(server.url("approval"), event_key=EVENT_SIGNERS["approval"])
    with database.transaction() as session:
        event_id = outbox.add(session, gates_of("PCS1", "PCS1-G1"), at=now())
        deferred_writes.send(session)
        seq = session.scalar(text("select seq from outbox where id = :id"), {"id": event_id})
    database.close()
    return int(seq)


NUMBERS = ("event_sequences", "event_epoch")


def numbers_of(server: Postgres) -> dict[str, Any]:
    """Return the rows from which the next numbers follow."""
    with server.connect("approval") as connection:
        found = {}
        for name in NUMBERS:
            ((found[name],),) = connection.execute(
                f"select coalesce(json_agg(one), '[]') from {name} as one"
            ).fetchall()
        return found


def put_back(server: Postgres, rows: dict[str, Any]) -> None:
    with server.connect("approval") as connection:
        for name in NUMBERS:
            connection.execute(f"delete from {name}")
            connection.execute(
                f"insert into {name} select * from json_populate_recordset(null::{name}, %s)",
                (json.dumps(rows[name]),),
            )

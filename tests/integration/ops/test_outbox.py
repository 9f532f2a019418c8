"""`epass outbox status`, and the purge of sent events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text

from services.chassis.db import deferred_writes
from services.chassis.messaging import outbox, outbox_rows
from services.chassis.runtime.clock import now
from tests.integration.chassis_under_test import revoked
from tests.integration.ops.command_line import epass
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.running import Process, eventually


@pytest.fixture
def issuance(databases, stack):
    for service in databases:
        databases[service]
    stack.grant_rights()
    return databases["issuance"]


def add_events(database, count: int, sent: str = "null", added: str = "now()") -> None:
    """Add events that were added and sent at these moments."""
    with database.transaction() as session:
        ids = [outbox.add(session, revoked(), at=now()) for _ in range(count)]
        deferred_writes.send(session)
    execute(
        owner_of(database),
        f"update outbox set sent_at = {sent}, added_at = {added} where id = any(:ids)",
        ids=ids,
    )


def test_the_status_counts_waiting_and_sent_events(issuance, topology) -> None:
    add_events(issuance, 1, added="now() - interval '90 seconds'")
    add_events(issuance, 2)
    add_events(issuance, 3, sent="now() - interval '5 seconds'")
    add_events(issuance, 4, sent="now() - interval '30 minutes'")
    add_events(issuance, 5, sent="now() - interval '2 hours'")
    done = epass(topology, "outbox", "status", "--json")
    assert done.returncode == 0, done.stderr
    found = {one["database"]: one for one in json.loads(done.stdout)["outboxes"]}
    assert len(found) == 6
    assert 90 <= found["issuance"].pop("oldest_seconds") < 100
    assert found["issuance"] == {
        "database": "issuance",
        "waiting": 3,
        "sent_last_minute": 3,
        "sent_last_hour": 7,
        "writable": True,
    }
    assert found["verify"]["waiting"] == 0
    published = epass(topology, "outbox", "status").stdout
    assert "issuance     3 waiting, the oldest for 9" in published
    assert "verify       0 waiting; 0 sent in the last minute" in published


def test_a_database_that_is_down_is_named_and_the_others_are_counted(issuance, topology) -> None:
    urls = f"{topology.database_url('ops', 'issuance')},postgresql+psycopg://ops:hunter2@127.0.0.1:1/verify"
    done = epass(topology, "outbox", "status", EPASS_RELAY_DATABASE_URLS=urls)
    assert done.returncode == 2
    assert "issuance     0 waiting" in done.stdout
    assert "verify       cannot be read (OperationalError)" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_an_idle_relay_deletes_events_that_were_sent_a_week_ago_and_no_others(
    issuance, topology, tmp_path
) -> None:
    old = outbox_rows.PURGE_ROWS * 2 + 7
    add_events(issuance, 1, sent="now() - interval '8 days'")
    with issuance.transaction() as session:  # a busy day, of which it must clear out more than one part
        session.execute(
            text(
                "insert into outbox (id, type, version, producer, subject, seq, occurred_at, data, sent_at) "
                "select gen_random_uuid(), type, version, producer, subject, seq, occurred_at, data, sent_at "
                "from outbox, generate_series(2, :old)"
            ),
            {"old": old},
        )
    add_events(issuance, 2, sent="now() - interval '6 days'")
    assert _rows(issuance) == old + 2
    with relaying(topology, tmp_path):
        eventually(lambda: _rows(issuance) == 2, "only the newer ones are left")


def test_a_relay_whose_clock_is_in_doubt_deletes_nothing_until_somebody_allows_it(
    issuance, topology, tmp_path
) -> None:
    def reason() -> str | None:
        with issuance.transaction() as session:
            return session.scalar(text("select reason from destructive_jobs where job = 'purge_outbox'"))

    add_events(issuance, 3, sent="now() - interval '8 days'")
    execute(
        issuance, "insert into destructive_jobs (job, ran_at) values ('purge', now() - interval '5 days')"
    )
    with relaying(topology, tmp_path):
        eventually(lambda: reason() == "leap", "the purge is refused")
    assert _rows(issuance) == 3
    assert epass(topology, "jobs", "allow", "issuance", "purge_outbox", "--by", "OPS-0001").returncode == 0
    with relaying(topology, tmp_path):
        eventually(lambda: reason() is None, "the purge is done")
    assert _rows(issuance) == 0


@contextmanager
def relaying(topology, tmp_path) -> Iterator[None]:
    """Let a relay work on the outbox of issuance."""
    environment = {
        **topology.environment("relay"),
        "EPASS_RELAY_DATABASE_URLS": topology.database_url("relay", "issuance"),
    }
    with Process(["-m", "services.ops.cli", "relay"], environment, tmp_path / "relay.log").start():
        yield


def _rows(database) -> int:
    with database.transaction() as session:
        return session.execute(text("select count(*) from outbox")).scalar_one()

"""After a failover that lost commits: what consumers lack is sent again, and no new event is taken for an old
one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from contracts.events import DirectoryChanged
from services.chassis.db.database import Database
from services.chassis.messaging import inbox, outbox
from services.chassis.runtime.clock import now
from services.verify.models import SiteRow
from tests.support.factories.ops import epass
from tests.support.factories.verify import Gate, gates_of

Databases = Mapping[str, Database]


@pytest.fixture
def granted(databases, stack) -> Databases:
    for service in databases:
        databases[service]
    stack.grant_relay()
    return databases


def publish(approval: Database, event: DirectoryChanged, sent: str = "5 minutes") -> Any:
    with approval.transaction() as session:
        event_id = outbox.add(session, event, at=now())
        session.execute(
            text(f"update outbox set sent_at = now() - interval '{sent}' where id = :id"), {"id": event_id}
        )
    return event_id


def receive(databases: Databases, event_id: Any, *services: str) -> None:
    for service in services:
        with databases[service].transaction() as session:
            assert inbox.mark_seen(session, f"{service}.DirectoryChanged", event_id)


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
    receive(granted, whole, "application", "verify")
    receive(granted, lacking, "application")
    counted = epass(topology, "outbox", "replay-unseen", "--dry-run", "--json", name="relay")
    assert json.loads(counted.stdout)["unseen"]["approval"] == 1
    assert unsent(approval) == set()
    done = epass(topology, "outbox", "replay-unseen", name="relay")
    assert "approval     1 are sent again" in done.stdout
    assert unsent(approval) == {lacking}
    assert just_sent not in unsent(approval)


def test_without_all_databases_nothing_is_sent_again(topology) -> None:
    url = topology.database_url("relay", "approval")
    done = epass(topology, "outbox", "replay-unseen", name="relay", EPASS_RELAY_DATABASE_URLS=url)
    assert done.returncode == 2
    assert "does not name accounts" in done.stderr


@pytest.mark.parametrize("fenced", [True, False], ids=["in a new epoch", "control: in the old one"])
def test_an_event_after_a_failover_is_not_taken_for_one_that_was_lost(
    granted, stack, topology, fenced: bool
) -> None:
    approval, gate = granted["approval"], Gate(granted["verify"])
    for number in range(1, 4):
        publish(approval, gates_of("PCS1", "PCS1-G1"))
        gate.handle(gates_of("PCS1", "PCS1-G1"), seq=number)
    with approval.transaction() as session:  # the new primary has lost the last two commits
        session.execute(text("update event_sequences set seq = 1 where subject = 'site:PCS1'"))
    if fenced:
        done = epass(topology, "outbox", "new-epoch", name="approval")
        assert "above 1000000" in done.stdout, done.stderr
    two_gates = gates_of("PCS1", "PCS1-G1", "PCS1-G2")
    event_id = publish(approval, two_gates)
    with approval.transaction() as session:
        seq = session.scalar(text("select seq from outbox where id = :id"), {"id": event_id})
    gate.handle(two_gates, seq=seq)
    with granted["verify"].transaction() as session:
        assert (session.get_one(SiteRow, "PCS1").gates == ["PCS1-G1", "PCS1-G2"]) == fenced

"""The relay: an event in an outbox reaches every subscription, whatever fails meanwhile."""

from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import text

from contracts.envelope import open_envelope, read_envelope
from services.chassis.db import deferred_writes
from services.chassis.messaging import outbox
from services.chassis.messaging.outbox_rows import PAGE_ROWS, OutboxRows
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime.clock import now
from tests.integration.chassis.messaging.relayed import bytes_of, check_topology, taken_from_queue
from tests.integration.chassis_under_test import (
    QUEUE,
    add_events,
    apply_topology,
    make_relay,
    revoked,
    waiting,
)
from tests.support.factories.envelopes import key_ring
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.stack.wire import wire


def test_an_event_reaches_the_queue_of_each_subscription_sealed_and_with_its_expiry(
    broker, relay, issuance
) -> None:
    until = now() + timedelta(minutes=10)
    add_events(issuance, "PCS-1", expires_at=until)
    with issuance.transaction() as session:
        row = str(session.execute(text("select * from outbox")).all())
    eventually(lambda: waiting(issuance) == 0, "sent")
    for queue in ("notify.PassRevoked", "application.PassRevoked"):
        eventually(lambda queue=queue: broker.depth(queue) >= 1, "it has it, too")
    message = broker.get(QUEUE)
    assert message.properties["user_id"] == "relay"
    body = bytes_of(message.body)
    for place in (row, body.decode()):
        assert "Gurpreet" not in place
        assert "9876543210" not in place
    envelope = read_envelope(body)
    event = open_envelope(envelope, key_ring()).event
    assert (envelope.expires_at, event.reference, event.personal.name) == (until, "PCS-1", "Gurpreet Kaur")
    assert relay.stop(10) == 0


def test_a_row_that_names_another_service_as_its_producer_stays_in_the_outbox(
    broker, relay, issuance
) -> None:
    add_events(issuance, "PCS-1")
    eventually(lambda: waiting(issuance) == 0, "sent")
    execute(owner_of(issuance), "update outbox set sent_at = null, producer = 'approval'")
    add_events(issuance, "PCS-2")
    eventually(lambda: waiting(issuance) == 1, "the genuine one is sent")
    assert taken_from_queue(broker) == ["PCS-1", "PCS-2"]


def test_events_of_one_type_that_wait_together_go_in_one_message_without_those_of_a_failed_transaction(
    broker, relay, issuance
) -> None:
    def add(*numbers: int) -> None:
        with issuance.transaction() as session:
            for number in numbers:
                event = revoked(f"PCS-{number}").model_copy(update={"pass_number": f"{number:08d}"})
                outbox.add(session, event, at=now())
            assert 404 not in numbers

    with pytest.raises(AssertionError):
        add(1, 404)
    add(*range(5))
    eventually(lambda: waiting(issuance) == 0, "sent")
    assert broker.depth(QUEUE) == 1
    assert taken_from_queue(broker) == [f"PCS-{number}" for number in range(5)]


@long
def test_a_broker_that_is_away_delays_events_and_loses_none(broker, relay, issuance, topology) -> None:
    topology.kill_broker()
    add_events(issuance, "while away")
    assert waiting(issuance) == 1
    topology.start_broker()
    eventually(lambda: waiting(issuance) == 0, "sent after its return", 30)
    with wire(topology.broker_url("administrator")) as again:
        assert taken_from_queue(again) == ["while away"]


@long
def test_the_relay_connects_again_when_the_broker_does_not_confirm_in_time(
    broker, issuance, topology, tmp_path
) -> None:
    process = make_relay(topology, tmp_path, EPASS_RELAY_WATCHDOG="1").start()
    try:
        add_events(issuance, "first")
        eventually(lambda: waiting(issuance) == 0, "sent")
        topology.broker_ctl("set_vm_memory_high_watermark", "0.0001")
        add_events(issuance, "during the alarm")
        eventually(lambda: "events were not confirmed" in process.log.read_text(), "the watchdog", 30)
        assert waiting(issuance) == 1
    finally:
        topology.broker_ctl("set_vm_memory_high_watermark", "0.6")
    try:
        eventually(lambda: waiting(issuance) == 0, "sent after the alarm", 30)
        assert "during the alarm" in taken_from_queue(broker)
    finally:
        process.kill()


def test_a_second_relay_stands_by_and_takes_over_when_the_first_is_killed(
    broker, relay, issuance, topology, tmp_path
) -> None:
    with make_relay(topology, tmp_path, "standby").start():
        add_events(issuance, "one")
        eventually(lambda: waiting(issuance) == 0, "sent")
        assert taken_from_queue(broker) == ["one"]
        relay.kill()
        add_events(issuance, "two")
        eventually(lambda: waiting(issuance) == 0, "sent by the other")
        assert taken_from_queue(broker) == ["two"]


def test_the_topology_check_names_what_is_missing(broker, topology) -> None:
    assert check_topology(topology) == (0, "")
    broker.delete(QUEUE)
    try:
        assert check_topology(topology) == (1, f"missing: {QUEUE}\n")
    finally:
        apply_topology(topology)


def test_rows_that_commit_out_of_order_are_all_published(broker, relay, issuance) -> None:
    """A cursor over ids would miss the row with the lower identity, which commits later."""
    with issuance.transaction() as slow:
        outbox.add(slow, revoked("slow").model_copy(update={"pass_number": "00000000"}), at=now())
        deferred_writes.send(slow)
        add_events(issuance, "quick")
        eventually(lambda: waiting(issuance) == 0, "the quick one is sent first")
    eventually(lambda: waiting(issuance) == 0, "the slow one, too")
    assert sorted(taken_from_queue(broker)) == ["quick", "slow"]


MILLION, AT_ONCE = 1_000_000, 20_000
REFUSED = """
insert into outbox (id, type, version, producer, subject, seq, occurred_at, data)
select gen_random_uuid(), 'PassRevoked', 1, 'issuance', 'pass:' || number, 1, now(), '{}'
from generate_series(cast(:first as bigint), cast(:last as bigint)) as number order by number """
OTHER = """
insert into outbox (id, type, version, producer, subject, seq, occurred_at, data)
values (gen_random_uuid(), :type, 1, 'issuance', :subject, 2, now(), '{}')
"""


@pytest.fixture
def outbox_of_a_million(issuance) -> Iterator[int]:
    """Fill the outbox with a million events; return the last position."""
    owner = owner_of(issuance)
    execute(owner, "truncate outbox")
    for begin in range(1, MILLION, AT_ONCE):
        execute(owner, REFUSED, first=begin, last=begin + AT_ONCE - 1)
    with owner.transaction() as session:
        last = session.scalar(text("select max(position) from outbox"))
    execute(owner, "analyze outbox")
    yield last
    execute(owner, "truncate outbox")


@long
async def test_with_a_million_refused_events_each_look_reads_few_and_overtakes_none_of_a_subject(
    topology, issuance, outbox_of_a_million
) -> None:
    """PostgreSQL counts what is read."""
    url = topology.database_url("relay", "issuance")
    rows = OutboxRows("issuance", RelaySettings.model_fields["relay_batch"].default)
    held = {"PassRevoked": outbox_of_a_million}

    def add(*others: tuple[str, str]) -> None:
        with owner_of(issuance).transaction() as session:
            for kind, subject in others:
                session.execute(text(OTHER), {"type": kind, "subject": subject})

    async def rows_read(connection) -> int:
        await connection.execute("select pg_stat_force_next_flush()")
        query = """select seq_tup_read + (
          select sum(idx_tup_read) from pg_stat_user_indexes where relname = 'outbox')
        from pg_stat_user_tables where relname = 'outbox'"""
        return (await (await connection.execute(query)).fetchone())[0]

    async def look(connection) -> list[tuple[str, str]]:
        before = await rows_read(connection)
        free = await rows.read(connection, held)
        assert await rows_read(connection) - before < 8 * PAGE_ROWS
        await connection.execute(
            "update outbox set sent_at = now() where id = any(%s)", ([one.id for one in free],)
        )
        return [(one.type, one.subject) for one in free]

    blocked = [("PassIssued", f"pass:{number}") for number in (1, MILLION // 2, MILLION)]
    free = ("PassIssued", "pass:free"), ("PassIssued", "pass:free"), ("StatusListSigned", "list")
    add(*blocked, *free)
    async with await psycopg.AsyncConnection.connect(
        url.replace("postgresql+psycopg://", "postgresql://"), autocommit=True
    ) as connection:
        found, looks = [], 0
        while not found:
            found, looks = await look(connection), looks + 1
            assert found or rows.is_more, "the next look follows at once"
            assert looks < 4 * MILLION / PAGE_ROWS
        assert found == [*free]
        assert looks > MILLION / PAGE_ROWS, "they were behind all others"
        add(("PassIssued", "pass:new"), blocked[1])
        assert await look(connection) == [("PassIssued", "pass:new")], "what is new is found at once"

        held = {"OtherType": 0}
        rows.sweep_again()
        again: list[tuple[str, str]] = []
        for _ in range(10):
            again += await look(connection)
        for subject in ("pass:1", f"pass:{MILLION}"):
            assert again.index(("PassRevoked", subject)) < again.index(("PassIssued", subject))
        assert blocked[1] not in again, "it still has one before it"

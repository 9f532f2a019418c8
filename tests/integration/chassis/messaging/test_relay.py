"""The relay: an event in an outbox reaches every subscription, whatever fails meanwhile."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from amqp.exceptions import MessageNacked, NotFound
from sqlalchemy import text

from contracts.envelope import open_envelope, read_envelope, split_envelopes
from contracts.events import StatusListSigned
from services.chassis.db import deferred_writes
from services.chassis.messaging import outbox
from services.chassis.messaging import relay as relay_module
from services.chassis.messaging.relay import Hold, OutboxRelay, Publisher, RelaySettings, TopologyKeeper
from services.chassis.messaging.topology import ASIDE_ARGUMENTS, queues
from services.chassis.runtime.clock import now
from services.chassis.runtime.settings import read
from tests.support.chaos import proxy as proxies
from tests.support.factories.envelopes import key_ring
from tests.support.factories.verify import pass_issued
from tests.support.stack import forks
from tests.support.stack.chassis import QUEUE, add_events, apply_topology, make_relay, revoked, waiting
from tests.support.stack.databases import owner_of
from tests.support.stack.extent import few_of, long
from tests.support.stack.plain_http import asks
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import wire


@pytest.fixture
def relay(topology, issuance, tmp_path) -> Iterator[Process]:
    process = make_relay(topology, tmp_path).start()
    yield process
    process.kill()


def taken_from_queue(broker, queue: str = QUEUE) -> list[str]:
    references = []
    while (message := broker.get(queue)) is not None:
        bodies = split_envelopes(_bytes(message.body))
        references += [open_envelope(read_envelope(body), key_ring()).event.reference for body in bodies]
    return references


def _bytes(body) -> bytes:
    return body if isinstance(body, bytes) else body.encode()


def test_an_event_reaches_the_queue_of_each_subscription(broker, relay, issuance) -> None:
    add_events(issuance, "PCS-1")
    eventually(lambda: waiting(issuance) == 0, "sent")
    assert taken_from_queue(broker) == ["PCS-1"]
    eventually(lambda: broker.depth("notify.PassRevoked") >= 1, "notify has it, too")
    eventually(lambda: broker.depth("application.PassRevoked") >= 1, "application has it, too")


def test_a_row_that_names_another_service_as_its_producer_stays_in_the_outbox(
    broker, relay, issuance
) -> None:
    add_events(issuance, "PCS-1")
    eventually(lambda: waiting(issuance) == 0, "sent")
    with owner_of(issuance).transaction() as session:
        session.execute(text("update outbox set sent_at = null, producer = 'approval'"))
    add_events(issuance, "PCS-2")
    eventually(lambda: waiting(issuance) == 1, "the genuine one is sent")
    assert taken_from_queue(broker) == ["PCS-1", "PCS-2"]


def test_a_message_names_its_sender(broker, relay, issuance) -> None:
    add_events(issuance, "PCS-1")
    eventually(lambda: waiting(issuance) == 0, "sent")
    assert broker.get(QUEUE).properties["user_id"] == "relay"


def test_events_of_one_type_that_wait_together_go_in_one_message(broker, relay, issuance) -> None:
    with issuance.transaction() as session:
        for number in range(5):
            event = revoked(f"PCS-{number}").model_copy(update={"pass_number": f"{number:08d}"})
            outbox.add(session, event, at=now())
    eventually(lambda: waiting(issuance) == 0, "sent")
    assert broker.depth(QUEUE) == 1
    assert taken_from_queue(broker) == [f"PCS-{number}" for number in range(5)]


def test_a_transaction_that_fails_publishes_nothing(broker, relay, issuance) -> None:
    def fail() -> None:
        with issuance.transaction() as session:
            outbox.add(session, revoked("never"), at=now())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    add_events(issuance, "PCS-2")
    eventually(lambda: waiting(issuance) == 0, "sent")
    assert taken_from_queue(broker) == ["PCS-2"]


def test_events_of_one_subject_are_numbered_without_gaps(issuance) -> None:
    add_events(issuance, "a", "b", "c")
    with issuance.transaction() as session:
        assert list(session.execute(text("select seq from outbox order by position")).scalars()) == [1, 2, 3]


def test_the_outbox_and_the_broker_have_no_name_and_no_mobile_in_clear(broker, relay, issuance) -> None:
    add_events(issuance, "PCS-3")
    with issuance.transaction() as session:
        row = str(session.execute(text("select * from outbox")).all())
    eventually(lambda: waiting(issuance) == 0, "sent")
    body = _bytes(broker.get(QUEUE).body).decode()
    for place in (row, body):
        assert "Gurpreet" not in place
        assert "9876543210" not in place
    assert open_envelope(read_envelope(body.encode()), key_ring()).event.personal.name == "Gurpreet Kaur"


def test_a_broker_that_is_away_delays_events_and_loses_none(broker, relay, issuance, topology) -> None:
    topology.kill_broker()
    add_events(issuance, "while away")
    assert waiting(issuance) == 1
    topology.start_broker()
    eventually(lambda: waiting(issuance) == 0, "sent after its return", 30)
    with wire(topology.broker_url("administrator")) as again:
        assert taken_from_queue(again) == ["while away"]


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
    standby = make_relay(topology, tmp_path, "standby").start()
    try:
        add_events(issuance, "one")
        eventually(lambda: waiting(issuance) == 0, "sent")
        assert taken_from_queue(broker) == ["one"]
        relay.kill()
        add_events(issuance, "two")
        eventually(lambda: waiting(issuance) == 0, "sent by the other")
        assert taken_from_queue(broker) == ["two"]
    finally:
        standby.kill()


def test_a_queue_that_was_deleted_is_declared_again_before_anything_is_published(
    broker, issuance, topology, tmp_path
) -> None:
    with broker.connection.channel() as channel:
        channel.queue_delete(QUEUE)
    add_events(issuance, "waiting")
    process = make_relay(topology, tmp_path).start()
    try:
        eventually(lambda: waiting(issuance) == 0, "sent")
        assert taken_from_queue(broker) == ["waiting"]
    finally:
        process.kill()


def test_a_queue_that_is_deleted_while_the_relay_works_comes_back(
    broker, issuance, topology, tmp_path
) -> None:
    process = make_relay(topology, tmp_path, EPASS_RELAY_DECLARE="0.5").start()
    try:
        add_events(issuance, "first")
        eventually(lambda: taken_from_queue(broker) == ["first"], "the relay works")
        with broker.connection.channel() as channel:
            channel.queue_delete(QUEUE)
        eventually(lambda: _check(topology) == (0, ""), "the queue is back", 30)
        add_events(issuance, "second")
        found: list[str] = []
        eventually(lambda: found.extend(taken_from_queue(broker)) or "second" in found, "an event reaches it")
    finally:
        process.kill()


MANY = 2 * RelaySettings.model_fields["relay_batch"].default


@contextmanager
def full(topology, broker, queue: str = QUEUE) -> Iterator[None]:
    """Let a queue take no more messages for the length of the block."""
    policy = ["-p", "epass", "--apply-to", "queues", f"full {queue}", f"^{queue}$", '{"max-length": 0}']
    topology.broker_ctl("set_policy", *policy)
    try:
        eventually(lambda: is_refused(broker, queue), "the queue refuses")
        yield
    finally:
        broker.purge(queue)
        topology.broker_ctl("clear_policy", "-p", "epass", f"full {queue}")


def is_refused(broker, queue: str) -> bool:
    try:
        broker.publish("", queue, b"fills the queue")
    except MessageNacked:
        return True
    return False


def add_list(database) -> None:
    with database.transaction() as session:
        outbox.add(session, StatusListSigned(revoked_total=0), at=now())


def test_a_queue_that_refuses_holds_up_no_event_of_another_type(broker, relay, issuance, topology) -> None:
    """More are refused than fit into a batch, so that they would fill each batch for ever."""
    broker.purge("notify.PassRevoked")  # other tests leave there what is no event
    with full(topology, broker):
        with issuance.transaction() as session:
            for number in range(MANY):
                event = revoked(f"refused-{number}").model_copy(update={"pass_number": f"{number:08d}"})
                outbox.add(session, event, at=now())
        before = broker.depth("verify.StatusListSigned")
        add_list(issuance)
        eventually(lambda: broker.depth("verify.StatusListSigned") > before, "the other event arrives")
        eventually(lambda: waiting(issuance) == MANY, "it is marked, and only what is refused waits")
        assert relay.metric("epass_outbox_refused") == 1
        assert relay.is_ready()
        elsewhere: list[str] = []
        eventually(
            lambda: (
                elsewhere.extend(taken_from_queue(broker, "notify.PassRevoked")) or len(elsewhere) >= MANY
            ),
            "the other queues of the type have them",
        )
    eventually(lambda: waiting(issuance) == 0, "all is sent once the queue takes it", 60)
    assert sorted(taken_from_queue(broker)) == sorted(f"refused-{number}" for number in range(MANY))
    assert relay.metric("epass_outbox_refused") == 0


@contextmanager
def silent(topology, queue: str = QUEUE) -> Iterator[None]:
    """Let a queue confirm nothing for the length of the block, as one that has lost its leader."""
    leader = (
        f'{{ok, Queue}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"epass">>, queue, <<"{queue}">>)), '
        "{Leader, _} = amqqueue:get_pid(Queue), "
    )
    topology.broker_ctl("eval", leader + "sys:suspend(Leader).")
    try:
        yield
    finally:
        topology.broker_ctl("eval", leader + "sys:resume(Leader).")


def test_queues_that_do_not_answer_hold_up_no_event_of_another_type(
    broker, issuance, topology, tmp_path
) -> None:
    """More wait for them than fit into a batch, so that they would fill each batch for ever."""
    settings = {"EPASS_RELAY_WATCHDOG": "1", "EPASS_RELAY_BATCH": "3"}
    process = make_relay(topology, tmp_path, **settings).start()
    try:
        add_events(issuance, "first")
        eventually(lambda: waiting(issuance) == 0, "sent")
        with silent(topology), silent(topology, "verify.PassIssued"):
            with issuance.transaction() as session:
                for number in range(4):
                    event = revoked(f"waits-{number}").model_copy(update={"pass_number": f"{number:08d}"})
                    outbox.add(session, event, at=now())
                outbox.add(session, pass_issued(pass_number="7K3M9QW5"), at=now())
            before = broker.depth("verify.StatusListSigned")
            for _ in range(2):
                add_list(issuance)
                eventually(lambda: waiting(issuance) == 5, "it is marked, and only the others wait", 30)
            assert broker.depth("verify.StatusListSigned") >= before + 2
            add_list(issuance)
            eventually(lambda: process.metric("epass_outbox_refused") == 2, "both are told", 30)
        eventually(lambda: waiting(issuance) == 0, "all is sent once the queues answer", 60)
        assert {*taken_from_queue(broker)} >= {f"waits-{number}" for number in range(4)}
        assert process.metric("epass_outbox_refused") == 0
        assert process.is_ready()
    finally:
        process.kill()


def test_while_only_a_silent_queue_has_events_the_relay_is_not_ready_and_keeps_the_outbox(
    broker, issuance, topology, tmp_path
) -> None:
    """Each relay that took it over would begin with all that waits: repeats for the queues that answer."""
    broker.purge("notify.PassRevoked")
    process = make_relay(topology, tmp_path, EPASS_RELAY_WATCHDOG="1").start()
    try:
        with silent(topology):
            add_events(issuance, "waits")
            eventually(lambda: broker.depth("notify.PassRevoked") >= 2, "it was tried again", 30)
            holder = holders(issuance)
            eventually(lambda: broker.depth("notify.PassRevoked") >= 4, "and again", 60)
            assert not process.is_ready()
            assert holders(issuance) == holder
        eventually(lambda: waiting(issuance) == 0, "it is sent once the queue answers", 60)
        eventually(process.is_ready, "the relay is ready")
    finally:
        process.kill()


def holders(issuance) -> list[int]:
    """Return the sessions that hold a lock of the database: that of the relay which works."""
    query = """select pid from pg_locks join pg_database on pg_database.oid = pg_locks.database
        where locktype = 'advisory' and datname = current_database()"""
    with issuance.transaction() as session:
        return [*session.execute(text(query)).scalars()]


def test_an_event_never_overtakes_a_refused_one_of_its_subject(broker, relay, issuance, topology) -> None:
    with full(topology, broker):
        before = broker.depth("notify.PassIssued"), broker.depth("verify.StatusListSigned")
        with issuance.transaction() as session:
            outbox.add(session, revoked("first"), at=now())
            outbox.add(session, pass_issued(pass_number="7K3M9QW4"), at=now())
        add_list(issuance)
        eventually(lambda: broker.depth("verify.StatusListSigned") > before[1], "another subject goes on")
        eventually(lambda: waiting(issuance) == 2, "it is marked, and only what is refused waits")
        assert broker.depth("notify.PassIssued") == before[0]
    eventually(lambda: waiting(issuance) == 0, "both are sent", 60)


def test_an_event_never_overtakes_one_of_its_subject_that_another_queue_refuses(
    broker, relay, issuance, topology
) -> None:
    """The hold of each type ends by itself; the order within a subject spans both."""
    with full(topology, broker, "verify.PassIssued"):
        with full(topology, broker):
            with issuance.transaction() as session:
                outbox.add(session, pass_issued(pass_number="7K3M9QW4"), at=now())
                outbox.add(session, revoked("first"), at=now())
                outbox.add(session, revoked("other").model_copy(update={"pass_number": "00000001"}), at=now())
            before = broker.depth("verify.StatusListSigned")
            add_list(issuance)
            eventually(lambda: broker.depth("verify.StatusListSigned") > before, "another subject goes on")
            eventually(lambda: relay.metric("epass_outbox_refused") == 2, "both types wait")
        eventually(lambda: waiting(issuance) == 2, "the revocation of another pass is sent", 60)
        assert taken_from_queue(broker) == ["other"]
    eventually(lambda: waiting(issuance) == 0, "all is sent", 60)


@pytest.mark.parametrize("declares", ["the working relay", "a standby"])
def test_what_a_deleted_queue_has_missed_is_sent_again_whoever_declares_it(
    broker, issuance, topology, tmp_path, declares: str
) -> None:
    """While it is missing the broker confirms its events, because other queues have them."""
    soon, never = "2", "600"
    working, waits = (soon, never) if declares == "the working relay" else (never, soon)
    process = make_relay(topology, tmp_path, EPASS_RELAY_DECLARE=working).start()
    standby = make_relay(topology, tmp_path, "standby", EPASS_RELAY_DECLARE=waits)
    try:
        add_events(issuance, "before")
        eventually(lambda: taken_from_queue(broker) == ["before"], "the first relay works")
        standby.start()
        with broker.connection.channel() as channel:
            channel.queue_delete(QUEUE)
        add_events(issuance, "missed")
        eventually(lambda: waiting(issuance) == 0, "it counts as sent")
        eventually(lambda: _check(topology) == (0, ""), "the queue is back", 30)
        found: list[str] = []
        eventually(lambda: found.extend(taken_from_queue(broker)) or "missed" in found, "it has it, too")
    finally:
        process.kill()
        standby.kill()


def test_one_queue_with_other_arguments_holds_up_no_event_and_the_relay_says_what_to_do(
    broker, issuance, topology, tmp_path
) -> None:
    other = "verify.PassIssued"
    with broker.connection.channel() as channel:
        channel.queue_delete(other)
        channel.queue_declare(other, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    try:
        with reporting(topology, issuance, broker, tmp_path) as said:
            assert said(other) == "it exists otherwise: run `epass topology apply`"
    finally:
        apply_topology(topology)


@pytest.mark.parametrize("queue", few_of(["rpc-verify", "verify.PassIssued.dead", "epass.delay.3"], 1))
def test_a_missing_queue_that_the_relay_may_not_declare_holds_up_no_event_and_it_says_what_to_do(
    broker, issuance, topology, tmp_path, queue: str
) -> None:
    with broker.connection.channel() as channel:
        channel.queue_delete(queue)
    try:
        with reporting(topology, issuance, broker, tmp_path) as said:
            assert said(queue) == "it is missing: run `epass topology apply`"
            assert _check(topology) == (1, f"missing: {queue}\n")
    finally:
        apply_topology(topology)
    assert _check(topology) == (0, "")


@contextmanager
def reporting(topology, issuance, broker, tmp_path) -> Iterator[Callable[[str], str]]:
    """Run a relay that sends an event although the topology is not as it should be; yield what it says."""
    process = make_relay(topology, tmp_path)
    try:
        process.start(ready=False)
        add_events(issuance, "goes on")
        eventually(lambda: taken_from_queue(broker) == ["goes on"], "it is sent")
        readiness, expected = f"http://127.0.0.1:{process.port}/readyz", {"topology": False, "issuance": True}
        eventually(lambda: asks.get(readiness).json() == expected, "the broker has confirmed it, too")
        yield lambda name: next(
            str(line["event"]) for line in process.log_lines() if line.get("name") == name
        )
    finally:
        process.kill()


def test_apply_makes_a_queue_with_other_arguments_anew_and_keeps_its_messages(broker, topology) -> None:
    queue, other = "epass.delay.3", {"EPASS_RETRY_DELAYS": "1,5,30,200"}
    broker.publish(queue, "verify.PassRevoked", b"waits for its delay", headers={"x-epass-attempts": 4})
    try:
        assert _topology(topology, "apply", **other) == (0, "", "")
        message = broker.get(queue)
        assert (_bytes(message.body), message.headers["x-epass-attempts"]) == (b"waits for its delay", 4)
        with broker.connection.channel() as channel:
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=delay_arguments(200))
        assert _topology(topology, "check", **other) == (0, "", "")
    finally:
        apply_topology(topology)


def test_apply_finishes_what_an_interrupted_one_has_begun(broker, topology) -> None:
    aside = "epass.delay.3.moving"
    with broker.connection.channel() as channel:
        channel.queue_declare(aside, durable=True, auto_delete=False, arguments=ASIDE_ARGUMENTS)
    broker.publish("", aside, b"left behind")
    assert _topology(topology, "apply") == (0, "", "")
    assert _bytes(broker.get("epass.delay.3").body) == b"left behind"
    with broker.connection.channel() as channel, pytest.raises(NotFound):
        channel.queue_declare(aside, passive=True)


def test_apply_refuses_to_take_a_queue_from_its_consumer(broker, topology) -> None:
    with broker.connection.channel() as channel:
        channel.queue_delete(QUEUE)
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    try:
        with broker.connection.channel() as channel:
            channel.basic_consume(QUEUE)
            code, _, said = _topology(topology, "apply")
        assert (code, said) == (
            1, f"Error: {QUEUE} has other arguments and is consumed: stop its service, and apply again\n"
        )  # fmt: skip
    finally:
        apply_topology(topology)
    assert _check(topology) == (0, "")


BREAKS = [
    (proxies.TUNE, "cut"), (proxies.OPEN_OK, "cut"), (proxies.CHANNEL_OPEN_OK, "cut"),
    (proxies.QUEUE_DECLARED, "cut"), (proxies.OPEN_OK, "hang"), (proxies.QUEUE_DECLARED, "hang"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "how"), few_of(BREAKS))
def test_the_relay_is_not_ready_and_tries_again_whichever_method_the_broker_breaks_off_at(
    broker, issuance, topology, tmp_path, method, how
) -> None:
    url = topology.broker_url("relay")
    address = urlsplit(url)
    with proxies.Proxy(address.hostname, address.port) as proxy:
        through = url.replace(f":{address.port}", f":{proxy.port}")
        process = make_relay(topology, tmp_path, EPASS_BROKER_URLS=through, EPASS_RELAY_WATCHDOG="3")
        try:
            with proxy.fault_at(method, how):
                process.start(ready=False)
                add_events(issuance, "waiting")
                eventually(lambda: proxy.faults >= 4, "both connections are tried again", 60)
                readiness = asks.get(f"http://127.0.0.1:{process.port}/readyz")
            assert readiness.json() == {"topology": False, "issuance": False}
            assert readiness.status_code == 503
            eventually(lambda: taken_from_queue(broker) == ["waiting"], "sent once the broker works", 30)
        finally:
            process.kill()


def test_a_broker_that_needs_longer_than_the_watchdog_for_all_its_answers_still_gets_the_events(
    broker, issuance, topology, tmp_path
) -> None:
    url = topology.broker_url("relay")
    address = urlsplit(url)
    with proxies.Proxy(address.hostname, address.port) as proxy, proxy.latency(0.02):
        through = url.replace(f":{address.port}", f":{proxy.port}")
        process = make_relay(topology, tmp_path, EPASS_BROKER_URLS=through, EPASS_RELAY_WATCHDOG="2")
        try:
            process.start(ready=False)
            add_events(issuance, "slowly")
            eventually(lambda: taken_from_queue(broker) == ["slowly"], "sent by a slow broker", 60)
        finally:
            process.kill()


def test_the_topology_check_names_what_is_missing(broker, topology) -> None:
    assert _check(topology) == (0, "")
    with broker.connection.channel() as channel:
        channel.queue_delete(QUEUE)
    try:
        assert _check(topology) == (1, f"missing: {QUEUE}\n")
    finally:
        apply_topology(topology)


def _check(stack) -> tuple[int, str]:
    return _topology(stack, "check")[:2]


def _topology(stack, action: str, **settings: str) -> tuple[int, str, str]:
    environment = {**os.environ, **stack.environment("administrator"), **settings}
    done = forks.run(["-m", "services.ops.cli", "topology", action], environment)
    return done.returncode, done.stdout, done.stderr


def delay_arguments(seconds: int) -> dict[str, object]:
    return next(
        dict(queue.arguments) for queue in queues((1, 1, 1, seconds)) if queue.name == "epass.delay.3"
    )


def test_rows_that_commit_out_of_order_are_all_published(broker, relay, issuance) -> None:
    """A cursor over ids would miss the row with the lower identity, which commits later."""
    with issuance.transaction() as slow:
        outbox.add(slow, revoked("slow").model_copy(update={"pass_number": "00000000"}), at=now())
        deferred_writes.send(slow)
        add_events(issuance, "quick")
        eventually(lambda: waiting(issuance) == 0, "the quick one is sent first")
    eventually(lambda: waiting(issuance) == 0, "the slow one, too")
    assert sorted(taken_from_queue(broker)) == ["quick", "slow"]


def test_a_relay_that_is_stopped_exits_with_code_0(relay, issuance) -> None:
    assert relay.stop(10) == 0


def test_the_envelope_has_the_expiry_of_its_event(broker, relay, issuance) -> None:
    until = now() + timedelta(minutes=10)
    add_events(issuance, "short-lived", expires_at=until)
    eventually(lambda: waiting(issuance) == 0, "sent")
    assert read_envelope(_bytes(broker.get(QUEUE).body)).expires_at == until


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
def outbox_of_a_million(issuance) -> Iterator[tuple[int, UUID]]:
    """Fill the outbox with a million events; return the last position, and the id of the first."""
    owner = owner_of(issuance)
    with owner.transaction() as session:
        session.execute(text("truncate outbox"))
    for begin in range(1, MILLION, AT_ONCE):
        with owner.transaction() as session:
            session.execute(text(REFUSED), {"first": begin, "last": begin + AT_ONCE - 1})
    with owner.transaction() as session:
        last = session.scalar(text("select max(position) from outbox"))
        first = session.scalar(text("select id from outbox order by position limit 1"))
    with owner.transaction() as session:
        session.execute(text("analyze outbox"))
    yield last, first
    with owner.transaction() as session:
        session.execute(text("truncate outbox"))


@long
async def test_with_a_million_refused_events_each_look_reads_few_and_overtakes_none_of_a_subject(
    topology, issuance, outbox_of_a_million, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL counts what is read."""
    url = topology.database_url("relay", "issuance")
    for name, value in {**topology.environment("relay"), "EPASS_RELAY_DATABASE_URLS": url}.items():
        monkeypatch.setenv(name, value)
    settings = read(RelaySettings)
    last, first = outbox_of_a_million
    relay = OutboxRelay(url, settings, TopologyKeeper(settings))
    relay._holds["PassRevoked"] = Hold(Publisher(settings, "test"), first, refused=last)

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
        free = await relay._look(connection)
        assert await rows_read(connection) - before < 8 * relay_module.PAGE_ROWS
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
            assert looks < 4 * MILLION / relay_module.PAGE_ROWS
        assert found == [*free]
        assert looks > MILLION / relay_module.PAGE_ROWS, "they were behind all others"
        add(("PassIssued", "pass:new"), blocked[1])
        assert await look(connection) == [("PassIssued", "pass:new")], "what is new is found at once"

        relay._holds["OtherType"] = Hold(Publisher(settings, "test"), first)
        await relay._release("PassRevoked")
        again: list[tuple[str, str]] = []
        for _ in range(10):
            again += await look(connection)
        for subject in ("pass:1", f"pass:{MILLION}"):
            assert again.index(("PassRevoked", subject)) < again.index(("PassIssued", subject))
        assert blocked[1] not in again, "it still has one before it"

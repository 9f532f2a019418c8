"""Queues that were deleted, changed, refuse or do not answer: the relay goes on with all others."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest
from amqp.exceptions import MessageNacked, NotFound
from prometheus_client import REGISTRY
from sqlalchemy import text

from contracts.events import StatusListSigned
from services.chassis.messaging import outbox
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.messaging.topology import ASIDE_ARGUMENTS, queues
from services.chassis.runtime.clock import now
from services.ops.exporter import Exporter
from services.ops.settings import ExporterSettings
from tests.integration.chassis.messaging.relayed import (
    bytes_of,
    check_topology,
    run_topology,
    taken_from_queue,
)
from tests.integration.chassis_under_test import (
    QUEUE,
    add_events,
    apply_topology,
    make_relay,
    revoked,
    waiting,
)
from tests.support.chaos import proxy as proxies
from tests.support.factories.verify import pass_issued
from tests.support.stack.extent import few_of, long
from tests.support.stack.plain_http import asks
from tests.support.stack.running import eventually
from tests.support.stack.settings import make_settings

pytestmark = long


def test_a_queue_that_was_deleted_is_declared_again_before_anything_is_published(
    broker, issuance, topology, tmp_path
) -> None:
    broker.delete(QUEUE)
    add_events(issuance, "waiting")
    with make_relay(topology, tmp_path).start():
        eventually(lambda: waiting(issuance) == 0, "sent")
        assert taken_from_queue(broker) == ["waiting"]


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
        outbox.add(session, StatusListSigned(live_total=0, live_checksum=0, key_set=""), at=now())


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
    with make_relay(topology, tmp_path, **settings).start() as process:
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


def test_while_only_a_silent_queue_has_events_the_relay_is_not_ready_and_keeps_the_outbox(
    broker, issuance, topology, tmp_path
) -> None:
    """Each relay that took it over would begin with all that waits: repeats for the queues that answer."""
    broker.purge("notify.PassRevoked")
    with make_relay(topology, tmp_path, EPASS_RELAY_WATCHDOG="1").start() as process:
        with silent(topology):
            add_events(issuance, "waits")
            eventually(lambda: broker.depth("notify.PassRevoked") >= 2, "it was tried again", 30)
            holder = holders(issuance)
            eventually(lambda: broker.depth("notify.PassRevoked") >= 4, "and again", 60)
            assert not process.is_ready()
            assert holders(issuance) == holder
        eventually(lambda: waiting(issuance) == 0, "it is sent once the queue answers", 60)
        eventually(process.is_ready, "the relay is ready")


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
        broker.delete(QUEUE)
        add_events(issuance, "missed")
        eventually(lambda: waiting(issuance) == 0, "it counts as sent")
        eventually(lambda: check_topology(topology) == (0, ""), "the queue is back", 30)
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
def test_a_missing_queue_that_the_relay_may_not_declare_holds_up_no_event_and_the_exporter_counts_it(
    broker, issuance, topology, tmp_path, queue: str
) -> None:
    assert missing(topology) == 0
    broker.delete(queue)
    try:
        with make_relay(topology, tmp_path) as process:
            process.start(ready=False)
            add_events(issuance, "goes on")
            eventually(lambda: taken_from_queue(broker) == ["goes on"], "it is sent")
        assert missing(topology) == 1
        assert check_topology(topology) == (1, f"missing: {queue}\n")
    finally:
        apply_topology(topology)
    assert missing(topology) == 0
    assert check_topology(topology) == (0, "")


def test_a_missing_exchange_holds_up_no_event_and_is_told_by_the_relay_or_the_exporter_who_may_see_it(
    broker, issuance, topology, tmp_path
) -> None:
    with broker.connection.channel() as channel:
        channel.exchange_delete("epass.dead")
        channel.exchange_delete("epass.delay.3")
    try:
        with reporting(topology, issuance, broker, tmp_path) as said:
            assert said("epass.dead") == "it is missing: run `epass topology apply`"
        assert missing(topology) >= 1
    finally:
        apply_topology(topology)
    assert missing(topology) == 0


def missing(topology) -> float | None:
    """Return how many queues and exchanges the exporter misses, with its own rights."""
    settings = make_settings(ExporterSettings, broker_urls=(topology.broker_url("exporter"),))
    asyncio.run(Exporter(settings, httpx.AsyncClient(trust_env=False)).count_queues())
    return REGISTRY.get_sample_value("epass_queues_missing")


@contextmanager
def reporting(topology, issuance, broker, tmp_path) -> Iterator[Callable[[str], str]]:
    """Run a relay that sends an event although the topology is not as it should be; yield what it says."""
    with make_relay(topology, tmp_path) as process:
        process.start(ready=False)
        add_events(issuance, "goes on")
        eventually(lambda: taken_from_queue(broker) == ["goes on"], "it is sent")
        readiness, expected = f"http://127.0.0.1:{process.port}/readyz", {"topology": False, "issuance": True}
        eventually(lambda: asks.get(readiness).json() == expected, "the broker has confirmed it, too")
        yield lambda name: next(
            str(line["event"]) for line in process.log_lines() if line.get("name") == name
        )


def test_apply_makes_a_queue_with_other_arguments_anew_and_keeps_its_messages(broker, topology) -> None:
    queue, other = "epass.delay.3", {"EPASS_RETRY_DELAYS": "1,5,30,200"}
    broker.publish(queue, "verify.PassRevoked", b"waits for its delay", headers={"x-epass-attempts": 4})
    try:
        assert run_topology(topology, "apply", **other) == (0, "", "")
        message = broker.get(queue)
        assert (bytes_of(message.body), message.headers["x-epass-attempts"]) == (b"waits for its delay", 4)
        with broker.connection.channel() as channel:
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=delay_arguments(200))
        assert run_topology(topology, "check", **other) == (0, "", "")
    finally:
        apply_topology(topology)


def test_apply_finishes_what_an_interrupted_one_has_begun(broker, topology) -> None:
    aside = "epass.delay.3.moving"
    with broker.connection.channel() as channel:
        channel.queue_declare(aside, durable=True, auto_delete=False, arguments=ASIDE_ARGUMENTS)
    broker.publish("", aside, b"left behind")
    assert run_topology(topology, "apply") == (0, "", "")
    assert bytes_of(broker.get("epass.delay.3").body) == b"left behind"
    with broker.connection.channel() as channel, pytest.raises(NotFound):
        channel.queue_declare(aside, passive=True)


def test_apply_refuses_to_take_a_queue_from_its_consumer(broker, topology) -> None:
    with broker.connection.channel() as channel:
        channel.queue_delete(QUEUE)
        channel.queue_declare(QUEUE, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    try:
        with broker.connection.channel() as channel:
            channel.basic_consume(QUEUE)
            code, _, said = run_topology(topology, "apply")
        assert (code, said) == (
            1, f"Error: {QUEUE} has other arguments and is consumed: stop its service, and apply again\n"
        )  # fmt: skip
    finally:
        apply_topology(topology)
    assert check_topology(topology) == (0, "")


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
        with make_relay(topology, tmp_path, EPASS_BROKER_URLS=through, EPASS_RELAY_WATCHDOG="3") as process:
            with proxy.fault_at(method, how):
                process.start(ready=False)
                add_events(issuance, "waiting")
                eventually(lambda: proxy.faults >= 4, "both connections are tried again", 60)
                readiness = asks.get(f"http://127.0.0.1:{process.port}/readyz")
            assert readiness.json() == {"topology": False, "issuance": False}
            assert readiness.status_code == 503
            eventually(lambda: taken_from_queue(broker) == ["waiting"], "sent once the broker works", 30)


def test_a_broker_that_needs_longer_than_the_watchdog_for_all_its_answers_still_gets_the_events(
    broker, issuance, topology, tmp_path
) -> None:
    url = topology.broker_url("relay")
    address = urlsplit(url)
    with proxies.Proxy(address.hostname, address.port) as proxy, proxy.latency(0.02):
        through = url.replace(f":{address.port}", f":{proxy.port}")
        with make_relay(topology, tmp_path, EPASS_BROKER_URLS=through, EPASS_RELAY_WATCHDOG="2") as process:
            process.start(ready=False)
            add_events(issuance, "slowly")
            eventually(lambda: taken_from_queue(broker) == ["slowly"], "sent by a slow broker", 60)


def delay_arguments(seconds: int) -> dict[str, object]:
    return next(
        dict(queue.arguments) for queue in queues((1, 1, 1, seconds)) if queue.name == "epass.delay.3"
    )

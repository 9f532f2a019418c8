"""The event entrypoint: each event has its effect once, and a failed one goes to the dead letters."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest
from psycopg import sql
from sqlalchemy import func, select

from contracts.envelope import join_envelopes
from contracts.events import PassRevoked
from services.chassis.db.tables import poison_starts
from services.chassis.messaging import retry
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES
from services.chassis.messaging.topology import DELIVERY_COUNT, delay_name
from services.chassis.runtime.clock import now
from services.ops import grants
from tests.integration.chassis_under_test import (
    QUEUE,
    apply_topology,
    deliver_often,
    make_probe,
    revoked_bytes,
)
from tests.support.chaos.proxy import Proxy
from tests.support.stack.backends import TestStack
from tests.support.stack.consumer_timeout import consumer_timeout
from tests.support.stack.database_faults import demoted, end_sessions, postgres_away, read_only, superuser
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.stack.wire import wire

EXCHANGE = "issuance.events"
KEY = PassRevoked.__name__
DEAD = f"{QUEUE}.dead"
CANCELLED = "consumers are cancelled until their database can be used"


def test_an_event_has_one_effect_however_often_it_is_delivered_and_none_once_it_has_expired(
    broker, probe, effects
) -> None:
    event_id = uuid4()
    for _ in range(5):
        broker.publish(EXCHANGE, KEY, revoked_bytes("once", event_id))
    together = join_envelopes([revoked_bytes("one", uuid4()), revoked_bytes("another", uuid4())])
    for _ in range(2):
        broker.publish(EXCHANGE, KEY, together)
    broker.publish(EXCHANGE, KEY, revoked_bytes("stale", expires_at=now()))
    broker.publish(EXCHANGE, KEY, revoked_bytes("last"))
    eventually(lambda: "last" in effects() and broker.depth(QUEUE) == 0, "all are handled")
    eventually(lambda: probe.metric("epass_events_repeated_total") == 4 + 2, "the repeats are seen")
    assert probe.metric("epass_events_expired_total") == 1
    assert sorted(effects()) == ["another", "last", "once", "one"]
    assert broker.depth(DEAD) == 0


def test_without_the_inbox_an_event_delivered_five_times_has_five_effects(
    broker, effects, topology, tmp_path
) -> None:
    """Negative control of the test above."""
    with make_probe(topology, tmp_path, "events", sabotage="no_inbox").start():
        event_id = uuid4()
        for _ in range(5):
            broker.publish(EXCHANGE, KEY, revoked_bytes("five times", event_id))
        eventually(lambda: effects().count("five times") == 5, "an effect for each delivery")


def test_an_event_that_fails_is_tried_again_until_its_attempts_are_over_or_its_error_is_permanent(
    broker, probe, effects
) -> None:
    broker.publish(EXCHANGE, KEY, revoked_bytes("permanent"))
    eventually(lambda: broker.depth(DEAD) == 1, "it is dead at once")
    assert broker.get(DEAD).headers[retry.ERROR] == "PermanentError"
    assert probe.metric("epass_retries_total") == 0
    broker.publish(EXCHANGE, KEY, revoked_bytes("fail-once"))
    eventually(effects, "the second attempt's effect")
    assert probe.metric("epass_retries_total") == 1
    assert broker.depth(DEAD) == 0
    broker.publish(EXCHANGE, KEY, revoked_bytes("fail"))
    eventually(lambda: broker.depth(DEAD) == 1, "it is dead after its last attempt", 30)
    headers = broker.get(DEAD).headers
    assert (headers[retry.ATTEMPTS], headers[retry.QUEUE]) == (3, QUEUE)
    assert effects() == ["fail-once"]


def test_unreadable_messages_go_to_the_dead_letters_and_the_others_are_handled(
    broker, probe, effects
) -> None:
    poison = [
        b"{not json",
        b"[]",
        revoked_bytes(version=3),
        revoked_bytes(type="PassVanished"),
        revoked_bytes(data={"pass_number": 7}),
        revoked_bytes(personal="gAAAAABthis-opens-with-no-key"),
        b'{"x": "' + b"a" * 5_000_000 + b'"}',
        b"\xff\xfe\x00",
    ]
    for number, body in enumerate(poison):
        broker.publish(EXCHANGE, KEY, body)
        broker.publish(EXCHANGE, KEY, revoked_bytes(f"good {number}"))
    broker.publish(EXCHANGE, KEY, b"not packed", headers={"compression": "application/x-gzip"})
    poison.append(b"")
    broker.publish(EXCHANGE, KEY, revoked_bytes("the last"))
    eventually(
        lambda: len(effects()) == len(poison) and broker.depth(DEAD) == len(poison),
        "all good done, all bad dead",
        60,
    )
    assert probe.alive
    assert {broker.get(DEAD).headers[retry.ERROR] for _ in poison} == {"UnreadableEvent"}


def test_of_several_events_in_a_message_only_the_bad_ones_go_to_the_dead_letters_and_no_text_to_the_log(
    broker, probe, effects
) -> None:
    broken = b'{"name": "Gurpreet Kaur", "broken'
    bad = [broken, revoked_bytes("permanent"), revoked_bytes(type="PassVanished")]
    good = [f"good {number:02}" for number in range(20)]
    bodies = [revoked_bytes(reference) for reference in good]
    broker.publish(
        EXCHANGE, KEY, join_envelopes([*bodies[:10], *bad, revoked_bytes("fail-once"), *bodies[10:]])
    )
    eventually(
        lambda: len(effects()) == len(good) + 1 and broker.depth(DEAD) == len(bad), "each in its place"
    )
    assert sorted(effects()) == ["fail-once", *good]
    assert broker.depth(QUEUE) == 0
    assert {broker.get(DEAD).body for _ in bad} == set(bad)
    log = probe.log.read_text()
    assert "Gurpreet" not in log
    assert "secret" not in log
    assert [line["error"] for line in probe.log_lines() if line.get("event") == "event was not handled"]


def test_an_event_that_has_expired_by_the_clock_of_one_host_alone_is_handled(
    broker, effects, topology, tmp_path
) -> None:
    with make_probe(topology, tmp_path, "events", sabotage="days_ahead").start() as process:
        broker.publish(EXCHANGE, KEY, revoked_bytes("stale", expires_at=now()))
        broker.publish(EXCHANGE, KEY, revoked_bytes("of use", expires_at=now() + timedelta(minutes=10)))
        eventually(lambda: effects() == ["of use"], "the one that is of use")
        assert process.metric("epass_events_expired_total") == 1


def test_while_the_database_is_away_messages_wait_in_their_queue_uncounted(
    broker, effects, topology, tmp_path
) -> None:
    """Also one that was delivered so often that the broker's next count would make it a suspect."""
    names = [f"event {number:02}" for number in range(20)]
    broker.publish(EXCHANGE, KEY, revoked_bytes("delivered often"))
    deliver_often(topology)
    for name in names:
        broker.publish(EXCHANGE, KEY, revoked_bytes(name))
    with make_probe(topology, tmp_path, "events") as process:
        with demoted(topology, "verify"):
            process.start(ready=False)
            eventually(lambda: CANCELLED in process.log.read_text(), "its consumers are cancelled")
            eventually(lambda: broker.depth(QUEUE) == len(names) + 1, "all wait in the queue")
            assert process.metric("epass_consumers_paused") == 1
            counts = [(one.headers or {}).get(DELIVERY_COUNT, 0) for one in looked_at(topology)]
            assert max(counts) < AFTER_DELIVERIES
        eventually(lambda: sorted(effects()) == sorted(["delivered often", *names]), "all are handled")
        assert process.metric("epass_retries_total") == process.metric("epass_dead_lettered_total") == 0
        assert process.metric("epass_consumers_paused") == 0
    assert broker.depth(DEAD) == 0


@long
def test_an_outage_that_outlasts_the_brokers_timeout_three_times_costs_no_message_anything(
    broker, effects, topology, tmp_path, databases
) -> None:
    names = [f"event {number:03}" for number in range(300)]
    for name in names:
        broker.publish(EXCHANGE, KEY, revoked_bytes(name))
    process = make_probe(topology, tmp_path, "events")
    with consumer_timeout(topology.broker_ctl, 20), process:
        with postgres_away(topology):
            process.start(ready=False)
            until = monotonic() + 65
            eventually(lambda: monotonic() > until, "three timeouts are over", 70)
            assert broker.depth(QUEUE) == len(names), "they wait in their queue"
            counts = [(one.headers or {}).get(DELIVERY_COUNT, 0) for one in looked_at(topology)]
            assert max(counts) <= 1
        eventually(lambda: sorted(effects()) == names, "all are handled", 60)
        assert process.metric("epass_retries_total") == process.metric("epass_dead_lettered_total") == 0
        assert starts(databases) == 0
        assert "consuming was interrupted" not in process.log.read_text(), "no channel was closed"
    assert broker.depth(DEAD) == 0


def looked_at(topology) -> list[Any]:
    """Return what waits in the queue, and leave it there."""
    with wire(topology.broker_url("administrator")) as lost:
        channel, found = lost.connection.default_channel, []
        while (message := channel.basic_get(QUEUE)) is not None:
            found.append(message)
    return found


@long
def test_what_waited_is_forgotten_when_the_consumer_connects_again(
    broker, effects, topology, tmp_path
) -> None:
    """The broker delivers it again, and it would be held twice, at each reconnect once more."""
    url = topology.broker_url("verify")
    address = urlsplit(url)
    names = [f"waits {number:02}" for number in range(30)]
    held = [tmp_path / "one", tmp_path / "two"]
    with Proxy(address.hostname, address.port) as between:
        through = url.replace(f":{address.port}", f":{between.port}")
        with make_probe(topology, tmp_path, "events", EPASS_BROKER_URLS=through).start() as process:
            for path in held:
                broker.publish(EXCHANGE, KEY, revoked_bytes(f"hold:{path}"))
                eventually(path.exists, "it is being handled, as a batch of its own")
            for name in names:
                broker.publish(EXCHANGE, KEY, revoked_bytes(name))
            eventually(lambda: broker.depth(QUEUE) == 0, "taken, and waiting for a worker")
            between.cut()
            for path in held:
                path.unlink()
            eventually(lambda: set(names) <= set(effects()), "all are handled", 60)
            unsettled = ("-p", "epass", "list_queues", "name", "messages")
            eventually(lambda: f"{QUEUE}\t0" in topology.broker_ctl(*unsettled), "nothing is in hand", 60)
            assert process.metric("epass_reconnects_total") >= 1
            assert process.metric("epass_events_repeated_total") <= 2, (
                "only what was being handled came twice"
            )


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


@pytest.mark.parametrize("fault", [read_only, demoted, password_changed])
def test_a_database_that_takes_no_changes_costs_no_message_an_attempt_and_callers_get_a_503(
    broker, probe, effects, topology, fault
) -> None:
    with fault(topology, "verify"):
        broker.publish(EXCHANGE, KEY, revoked_bytes("waits"))
        eventually(lambda: probe.metric("epass_consumers_paused") == 1, "the consumer waits")
        eventually(lambda: not probe.is_ready(), "the process is not ready")
        reply = broker.call("verify", "inside", {"site": "PCS1"})
        assert reply["error"]["exc_type"] == "Unavailable"
    eventually(lambda: effects() == ["waits"], "it is handled once the database takes changes")
    eventually(probe.is_ready, "the process is ready")
    assert broker.call("verify", "inside", {"site": "PCS1"})["error"] is None
    assert probe.metric("epass_retries_total") == probe.metric("epass_dead_lettered_total") == 0


def test_control_with_the_attempts_that_it_would_cost_the_message_is_a_dead_letter(
    broker, effects, topology, tmp_path
) -> None:
    process = make_probe(topology, tmp_path, "events", sabotage="away_is_an_attempt").start()
    with process, demoted(topology, "verify"):
        broker.publish(EXCHANGE, KEY, revoked_bytes("dies"))
        eventually(lambda: broker.depth(DEAD) == 1, "one dead letter", 30)


def test_an_event_whose_consumer_is_killed_before_its_commit_is_handled_by_the_next_one(
    broker, effects, topology, tmp_path
) -> None:
    first = make_probe(topology, tmp_path, "events").start()
    broker.publish(EXCHANGE, KEY, revoked_bytes("sleep:2"))
    eventually(lambda: broker.depth(QUEUE) == 0, "taken")
    first.kill()
    with make_probe(topology, tmp_path, "events").start():
        eventually(lambda: effects() == ["sleep:2"], "the effect, once")


def test_a_consumer_that_stops_finishes_the_events_in_hand(broker, effects, topology, tmp_path) -> None:
    process = make_probe(topology, tmp_path, "events").start()
    broker.publish(EXCHANGE, KEY, revoked_bytes("sleep:1"))
    eventually(lambda: broker.depth(QUEUE) == 0, "taken")
    assert process.stop(25) == 0
    assert effects() == ["sleep:1"]
    assert broker.depth(QUEUE) == 0


@long
def test_a_consumer_without_its_queue_is_not_ready_until_the_queue_exists(
    broker, effects, topology, tmp_path
) -> None:
    broker.delete(QUEUE)
    process = make_probe(topology, tmp_path, "events")
    process.start(ready=False)
    try:
        eventually(
            lambda: process.log.exists() and "consuming was interrupted" in process.log.read_text(),
            "it tries",
        )
        assert process.alive
        assert not process.is_ready()
        apply_topology(topology)
        process.wait_ready()
        broker.publish(EXCHANGE, KEY, revoked_bytes("late"))
        eventually(lambda: effects() == ["late"], "the effect")
    finally:
        apply_topology(topology)
        process.kill()


def test_a_database_that_is_away_is_not_an_attempt(broker, probe, effects, topology, databases) -> None:
    with postgres_away(topology):
        broker.publish(EXCHANGE, KEY, revoked_bytes("patient"))
        eventually(lambda: "consumer waits for its database" in probe.log.read_text(), "the consumer waits")
        assert not probe.is_ready()
    eventually(lambda: effects() == ["patient"], "the effect")
    assert probe.metric("epass_retries_total") == 0
    assert broker.depth(DEAD) == 0


def test_a_database_that_is_away_is_not_an_attempt_for_an_event_delivered_often(
    broker, effects, topology, tmp_path
) -> None:
    broker.publish(EXCHANGE, KEY, revoked_bytes("patient"))
    deliver_often(topology)
    with make_probe(topology, tmp_path, "events") as process:
        with postgres_away(topology):
            process.start(ready=False)
            eventually(lambda: "consumer waits for its database" in process.log.read_text(), "it waits")
        eventually(lambda: effects() == ["patient"], "the effect")
        assert process.metric("epass_retries_total") == 0
        assert process.metric("epass_event_seconds_count") == 1
    assert broker.depth(DEAD) == 0


@long
def test_an_event_whose_copy_cannot_be_published_waits_longer_each_time_and_is_not_lost(
    broker, probe, effects, topology
) -> None:
    with broker.connection.channel() as channel:
        channel.exchange_delete(delay_name(0))
    try:
        broker.publish(EXCHANGE, KEY, revoked_bytes("fail"))
        eventually(lambda: returns(probe) == [1, 2], "it went back twice", 30)
    finally:
        apply_topology(topology)
    eventually(lambda: broker.depth(DEAD) == 1, "its attempts are over", 30)
    assert broker.get(DEAD).headers[retry.ATTEMPTS] == 3


def returns(process) -> list[float]:
    """Return the pauses before each return of a message to its queue."""
    lines = process.log_lines()
    return [
        line["seconds"] for line in lines if line.get("event") == "message could not be moved and goes back"
    ]


@long
def test_eight_attempts_mean_eight_also_for_an_event_delivered_often(
    broker, effects, topology, tmp_path, databases
) -> None:
    """Each attempt is delivered often. The copy is taken out of its delay, which lasts up to 5 minutes."""
    broker.publish(EXCHANGE, KEY, revoked_bytes("fail"))
    with make_probe(topology, tmp_path, "events", EPASS_ATTEMPTS="8") as process:
        for attempt in range(1, 8):
            deliver_often(topology)
            process.start()
            copy = eventually(lambda: delayed(broker), f"attempt {attempt} has failed")
            process.stop()  # only now is the original acknowledged; a kill could leave both
            assert (copy.headers[retry.ATTEMPTS], DELIVERY_COUNT in copy.headers) == (attempt, False)
            assert starts(databases) == 0
            broker.publish("", QUEUE, copy.body, headers=copy.headers)
        deliver_often(topology)
        process.start()
        eventually(lambda: broker.depth(DEAD) == 1, "it is dead after the eighth")
        headers = broker.get(DEAD).headers
        assert (headers[retry.ATTEMPTS], headers[retry.ERROR]) == (8, "RuntimeError")


def delayed(broker):
    """Take a copy out of whichever delay it waits in."""
    return next((copy for step in range(4) if (copy := broker.get(delay_name(step)))), None)


def starts(databases) -> int:
    """Return how many starts are recorded that have not ended."""
    with databases["verify"].transaction() as session:
        return session.execute(select(func.count()).select_from(poison_starts)).scalar_one()


@long
def test_a_consumer_connects_again_after_its_broker_was_away(broker, probe, effects, topology) -> None:
    topology.kill_broker()
    eventually(lambda: not probe.is_ready(), "not ready")
    topology.start_broker()
    probe.wait_ready()
    with wire(topology.broker_url("administrator")) as again:
        again.publish(EXCHANGE, KEY, revoked_bytes("after"))
        eventually(lambda: effects() == ["after"], "the effect")


@pytest.mark.parametrize("messages", ["each in a message of its own", "all in one message"])
def test_a_poison_message_goes_to_the_dead_letters_and_the_others_are_handled(
    broker, effects, topology, tmp_path, messages: str
) -> None:
    innocent = [f"innocent {number}" for number in range(6)]
    bodies = [revoked_bytes(reference) for reference in (*innocent[:3], "crash", *innocent[3:])]
    for body in [join_envelopes(bodies)] if messages == "all in one message" else bodies:
        broker.publish(EXCHANGE, KEY, body)
    crashes = 0
    while broker.depth(DEAD) == 0 and crashes < 15:
        process = make_probe(topology, tmp_path, "events").start(ready=False)
        eventually(
            lambda p=process: not p.alive or broker.depth(DEAD) == 1,
            "it dies, or the poison message is found",
            30,
        )
        crashes += not process.alive
        # Stopped gracefully: a kill before the acknowledgement would make two dead letters.
        process.stop()
    assert broker.get(DEAD).headers[retry.ERROR] == "KillsItsProcess"
    with make_probe(topology, tmp_path, "events").start():
        eventually(lambda: sorted(effects()) == innocent, "every innocent one has its effect, once")
    assert broker.depth(DEAD) == 0

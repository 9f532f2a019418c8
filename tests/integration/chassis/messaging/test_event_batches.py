"""Events in batches: what waits together has its effects in one transaction, and no event hurts another."""

import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from uuid import UUID, uuid4

import pytest
from kombu import Message
from sqlalchemy import text, update
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from contracts.envelope import Envelope, PersonalKeyRing, Received
from services.chassis.db import deferred_writes
from services.chassis.db.database import Database
from services.chassis.messaging import event_batches, outbox
from services.chassis.messaging.event_batches import (
    LARGEST_SET,
    Delivery,
    EventHandler,
    EventMessage,
    handle_batch,
)
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES, STARTS, one_at_a_time
from services.chassis.runtime import metrics, tracing
from services.chassis.runtime.clock import now
from services.chassis.runtime.lifecycle import Stopping
from services.chassis.runtime.logs import correlation_id, traceparent
from services.verify.models import SiteRow
from tests.integration.chassis_under_test import QUEUE, make_probe, revoked, revoked_bytes
from tests.support.chaos.sabotage import HELD
from tests.support.factories.envelopes import key_ring, wrap
from tests.support.stack.collector import Collector
from tests.support.stack.database_faults import demoted
from tests.support.stack.databases import execute
from tests.support.stack.running import eventually

BAD = "bad"
SITES = SiteRow.metadata.tables["sites"]
Handler = Callable[[Received, Session], None]


class Batches:
    """Deliveries to one handler, and what became of them."""

    def __init__(self, db: Database, one: Handler, many: Callable[..., None] | None = None) -> None:
        self.db = db
        self.done: list[str] = []
        self.failed: list[str] = []
        self.calls: list[int] = []
        self._handler = EventHandler(QUEUE, key_ring(), one, many, threading.Lock)

    def deliver(self, envelopes: Sequence[Envelope]) -> None:
        handle_batch(
            self.db,
            self._handler,
            [Delivery(one, EventMessage(Message()), 0) for one in envelopes],
            self._settle,
        )

    def _settle(self, deliveries: Sequence[Delivery], error: BaseException | None) -> None:
        self.calls.append(len(deliveries))
        names = [str(one.envelope.data["reference"]) for one in deliveries]
        (self.done if error is None else self.failed).extend(names)


def envelope(reference: str, *, application: int = 1, seq: int = 1, event_id: UUID | None = None) -> Envelope:
    event = revoked(reference).model_copy(
        update={"application_id": UUID(int=application), "pass_number": f"PASS{application:04}"}
    )
    whole = wrap(event, event_id=event_id or uuid4(), seq=seq, occurred_at=now(), keys=key_ring())
    return whole.model_copy(update={"correlation_id": f"of {reference}"})


def store(received: Received, session: Session) -> None:
    """Store the reference; fail after that for a bad one."""
    reference = received.event.reference
    session.execute(text("insert into probe (what) values (:what)"), {"what": reference})
    if reference == BAD:
        raise RuntimeError(BAD)


def store_all(received: Sequence[Received], session: Session) -> None:
    for one in received:
        store(one, session)


@pytest.fixture
def verify(databases, effects) -> Database:
    return databases["verify"]


@pytest.mark.parametrize("many", [None, store_all], ids=["one after another", "as a set"])
def test_events_that_wait_together_have_their_effects_in_one_transaction(verify, effects, many) -> None:
    batches = Batches(verify, store, many)
    names = [f"event {number:03}" for number in range(LARGEST_SET)]
    batches.deliver([envelope(name, application=number) for number, name in enumerate(names)])
    assert sorted(effects()) == sorted(batches.done) == names
    assert batches.calls == [LARGEST_SET], "all are acknowledged at once"
    with verify.transaction() as session:
        assert session.scalar(text("select count(distinct xmin::text) from probe")) == 1


@pytest.mark.parametrize("many", [None, store_all], ids=["one after another", "as a set"])
def test_a_bad_event_in_the_middle_of_a_batch_hurts_no_other(verify, effects, many) -> None:
    batches = Batches(verify, store, many)
    names = [f"event {number:03}" for number in range(LARGEST_SET - 1)]
    batches.deliver([envelope(name) for name in (*names[:128], BAD, *names[128:])])
    assert sorted(effects()) == sorted(batches.done) == names
    assert batches.failed == [BAD]


@pytest.mark.parametrize(
    "lose",
    ["select pg_terminate_backend(pg_backend_pid())", "set idle_in_transaction_session_timeout = 20"],
    ids=["its statement ends the backend", "it does nothing for too long"],
)
def test_an_event_that_loses_its_connection_each_time_fails_and_holds_up_no_other(
    verify, effects, lose
) -> None:
    def one(received: Received, session: Session) -> None:
        if received.event.reference == BAD:
            session.execute(text(lose))
            threading.Event().wait(0.1)
            session.execute(text("select 1"))
        store(received, session)

    batches = Batches(verify, one)
    batches.deliver([envelope(name, application=n) for n, name in enumerate(["first", BAD, "last"])])
    assert sorted(batches.done) == sorted(effects()) == ["first", "last"]
    assert batches.failed == [BAD]


def test_an_event_that_cannot_be_read_leaves_the_batch_together(verify, effects) -> None:
    batches = Batches(verify, store)
    unreadable = envelope("unreadable").model_copy(update={"personal": "opens with no key"})
    batches.deliver([envelope("first"), unreadable, envelope("second")])
    assert batches.failed == ["unreadable"]
    assert sorted(effects()) == ["first", "second"]
    assert batches.calls == [1, 2]


def test_an_event_that_comes_five_times_in_random_batches_has_one_effect(verify, effects) -> None:
    batches = Batches(verify, store)
    names = [f"event {number:02}" for number in range(40)]
    envelopes = [envelope(name, application=number) for number, name in enumerate(names)] * 5
    random.shuffle(envelopes)
    while envelopes:
        size = random.randint(1, len(envelopes))
        batches.deliver(envelopes[:size])
        del envelopes[:size]
    assert sorted(effects()) == names
    assert len(batches.done) == 200


def test_events_of_one_application_are_handled_in_the_order_of_their_numbers(verify, effects) -> None:
    batches = Batches(verify, store)
    order = [5, 2, 4, 1, 3]
    batches.deliver([envelope(f"number {seq}", seq=seq) for seq in order])
    assert effects() == [f"number {seq}" for seq in sorted(order)]


def test_batches_that_share_applications_end_without_a_deadlock(verify, effects) -> None:
    """Each handler locks its application's row, as the services' do."""
    execute(verify, "insert into probe (id, what) select -n, 'row' from generate_series(1, 40) n")
    both_run = threading.Barrier(2, timeout=10)

    def lock(received: Received, session: Session) -> None:
        if both_run.n_waiting or not started.is_set():
            started.set()
            both_run.wait()
        number = -int(received.event.application_id)
        session.execute(text("update probe set what = 'changed' where id = :id"), {"id": number})

    started = threading.Event()
    batches = [Batches(verify, lock) for _ in range(2)]
    threads = [
        threading.Thread(target=one.deliver, args=([envelope("x", application=n) for n in numbers],))
        for one, numbers in zip(batches, (range(1, 41), range(40, 0, -1)), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [one.calls for one in batches] == [[40], [40]], "neither was split"


def test_a_batch_gives_way_to_whoever_holds_a_lock_and_its_other_events_are_done(verify, effects) -> None:
    execute(verify, "insert into probe (id, what) values (-1, 'row')")

    def lock_first(received: Received, session: Session) -> None:
        if received.event.reference == "wants the lock":
            session.execute(text("update probe set what = 'changed' where id = -1"))
        store(received, session)

    batches = Batches(verify, lock_first)
    with verify.transaction() as holder:
        holder.execute(text("select from probe where id = -1 for update"))
        deliver = threading.Thread(
            target=batches.deliver,
            args=([envelope("wants the lock", application=1), envelope("other", application=2)],),
        )
        split = metrics.BATCHES_SPLIT.labels(QUEUE)._value.get
        before = split()
        deliver.start()
        eventually(lambda: split() == before + 1, "the batch has given way")
    deliver.join(30)
    assert sorted(batches.done) == ["other", "wants the lock"]
    assert batches.calls == [1, 1]


def test_a_batch_waits_for_less_time_than_the_database_takes_to_look_for_a_deadlock(verify, effects) -> None:
    """So of a batch and a call of a person that wait for each other, the call never loses."""
    waits: list[tuple[int, int]] = []

    def look(received: Received, session: Session) -> None:
        setting = "select setting::int from pg_settings where name = :name"
        lock, deadlock = (
            session.scalars(text(setting), {"name": name}).one()
            for name in ("lock_timeout", "deadlock_timeout")
        )
        waits.append((lock, deadlock))

    batches = Batches(verify, look)
    batches.deliver([envelope("one", application=1), envelope("two", application=2)])
    assert batches.calls == [2]
    assert all(0 < lock < deadlock for lock, deadlock in waits)


def test_what_an_event_causes_carries_its_own_correlation_id(verify, effects) -> None:
    def publish(received: Received, session: Session) -> None:
        outbox.add(session, revoked(received.event.reference), at=now())
        store(received, session)
        assert correlation_id() == f"of {received.event.reference}"

    batches = Batches(verify, publish)
    batches.deliver([envelope("one", application=1), envelope("two", application=2)])
    assert batches.calls == [2], "the batch was not split"
    with verify.transaction() as session:
        stored = session.execute(
            text("select data->>'reference', correlation_id from outbox order by position")
        )
        assert stored.all() == [("one", "of one"), ("two", "of two")]


def test_an_event_reads_what_one_before_it_in_its_batch_has_stored_by_a_statement(verify, effects) -> None:
    """As in a transaction of its own, a row that is still held somewhere is not what the next one reads."""
    with verify.transaction() as session:
        session.add(SiteRow(code="PCS9", seq=0, gates=[]))
    read: list[int] = []
    held: list[SiteRow] = []

    def count(received: Received, session: Session) -> None:
        held.append(session.get_one(SiteRow, "PCS9"))
        read.append(held[-1].seq)
        one_more = update(SiteRow).where(SiteRow.code == "PCS9").values(seq=SiteRow.seq + 1)
        session.execute(one_more, execution_options={"synchronize_session": False})

    batches = Batches(verify, count)
    batches.deliver([envelope(f"event {number}", application=number) for number in range(3)])
    assert (read, batches.calls) == ([0, 1, 2], [3])


def test_an_event_reads_what_one_before_it_about_the_same_application_has_deferred(verify, effects) -> None:
    with verify.transaction() as session:
        session.add(SiteRow(code="PCS9", seq=0, gates=[]))
    read: list[int] = []

    def count(received: Received, session: Session) -> None:
        read.append(session.get_one(SiteRow, "PCS9").seq)
        outbox.add(session, revoked(received.event.reference), at=now())
        deferred_writes.update(session, SITES, [{"code": "PCS9", "seq": read[-1] + 1}])

    batches = Batches(verify, count)
    batches.deliver([envelope(f"event {number}", seq=number) for number in range(1, 4)])
    assert (read, batches.calls) == ([0, 1, 2], [3])
    with verify.transaction() as session:
        assert session.scalar(text("select count(distinct xmin::text) from outbox")) == 1


def test_an_event_that_cannot_be_opened_for_whatever_reason_strands_no_other(
    verify, effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = event_batches.open_envelope

    def open_all_but(envelope: Envelope, ring: PersonalKeyRing) -> Received:
        if envelope.data["reference"] == BAD:
            raise KeyError("an upgrade step that is wrong")
        return opened(envelope, ring)

    monkeypatch.setattr(event_batches, "open_envelope", open_all_but)
    batches = Batches(verify, store)
    batches.deliver([envelope("first"), envelope(BAD), envelope("last")])
    assert batches.failed == [BAD]
    assert sorted(batches.done) == sorted(effects()) == ["first", "last"]


def test_a_batch_that_waits_for_its_database_goes_back_whole_when_the_process_stops(
    verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def stop(*_: object, **__: object) -> None:
        asked.append("the database")
        raise Stopping

    monkeypatch.setattr(event_batches, "run_when_available", stop)
    batches = Batches(verify, store)
    batches.deliver([envelope(f"event {number}") for number in range(5)])
    assert (len(batches.failed), batches.calls, len(asked)) == (5, [5], 1)


def test_a_suspected_event_is_not_poison_because_its_database_went_away_again_and_again(
    verify, topology
) -> None:
    event_id, ended = uuid4(), 0
    for _ in range(STARTS + 2):
        with ExitStack() as away:
            with one_at_a_time(verify, QUEUE, event_id, AFTER_DELIVERIES, patience=0.1):
                away.enter_context(demoted(topology, "verify"))
            ended += 1
    assert ended == STARTS + 2


def test_control_without_handling_one_by_one_a_bad_event_stops_its_whole_batch(
    verify, effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_batches, "_error_of", lambda _: RuntimeError(BAD))
    batches = Batches(verify, store)
    batches.deliver([envelope("good"), envelope(BAD)])
    assert effects() == []
    assert sorted(batches.failed) == [BAD, "good"]


def test_a_batch_whose_process_is_killed_before_the_acknowledgement_has_its_effects_once(
    broker, effects, topology, tmp_path
) -> None:
    names = [f"event {number:02}" for number in range(20)]
    for name in names:
        broker.publish("issuance.events", "PassRevoked", revoked_bytes(name))
    first = make_probe(topology, tmp_path, "events", sabotage="slow_to_acknowledge").start()
    eventually(lambda: HELD in first.log.read_text(), "a batch is committed and not acknowledged")
    eventually(lambda: len(effects()) == len(names), "all have their effect")
    first.kill()
    eventually(lambda: broker.depth(QUEUE) == len(names), "the broker has them again")
    second = make_probe(topology, tmp_path, "events").start()
    try:
        eventually(lambda: second.metric("epass_events_repeated_total") == len(names), "all were repeats")
        eventually(lambda: second.metric("epass_event_seconds_count") == len(names), "all are acknowledged")
    finally:
        second.stop()
    assert sorted(effects()) == names
    assert broker.depth(QUEUE) == 0


def caused(number: int, reference: str = "done") -> Envelope:
    cause = f"00-{number:032x}-{number:016x}-01"
    return envelope(reference, application=number).model_copy(update={"traceparent": cause})


@pytest.mark.parametrize("many", [None, store_all], ids=["one after another", "as a set"])
def test_events_that_are_handled_together_have_a_span_each_under_their_own_producers(
    verify, effects, collector: Collector, many
) -> None:
    batches, events = Batches(verify, store, many), [caused(1), caused(2)]
    with tracing.exporting("verify", collector.url):
        batches.deliver(events)
        batches.deliver(events)  # what was handled before is not handled again
    first, second = collector.spans
    assert [(span.name, span.kind) for span in (first, second)] == [("process PassRevoked", "CONSUMER")] * 2
    assert [span.parent_id for span in (first, second)] == [f"{number:016x}" for number in (1, 2)]
    assert (first.links, second.links) == ((), ((first.trace_id, first.span_id),))
    assert first.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": f"issuance.events:PassRevoked:{QUEUE}",
        "messaging.message.id": str(events[0].id),
    }


@pytest.mark.parametrize("many", [None, store_all], ids=["one after another", "as a set"])
def test_a_batch_that_fails_has_no_spans_and_each_of_its_events_one(
    verify, effects, collector: Collector, many
) -> None:
    """A later attempt has the same envelope, and so the same producer."""
    batches, bad = Batches(verify, store, many), caused(2, BAD)
    with tracing.exporting("verify", collector.url):
        batches.deliver([caused(1), bad, caused(3)])
        batches.deliver([bad])
    spans = [(int(span.parent_id, 16), span.is_fault, span.links) for span in collector.spans]
    assert spans == [(1, False, ()), (2, True, ()), (3, False, ()), (2, True, ())]
    assert BAD not in {str(value) for span in collector.spans for value in span.attributes.values()}


def test_a_batch_that_waits_for_its_database_has_the_spans_of_its_last_try(
    verify, effects, collector: Collector
) -> None:
    tries: list[Received] = []

    def away_once(received: Received, _session: Session) -> None:
        tries.append(received)
        if len(tries) == 2:
            raise PoolTimeout

    with tracing.exporting("verify", collector.url):
        Batches(verify, away_once).deliver([caused(1), caused(2)])
    assert [int(span.parent_id, 16) for span in collector.spans] == [1, 2]


@pytest.mark.parametrize("number", [1, 2], ids=["alone", "together"])
def test_an_event_that_a_handler_adds_is_caused_by_the_one_that_it_handles(
    verify, effects, collector: Collector, number: int
) -> None:
    def answer(received: Received, session: Session) -> None:
        outbox.add(session, received.event, at=now())

    with tracing.exporting("verify", collector.url):
        Batches(verify, answer).deliver([caused(one + 1) for one in range(number)])
    with verify.transaction() as session:
        added = session.execute(text("select traceparent from outbox order by position")).scalars()
        assert [*added] == [span.traceparent for span in collector.spans]


@pytest.mark.parametrize("number", [1, 2], ids=["alone", "together"])
def test_while_tracing_is_off_a_handler_has_the_context_of_the_producer(verify, effects, number: int) -> None:
    seen: list[str | None] = []
    events = [caused(one + 1) for one in range(number)]
    Batches(verify, lambda _received, _session: seen.append(traceparent())).deliver(events)
    assert seen == [one.traceparent for one in events]

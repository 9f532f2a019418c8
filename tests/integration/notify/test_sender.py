"""The sender: each message reaches its channel in the right order, and its outcome is recorded once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError
from structlog.testing import capture_logs

from contracts.rpc.application import ReferenceOnly
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.runtime import logs, tracing
from services.chassis.runtime.clock import now
from services.chassis.runtime.lifecycle import Stopping
from services.notify.adapters.channels import Outgoing, PermanentChannelError, Receipt, TemporaryChannelError
from services.notify.adapters.wakeup_listener import WakeUp
from services.notify.domain.messages import provider_id_digest
from services.notify.domain.outcomes import Delivered, Failed, Later
from services.notify.handlers import resends
from services.notify.handlers.deliveries import EVERY_LANE
from services.notify.models import MessageRow
from services.notify.sender import CODES, SenderThreads
from services.notify.settings import SenderSettings
from tests.integration.notify.handlers.stored import handle
from tests.integration.notify.stepped import published, put_codes, put_passes, row, sender
from tests.integration.statements import heard
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    MOBILE,
    OPTIONS,
    RECEPTION,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    received,
)
from tests.support.stack.collector import Collector
from tests.support.stack.databases import execute
from tests.support.stack.running import eventually

# ---------------------------------------------------------------- one message


def test_a_message_is_sent_recorded_and_published(db: Database) -> None:
    put_passes(db, 1)
    channel = RecordingChannel()
    assert [outcome for _, outcome in sender(db, channel).send_due()] == [Delivered("vendor-1")]
    message = row(db)
    assert (message.state, message.attempts, message.possible_duplicates) == ("delivered", 1, 0)
    assert message.provider_id == provider_id_digest("vendor-1")
    ((kind, data),) = published(db)
    assert kind == "NotificationDelivered"
    assert data == {
        "message_id": str(message.id),
        "application_id": str(message.application_id),
        "purpose": "pass_issued",
        "channel": "sms",
        "status": None,
        "possible_duplicate": False,
    }
    (sent,) = channel.sent
    assert (sent.id, sent.personal.to, sent.language) == (message.id, MOBILE, "pa")
    assert sent.personal.link is not None
    assert sent.text.endswith(sent.personal.parameters["link"])
    assert sender(db, channel).send_due() == []


def test_a_temporary_error_is_retried_with_growing_delays_and_the_same_id(db: Database) -> None:
    put_passes(db, 1)
    channel, clock = RecordingChannel(*[TemporaryChannelError("timeout")] * 3), Clock(db)
    postman = sender(db, channel, clock)
    for delay in (1, 5, 30):
        ((_, outcome),) = postman.send_due()
        assert isinstance(outcome, Later)
        clock.forward(delay - 0.5)
        assert postman.send_due() == []
        assert published(db) == []
        clock.forward(1)
    assert [outcome for _, outcome in postman.send_due()] == [Delivered("vendor-4")]
    assert (row(db).attempts, row(db).possible_duplicates, row(db).reason) == (4, 0, None)
    assert len({message.id for message in channel.sent}) == 1
    assert [kind for kind, _ in published(db)] == ["NotificationDelivered"]


@pytest.mark.parametrize("reason", ["unreachable", "credentials", "gateway_fault"])
def test_an_outage_of_the_provider_costs_no_message(db: Database, reason: str) -> None:
    put_passes(db, 3)
    channel, clock = RecordingChannel(*[TemporaryChannelError(reason)] * 90), Clock(db)
    while channel.faults:
        assert sender(db, channel, clock).send_due()
        clock.forward(301)
    sender(db, channel, clock).send_due()
    assert [kind for kind, _ in published(db)] == ["NotificationDelivered"] * 3


def test_a_message_fails_after_its_last_try_that_may_have_arrived(db: Database) -> None:
    put_passes(db, 1)
    fault = TemporaryChannelError("gateway_fault", may_have_arrived=True)
    channel, clock = RecordingChannel(*[fault] * 20), Clock(db)
    for _ in range(20):
        sender(db, channel, clock).send_due()
        clock.forward(2401)
    assert len(channel.sent) == OPTIONS.attempts
    assert (row(db).state, row(db).reason) == ("failed", "gateway_fault")
    assert [(kind, data["reason"]) for kind, data in published(db)] == [
        ("NotificationFailed", "gateway_fault")
    ]


def test_a_message_fails_at_once_after_a_permanent_error(db: Database) -> None:
    put_passes(db, 1)
    channel = RecordingChannel(PermanentChannelError("refused"))
    assert [outcome for _, outcome in sender(db, channel).send_due()] == [Failed("refused", use_next=True)]
    assert row(db).state == "failed"
    assert [(kind, data["reason"]) for kind, data in published(db)] == [("NotificationFailed", "refused")]


def test_a_message_that_its_channel_stumbles_over_fails_alone(db: Database) -> None:
    class Stumbling(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            if not self.sent:
                self.sent.append(message)
                raise IndexError(f"nothing at {message.personal.to}")
            return super().send(message)

    put_passes(db, 2)
    postman = sender(db, Stumbling())
    with capture_logs() as lines:
        outcomes = [outcome for _ in range(2) for _, outcome in postman.send_due()]
    assert outcomes == [Failed("fault", use_next=True), Delivered("vendor-2")]
    assert "a channel has a fault" in {line["event"] for line in lines}
    assert MOBILE not in str(lines)


@pytest.mark.parametrize("fault", [Stopping(), ProgrammingError("select", {}, Exception())])
def test_what_is_no_fault_of_the_message_costs_it_nothing(db: Database, fault: Exception) -> None:
    class Interrupted(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            raise fault

    put_passes(db, 1)
    with pytest.raises(type(fault)):
        sender(db, Interrupted()).send_due()
    assert row(db).state == "queued", "its lease ends, and another sender takes it"


def test_a_channel_that_is_not_configured_fails_the_message_and_not_the_sender(db: Database) -> None:
    put_passes(db, 1)
    sender(db, {}).send_due()
    assert [(kind, data["reason"]) for kind, data in published(db)] == [("NotificationFailed", "no_channel")]


def test_an_expired_code_is_never_sent(db: Database) -> None:
    put_codes(db, 1, minutes=1)
    channel, clock = RecordingChannel(TemporaryChannelError("timeout")), Clock(db)
    postman = sender(db, channel, clock)
    postman.send_due()
    assert len(channel.sent) == 1
    clock.forward(61)
    assert [outcome for _, outcome in postman.send_due()] == [Failed("expired")]
    assert len(channel.sent) == 1
    assert (row(db).state, row(db).personal) == ("expired", None)
    assert [(kind, data["reason"]) for kind, data in published(db)] == [("NotificationFailed", "expired")]


def test_a_code_is_erased_once_it_is_delivered_and_a_pass_is_not(db: Database) -> None:
    put_codes(db, 1)
    put_passes(db, 1)
    for _ in range(2):
        sender(db, RecordingChannel()).send_due()
    with db.transaction() as session:
        stored = {found.purpose: found.personal is not None for found in session.scalars(select(MessageRow))}
    assert stored == {"otp": False, "pass_issued": True}


def test_a_pass_revoked_while_its_channel_is_called_is_not_tried_again(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()))

    class RevokedMeanwhile(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            handle(db, received(visit.revoked(replaced=True)))
            return super().send(message)

    clock = Clock(db)
    sender(db, RevokedMeanwhile(TemporaryChannelError("timeout")), clock).send_due()
    clock.forward(3600)
    assert sender(db, RecordingChannel(), clock).send_due() == []
    assert row(db).state == "withdrawn"
    assert published(db) == []


# --------------------------------------------------------------- transactions


def test_no_transaction_is_open_while_the_channel_is_called(db: Database, stack) -> None:
    put_passes(db, 3)
    watcher = Database(stack.database_url("notify_app", "notify"), pool=1)
    seen: list[int] = []

    class Watching(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            open_ones = (
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
            with watcher.transaction() as session:
                seen.append(
                    session.execute(
                        text(f"{open_ones} and (xact_start is not null or state <> 'idle')")
                    ).scalar_one()
                )
            return super().send(message)

    sender(db, Watching()).send_due()
    assert seen == [0, 0, 0]
    with db.transaction() as session:  # the control: an open transaction is seen
        session.execute(text("select 1"))
        Watching().send(leased_outgoing(db))
    assert seen[-1] == 1
    watcher.close()


def leased_outgoing(db: Database) -> Outgoing:
    """Return a message as a channel receives it."""
    caught = RecordingChannel()
    put_codes(db, 1)
    sender(db, caught).send_due()
    return caught.sent[0]


# ---------------------------------------------------------------------- order


A_THOUSAND = """
insert into messages select copy.* from messages m, generate_series(1, 999) n,
  jsonb_populate_record(
    m, jsonb_build_object('id', md5('i' || n)::uuid, 'event_id', md5('e' || n)::uuid)
  ) copy
"""


def test_a_code_is_sent_before_a_thousand_queued_messages(db: Database) -> None:
    put_passes(db, 1)
    execute(db, A_THOUSAND)
    put_codes(db, 1)
    channel = RecordingChannel()
    sender(db, channel).send_due(limit=5)
    assert [message.purpose for message in channel.sent] == ["otp"]
    assert len(sender(db, channel).send_due(limit=5)) == 5


@contextmanager
def sender_threads(db: Database, channel: object, options: SenderSettings, stack) -> Iterator[None]:
    """The threads of a sender, as `epass sender` has them."""
    stop, faults = threading.Event(), []
    options = options.model_copy(
        update={"database_url": type(options.database_url)(stack.database_url("notify_app", "notify"))}
    )
    channels = {"sms": channel, "whatsapp": channel, "email": channel}
    threads = SenderThreads(
        SteppedSender(db, channels, options, stop), options, stop, lambda: faults.append(1)
    )
    threads.start()
    try:
        yield
    finally:
        stop.set()
        assert threads.finish()
    assert faults == []


def test_codes_are_sent_while_all_other_threads_are_blocked(db: Database, stack) -> None:
    release = threading.Event()

    class StuckPasses(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            if message.purpose == "pass_issued":
                release.wait(15)
            return super().send(message)

    channel = StuckPasses()
    put_passes(db, 50)
    with sender_threads(db, channel, OPTIONS, stack):
        try:
            eventually(lambda: held(db) >= OPTIONS.sender_threads, "all threads are stuck in a pass")
            put_codes(db, 3)
            eventually(lambda: len(channel.sent) == 3, "three codes are sent", seconds=5)
            assert {message.purpose for message in channel.sent} == {"otp"}
        finally:
            release.set()
        eventually(lambda: len(channel.sent) == 53, "the passes follow")


def held(db: Database) -> int:
    with db.transaction() as session:
        return session.execute(
            text("select count(*) from messages where lease is not null and state = 'queued'")
        ).scalar_one()


@pytest.mark.parametrize("put", [put_codes, put_passes])
def test_a_message_wakes_an_idle_sender(db: Database, stack, monkeypatch: pytest.MonkeyPatch, put) -> None:
    monkeypatch.setattr("services.notify.sender.POLL_SECONDS", 60.0)
    channel = RecordingChannel()
    with sender_threads(db, channel, OPTIONS, stack):
        eventually(lambda: listening(db), "it listens")
        for sent in (1, 2):
            put(db, 1)
            eventually(lambda sent=sent: len(channel.sent) == sent, "it is sent")


def test_only_those_who_may_send_a_message_are_woken_by_it() -> None:
    of_codes, of_all = (WakeUp(lanes, ["sms"]) for lanes in (CODES, EVERY_LANE))
    by_email = WakeUp(EVERY_LANE, ["email"])
    for told in ("otp sms", "normal sms"):
        for one in (of_codes, of_all, by_email):
            one.signal(told)
    assert [one.signals for one in (of_codes, of_all, by_email)] == [1, 2, 0]


def listening(db: Database) -> bool:
    with db.transaction() as session:
        return bool(
            session.execute(
                text("select count(*) from pg_stat_activity where query = 'listen messages'")
            ).scalar_one()
        )


def test_a_due_retry_is_found_without_a_wake_up_and_an_idle_sender_does_not_poll_busily(
    db: Database, stack
) -> None:
    put_passes(db, 1)
    channel = RecordingChannel(TemporaryChannelError("timeout"))
    statements: list[str] = []
    with (
        heard(db, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])),
        sender_threads(db, channel, OPTIONS, stack),
    ):
        eventually(lambda: row_state(db) == "delivered", "the second try", seconds=10)
        statements.clear()
        threading.Event().wait(2)
    assert len(statements) < 12, "three threads look once a second, each by one statement"


def row_state(db: Database) -> str:
    return row(db).state


# ---------------------------------------------------------------- traces


CAUSE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def outcome_context(db: Database) -> str | None:
    """Return the trace context of the newest event."""
    with db.transaction() as session:
        newest = select(outbox.c.traceparent).order_by(outbox.c.position.desc()).limit(1)
        return session.execute(newest).scalar_one()


def test_each_try_continues_the_trace_of_the_message_and_its_outcome_that_of_the_try(
    db: Database, collector: Collector
) -> None:
    clock, channel = Clock(db), RecordingChannel(TemporaryChannelError("unreachable"))
    with logs.context(traceparent=CAUSE):
        put_passes(db, 1)
    with tracing.exporting("sender", collector.url):
        sender(db, channel, clock).send_due()
        clock.forward(60)
        sender(db, channel, clock).send_due()
    failed, sent = collector.spans
    assert {(span.name, span.kind, span.traceparent[:36], span.parent_id) for span in (failed, sent)} == {
        ("send pass_issued", "CLIENT", CAUSE[:36], CAUSE[36:52])
    }
    assert failed.attributes == {
        "epass.message.channel": "sms",
        "epass.message.attempt": 1,
        "error.type": "unreachable",
    }
    assert sent.attributes == {"epass.message.channel": "sms", "epass.message.attempt": 2}
    assert outcome_context(db) == sent.traceparent


def test_while_tracing_is_off_the_outcome_has_the_context_of_the_message(db: Database) -> None:
    with logs.context(traceparent=CAUSE):
        put_passes(db, 1)
    sender(db, RecordingChannel()).send_due()
    assert outcome_context(db) == CAUSE


def test_a_pass_that_is_sent_again_has_the_context_of_who_asked_for_it(db: Database) -> None:
    visit = Visit()
    handle(db, received(visit.issued()))
    with db.transaction() as session, logs.context(traceparent=CAUSE):
        resends.resend(ReferenceOnly(reference=visit.reference), make_call(RECEPTION, "key"), session, now())
    with db.transaction() as session:
        again = select(MessageRow.traceparent).where(MessageRow.resend_of.is_not(None))
        assert session.scalars(again).one() == CAUSE

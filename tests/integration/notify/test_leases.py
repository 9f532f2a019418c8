"""Messages that a sender has leased: no other one takes them, until the lease ends."""

import threading
from datetime import datetime, timedelta

from sqlalchemy import select

from contracts.events import BreachNoticeRequested
from contracts.rpc.application import ReferenceOnly
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, Receipt, TemporaryChannelError
from services.notify.domain.messages import provider_id_digest
from services.notify.domain.outcomes import Delivered, Failed, Later, Untried
from services.notify.handlers import event_handlers, leases, resends
from services.notify.handlers.deliveries import EVERY_LANE
from services.notify.models import MessageRow
from tests.integration.notify.stepped import lease_one, published, put_codes, put_passes, row, sender
from tests.integration.statements import heard
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    OPTIONS,
    PUBLIC_URL,
    RECEPTION,
    Clock,
    RecordingChannel,
    Visit,
    received,
)


def settle(db: Database, message: leases.Leased, outcome: object, clock: Clock) -> None:
    with db.transaction() as session:
        leases.settle(session, [(message, outcome)], clock(), {})


def test_a_message_of_a_killed_sender_is_sent_and_marked_after_its_lease_ends(db: Database) -> None:
    put_passes(db, 1)
    clock, channel = Clock(db), RecordingChannel()
    lease_one(db)
    clock.forward(29)
    assert sender(db, channel, clock).send_due() == []
    clock.forward(2)
    sender(db, channel, clock).send_due()
    assert (row(db).state, row(db).attempts, row(db).possible_duplicates) == ("delivered", 2, 1)
    assert len(channel.sent) == 1
    assert len(published(db)) == 1


def test_the_success_of_a_sender_slower_than_its_lease_is_recorded(db: Database) -> None:
    put_passes(db, 1)
    clock = Clock(db)
    slow = lease_one(db)
    clock.forward(31)
    quick = lease_one(db)
    settle(db, slow, Delivered("slow"), clock)
    settle(db, quick, Failed("refused"), clock)
    assert (row(db).state, row(db).provider_id) == ("delivered", provider_id_digest("slow"))
    assert [kind for kind, _ in published(db)] == ["NotificationDelivered"]


def test_a_sender_slower_than_its_lease_cannot_fail_a_message_that_another_has_leased(db: Database) -> None:
    put_passes(db, 1)
    clock = Clock(db)
    slow = lease_one(db)
    clock.forward(31)
    quick = lease_one(db)
    for outcome in (Failed("refused"), Later(clock(), "timeout"), Untried()):
        settle(db, slow, outcome, clock)
        assert (row(db).state, row(db).lease, row(db).attempts) == ("queued", quick.lease, 2)
    settle(db, quick, Delivered(), clock)
    assert [kind for kind, _ in published(db)] == ["NotificationDelivered"]


def test_a_message_that_kills_its_senders_fails_after_its_last_try(db: Database) -> None:
    put_passes(db, 1)
    clock, channel = Clock(db), RecordingChannel()
    for _ in range(OPTIONS.attempts):
        lease_one(db)
        clock.forward(31)
    sender(db, channel, clock).send_due()
    assert (row(db).state, row(db).reason, len(channel.sent)) == ("failed", "attempts", 0)


def test_two_senders_never_lease_the_same_message(db: Database) -> None:
    put_passes(db, 60)
    channel = RecordingChannel()
    threads = [
        threading.Thread(target=lambda: [sender(db, channel).send_due(limit=7) for _ in range(12)])
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(channel.sent) == len({message.id for message in channel.sent}) == 60
    assert len(published(db)) == 60


def test_a_row_that_another_sender_is_leasing_is_skipped(db: Database) -> None:
    put_passes(db, 3)
    with db.transaction() as other, db.transaction() as session:
        taken = other.scalars(select(MessageRow.id).limit(1).with_for_update()).one()
        leased = leases.take(session, ("normal",), 20, 30)  # waiting would end in a lock timeout
    assert len(leased) == 2
    assert taken not in {message.id for message in leased}


def test_what_goes_to_very_many_is_sent_when_nothing_else_is_due(db: Database) -> None:
    with db.transaction() as session:
        for _ in range(3):
            notice = received(BreachNoticeRequested.sample())
            event_handlers.handle_breach_notice_requested(notice, session, now(), PUBLIC_URL)
    put_passes(db, 2)
    put_codes(db, 1)
    taken = []
    for _ in range(4):
        with db.transaction() as session:
            taken.append([one.purpose for one in leases.take(session, EVERY_LANE, 2, 30)])
    notices = ["breach_notice"] * 3
    assert taken == [["otp"], ["pass_issued"] * 2, notices[:2], notices[2:]]


def ahead() -> datetime:
    """The clock of a host that is two leases ahead of the others."""
    return now() + timedelta(seconds=60)


def test_a_sender_whose_clock_is_ahead_takes_no_message_that_another_has_leased(db: Database) -> None:
    put_passes(db, 1)
    other = RecordingChannel()

    class Overtaken(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            sender(db, other, ahead).send_due()
            return super().send(message)

    sender(db, Overtaken()).send_due()
    assert (row(db).state, other.sent) == ("delivered", [])


def test_a_message_stored_or_tried_by_a_host_whose_clock_is_ahead_does_not_wait_for_it(db: Database) -> None:
    visit, clock = Visit(), Clock(db)
    with db.transaction() as session:
        event_handlers.handle_pass_issued(received(visit.issued()), session, ahead(), PUBLIC_URL)
    with db.transaction() as session:
        resends.resend(ReferenceOnly(reference=visit.reference), make_call(RECEPTION), session, ahead())
    channel = RecordingChannel(*[TemporaryChannelError("busy")] * 2)
    assert [type(outcome) for _, outcome in sender(db, channel, ahead).send_due()] == [Later] * 2
    assert sender(db, channel).send_due() == []
    clock.forward(1.5)
    assert [type(outcome) for _, outcome in sender(db, channel).send_due()] == [Delivered] * 2


def test_messages_that_a_slow_channel_leaves_no_time_for_are_returned_unchanged(db: Database) -> None:
    put_passes(db, 5)

    class Slow(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            threading.Event().wait(0.3)
            return super().send(message)

    clock = Clock(db)
    outcomes = [type(outcome) for _, outcome in sender(db, Slow(), clock).send_due()]
    assert outcomes == [Delivered, Delivered, Untried, Untried, Untried]
    with db.transaction() as session:
        left = session.scalars(select(MessageRow).where(MessageRow.state == "queued")).all()
    assert {(message.attempts, message.possible_duplicates, message.lease) for message in left} == {
        (0, 0, None)
    }
    assert len(sender(db, RecordingChannel(), clock).send_due()) == 3


def test_each_outcome_is_recorded_before_the_next_message_is_tried(db: Database) -> None:
    put_passes(db, 4)
    recorded_before: list[int] = []

    class Looking(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            with db.transaction() as session:
                recorded_before.append(
                    len(session.scalars(select(MessageRow.id).where(MessageRow.state == "delivered")).all())
                )
            return super().send(message)

    sender(db, Looking()).send_due()
    assert recorded_before == [0, 1, 2, 3]


def test_a_look_for_messages_is_one_statement_outside_of_any_transaction(db: Database) -> None:
    put_passes(db, 1)
    seen: list[object] = []
    postman = sender(db, RecordingChannel())
    with (
        heard(db, "before_cursor_execute", lambda *arguments: seen.append(arguments[2])),
        heard(db, "commit", lambda *_arguments: seen.append("commit")),
    ):
        assert len(postman.lease(("otp", "normal"), 5, *postman.providers.values())) == 1
        assert postman.lease(("otp", "normal"), 5, *postman.providers.values()) == []
    assert len(seen) == 2, "the lease of the first look holds without a commit"


def test_a_stopping_sender_returns_messages_that_it_has_not_tried(db: Database) -> None:
    put_passes(db, 3)
    stop = threading.Event()

    class Stopped(RecordingChannel):
        def send(self, message: Outgoing) -> Receipt:
            stop.set()
            return super().send(message)

    outcomes = [type(outcome) for _, outcome in sender(db, Stopped(), stop=stop).send_due()]
    assert outcomes == [Delivered, Untried, Untried]

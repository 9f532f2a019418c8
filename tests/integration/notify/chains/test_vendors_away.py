"""A vendor that is away: what waits for it, what goes on, what it gets when it is back."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from contracts.rpc.application import ReferenceOnly
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, PermanentChannelError, Receipt, TemporaryChannelError
from services.notify.domain import breakers
from services.notify.handlers import event_handlers, resends
from tests.integration.notify.chains.two_vendors import (
    CHAINS,
    Vendor,
    make_sender,
    nobody_was_reached,
    passes_that_wait,
    published,
    put_code,
    put_pass,
    report,
    rounds,
    rows,
    stored_codes,
    undelivered,
)
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    APPLICANT,
    OPTIONS,
    PUBLIC_URL,
    Clock,
    SteppedSender,
    Visit,
    otp,
    received,
)
from tests.support.stack.databases import execute
from tests.support.stack.extent import long

pytestmark = long


def test_a_vendor_that_is_away_is_left_alone_and_passes_go_on_after_their_wait(
    db: Database, sms: Vendor, clock: Clock
) -> None:
    away = Vendor("wa", *[TemporaryChannelError("unreachable")] * 1000)
    postman = make_sender(db, away, sms, clock)
    for _ in range(30):
        put_pass(db)
    for _ in range(10):
        postman.send_due()
    assert len(away.sent) == breakers.FAILURES
    for _ in range(5):
        clock.forward(30)
        postman.send_due()
        postman.advance()
    while postman.send_due():
        pass
    assert len(sms.sent) == 30
    assert len(away.sent) <= breakers.FAILURES + 6, "while it is away, one message now and then is the test"


def test_a_pass_that_no_vendor_was_given_waits_for_one_that_is_away_and_reception_sees_it(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    postman, away, visits = passes_that_wait(db, whatsapp, clock)
    numbers = {visit.number for visit in visits}
    assert len(whatsapp.sent) == len(visits), "each was refused once"
    assert set(undelivered(db)) == numbers, "and is printed for whoever comes meanwhile"
    away.faults, away.sent = [], []
    for _ in range(6):
        clock.forward(60)
        while postman.send_due() or postman.advance():
            pass
    sent = [message.personal.parameters["number"] for message in away.sent]
    assert sorted(sent) == sorted(numbers), "each once"
    assert len(whatsapp.sent) == len(visits)
    for place in range(len(visits)):
        report(db, "sms", f"sms-vendor-{place + 1}", "delivered")
    postman.advance()
    assert undelivered(db) == []


@pytest.mark.parametrize("put", [put_pass, put_code])
def test_a_sender_whose_clock_is_days_ahead_ends_no_message_that_waits(
    db: Database, clock: Clock, put: Callable[[Database], object]
) -> None:
    clock.ahead = timedelta(days=3)
    faults = TemporaryChannelError("busy"), PermanentChannelError("refused")
    first, second = Vendor("first", *faults), Vendor("second")
    vendors = (first, second) if put is put_pass else (second, first)
    postman = make_sender(db, *vendors, clock)
    put(db)
    postman.send_due()
    clock.forward(1)
    rounds(postman)
    assert [state for _, state, _ in rows(db)] == ["failed", "accepted"]
    assert (len(first.sent), len(second.sent)) == (2, 1)


def test_a_pass_of_a_sender_whose_clock_is_days_ahead_waits_for_a_vendor_that_is_away(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    clock.ahead = timedelta(days=3)
    _, _, visits = passes_that_wait(db, whatsapp, clock)
    assert set(undelivered(db)) == {visit.number for visit in visits}
    assert [state for channel, state, _ in rows(db) if channel == "sms"] == ["queued"] * len(visits)


def test_a_pass_that_waits_for_a_vendor_is_not_sent_any_more_once_it_is_revoked(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    postman, away, visits = passes_that_wait(db, whatsapp, clock)
    gone = [received(visit.revoked(reason="cancelled")) for visit in visits]
    with db.transaction() as session:
        for event in gone:
            event_handlers.handle_pass_revoked(event, session, now(), PUBLIC_URL)
    away.faults, away.sent = [], []
    for _ in range(14):
        clock.forward(60)
        while postman.send_due() or postman.advance():
            pass
    assert {message.purpose for message in (*away.sent, *whatsapp.sent[len(visits) :])} <= {"pass_revoked"}


def test_a_code_does_not_wait_for_a_vendor_that_is_away(db: Database, whatsapp: Vendor, clock: Clock) -> None:
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    postman = make_sender(db, whatsapp, away, clock)
    for _ in range(breakers.FAILURES):
        put_pass(db, Visit())
    while postman.send_due():
        pass
    handle(db, otp())
    postman.send_due(("otp",))
    postman.advance()
    postman.send_due(("otp",))
    assert [message.purpose for message in whatsapp.sent] == ["otp"]


def test_a_vendor_that_works_again_gets_its_messages(db: Database, sms: Vendor, clock: Clock) -> None:
    flaky = Vendor("wa", *[TemporaryChannelError("unreachable")] * breakers.FAILURES)
    postman = make_sender(db, flaky, sms, clock, chain_pass=())
    for _ in range(15):
        put_pass(db)
    for _ in range(4):
        postman.send_due()
        clock.forward(16)
    while postman.send_due():
        pass
    assert [state for _, state, _ in rows(db)] == ["accepted"] * 15


def test_passes_leased_before_their_vendor_was_left_alone_wait_as_all_others(
    db: Database, sms: Vendor, clock: Clock
) -> None:
    away = Vendor("wa", *[TemporaryChannelError("unreachable")] * breakers.FAILURES)
    postman = make_sender(db, away, sms, clock)
    for _ in range(breakers.FAILURES + 2):
        put_pass(db)
    postman.send_due()
    rounds(postman)
    assert sms.sent == []
    clock.forward(16)
    rounds(postman)
    assert ([state for _, state, _ in rows(db)], sms.sent) == (["accepted"] * 12, [])


def test_a_clock_that_is_set_back_keeps_no_vendor_alone_for_longer(
    db: Database, sms: Vendor, clock: Clock
) -> None:
    flaky = Vendor("wa", *[TemporaryChannelError("unreachable")] * breakers.FAILURES)
    postman = make_sender(db, flaky, sms, clock, chain_pass=())
    for _ in range(breakers.FAILURES):
        put_pass(db)
    while postman.send_due():
        pass
    assert postman.providers["wa"].breaker.state(clock.monotonic()) == "open"
    clock.set_back(3600)
    clock.forward(16)
    assert len(postman.send_due()) == 1
    assert postman.providers["wa"].breaker.state(clock.monotonic()) == "closed"


def test_a_vendor_that_works_again_gets_its_messages_though_other_threads_look_during_the_test(
    db: Database, sms: Vendor, clock: Clock
) -> None:
    class Polled(Vendor):
        def send(self, message: Outgoing) -> Receipt:
            if not self.faults:  # the test; it has not ended when another thread looks for messages
                thread = threading.Thread(target=postman.send_due)
                thread.start()
                thread.join()
            return super().send(message)

    flaky = Polled("wa", *[TemporaryChannelError("unreachable")] * breakers.FAILURES)
    postman = make_sender(db, flaky, sms, clock, chain_pass=())
    for _ in range(breakers.FAILURES):
        put_pass(db)
    while postman.send_due():
        pass
    assert postman.providers["wa"].breaker.state(clock.monotonic()) == "open"
    clock.forward(16)
    assert len(postman.send_due()) == 1
    assert postman.providers["wa"].breaker.state(clock.monotonic()) == "closed"


def test_a_limit_for_one_person_pauses_nobody_else(db: Database, sms: Vendor, clock: Clock) -> None:
    paired = Vendor("wa", TemporaryChannelError("busy", retry_after=6.0, recipient_only=True))
    postman = make_sender(db, paired, sms, clock, chain_pass=())
    for _ in range(3):
        put_pass(db)
    while postman.send_due(limit=1):
        pass
    assert sorted(state for _, state, _ in rows(db)) == ["accepted", "accepted", "queued"]


def test_a_code_that_waits_for_a_slow_vendor_goes_on_to_the_next_channel(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    """All threads of the vendor are busy, and none of its calls has failed."""
    put_code(db)
    postman.advance()
    clock.forward(29)
    assert postman.advance() == 0
    clock.forward(2)
    assert postman.advance() == 1
    postman.send_due()
    assert (len(sms.sent), len(whatsapp.sent)) == (0, 1)


def test_a_code_that_no_other_channel_can_carry_waits_for_a_vendor(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    put_code(db)
    for _ in range(2):  # the SMS route, then WhatsApp
        postman.advance()
        clock.forward(31)
    postman.advance()
    postman.advance()
    clock.forward(31)
    postman.advance()
    postman.send_due()
    sent = (*sms.sent, *whatsapp.sent)
    assert [message.personal.parameters["code"] for message in sent] == ["482917"], "once, on one of them"
    assert sorted(state for _, state, _ in rows(db)) == ["accepted", "failed"]


@pytest.mark.parametrize("has_whatsapp", [True, False])
def test_a_code_whose_vendor_is_away_for_a_while_is_sent_when_it_is_back(
    db: Database, clock: Clock, has_whatsapp: bool
) -> None:
    """Whoever waits has no WhatsApp, or nobody has connected it."""
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    refusing = Vendor("wa", *[PermanentChannelError("not_on_whatsapp")] * 1000)
    options = OPTIONS.model_copy(update=CHAINS)
    channels = {"sms": away, "whatsapp": refusing} if has_whatsapp else {"sms": away}
    postman = SteppedSender(db, channels, options, threading.Event(), clock)
    put_code(db)
    for _ in range(15):
        while postman.send_due() or postman.advance():
            pass
        clock.forward(10)
    away.faults, away.sent = [], []
    for _ in range(15):
        while postman.send_due() or postman.advance():
            pass
        clock.forward(10)
    assert [message.personal.parameters["code"] for message in away.sent] == ["482917"]
    assert len(refusing.sent) == has_whatsapp


def test_a_vendor_that_asks_for_a_pause_gets_it(db: Database, sms: Vendor, clock: Clock) -> None:
    busy = Vendor("wa", TemporaryChannelError("gateway_fault", retry_after=60))
    postman = make_sender(db, busy, sms, clock, chain_pass=())
    for _ in range(3):
        put_pass(db)
    postman.send_due(limit=1)
    clock.forward(59)
    assert postman.send_due() == []
    clock.forward(2)
    while postman.send_due():
        pass
    assert len(busy.sent) == 4


def test_each_pass_that_its_outage_outlives_is_told_and_counted(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")] * 8
    postman = make_sender(db, whatsapp, away, clock)
    for _ in range(8):
        put_pass(db)
    execute(db, "update messages set expires_at = :at", at=now() + timedelta(minutes=40))
    before = nobody_was_reached("pass_issued")
    for _ in range(60):
        clock.forward(60)
        rounds(postman)
    ends = [one for one in published(db) if one[-1] == "-"]
    assert len(ends) == 8, ends
    assert nobody_was_reached("pass_issued") - before == 8


def test_a_code_whose_wait_is_over_after_its_time_is_told_counted_and_erased(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    postman = make_sender(db, whatsapp, sms, clock)
    handle(db, otp())
    execute(db, "update messages set next_at = now()")
    before = nobody_was_reached("otp")
    clock.forward(700)
    postman.advance()
    assert published(db) == [("sms", "expired", "-")]
    assert nobody_was_reached("otp") - before == 1
    assert stored_codes(db) == 0


def test_a_step_that_another_sender_holds_when_the_last_channel_fails_waits_again_a_moment_later(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    whatsapp.faults = [PermanentChannelError("refused")]
    sms.faults = [TemporaryChannelError("unreachable")]
    postman = make_sender(db, whatsapp, sms, clock, chain_pass=("sms:600", "whatsapp:120"))
    put_pass(db, Visit())
    postman.send_due()
    clock.forward(601)
    postman.advance()
    with db.transaction() as other:
        other.execute(text("select from messages where channel = 'sms' for update"))
        postman.send_due()
        postman.advance()
    clock.forward(1)
    rounds(postman)
    assert rows(db)[0][:2] == ("sms", "accepted")
    assert [one for one in published(db) if one[-1] == "-"] == []


def test_of_the_resends_during_an_outage_only_the_newest_go_out(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")] * 20
    postman = make_sender(db, whatsapp, away, clock)
    visit = put_pass(db)
    for key in range(9):
        for _ in range(4):
            clock.forward(60)
            rounds(postman)
        with db.transaction() as session:
            call = make_call(APPLICANT, key=str(key))
            resends.resend(ReferenceOnly(reference=visit.reference), call, session, clock())
    for _ in range(20):
        clock.forward(60)
        rounds(postman)
    away.faults, away.sent = [], []
    for _ in range(20):
        clock.forward(60)
        rounds(postman)
    assert len(away.sent) == 1
    report(db, "sms", "sms-vendor-1", "delivered")
    postman.advance()
    assert undelivered(db) == []


def test_what_does_not_expire_waits_for_its_vendors_for_48_hours(db: Database, clock: Clock) -> None:
    sms = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    whatsapp = Vendor("wa", *[TemporaryChannelError("unreachable")] * 1000)
    postman = make_sender(db, whatsapp, sms, clock)
    for _ in range(12):
        handle(db, received(Visit().rejected()))
    for _ in range(50):
        clock.forward(3600)
        rounds(postman)
    sms.faults, sms.sent, whatsapp.faults, whatsapp.sent = [], [], [], []
    for _ in range(20):
        clock.forward(60)
        rounds(postman)
    assert [*sms.sent, *whatsapp.sent] == []
    assert len([one for one in published(db) if one[-1] == "-"]) == 12, "each is told"

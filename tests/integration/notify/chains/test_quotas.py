"""Limits of a vendor: its day, its second, and one message within six seconds for a person."""

import threading
from datetime import datetime
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import text

from contracts.rpc.notify import WrongNumber
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, PermanentChannelError, Receipt, TemporaryChannelError
from services.notify.domain.quotas import Limits
from services.notify.handlers import event_handlers, quotas
from services.notify.handlers.opt_outs import stop_messages
from services.notify.sender import SenderThreads
from tests.integration.notify.chains.two_vendors import CHAINS, Vendor, make_sender, put_pass, rows
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    MOBILE,
    OPTIONS,
    PUBLIC_URL,
    Clock,
    SteppedSender,
    Visit,
    otp,
    received,
)
from tests.support.stack.running import eventually


def test_when_the_day_of_a_vendor_is_used_up_sms_takes_over(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    postmen = [make_sender(db, whatsapp, sms, clock, whatsapp_per_day=5) for _ in range(2)]
    for _ in range(8):
        put_pass(db)
    for _ in range(8):
        for postman in postmen:
            postman.send_due(limit=2)
            postman.advance()
    assert (len(whatsapp.sent), len(sms.sent)) == (5, 3)
    assert [state for _, state, _ in rows(db)].count("accepted") == 8


def test_what_the_vendor_was_not_given_stays_in_its_day(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    postman = make_sender(db, whatsapp, sms, clock, whatsapp_per_day=9, chain_pass=())
    provider = postman.providers["wa"]

    def used() -> int:
        with db.queries() as session:
            return int(session.scalars(text("select coalesce(sum(used), 0) from provider_hours")).one())

    whatsapp.faults = [
        TemporaryChannelError("unreachable"),
        TemporaryChannelError("unreachable", may_have_arrived=True),
        PermanentChannelError("not_on_whatsapp"),
    ]
    for _ in range(4):
        put_pass(db)
    postman.send(postman.lease(("normal",), 4, provider))
    assert used() == 3, "all but the one whose vendor was not reached"

    wrong = put_pass(db)
    with db.transaction() as session:
        number = WrongNumber(reference=wrong.reference, mobile_last4=MOBILE[-4:])
        stop_messages(number, make_call(key="wrong"), session, now())
    postman.send(postman.lease(("normal",), 1, provider))
    assert used() == 3, "it was held back"

    put_pass(db)
    leased = postman.lease(("normal",), 1, provider)
    assert used() == 4
    stop = threading.Event()
    stop.set()
    options = OPTIONS.model_copy(update={**CHAINS, "whatsapp_per_day": 9})
    SteppedSender(db, {"whatsapp": whatsapp, "sms": sms}, options, stop, clock).send(leased)
    assert used() == 3, "the sender stopped before it was tried"


def test_a_message_of_the_day_is_sent_though_another_thread_has_found_the_day_used_up(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    postman = make_sender(db, whatsapp, sms, clock, whatsapp_per_day=1)
    provider = postman.providers["wa"]
    put_pass(db)
    put_pass(db)
    first = postman.lease(("normal",), 1, provider)
    second = postman.lease(("normal",), 1, provider)
    postman.send(second)
    postman.send(first)
    assert [message.id for message in whatsapp.sent] == [first[0].id]


def test_who_waits_for_the_count_of_a_vendor_counts_in_the_second_in_which_it_ends(db: Database) -> None:
    limits = Limits(per_second=10)

    def second(column: str) -> datetime:
        with db.queries() as session:
            return session.scalars(text(f"select {column}")).one()

    def count() -> None:
        with db.transaction() as session:
            quotas.reserve(session, "wa", limits, 1, urgent=True)

    thread = threading.Thread(target=count)
    with db.transaction() as session:
        quotas.reserve(session, "wa", limits, 1, urgent=True)
        thread.start()
        waiting = "exists (select from pg_locks where not granted)"
        eventually(lambda: second(waiting), "the other waits for the count", 5)
        began = second("date_trunc('second', clock_timestamp())")
        eventually(lambda: second("date_trunc('second', clock_timestamp())") > began, "a new second", 5)
    thread.join()
    assert second("(select second from providers where name = 'wa')") > began


def test_a_person_gets_one_whatsapp_message_within_six_seconds(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    postmen = [make_sender(db, whatsapp, sms, clock, whatsapp_per_recipient=6.0) for _ in range(2)]
    visit = Visit(deliver_by="whatsapp")
    with db.transaction() as session:
        for _ in range(3):
            event_handlers.handle_application_cancelled(
                received(visit.cancelled()), session, now(), PUBLIC_URL
            )
    sent = []
    for _ in range(3):
        for postman in postmen:
            postman.send_due()
        sent.append(len(whatsapp.sent))
        clock.forward(6.1)
    assert sent == [1, 2, 3]


def test_a_second_of_a_vendor_is_shared_by_all_senders_and_keeps_room_for_codes(db: Database) -> None:
    limits = Limits(per_second=10)

    def take(name: str, *, urgent: bool) -> int:
        with db.transaction() as session:
            allowed = quotas.reserve(session, name, limits, 20, urgent=urgent).now
            quotas.spend(session, name, allowed)
        return allowed

    def second() -> datetime:
        with db.queries() as session:
            return session.scalars(text("select date_trunc('second', clock_timestamp())")).one()

    while True:  # until all of it happens within one second
        name, began = uuid4().hex, second()
        taken = [take(name, urgent=urgent) for urgent in (False, False, True, True)]
        if second() == began:
            break
    assert taken == [9, 0, 1, 0]


def test_a_vendor_that_is_slow_delays_neither_codes_nor_the_messages_of_others(
    db: Database, stack, clock: Clock
) -> None:
    release = threading.Event()

    class Slow(Vendor):
        def send(self, message: Outgoing) -> Receipt:
            release.wait(30)
            return super().send(message)

    slow, sms = Slow("wa"), Vendor("sms")
    for _ in range(30):
        put_pass(db)
    options = OPTIONS.model_copy(
        update={**CHAINS, "database_url": SecretStr(stack.database_url("notify_app", "notify"))}
    )
    stop, faults = threading.Event(), []
    postman = SteppedSender(db, {"whatsapp": slow, "sms": sms}, options, stop)
    threads = SenderThreads(postman, options, stop, lambda: faults.append(1))
    threads.start()
    try:
        for _ in range(5):
            put_pass(db, Visit())
        handle(db, otp())
        eventually(lambda: len(sms.sent) == 6, "others' messages are sent", 5)
        assert slow.sent == []
    finally:
        release.set()
        stop.set()
        assert threads.finish()
    assert faults == []

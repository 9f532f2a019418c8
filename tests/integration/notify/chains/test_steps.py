"""Chains of channels: the next one is taken once, and only if nobody has said that the message arrived."""

import threading
from datetime import datetime, timedelta

import psycopg
import pytest
from sqlalchemy import select, text

from contracts.events import DecisionPersonal, VisitorCalled
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import PermanentChannelError, TemporaryChannelError
from services.notify.handlers import chains, erasure, event_handlers
from services.notify.handlers.messages import lock_application
from services.notify.handlers.policies import policy_of
from services.notify.models import MessageRow
from tests.integration.notify.chains.two_vendors import (
    CHAINS,
    Vendor,
    change_number,
    make_sender,
    nobody_was_reached,
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
from tests.support.factories.notify import (
    MOBILE,
    OPTIONS,
    PUBLIC_URL,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    otp,
    received,
)
from tests.support.stack.databases import execute
from tests.support.stack.running import eventually


def test_a_pass_that_nobody_confirms_goes_on_to_sms_and_then_to_reception(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    put_pass(db)
    postman.send_due()
    clock.forward(119)
    assert postman.advance() == 0
    clock.forward(2)
    assert postman.advance() == 1
    assert rows(db) == [("whatsapp", "accepted", "unconfirmed"), ("sms", "queued", None)]
    postman.send_due()
    clock.forward(601)
    assert postman.advance() == 1
    assert rows(db) == [("whatsapp", "accepted", "unconfirmed"), ("sms", "accepted", "unconfirmed")]
    assert (len(whatsapp.sent), len(sms.sent)) == (1, 1)
    assert published(db) == [
        ("whatsapp", "sent"),
        ("whatsapp", "unconfirmed", "sms"),
        ("sms", "sent"),
        ("sms", "unconfirmed", "-"),
    ]
    with db.transaction() as session:
        marked = select(MessageRow.channel).where(MessageRow.undelivered_at.is_not(None))
        assert session.scalars(marked).all() == ["sms"]
    clock.forward(3600)
    assert postman.advance() == 0
    report(db, "sms", "sms-vendor-1", "failed")
    postman.advance()
    assert rows(db)[1] == ("sms", "failed", "refused")
    with db.transaction() as session:
        assert session.scalars(marked).all() == ["sms"], "a late failure takes no mark away"


def test_a_pass_whose_delivery_is_reported_goes_no_further(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    put_pass(db)
    postman.send_due()
    report(db, "wa", "wa-vendor-1", "delivered")
    assert postman.advance() == 1
    clock.forward(3600)
    assert (postman.advance(), postman.send_due()) == (0, [])
    assert rows(db) == [("whatsapp", "delivered", None)]
    assert published(db) == [("whatsapp", "sent"), ("whatsapp", "delivered")]


def test_a_person_who_is_not_on_whatsapp_gets_an_sms_at_once(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, stack
) -> None:
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")]
    url = stack.database_url("notify_app", "notify").replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as listener:
        listener.execute("listen messages")
        put_pass(db)
        postman.send_due()
        postman.advance()
        told = [one.payload for one in listener.notifies(timeout=10, stop_after=2)]
    postman.send_due()
    assert told == ["normal whatsapp", "normal sms"]
    assert [message.personal.to for message in sms.sent] == [MOBILE]
    assert rows(db) == [("whatsapp", "failed", "not_on_whatsapp"), ("sms", "accepted", None)]
    assert published(db) == [("whatsapp", "not_on_whatsapp", "sms"), ("sms", "sent")]


def test_an_error_that_no_channel_helps_against_ends_the_chain(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    whatsapp.faults = [PermanentChannelError("opted_out", use_next=False)]
    put_pass(db)
    postman.send_due()
    assert (postman.advance(), postman.send_due()) == (0, [])
    assert published(db) == [("whatsapp", "opted_out", "-")]


def test_several_senders_take_a_next_step_once(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    for _ in range(20):
        put_pass(db)
    while postman.send_due():
        pass
    clock.forward(121)
    start = threading.Barrier(4)

    def advance() -> None:
        start.wait()
        while make_sender(db, whatsapp, sms, clock).advance():
            pass

    threads = [threading.Thread(target=advance) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while postman.send_due():
        pass
    assert (len(whatsapp.sent), len(sms.sent)) == (20, 20)
    assert published(db).count(("whatsapp", "unconfirmed", "sms")) == 20


def test_a_step_that_is_interrupted_is_taken_later_as_a_whole(
    db: Database, postman: SteppedSender, sms: Vendor, clock: Clock
) -> None:
    """The process dies before the commit: nothing of the step remains, and the next one takes it."""
    put_pass(db)
    postman.send_due()
    clock.forward(121)
    with db.transaction() as session:
        assert chains.take_next(session, policy_of(OPTIONS.model_copy(update=CHAINS)).chains, clock()) == 1
        session.rollback()
    assert rows(db) == [("whatsapp", "accepted", None)]
    assert postman.advance() == 1
    postman.send_due()
    assert len(sms.sent) == 1


def test_a_message_that_was_withdrawn_before_its_first_try_goes_nowhere_and_stops_nothing(
    db: Database, postman: SteppedSender, sms: Vendor, clock: Clock
) -> None:
    """Its clock was started because the vendor was away; then its application was erased."""
    put_pass(db)
    with db.transaction() as session:
        chains.start_clocks(session, policy_of(OPTIONS.model_copy(update=CHAINS)).chains, ["whatsapp"])
        session.execute(text("update messages set state = 'withdrawn', personal = null"))
    clock.forward(121)
    postman.advance()
    assert (postman.advance(), postman.send_due()) == (0, [])
    assert rows(db) == [("whatsapp", "withdrawn", None)]
    assert (published(db), undelivered(db)) == ([], [])


def test_a_step_that_an_erasure_waits_for_is_erased_too(
    db: Database, postman: SteppedSender, clock: Clock
) -> None:
    visit = put_pass(db)
    postman.send_due()
    clock.forward(121)
    erased = received(visit.erased())

    def erase() -> None:
        handle(db, erased)

    def is_waiting() -> bool:
        waiting = (
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        with db.queries() as session:
            return bool(session.execute(text(f"select exists ({waiting})")).scalar_one())

    thread = threading.Thread(target=erase)
    with db.transaction() as session:
        assert chains.take_next(session, policy_of(OPTIONS.model_copy(update=CHAINS)).chains, clock()) == 1
        thread.start()
        eventually(is_waiting, "the erasure waits for the step", 10)
    thread.join()
    assert rows(db) == [("whatsapp", "accepted", "unconfirmed"), ("sms", "withdrawn", None)]
    with db.transaction() as session:
        left = session.execute(
            select(MessageRow.personal, MessageRow.recipient, MessageRow.provider_id, MessageRow.next_at)
        ).all()
    assert set(left) == {(None, None, None, None)}


def test_a_step_is_not_taken_while_its_application_is_being_erased(
    db: Database, postman: SteppedSender, clock: Clock
) -> None:
    visit = put_pass(db)
    postman.send_due()
    clock.forward(121)
    with db.transaction() as erasing:
        lock_application(erasing, visit.application_id, visit.reference)
        assert postman.advance() == 0
        erasure.handle_personal_data_erased(received(visit.erased()), erasing, now())
    assert (postman.advance(), postman.send_due()) == (0, [])
    assert rows(db) == [("whatsapp", "accepted", None)]


def test_a_revoked_pass_goes_no_further(
    db: Database, postman: SteppedSender, sms: Vendor, clock: Clock
) -> None:
    visit = put_pass(db)
    postman.send_due()
    with db.transaction() as session:
        revoked = received(visit.revoked(reason="cancelled"))
        event_handlers.handle_pass_revoked(revoked, session, now(), PUBLIC_URL)
    clock.forward(121)
    postman.advance()
    assert postman.send_due() == []
    assert sms.sent == []


def test_a_code_goes_on_to_the_next_channel_and_is_erased_when_it_has_arrived(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    handle(db, otp())
    postman.send_due()
    clock.forward(31)
    postman.advance()
    postman.send_due()
    assert [message.personal.parameters["code"] for message in whatsapp.sent] == ["482917"]
    report(db, "wa", "wa-vendor-1", "delivered")
    postman.advance()
    with db.transaction() as session:
        assert session.scalars(select(MessageRow.personal)).all() == [None, None]


def test_a_foreign_visitor_whose_whatsapp_fails_gets_an_email(db: Database, clock: Clock) -> None:
    put_pass(db, Visit(deliver_by="whatsapp", mobile="+4915112345678", email="a.person@example.org"))
    mail, whatsapp = Vendor("mail"), Vendor("wa", PermanentChannelError("not_on_whatsapp"))
    chain = ("whatsapp:120", "sms:600", "email:600")
    options = OPTIONS.model_copy(update={"chain_pass": chain})
    everywhere = {"whatsapp": whatsapp, "sms": Vendor("sms"), "email": mail}
    postman = SteppedSender(db, everywhere, options, threading.Event(), clock)
    postman.send_due()
    postman.advance()
    postman.send_due()
    assert [message.personal.to for message in mail.sent] == ["a.person@example.org"]


def test_no_chain_goes_on_to_a_channel_without_a_vendor() -> None:
    chain = ("whatsapp:120", "email:600")
    options = OPTIONS.model_copy(update={"chain_pass": chain})
    assert [step.channel for step in policy_of(options, ("sms", "whatsapp")).chains["pass"]] == ["whatsapp"]
    assert [step.channel for step in policy_of(options).chains["pass"]] == ["whatsapp", "email"]


def test_a_code_whose_vendor_asks_for_a_long_pause_goes_on_to_the_next_channel(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    busy = Vendor("sms", TemporaryChannelError("busy", retry_after=900))
    postman = make_sender(db, whatsapp, busy, clock)
    put_code(db, minutes=4)  # its next try would be after its expiry
    postman.send_due()
    assert rows(db) == [("sms", "expired", "expired")]
    postman.advance()
    postman.send_due(("otp",))
    assert [message.personal.parameters["code"] for message in whatsapp.sent] == ["482917"]


def test_a_code_whose_vendor_reports_its_failure_too_late_ends_as_one_that_failed_at_once(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock
) -> None:
    before = nobody_was_reached("otp")
    put_code(db)
    postman.send_due()
    clock.forward(660)  # the code has expired
    report(db, "sms", "sms-vendor-1", "failed", reason="not_reachable", use_next=True)
    postman.advance()
    assert postman.send_due() == []
    assert whatsapp.sent == []
    assert published(db) == [("sms", "sent"), ("sms", "not_reachable", "-")]
    assert nobody_was_reached("otp") == before + 1


def test_a_failure_that_is_reported_after_a_code_has_expired_unconfirmed_is_published_and_counted(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock
) -> None:
    """No sender ran meanwhile, so that nothing went on to another channel."""
    before = nobody_was_reached("otp")
    put_code(db)
    postman.send_due()
    clock.forward(660)
    postman.advance()
    assert published(db) == [("sms", "sent")], "perhaps it has arrived"
    report(db, "sms", "sms-vendor-1", "failed", reason="not_reachable", use_next=True)
    postman.advance()
    assert postman.send_due() == []
    assert whatsapp.sent == []
    assert published(db) == [("sms", "sent"), ("sms", "not_reachable", "-")]
    assert nobody_was_reached("otp") == before + 1


def test_a_message_whose_tries_are_used_up_goes_on_to_the_next_channel(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    put_pass(db)
    execute(db, "update messages set possible_duplicates = 8")
    postman.send_due()
    postman.advance()
    postman.send_due()
    assert rows(db) == [("whatsapp", "failed", "attempts"), ("sms", "accepted", None)]
    assert (len(whatsapp.sent), len(sms.sent)) == (0, 1)


def test_a_message_that_0_11_0_stored_goes_on_to_the_next_channel(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")]
    put_pass(db)
    with db.transaction() as session:
        session.execute(text("update messages set recipient = null, email_sealed = null"))
        session.execute(text("update passes set site = null"))
    postman.send_due()
    postman.advance()
    postman.send_due()
    assert [message.personal.to for message in sms.sent] == [MOBILE]


def test_what_can_wait_is_sent_in_the_morning(db: Database, whatsapp: Vendor, sms: Vendor) -> None:
    at = datetime.fromisoformat("2026-12-01T23:30:00+05:30")
    postman = make_sender(
        db, whatsapp, sms, lambda: at, quiet_purposes=("application_expired",), local_mode=False
    )
    visit = Visit(deliver_by="whatsapp")
    with db.transaction() as session:
        event_handlers.handle_application_expired(received(visit.expired()), session, at, PUBLIC_URL)
        event_handlers.handle_application_cancelled(received(visit.cancelled()), session, at, PUBLIC_URL)
    while postman.send_due():
        pass
    assert [message.purpose for message in whatsapp.sent] == ["application_cancelled"]
    with db.transaction() as session:
        row = session.scalars(select(MessageRow).where(MessageRow.state == "queued")).one()
        assert (row.attempts, row.purpose) == (0, "application_expired")
        assert row.due_at - now() > timedelta(hours=7, minutes=20)


def test_a_message_that_only_a_later_release_can_write_waits_for_it_and_others_go_on(
    db: Database, postman: SteppedSender, whatsapp: Vendor
) -> None:
    """It went back while the message waited; a sender that ended at it would send no code any more."""
    visit = Visit(deliver_by="whatsapp")
    with db.transaction() as session:
        event_handlers.handle_application_expired(received(visit.expired()), session, now(), PUBLIC_URL)
    with db.transaction() as session:
        session.execute(text("update messages set purpose = 'of_a_later_release'"))
        event_handlers.handle_application_cancelled(received(visit.cancelled()), session, now(), PUBLIC_URL)
    while postman.send_due():
        pass
    assert [message.purpose for message in whatsapp.sent] == ["application_cancelled"]
    with db.transaction() as session:
        waiting = session.scalars(select(MessageRow).where(MessageRow.state == "queued")).one()
        assert (waiting.purpose, waiting.attempts) == ("of_a_later_release", 0)


@pytest.mark.parametrize("step", [0, 1])
def test_a_pass_that_is_queued_again_after_it_was_revoked_is_not_sent(
    db: Database, postman: SteppedSender, whatsapp: Vendor, step: int
) -> None:
    """A step is put back by one transaction while another revokes the pass and cannot see it."""
    visit = put_pass(db)
    with db.transaction() as session:
        event_handlers.handle_pass_revoked(received(visit.revoked()), session, now(), PUBLIC_URL)
        again = "update messages set state = 'queued', ended_at = null, step = :step where purpose = :purpose"
        session.execute(text(again), {"step": step, "purpose": "pass_issued"})
    while postman.send_due():
        pass
    assert {message.purpose for message in whatsapp.sent} == {"pass_revoked"}


def test_the_news_that_a_pass_was_revoked_goes_on_to_the_next_channel_and_waits_for_a_vendor(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")] * 10
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    postman = make_sender(db, whatsapp, away, clock)
    visit = put_pass(db)
    handle(db, received(visit.revoked()))
    for _ in range(30):
        rounds(postman)
        clock.forward(60)
    away.faults, away.sent = [], []
    for _ in range(30):
        rounds(postman)
        clock.forward(60)
    assert [message.purpose for message in away.sent] == ["pass_revoked"]


def test_a_code_is_erased_on_every_channel_once_a_vendor_without_receipts_has_taken_it(
    db: Database, clock: Clock
) -> None:
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    postman = make_sender(db, RecordingChannel(), away, clock)
    handle(db, otp())
    for _ in range(12):
        rounds(postman)
        clock.forward(10)
    assert [state for _, state, _ in rows(db)] == ["failed", "delivered"]
    assert stored_codes(db) == 0


@pytest.mark.parametrize("older", ["queued", "sent", "refused", "late", "at another number"])
def test_an_older_answer_of_the_office_never_comes_after_a_newer_one(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock, older: str
) -> None:
    visit, at = Visit(deliver_by="whatsapp", language="en"), now()
    personal, tomorrow = DecisionPersonal(contact=visit.contact), at.date() + timedelta(days=1)
    said, replaces = (
        received(
            visit._example(VisitorCalled, answer=one, room="", personal=personal, day=tomorrow),
            at=at - timedelta(seconds=ago),
        )
        for one, ago in (("not_today", 60), ("come_up", 30))
    )
    if older != "late":
        handle(db, said)
    if older in ("sent", "refused"):
        postman.send_due()
    if older == "at another number":
        change_number(db, visit)
    handle(db, replaces)
    if older == "late":
        handle(db, said)
    if older == "refused":
        report(db, "wa", "wa-vendor-1", "failed")
    before = len(whatsapp.sent)
    rounds(postman)
    clock.forward(601)
    rounds(postman)
    answers = [one for one in [*whatsapp.sent[before:], *sms.sent] if one.purpose == "visitor_called"]
    assert [one.personal.parameters["what"] for one in answers] == ["please come now."] * 2, "on two channels"

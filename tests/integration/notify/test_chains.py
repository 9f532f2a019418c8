"""Chains of channels: the next one is taken once, and only if nobody has said that the message arrived."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import select, text

from contracts.errors import Forbidden, NotFound
from contracts.model import IST
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from contracts.rpc.notify import WrongNumber
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import (
    DeliveryReport,
    InboundText,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.domain import breakers
from services.notify.domain.quotas import Limits
from services.notify.handlers import (
    chains,
    erasure,
    event_handlers,
    mobiles,
    prints,
    quotas,
    receipts,
    resends,
)
from services.notify.handlers.messages import lock_application
from services.notify.handlers.opt_outs import stop_messages
from services.notify.handlers.policies import policy_of
from services.notify.handlers.undelivered import list_here, tell_gates
from services.notify.models import MessageRow
from services.notify.sender import SenderThreads
from tests.support.concurrency import run_concurrently
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    APPLICANT,
    DEPARTMENT,
    MOBILE,
    OPTIONS,
    OTHER_MOBILE,
    PUBLIC_URL,
    RECEPTION,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    otp,
    received,
)
from tests.support.running import eventually

CHAINS = {
    "chain_code": ("sms:30", "whatsapp:30"),
    "chain_pass": ("whatsapp:120", "sms:600"),
    "chain_status": ("whatsapp:600", "sms:600"),
    "whatsapp_per_recipient": None,
    "whatsapp_per_second": None,
}


class Vendor(RecordingChannel):
    """A vendor that tells later what became of a message; it has many messages under way."""

    gives_receipts = True

    def __init__(self, name: str, *faults: TemporaryChannelError | PermanentChannelError) -> None:
        super().__init__(*faults)
        self.name = name

    def send(self, message: Outgoing) -> Receipt:
        return Receipt(f"{self.name}-{super().send(message).provider_id}")


@pytest.fixture
def db(databases) -> Database:
    return databases["notify"]


@pytest.fixture
def whatsapp() -> Vendor:
    return Vendor("wa")


@pytest.fixture
def sms() -> Vendor:
    return Vendor("sms")


@pytest.fixture
def clock(db: Database) -> Clock:
    return Clock(db)


@pytest.fixture
def postman(db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock) -> SteppedSender:
    return make_sender(db, whatsapp, sms, clock)


def make_sender(
    db: Database,
    whatsapp: RecordingChannel,
    sms: RecordingChannel,
    clock: Callable[[], datetime],
    **more: object,
) -> SteppedSender:
    options = OPTIONS.model_copy(update={**CHAINS, **more})
    channels = {"whatsapp": whatsapp, "sms": sms, "email": Vendor("mail")}
    return SteppedSender(db, channels, options, threading.Event(), clock)


def rounds(postman: SteppedSender) -> None:
    """Send and advance until nothing is due."""
    while postman.send_due() or postman.advance():
        pass


def put_code(db: Database, **of: Any) -> None:
    with db.transaction() as session:
        event_handlers.handle_otp_requested(otp(**of), session, now())


def put_pass(db: Database, visit: Visit | None = None) -> Visit:
    visit = visit or Visit(deliver_by="whatsapp")
    with db.transaction() as session:
        event_handlers.handle_pass_issued(received(visit.issued()), session, now(), PUBLIC_URL)
    return visit


def rows(db: Database) -> list[tuple[str, str, str | None]]:
    """Channel, state and reason of all messages, in the order of the chain."""
    with db.transaction() as session:
        found = session.scalars(select(MessageRow).order_by(MessageRow.step)).all()
        return [(row.channel, row.state, row.reason) for row in found]


def published(db: Database) -> list[tuple[str, ...]]:
    """What was published: the event, its channel, and its status or reason with the next channel."""
    with db.transaction() as session:
        found = session.execute(select(outbox.c.data).order_by(outbox.c.position)).scalars()
        return [
            (one["channel"], one["reason"], one.get("next_channel", "-"))
            if "reason" in one
            else (one["channel"], one.get("status", "sent"))
            for one in found
        ]


def report(
    db: Database,
    provider: str,
    provider_id: str,
    status: str,
    received_at: datetime | None = None,
    **more: object,
) -> None:
    given = DeliveryReport(provider_id, status, now(), **more)  # type: ignore[arg-type]  # of a test
    with db.transaction() as session:
        receipts.store_reports(session, provider, [given], received_at or now())


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


def change_number(db: Database, visit: Visit, at: datetime | None = None) -> None:
    with db.transaction() as session:
        mobiles.handle_mobile_changed(received(visit.mobile_changed(), seq=2, at=at), session, now())


@pytest.mark.parametrize("leased", [False, True])
@pytest.mark.parametrize(("status", "use_next"), [("failed", True), ("failed", False), ("delivered", True)])
def test_what_is_reported_of_the_number_before_sends_nothing_marks_nothing_and_is_told_nobody(
    db: Database, sms: Vendor, clock: Clock, leased: bool, status: str, use_next: bool
) -> None:
    """The number changes after the vendor has accepted the pass, or while a sender has it."""

    class Slow(Vendor):
        def send(self, message: Outgoing) -> Receipt:
            if leased and not self.sent:
                change_number(db, visit)
            return super().send(message)

    whatsapp = Slow("wa")
    postman = make_sender(db, whatsapp, sms, clock)
    visit = put_pass(db)
    postman.send_due()
    if not leased:
        change_number(db, visit)
    while postman.send_due():
        pass
    before = whatsapp.sent[0].id
    report(db, "wa", "wa-vendor-1", status, use_next=use_next)
    assert postman.advance() == 1
    clock.forward(30)
    assert (postman.advance(), postman.send_due(), sms.sent) == (0, [], [])
    with db.transaction() as session:
        row = session.get_one(MessageRow, before)
        assert (row.state, row.next_at, row.undelivered_at) == (status, None, None)
        told = [one["message_id"] for one in session.execute(select(outbox.c.data)).scalars()]
    assert told.count(str(before)) == (0 if leased else 1), "what was told before the change"
    assert undelivered(db) == []


@pytest.mark.parametrize("reported", [None, "failed", "delivered"])
def test_a_message_that_nobody_is_known_to_have_goes_to_the_new_number_once(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock, reported: str | None
) -> None:
    visit = Visit(deliver_by="whatsapp")
    with db.transaction() as session:
        event_handlers.handle_pass_returned(received(visit.returned()), session, now(), PUBLIC_URL)
    postman.send_due()
    if reported:
        report(db, "wa", "wa-vendor-1", reported)
        with db.transaction() as session:
            chains_ = policy_of(OPTIONS.model_copy(update=CHAINS)).chains
            receipts.apply_reports(session, chains_, clock())
    change_number(db, visit, now() + timedelta(minutes=1))
    while postman.send_due():
        pass
    got = [one.personal.to for one in whatsapp.sent if one.purpose == "returned"]
    assert got == ([MOBILE] if reported == "delivered" else [MOBILE, OTHER_MOBILE])


def test_what_reaches_the_number_before_after_the_change_goes_to_the_new_one_too(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock
) -> None:
    """The vendor had it before, and the phone was off."""
    visit = Visit(deliver_by="whatsapp")
    with db.transaction() as session:
        event_handlers.handle_pass_returned(received(visit.returned()), session, now(), PUBLIC_URL)
    postman.send_due()
    with db.transaction() as session:
        session.execute(text("update messages set ended_at = ended_at - interval '1 hour'"))
    report(db, "wa", "wa-vendor-1", "delivered")
    with db.transaction() as session:
        receipts.apply_reports(session, policy_of(OPTIONS.model_copy(update=CHAINS)).chains, clock())
    change_number(db, visit, now() - timedelta(minutes=30))
    while postman.send_due():
        pass
    assert [one.personal.to for one in whatsapp.sent if one.purpose == "returned"] == [MOBILE, OTHER_MOBILE]


def test_a_chain_of_several_steps_begins_anew_at_the_new_number(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    visit = Visit(deliver_by="whatsapp")
    with db.transaction() as session:
        event_handlers.handle_pass_returned(received(visit.returned()), session, now(), PUBLIC_URL)
    postman.send_due()
    clock.forward(601)
    assert postman.advance() == 1
    change_number(db, visit)
    while postman.send_due():
        pass
    sent = [(one.purpose, one.personal.to) for one in whatsapp.sent + sms.sent]
    assert sorted(sent) == [("mobile_changed", MOBILE), ("returned", OTHER_MOBILE), ("returned", MOBILE)]


def undelivered(db: Database, site: str | None = "PCS1") -> list[str]:
    """The passes that the reception of a site is shown."""
    call = make_call(Principal(kind="staff", id="R", login_id="R", role="reception", site=site))
    with db.queries() as session:
        return [one.pass_number for one in list_here(call, session, now()).items]


def test_reception_of_the_site_sees_a_pass_that_did_not_arrive_until_it_is_printed_or_arrives(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock
) -> None:
    whatsapp.faults = [PermanentChannelError("bad_number", use_next=False)] * 3
    printed, late, revoked = put_pass(db), put_pass(db), put_pass(db)
    while postman.send_due():
        pass
    assert set(undelivered(db)) == {printed.number, late.number, revoked.number}
    assert undelivered(db, "PCS2") == []
    assert set(undelivered(db, None)) == set(undelivered(db)), "a reception without a site serves all"
    with db.transaction() as session:
        prints.record_print(PassNumber(number=printed.number), make_call(RECEPTION, key="1"), session, now())
    with db.transaction() as session:
        gone = received(revoked.revoked(reason="cancelled"))
        event_handlers.handle_pass_revoked(gone, session, now(), PUBLIC_URL)
    assert undelivered(db) == [late.number]
    with db.transaction() as session:
        message_id = session.scalars(select(MessageRow.id).where(MessageRow.pass_number == late.number)).one()
    report(db, "wa", "wamid.77", "delivered", message_id=message_id)
    postman.advance()
    assert undelivered(db) == []


def told_to_gates(db: Database) -> list[tuple[str, bool]]:
    """Run the job that tells the gates; return what it published, the oldest first."""
    with db.transaction() as session:
        tell_gates(session, now())
    with db.transaction() as session:
        rows = session.execute(select(outbox).order_by(outbox.c.position)).all()
    events = [row.data for row in rows if row.type == "PassDeliveryChanged"]
    return [(one["pass_number"], one["undelivered"]) for one in events]


def test_the_gates_are_told_once_that_a_pass_reached_nobody_and_once_that_it_has_since(
    db: Database, postman: SteppedSender, whatsapp: Vendor
) -> None:
    whatsapp.faults = [PermanentChannelError("bad_number", use_next=False)]
    lost = put_pass(db)
    put_pass(db)
    assert told_to_gates(db) == []
    while postman.send_due():
        pass
    assert told_to_gates(db) == told_to_gates(db) == [(lost.number, True)]
    with db.transaction() as session:
        message_id = session.scalars(select(MessageRow.id).where(MessageRow.pass_number == lost.number)).one()
    report(db, "wa", "wamid.77", "delivered", message_id=message_id)
    postman.advance()
    assert told_to_gates(db) == told_to_gates(db) == [(lost.number, True), (lost.number, False)]


@pytest.mark.parametrize("end", ["printed", "revoked", "over"])
def test_the_gates_are_told_when_it_does_not_matter_any_more(
    db: Database, postman: SteppedSender, whatsapp: Vendor, end: str
) -> None:
    whatsapp.faults = [PermanentChannelError("bad_number", use_next=False)]
    lost = put_pass(db)
    while postman.send_due():
        pass
    assert told_to_gates(db) == [(lost.number, True)]
    with db.transaction() as session:
        if end == "printed":
            prints.record_print(PassNumber(number=lost.number), make_call(RECEPTION, key="1"), session, now())
        elif end == "revoked":
            gone = received(lost.revoked(reason="cancelled"))
            event_handlers.handle_pass_revoked(gone, session, now(), PUBLIC_URL)
        else:
            session.execute(text("update messages set expires_at = now() - interval '1 minute'"))
    assert told_to_gates(db)[1:] == [(lost.number, False)]


@pytest.mark.parametrize("end", ["delivered", "printed", "revoked", "over"])
def test_the_gates_take_a_pass_for_undelivered_until_the_new_number_has_it(
    db: Database, postman: SteppedSender, whatsapp: Vendor, end: str
) -> None:
    whatsapp.faults = [PermanentChannelError("bad_number", use_next=False)]
    lost = put_pass(db)
    while postman.send_due():
        pass
    assert told_to_gates(db) == [(lost.number, True)]
    change_number(db, lost)
    assert told_to_gates(db) == [(lost.number, True)], "it is queued"
    while postman.send_due():
        pass
    assert told_to_gates(db) == [(lost.number, True)], "the vendor has it"
    (sent,) = [one for one in whatsapp.sent if one.personal.to == OTHER_MOBILE]
    if end == "delivered":
        report(db, "wa", "wamid.9", "delivered", message_id=sent.id)
        postman.advance()
    with db.transaction() as session:
        if end == "printed":
            prints.record_print(PassNumber(number=lost.number), make_call(RECEPTION, key="1"), session, now())
        elif end == "revoked":
            gone = received(lost.revoked(reason="cancelled"))
            event_handlers.handle_pass_revoked(gone, session, now(), PUBLIC_URL)
        elif end == "over":
            session.execute(text("update messages set expires_at = now() - interval '1 minute'"))
    assert told_to_gates(db)[1:] == [(lost.number, False)]


def test_two_that_tell_the_gates_at_once_tell_them_once(
    db: Database, postman: SteppedSender, whatsapp: Vendor
) -> None:
    whatsapp.faults = [PermanentChannelError("bad_number", use_next=False)] * 20
    lost = [put_pass(db).number for _ in range(20)]
    while postman.send_due():
        pass
    run_concurrently(*[lambda: told_to_gates(db)] * 4)
    assert sorted(told_to_gates(db)) == sorted((number, True) for number in lost)


def test_only_reception_sees_which_passes_did_not_arrive(db: Database) -> None:
    with db.queries() as session, pytest.raises(Forbidden):
        list_here(make_call(DEPARTMENT), session, now())


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
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")]
    put_pass(db)
    postman.send_due()
    postman.advance()
    postman.send_due()
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
        with db.transaction() as session:
            erasure.handle_personal_data_erased(erased, session, now())

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


@pytest.mark.parametrize("own_id", [False, True])
def test_a_message_with_a_report_that_waits_goes_no_further_before_the_report_is_matched(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock, own_id: bool
) -> None:
    """Another sender matches the first reports of many; this one goes on with next steps."""
    put_pass(db)
    postman.send_due()
    if own_id:
        report(db, "wa", "unknown", "read", message_id=whatsapp.sent[0].id)
    else:
        report(db, "wa", "wa-vendor-1", "delivered")
    clock.forward(121)
    with db.transaction() as session:
        assert chains.take_next(session, policy_of(OPTIONS.model_copy(update=CHAINS)).chains, clock()) == 0
    assert postman.advance() == 1
    assert rows(db) == [("whatsapp", "read" if own_id else "delivered", None)]


def test_a_report_is_matched_also_where_no_sender_ran_for_a_day(
    db: Database, postman: SteppedSender, sms: Vendor, clock: Clock
) -> None:
    put_pass(db)
    postman.send_due()
    report(db, "wa", "wa-vendor-1", "delivered", received_at=now() - timedelta(days=1))
    clock.forward(121)
    assert postman.advance() == 1
    assert (postman.send_due(), sms.sent) == ([], [])
    assert rows(db) == [("whatsapp", "delivered", None)]


def test_without_the_mark_that_a_step_was_taken_a_second_sms_is_only_prevented_by_its_key(
    db: Database, postman: SteppedSender, clock: Clock
) -> None:
    """The control: the same step is due again, and the table refuses a second message on the channel."""
    put_pass(db)
    postman.send_due()
    clock.forward(121)
    postman.advance()
    with db.transaction() as session:
        session.execute(text("update messages set next_at = statement_timestamp() where step = 0"))
        session.execute(text("update messages set event_id = :other where step = 1"), {"other": uuid4()})
    postman.advance()
    assert [channel for channel, _, _ in rows(db)] == ["whatsapp", "sms", "sms"]


def test_a_report_that_comes_after_the_next_step_is_recorded_and_nothing_is_sent_again(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    put_pass(db)
    postman.send_due()
    clock.forward(121)
    postman.advance()
    postman.send_due()
    report(db, "wa", "wa-vendor-1", "delivered")
    postman.advance()
    clock.forward(3600)
    assert (postman.advance(), postman.send_due()) == (0, [])
    assert rows(db) == [("whatsapp", "delivered", None), ("sms", "accepted", None)]
    assert (len(whatsapp.sent), len(sms.sent)) == (1, 1)


def test_a_report_before_the_next_step_is_sent_takes_it_back(
    db: Database, postman: SteppedSender, sms: Vendor, clock: Clock
) -> None:
    put_pass(db)
    postman.send_due()
    clock.forward(121)
    postman.advance()
    report(db, "wa", "wa-vendor-1", "delivered")
    postman.advance()
    assert postman.send_due() == []
    assert rows(db) == [("whatsapp", "delivered", None), ("sms", "withdrawn", None)]


def test_a_step_whose_response_was_lost_is_not_tried_again_once_the_pass_has_arrived(
    db: Database, postman: SteppedSender, sms: Vendor, clock: Clock
) -> None:
    sms.faults = [TemporaryChannelError("timeout", may_have_arrived=True)]
    put_pass(db)
    postman.send_due()
    clock.forward(121)
    postman.advance()
    postman.send_due()
    report(db, "wa", "wa-vendor-1", "delivered")
    postman.advance()
    clock.forward(3600)
    assert postman.send_due() == []
    assert len(sms.sent) == 1
    assert rows(db) == [("whatsapp", "delivered", None), ("sms", "withdrawn", "timeout")]


def test_a_resend_that_goes_on_to_another_channel_counts_once(
    db: Database, postman: SteppedSender, whatsapp: Vendor
) -> None:
    visit = put_pass(db)
    postman.send_due()
    for key in ("1", "2", "3"):
        whatsapp.faults = [PermanentChannelError("not_on_whatsapp")]
        with db.transaction() as session:
            again = make_call(APPLICANT, key=key)
            resends.resend(ReferenceOnly(reference=visit.reference), again, session, now())
        while postman.send_due():
            pass
        while postman.advance():
            postman.send_due()
    with db.transaction() as session:
        channels = session.scalars(select(MessageRow.channel).where(MessageRow.resend_of.is_not(None))).all()
    assert sorted(channels) == ["sms"] * 3 + ["whatsapp"] * 3


@pytest.mark.parametrize(
    ("reports", "ends"),
    [
        (["sent", "delivered", "read"], "read"),
        (["read", "delivered", "sent"], "read"),
        (["read"], "read"),
        (["delivered", "delivered"], "delivered"),
        (["delivered", "failed"], "delivered"),
        (["failed", "delivered"], "delivered"),
        (["sent"], "accepted"),
    ],
)
def test_reports_in_any_order_and_number_end_in_the_same_state(
    db: Database, postman: SteppedSender, reports: list[str], ends: str
) -> None:
    put_pass(db)
    postman.send_due()
    for status in reports:
        report(db, "wa", "wa-vendor-1", status)
        postman.advance()
        with db.transaction() as session:  # it came again
            receipts.apply_reports(session, {}, now())
    assert rows(db)[0][:2] == ("whatsapp", ends)
    told = [one[1] for one in published(db) if one[:1] == ("whatsapp",)]
    assert len(told) == len(set(told)), "each status is published once"


def test_a_report_that_overtakes_our_own_record_finds_its_message_later(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    class Quick(Vendor):
        def send(self, message: Outgoing) -> Receipt:
            receipt = super().send(message)
            report(db, "wa", str(receipt.provider_id), "delivered")
            assert early.advance() == 0
            return receipt

    quick = Quick("wa")
    early = make_sender(db, quick, sms, clock)
    put_pass(db)
    early.send_due()
    assert rows(db) == [("whatsapp", "accepted", None)]
    assert early.advance() == 1
    assert rows(db) == [("whatsapp", "delivered", None)]


def test_a_report_by_our_own_id_settles_a_try_whose_response_was_lost(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock
) -> None:
    whatsapp.faults = [TemporaryChannelError("timeout", may_have_arrived=True)]
    put_pass(db)
    postman.send_due()
    report(db, "wa", "wamid.9", "delivered", message_id=whatsapp.sent[0].id)
    assert postman.advance() == 1
    clock.forward(5)
    assert postman.send_due() == [], "it is not sent again"
    assert rows(db) == [("whatsapp", "delivered", None)]


def test_a_report_of_another_vendor_changes_nothing(db: Database, postman: SteppedSender) -> None:
    put_pass(db)
    postman.send_due()
    report(db, "sms", "wa-vendor-1", "failed")
    assert postman.advance() == 0
    assert rows(db) == [("whatsapp", "accepted", None)]


def test_a_vendor_that_accepts_and_then_fails_hands_over_at_once(
    db: Database, postman: SteppedSender, sms: Vendor
) -> None:
    put_pass(db)
    postman.send_due()
    report(db, "wa", "wa-vendor-1", "failed", reason="not_on_whatsapp")
    postman.advance()
    postman.send_due()
    assert len(sms.sent) == 1
    assert published(db) == [
        ("whatsapp", "sent"),
        ("whatsapp", "not_on_whatsapp", "sms"),
        ("sms", "sent"),
    ]


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
    with db.transaction() as session:
        event_handlers.handle_otp_requested(otp(), session, now())
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


# ---------------------------------------------------------------- a vendor that fails or has limits


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


def passes_that_wait(
    db: Database, whatsapp: Vendor, clock: Clock
) -> tuple[SteppedSender, Vendor, list[Visit]]:
    """A vendor of SMS is away; the chains of passes to people without WhatsApp have come to their end."""
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")] * 1000
    postman = make_sender(db, whatsapp, away, clock)
    visits = [put_pass(db, Visit()) for _ in range(breakers.FAILURES + 2)]
    for _ in range(18):
        clock.forward(60)
        while postman.send_due() or postman.advance():
            pass
    return postman, away, visits


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
    with db.transaction() as session:
        event_handlers.handle_otp_requested(otp(), session, now())
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


def chains_of_codes_that_reached_nobody() -> float:
    labels = {"purpose": "otp", "result": "nobody"}
    return REGISTRY.get_sample_value("epass_message_chains_ended_total", labels) or 0


def test_a_code_whose_vendor_reports_its_failure_too_late_ends_as_one_that_failed_at_once(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock
) -> None:
    before = chains_of_codes_that_reached_nobody()
    put_code(db)
    postman.send_due()
    clock.forward(660)  # the code has expired
    report(db, "sms", "sms-vendor-1", "failed", reason="not_reachable", use_next=True)
    postman.advance()
    assert postman.send_due() == []
    assert whatsapp.sent == []
    assert published(db) == [("sms", "sent"), ("sms", "not_reachable", "-")]
    assert chains_of_codes_that_reached_nobody() == before + 1


def test_a_failure_that_is_reported_after_a_code_has_expired_unconfirmed_is_published_and_counted(
    db: Database, postman: SteppedSender, whatsapp: Vendor, clock: Clock
) -> None:
    """No sender ran meanwhile, so that nothing went on to another channel."""
    before = chains_of_codes_that_reached_nobody()
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
    assert chains_of_codes_that_reached_nobody() == before + 1


def test_a_message_whose_tries_are_used_up_goes_on_to_the_next_channel(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    put_pass(db)
    with db.transaction() as session:
        session.execute(text("update messages set possible_duplicates = 8"))
    postman.send_due()
    postman.advance()
    postman.send_due()
    assert rows(db) == [("whatsapp", "failed", "attempts"), ("sms", "accepted", None)]
    assert (len(whatsapp.sent), len(sms.sent)) == (0, 1)


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
    busy = Vendor("wa", TemporaryChannelError("busy", retry_after=60))
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


def test_who_waits_for_the_count_of_a_vendor_counts_in_the_second_in_which_it_ends(
    db: Database,
) -> None:
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
        with db.transaction() as session:
            event_handlers.handle_otp_requested(otp(), session, now())
        eventually(lambda: len(sms.sent) == 6, "others' messages are sent", 5)
        assert slow.sent == []
    finally:
        release.set()
        stop.set()
        assert threads.finish()
    assert faults == []


# ---------------------------------------------------------------- rows of 0.11.0


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


# ---------------------------------------------------------------- quiet hours, opting out


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


@pytest.mark.parametrize("words", ["STOP", " stop. ", "ਬੰਦ ਕਰੋ", "बंद"])
def test_a_person_who_writes_stop_gets_their_messages_by_sms(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, words: str
) -> None:
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, words, now())], now())
    put_pass(db)
    postman.send_due()
    postman.advance()
    postman.send_due()
    assert (len(whatsapp.sent), len(sms.sent)) == (0, 1)
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, "Start", now())], now())
    put_pass(db)
    postman.send_due()
    assert len(whatsapp.sent) == 1


def test_the_newest_word_of_a_person_counts_however_late_an_older_one_comes(
    db: Database, postman: SteppedSender, whatsapp: Vendor
) -> None:
    earlier, later = now() - timedelta(minutes=2), now() - timedelta(minutes=1)
    for words, at in (("STOP", earlier), ("START", later), ("STOP", earlier)):
        with db.transaction() as session:
            receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, words, at)], now())
    put_pass(db)
    postman.send_due()
    assert len(whatsapp.sent) == 1


def test_opting_out_names_nobody(db: Database) -> None:
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, "stop", now())], now())
    with db.transaction() as session:
        stored = session.execute(text("select recipient, about from opt_outs")).one()
    assert MOBILE[3:] not in stored.recipient
    assert len(stored.recipient) == 32


def test_a_wrong_number_gets_nothing_more_about_that_application_until_its_applicant_proves_it(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    visit, other = put_pass(db), put_pass(db)
    with db.transaction() as session:
        wrong = WrongNumber(reference=visit.reference, mobile_last4=MOBILE[-4:])
        stop_messages(wrong, make_call(key="wrong"), session, now())
    while postman.send_due():
        pass
    postman.advance()
    assert [message.personal.parameters["number"] for message in whatsapp.sent] == [other.number]
    assert sms.sent == []
    with db.transaction() as session:
        resends.resend(
            ReferenceOnly(reference=visit.reference), make_call(APPLICANT, key="again"), session, now()
        )
    postman.send_due()
    assert len(whatsapp.sent) == 2


@pytest.mark.parametrize("digits", ["0000", "", "3211"])
def test_messages_are_not_stopped_by_who_does_not_know_the_number(db: Database, digits: str) -> None:
    visit = put_pass(db)
    wrong = WrongNumber(reference=visit.reference, mobile_last4=digits)
    with db.transaction() as session, pytest.raises(NotFound):
        stop_messages(wrong, make_call(key="wrong"), session, now())


@pytest.mark.parametrize("at", [datetime.min.replace(tzinfo=IST), datetime.max.replace(tzinfo=IST)])
def test_a_report_of_an_impossible_time_is_one_of_now(
    db: Database, postman: SteppedSender, whatsapp: Vendor, at: datetime
) -> None:
    put_pass(db)
    postman.send_due()
    with db.transaction() as session:
        receipts.store_reports(session, "wa", [DeliveryReport("wa-vendor-1", "delivered", at)], now())
    postman.advance()
    assert rows(db)[0][1] == "delivered"


def test_an_id_that_is_no_text_is_recorded(db: Database, clock: Clock, sms: Vendor) -> None:
    """JSON may have half a character."""

    class Odd(Vendor):
        def send(self, message: Outgoing) -> Receipt:
            super().send(message)
            return Receipt("\ud800")

    odd = Odd("wa")
    postman = make_sender(db, odd, sms, clock)
    put_pass(db)
    while postman.send_due():
        pass
    assert (rows(db)[0][1], len(odd.sent)) == ("accepted", 1)


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
    with db.transaction() as session:
        event_handlers.handle_pass_revoked(received(visit.revoked()), session, now(), PUBLIC_URL)
    for _ in range(30):
        rounds(postman)
        clock.forward(60)
    away.faults, away.sent = [], []
    for _ in range(30):
        rounds(postman)
        clock.forward(60)
    assert [message.purpose for message in away.sent] == ["pass_revoked"]


def nobody_was_reached(purpose: str) -> float:
    labels = {"purpose": purpose, "result": "nobody"}
    return REGISTRY.get_sample_value("epass_message_chains_ended_total", labels) or 0


def test_each_pass_that_its_outage_outlives_is_told_and_counted(
    db: Database, whatsapp: Vendor, clock: Clock
) -> None:
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")] * 8
    postman = make_sender(db, whatsapp, away, clock)
    for _ in range(8):
        put_pass(db)
    with db.transaction() as session:
        session.execute(text("update messages set expires_at = :at"), {"at": now() + timedelta(minutes=40)})
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
    with db.transaction() as session:
        event_handlers.handle_otp_requested(otp(), session, now())
    with db.transaction() as session:
        session.execute(text("update messages set next_at = now()"))
    before = nobody_was_reached("otp")
    clock.forward(700)
    postman.advance()
    assert published(db) == [("sms", "expired", "-")]
    assert nobody_was_reached("otp") - before == 1
    assert stored_codes(db) == 0


def stored_codes(db: Database) -> int:
    with db.queries() as session:
        held = text("select count(*) from messages where lane = 'otp' and personal is not null")
        return session.execute(held).scalar_one()


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
        with db.transaction() as session:
            event_handlers.handle_pass_rejected(received(Visit().rejected()), session, now(), PUBLIC_URL)
    for _ in range(50):
        clock.forward(3600)
        rounds(postman)
    sms.faults, sms.sent, whatsapp.faults, whatsapp.sent = [], [], [], []
    for _ in range(20):
        clock.forward(60)
        rounds(postman)
    assert [*sms.sent, *whatsapp.sent] == []
    assert len([one for one in published(db) if one[-1] == "-"]) == 12, "each is told"


def test_a_code_is_erased_on_every_channel_once_a_vendor_without_receipts_has_taken_it(
    db: Database, clock: Clock
) -> None:
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    postman = make_sender(db, RecordingChannel(), away, clock)
    with db.transaction() as session:
        event_handlers.handle_otp_requested(otp(), session, now())
    for _ in range(12):
        rounds(postman)
        clock.forward(10)
    assert [state for _, state, _ in rows(db)] == ["failed", "delivered"]
    assert stored_codes(db) == 0

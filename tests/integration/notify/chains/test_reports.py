"""Reports of vendors, in any order, late, of other vendors and of impossible times."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from contracts.model import IST
from contracts.rpc.application import ReferenceOnly
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import (
    DeliveryReport,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.handlers import chains, receipts, resends
from services.notify.handlers.policies import policy_of
from services.notify.models import MessageRow
from tests.integration.notify.chains.two_vendors import (
    CHAINS,
    Vendor,
    make_sender,
    published,
    put_pass,
    report,
    rows,
)
from tests.support.factories.calls import make_call
from tests.support.factories.notify import APPLICANT, OPTIONS, Clock, SteppedSender


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
    assert published(db) == [("whatsapp", "sent"), ("whatsapp", "not_on_whatsapp", "sms"), ("sms", "sent")]


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

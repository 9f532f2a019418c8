"""What the new number gets after a change, and what is told of the number before."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, Receipt
from services.notify.handlers import receipts
from services.notify.handlers.policies import policy_of
from services.notify.models import MessageRow
from tests.integration.notify.chains.two_vendors import (
    CHAINS,
    Vendor,
    change_number,
    make_sender,
    put_pass,
    report,
    undelivered,
)
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.notify import (
    MOBILE,
    OPTIONS,
    OTHER_MOBILE,
    Clock,
    SteppedSender,
    Visit,
    received,
)


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
    handle(db, received(visit.returned()))
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


def test_a_chain_of_several_steps_begins_anew_at_the_new_number(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    visit = Visit(deliver_by="whatsapp")
    handle(db, received(visit.returned()))
    postman.send_due()
    clock.forward(601)
    assert postman.advance() == 1
    change_number(db, visit)
    while postman.send_due():
        pass
    sent = [(one.purpose, one.personal.to) for one in whatsapp.sent + sms.sent]
    assert sorted(sent) == [("mobile_changed", MOBILE), ("returned", OTHER_MOBILE), ("returned", MOBILE)]

"""Passes that reached nobody: reception sees them, and the gates are told once."""

import pytest
from sqlalchemy import select, text

from contracts.errors import Forbidden
from contracts.rpc.issuance import PassNumber
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import PermanentChannelError
from services.notify.handlers import event_handlers, prints
from services.notify.handlers.undelivered import list_here
from services.notify.models import MessageRow
from tests.integration.notify.chains.two_vendors import (
    Vendor,
    change_number,
    put_pass,
    report,
    told_to_gates,
    undelivered,
)
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    DEPARTMENT,
    OTHER_MOBILE,
    PUBLIC_URL,
    RECEPTION,
    Clock,
    SteppedSender,
    received,
)
from tests.support.stack.concurrency import run_concurrently


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

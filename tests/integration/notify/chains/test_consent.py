"""Who writes STOP, and whose number it is not, gets no more of it."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, text

from contracts.errors import Forbidden, NotFound
from contracts.events import BreachNoticeRequested
from contracts.model import DeliverBy
from contracts.rpc.call import Principal
from contracts.rpc.notify import ChooseMessages, WrongNumber
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import InboundText, PermanentChannelError
from services.notify.adapters.channels.whatsapp import WhatsAppReports
from services.notify.handlers import receipts
from services.notify.handlers.messages import recipient_digest
from services.notify.handlers.opt_outs import choose_own, show_own, stop_messages
from services.notify.models import OptOutRow
from tests.integration.notify.chains.two_vendors import Vendor, make_sender, published, put_pass, rounds, rows
from tests.integration.notify.handlers.stored import handle, resend
from tests.support.factories.calls import make_call
from tests.support.factories.notify import APPLICANT, MOBILE, Clock, SteppedSender, Visit, received


@pytest.mark.parametrize("words", ["STOP", " stop. ", "ਬੰਦ ਕਰੋ", "बंद"])
def test_a_person_who_writes_stop_gets_their_messages_by_sms(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, words: str
) -> None:
    put_pass(db)
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, words, now())], now())
    postman.send_due()
    postman.advance()
    postman.send_due()
    assert (len(whatsapp.sent), len(sms.sent)) == (0, 1)
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, "Start", now())], now())
    put_pass(db)
    postman.send_due()
    assert len(whatsapp.sent) == 1


def test_a_word_of_a_number_without_messages_is_counted_and_leaves_no_row(
    db: Database, postman: SteppedSender, sms: Vendor
) -> None:
    """Who writes an SMS can be forged: strangers would fill the table with numbers that never come here."""
    put_pass(db)
    before = REGISTRY.get_sample_value("epass_unknown_opt_outs_total", {"channel": "sms"}) or 0
    said = [
        InboundText(f"+91900000000{number}", word, now()) for number, word in enumerate(("STOP", "start"))
    ]
    with db.transaction() as session:
        receipts.store_texts(session, "sms", [*said, InboundText(MOBILE, "STOP", now())], now())
    assert REGISTRY.get_sample_value("epass_unknown_opt_outs_total", {"channel": "sms"}) == before + 2
    with db.transaction() as session:
        (kept,) = session.scalars(select(OptOutRow)).all()
        assert (kept.recipient, kept.about) == (recipient_digest(session, MOBILE), "sms")
        session.execute(text("set local enable_seqscan = off"))
        plan = session.scalars(
            text("explain select exists (select from messages where recipient = 'a digest')")
        )
        assert "messages_to" in " ".join(plan)


def test_what_somebody_chose_is_changed_also_once_their_messages_are_erased(db: Database) -> None:
    visit = put_pass(db)
    for word in ("STOP", "START"):
        with db.transaction() as session:
            receipts.store_texts(session, "sms", [InboundText(MOBILE, word, now())], now())
        handle(db, received(visit.erased(), seq=9))
    with db.queries() as session:
        assert [row.is_over for row in session.scalars(select(OptOutRow))] == [True]


def test_a_stop_of_somebody_who_hides_their_number_is_obeyed_by_the_message_that_they_answer(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    put_pass(db)
    postman.send_due()
    (word,) = of_meta("STOP", context={"from": "911722740000", "id": "wa-vendor-1"})
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [word], now())
    put_pass(db)
    rounds(postman)
    assert (len(whatsapp.sent), len(sms.sent)) == (1, 1)


@pytest.mark.parametrize("context", [{}, {"context": {"id": "of-nobody"}}])
def test_a_stop_of_which_nobody_knows_whose_it_is_is_counted_and_kept_for_operations(
    db: Database, postman: SteppedSender, whatsapp: Vendor, context: dict[str, object]
) -> None:
    labels = {"channel": "whatsapp"}
    before = REGISTRY.get_sample_value("epass_unknown_opt_outs_total", labels) or 0
    for _ in range(2):  # vendors repeat webhooks
        with db.transaction() as session:
            receipts.store_texts(session, "whatsapp", of_meta("stop", **context), now())
    assert REGISTRY.get_sample_value("epass_unknown_opt_outs_total", labels) == before + 2
    with db.queries() as session:
        assert session.scalars(select(OptOutRow.about)).all() == ["whatsapp of nobody"]
    put_pass(db)
    postman.send_due()
    assert len(whatsapp.sent) == 1, "nobody else's messages are stopped"


def of_meta(words: str, **more: object) -> list[InboundText]:
    """Return what Meta's webhook tells of a person with a user name, whose number it leaves out."""
    message = {"id": "wamid.in", "from_user_id": "IN.1349120", "timestamp": "1764500000", "type": "text"}
    change = {"field": "messages", "value": {"messages": [{**message, "text": {"body": words}, **more}]}}
    body = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
    found = WhatsAppReports("secret", "token").parse(json.dumps(body).encode())
    return [one for one in found if isinstance(one, InboundText)]


def test_the_newest_word_of_a_person_counts_however_late_an_older_one_comes(
    db: Database, postman: SteppedSender, whatsapp: Vendor
) -> None:
    put_pass(db)
    earlier, later = now() - timedelta(minutes=2), now() - timedelta(minutes=1)
    for words, at in (("STOP", earlier), ("START", later), ("STOP", earlier)):
        with db.transaction() as session:
            receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, words, at)], now())
    postman.send_due()
    assert len(whatsapp.sent) == 1


def test_a_wrong_number_gets_nothing_more_about_that_application_until_its_applicant_proves_it(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    visit, other = put_pass(db), put_pass(db)
    say_wrong(db, visit)
    while postman.send_due():
        pass
    postman.advance()
    assert [message.personal.parameters["number"] for message in whatsapp.sent] == [other.number]
    assert sms.sent == []
    resend(db, visit.reference, APPLICANT, key="again")
    postman.send_due()
    assert len(whatsapp.sent) == 2


def test_who_says_that_the_number_is_wrong_cannot_keep_a_revocation_or_a_closed_day_from_the_applicant(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    visit = put_pass(db)
    rounds(postman)
    say_wrong(db, visit)
    handle(db, received(visit.revoked(), seq=2))
    rounds(postman)
    assert [row for row in rows(db) if row[2] == "wrong_number"] == []
    assert len(whatsapp.sent) == 2


@pytest.mark.parametrize("proved", ["by the applicant", "since", False])
def test_who_says_that_a_proved_number_is_wrong_keeps_no_pass_and_no_call_from_the_applicant(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor, proved: str | bool
) -> None:
    """A reference and four digits are no proof against a code: a neighbour at the counter has seen both."""
    visit = Visit(deliver_by="whatsapp")
    handle(db, received(visit.submitted(proved=proved == "by the applicant")))
    if proved == "since":
        handle(db, received(visit.mobile_changed(MOBILE), seq=2))
    rounds(postman)
    say_wrong(db, visit)
    whatsapp.sent.clear()
    for seq, event in enumerate((visit.returned(), visit.rejected(), visit.issued()), start=3):
        handle(db, received(event, seq=seq))
    rounds(postman)
    expected = {"returned", "pass_issued"} if proved else set()
    assert {message.purpose for message in whatsapp.sent} == expected


def test_nobody_is_kept_from_hearing_of_a_breach_by_stop_or_by_a_wrong_number(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    visit = put_pass(db)
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, "STOP", now())], now())
    rounds(postman)
    sms.sent.clear()
    say_wrong(db, visit)
    about = {"application_id": visit.application_id, "reference": visit.reference}
    handle(db, received(BreachNoticeRequested.sample().model_copy(update=about)))
    rounds(postman)
    assert [message.purpose for message in sms.sent] == ["breach_notice"]
    assert whatsapp.sent == []


def test_what_is_not_sent_to_a_wrong_number_goes_by_email_and_the_timeline_says_it(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    chain = ("whatsapp:600", "sms:600", "email:600")
    postman = make_sender(db, whatsapp, sms, clock, chain_status=chain, chain_pass=chain)
    visit = Visit(deliver_by="whatsapp", email="someone@example.org")
    handle(db, received(visit.submitted(proved=False)))
    rounds(postman)
    say_wrong(db, visit)
    assert published(db)[-1] == ("sms", "wrong_number", "-")
    put_pass(db, visit)
    rounds(postman)
    assert (len(whatsapp.sent), sms.sent) == (1, [])
    mail = postman._all["email"]
    assert [message.personal.to for message in mail.sent] == ["someone@example.org"]


def test_who_stops_all_messages_gets_on_no_channel_what_can_be_left_out_until_they_want_it_again(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock
) -> None:
    chain = ("whatsapp:600", "sms:600", "email:600")
    postman = make_sender(db, whatsapp, sms, clock, chain_status=chain, chain_pass=chain)
    visit = Visit(deliver_by="whatsapp", email="someone@example.org")
    choose(db, stop=True)
    handle(db, received(visit.submitted()))
    rounds(postman)
    assert (whatsapp.sent, sms.sent, postman._all["email"].sent) == ([], [], [])
    assert [row for row in rows(db) if row[2] == "opted_out"]
    choose(db, stop=False)
    handle(db, received(Visit(deliver_by="whatsapp").submitted()))
    rounds(postman)
    assert len(whatsapp.sent) == 1


def test_the_pass_and_its_revocation_reach_who_has_stopped_all_messages_and_written_stop(
    db: Database, postman: SteppedSender, whatsapp: Vendor, sms: Vendor
) -> None:
    choose(db, stop=True)
    visit = put_pass(db)
    rounds(postman)
    handle(db, received(visit.revoked(), seq=2))
    rounds(postman)
    assert [message.purpose for message in whatsapp.sent] == ["pass_issued", "pass_revoked"]
    with db.transaction() as session:
        receipts.store_texts(session, "whatsapp", [InboundText(MOBILE, "STOP", now())], now())
    other = put_pass(db)
    rounds(postman)
    handle(db, received(other.revoked(), seq=2))
    rounds(postman)
    assert [message.purpose for message in sms.sent] == ["pass_issued", "pass_revoked"]


@pytest.mark.parametrize("principal", [Principal(), APPLICANT.model_copy(update={"kiosk": "KIO-0001"})])
def test_only_who_has_proved_the_number_and_not_at_a_kiosk_chooses(
    db: Database, principal: Principal
) -> None:
    with pytest.raises(Forbidden):
        choose(db, stop=True, by=principal)


def choose(db: Database, *, stop: bool, by: Principal = APPLICANT) -> None:
    call = make_call(by, key=f"{uuid4()}")
    with db.transaction() as session:
        choose_own(ChooseMessages(stop=stop), call, session, now())
        assert show_own(call, session).stopped is stop


def test_who_says_it_again_and_again_writes_one_line(db: Database) -> None:
    visit = put_pass(db)
    for key in ("once", "twice", "again"):
        say_wrong(db, visit, key)
    assert published(db).count(("sms", "wrong_number", "-")) == 1


def say_wrong(db: Database, visit: Visit, key: str = "wrong") -> None:
    with db.transaction() as session:
        wrong = WrongNumber(reference=visit.reference, mobile_last4=MOBILE[-4:])
        stop_messages(wrong, make_call(key=key), session, now())


def test_messages_are_not_stopped_by_who_does_not_know_the_number(db: Database) -> None:
    visit = put_pass(db)
    for digits in ("0000", "", "3211"):
        wrong = WrongNumber(reference=visit.reference, mobile_last4=digits)
        with db.transaction() as session, pytest.raises(NotFound):
            stop_messages(wrong, make_call(key="wrong"), session, now())


@pytest.mark.parametrize("chosen", ["sms", "whatsapp"])
def test_a_stop_by_sms_whose_sender_may_be_forged_keeps_neither_the_pass_nor_its_end_from_anybody(
    db: Database, whatsapp: Vendor, sms: Vendor, clock: Clock, chosen: DeliverBy
) -> None:
    chain = ("whatsapp:600", "sms:600")
    postman = make_sender(db, whatsapp, sms, clock, chain_status=chain, chain_pass=chain)
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")] * 9
    visit = Visit(deliver_by=chosen)
    handle(db, received(visit.submitted()))
    with db.transaction() as session:
        receipts.store_texts(session, "sms", [InboundText(MOBILE, "STOP", now())], now())
    put_pass(db, visit)
    rounds(postman)
    handle(db, received(visit.revoked(), seq=2))
    rounds(postman)
    assert [message.purpose for message in sms.sent] == ["pass_issued", "pass_revoked"]

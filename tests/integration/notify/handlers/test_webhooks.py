"""Webhooks of vendors: stored if the vendor signed them, whatever they tell and however often."""

import hmac
import json
import threading
from base64 import b64encode
from collections import Counter
from hashlib import sha256

import pytest
from sqlalchemy import event, func, select

from contracts.errors import InvalidInput, NotAuthenticated, NotFound
from contracts.rpc.notify import Webhook, WebhookChallenge
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import Outgoing, Receipt
from services.notify.handlers import event_handlers, webhooks
from services.notify.metrics import WEBHOOKS
from services.notify.models import DeliveryReportRow, MessageRow, OptOutRow
from services.notify.settings import NotifySettings
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    MOBILE,
    OPTIONS,
    PUBLIC_URL,
    RecordingChannel,
    SteppedSender,
    Visit,
    received,
)
from tests.support.stack.settings import make_settings

AGREED = "agreed with the vendor, and long"
SECRET = "the-secret-of-the-app"
SETTINGS = make_settings(NotifySettings, whatsapp_app_secret=SECRET, whatsapp_verify_token=AGREED)


def body(**value: object) -> bytes:
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", **value}}
    return json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}
    ).encode()


def status(wamid: str, word: str, **more: object) -> dict:
    at = str(int(now().timestamp()))
    return {"id": wamid, "status": word, "timestamp": at, "recipient_id": MOBILE[1:], **more}


def webhook(raw: bytes, *, secret: str = SECRET, vendor: str = "whatsapp") -> Webhook:
    signature = "sha256=" + hmac.new(secret.encode(), raw, sha256).hexdigest()
    return Webhook.model_construct(vendor=vendor, headers={"x-hub-signature-256": signature}, body=raw)


def post(db: Database, raw: bytes, **how: str) -> None:
    with db.transaction() as session:
        webhooks.receive(webhook(raw, **how), session, now(), SETTINGS)


def stored(db: Database) -> list[str]:
    with db.transaction() as session:
        return list(session.scalars(select(DeliveryReportRow.status).order_by(DeliveryReportRow.status)))


def counted() -> Counter[tuple[str, str]]:
    """Return how many webhooks were counted, by provider and what they were."""
    (metric,) = WEBHOOKS.collect()
    return Counter(
        {
            (one.labels["provider"], one.labels["result"]): int(one.value)
            for one in metric.samples
            if one.name.endswith("_total")
        }
    )


def test_what_whatsapp_signs_is_stored_once_however_often_it_comes(db: Database) -> None:
    raw = body(statuses=[status("wamid.1", "delivered"), status("wamid.1", "sent")])
    for _ in range(3):
        post(db, raw)
    assert stored(db) == ["delivered", "sent"]


def test_reports_that_come_together_are_stored_by_one_statement_and_what_else_comes_goes_alone(
    db: Database,
) -> None:
    reports = [body(statuses=[status(f"wamid.{number % 5}", "delivered")]) for number in range(8)]
    word = {"id": "wamid.in", "from": MOBILE[1:], "timestamp": "1", "type": "text", "text": {"body": "STOP"}}
    others = [
        webhook(reports[0], secret="another"),
        webhook(b"{}"),
        webhook(reports[0], vendor="nobody"),
        webhook(body(messages=[word])),
        Webhook.model_construct(vendor="whatsapp", headers=None, body=b"an error of our own"),
    ]
    asked = [(one, make_call()) for one in (*map(webhook, reports), *others)]
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    before = counted()
    with db.queries() as session:
        answers = webhooks.receive_together(asked, session, now(), SETTINGS)
    assert [answer is not None for answer in answers] == [True] * len(reports) + [False] * len(others)
    assert len(statements) == 1
    assert stored(db) == ["delivered"] * 5
    assert counted() - before == {("whatsapp_cloud", "ok"): len(reports)}, "what goes alone is counted there"


def test_no_number_is_left_in_a_report_or_a_message(db: Database) -> None:
    """An ID of WhatsApp is base64, and has the number of the recipient in it."""
    wamid = "wamid." + b64encode(MOBILE[1:].encode()).decode()

    class WhatsApp(RecordingChannel):
        name, gives_receipts = "whatsapp_cloud", True

        def send(self, message: Outgoing) -> Receipt:
            super().send(message)
            return Receipt(wamid)

    with db.transaction() as session:
        visit = Visit(deliver_by="whatsapp")
        event_handlers.handle_pass_issued(received(visit.issued()), session, now(), PUBLIC_URL)
    sender = SteppedSender(db, WhatsApp().everywhere, OPTIONS, threading.Event())
    sender.send_due()
    post(db, body(statuses=[status(wamid, "delivered")]))
    assert sender.advance() == 1, "it is matched all the same"
    with db.transaction() as session:
        in_report = session.scalars(select(DeliveryReportRow.provider_id)).one()
        assert session.scalars(select(MessageRow.provider_id)).one() == in_report
        assert len(in_report) == 32
        assert in_report not in wamid


def test_what_nobody_signed_is_not_stored(db: Database) -> None:
    with pytest.raises(NotAuthenticated):
        post(db, body(statuses=[status("wamid.1", "delivered")]), secret="guessed")
    assert stored(db) == []


def test_a_body_that_is_none_is_refused(db: Database) -> None:
    with pytest.raises(InvalidInput):
        post(db, b"[]")


def test_a_vendor_that_is_not_set_up_has_no_webhook(db: Database) -> None:
    with pytest.raises(NotFound):
        post(db, b"{}", vendor="sms")
    with pytest.raises(NotFound):
        webhooks.answer_challenge(WebhookChallenge(vendor="sms", query={}), SETTINGS)


def test_the_question_of_a_vendor_needs_the_text_that_was_agreed() -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": AGREED, "hub.challenge": "77"}
    assert webhooks.answer_challenge(WebhookChallenge(vendor="whatsapp", query=query), SETTINGS).text == "77"
    wrong = {**query, "hub.verify_token": "guessed"}
    with pytest.raises(NotAuthenticated):
        webhooks.answer_challenge(WebhookChallenge(vendor="whatsapp", query=wrong), SETTINGS)


def test_a_person_who_writes_stop_to_our_number_is_recorded_without_their_number(db: Database) -> None:
    text = {"from": MOBILE[1:], "id": "wamid.9", "timestamp": "1", "type": "text", "text": {"body": "STOP"}}
    with db.transaction() as session:
        event_handlers.handle_pass_issued(received(Visit().issued()), session, now(), PUBLIC_URL)
    post(db, body(messages=[text]))
    with db.transaction() as session:
        (row,) = session.scalars(select(OptOutRow))
    assert (row.about, len(row.recipient)) == ("whatsapp", 32)
    assert MOBILE[3:] not in row.recipient


def test_a_report_settles_a_message_whose_response_was_lost_by_our_own_id(db: Database) -> None:
    class WhatsApp(RecordingChannel):
        name, gives_receipts = "whatsapp_cloud", True

    with db.transaction() as session:
        visit = Visit(deliver_by="whatsapp")
        event_handlers.handle_pass_issued(received(visit.issued()), session, now(), PUBLIC_URL)
    channel = WhatsApp()
    sender = SteppedSender(db, channel.everywhere, OPTIONS, threading.Event())
    sender.send_due()
    post(db, body(statuses=[status("wamid.5", "read", biz_opaque_callback_data=str(channel.sent[0].id))]))
    sender.advance()
    with db.transaction() as session:
        assert session.scalars(select(MessageRow.state)).all() == ["read"]
        assert session.scalar(select(func.count()).where(DeliveryReportRow.applied_at.is_(None))) == 0

"""WhatsApp against a stand-in for Meta's Cloud API: requests, errors, uploads, signed reports."""

import io
import json
from collections.abc import Iterator

import pytest
import zxingcpp
from PIL import Image
from sqlalchemy import select, text

from services.chassis.db.database import Database
from services.notify.adapters import pass_card
from services.notify.adapters.channels import (
    BadWebhook,
    DeliveryReport,
    InboundText,
    PermanentChannelError,
    TemporaryChannelError,
)
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.whatsapp import WhatsAppChannel, WhatsAppReports
from services.notify.adapters.media_ids import StoredMediaIds
from services.notify.models import MediaRow
from tests.support.factories.notify import LINK_CODE, MOBILE
from tests.support.factories.outgoing import TOKEN_OF_A_PASS, a_code, a_pass
from tests.support.stack.databases import execute
from tests.support.vendors.server import Received
from tests.support.vendors.whatsapp import WhatsApp, webhook

NUMBER = MOBILE.removeprefix("+")


@pytest.fixture
def meta() -> Iterator[WhatsApp]:
    with WhatsApp() as server:
        yield server


@pytest.fixture
def channel(meta: WhatsApp, client: GatewayClient, db: Database) -> WhatsAppChannel:
    return WhatsAppChannel(
        client, meta.url, meta.token, draw=pass_card.draw, media=StoredMediaIds(db), gives_receipts=True
    )


def body_of(received: Received) -> dict:
    return json.loads(received.body)


# ------------------------------------------------------------------- messages


def test_a_pass_has_its_qr_code_as_the_header_its_facts_in_the_body_and_its_link_as_a_button(
    meta: WhatsApp, channel: WhatsAppChannel
) -> None:
    message = a_pass("pa")
    receipt = channel.send(message)
    upload, sent = meta.requests
    assert upload.headers["content-type"].startswith("multipart/form-data")
    body = body_of(sent)
    assert body["biz_opaque_callback_data"] == sent.headers["idempotency-key"] == str(message.id)
    assert (body["to"], body["template"]["name"], body["template"]["language"]) == (
        NUMBER,
        "epass_pass_with_qr",
        {"code": "pa"},
    )
    header, text_part, button = body["template"]["components"]
    assert header == {"type": "header", "parameters": [{"type": "image", "image": {"id": "media-1"}}]}
    assert [one["parameter_name"] for one in text_part["parameters"]] == [
        "number",
        "site",
        "date",
        "start",
        "end",
        "gate",
    ]
    assert button["parameters"] == [{"type": "text", "text": f"p/{LINK_CODE}"}]
    (shown,) = meta.phone
    assert shown.picture is not None
    assert receipt.provider_id == "wamid.2"
    (code,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(shown.picture)))
    assert code.text == TOKEN_OF_A_PASS, "a gate reads what the phone shows"


def test_a_pass_from_before_the_upgrade_goes_without_a_picture(
    meta: WhatsApp, channel: WhatsAppChannel
) -> None:
    message = a_pass()
    del message.personal.parameters["pass_token"]  # type: ignore[attr-defined]
    channel.send(message)
    (shown,) = meta.phone
    assert shown.picture is None
    assert message.personal.link in shown.text


def test_a_code_stands_in_the_body_and_in_the_button_of_an_authentication_template(
    meta: WhatsApp, channel: WhatsAppChannel
) -> None:
    channel.send(a_code())
    ((sent),) = meta.requests
    code = [{"type": "text", "text": "482917"}]
    assert body_of(sent)["template"]["components"] == [
        {"type": "body", "parameters": code},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": code},
    ]


def test_a_picture_that_was_uploaded_is_sent_again_without_another_upload(
    meta: WhatsApp, channel: WhatsAppChannel
) -> None:
    channel.send(a_pass())
    channel.send(a_pass())
    assert [one.path.rpartition("/")[2] for one in meta.requests] == ["media", "messages", "messages"]
    channel.send(a_pass(date="02-12-2026"))
    assert len(meta.media) == 2, "another picture is another upload"


def test_the_id_of_an_upload_is_sealed_and_forgotten_before_meta_deletes_it(
    meta: WhatsApp, channel: WhatsAppChannel, db: Database
) -> None:
    channel.send(a_pass())
    with db.transaction() as session:
        row = session.scalars(select(MediaRow)).one()
        assert "media-1" not in row.sealed
        session.execute(text("update media set expires_at = now()"))
    channel.send(a_pass())
    assert len(meta.media) == 2


def test_an_upload_whose_id_no_key_opens_any_more_is_made_again(
    meta: WhatsApp, channel: WhatsAppChannel, db: Database
) -> None:
    channel.send(a_pass())
    execute(db, "update media set sealed = 'x' || sealed")
    channel.send(a_pass())
    assert len(meta.media) == len(meta.phone) == 2


def test_an_upload_and_its_message_are_two_requests_and_have_two_keys(
    meta: WhatsApp, channel: WhatsAppChannel
) -> None:
    message = a_pass()
    channel.send(message)
    meta.media.clear()
    with pytest.raises(TemporaryChannelError, match=r"^media$") as caught:
        channel.send(message)
    assert not caught.value.may_have_arrived
    channel.send(message)
    assert len(meta.phone) == 2, "an upload that Meta has deleted is made again at the next try"
    keys = [one.headers["idempotency-key"] for one in meta.requests]
    assert keys[1] == keys[2] == keys[4] == str(message.id)
    assert len({keys[0], keys[3], str(message.id)}) == 3, "the second upload is no repeat of the first"


# --------------------------------------------------------------------- errors


def test_an_error_that_may_pass_is_temporary(meta: WhatsApp, channel: WhatsAppChannel) -> None:
    for status, code, reason, retry_after in (
        (429, 130429, "busy", None),
        (429, 131056, "busy", 6.0),
        (400, 4, "busy", None),
        (401, 190, "credentials", None),
        (403, 131031, "account", None),
        (500, 131000, "gateway_fault", None),
        (503, 131016, "gateway_fault", None),
    ):
        meta.faults.answers.append((status, json.dumps({"error": {"code": code}}).encode()))
        with pytest.raises(TemporaryChannelError, match=rf"^{reason}$") as caught:
            channel.send(a_code())
        assert caught.value.retry_after == retry_after
        assert caught.value.may_have_arrived == (code == 131000)
        assert caught.value.recipient_only == (code == 131056), "only the limit of one person concerns one"


def test_an_error_that_stays_is_final_and_another_channel_is_used(
    meta: WhatsApp, channel: WhatsAppChannel
) -> None:
    for code, reason in (
        (131026, "not_on_whatsapp"), (131047, "window_closed"), (131049, "limited"), (132001, "template"),
        (131050, "opted_out"), (100, "refused"),
    ):  # fmt: skip
        meta.faults.answers.append((400, json.dumps({"error": {"code": code}}).encode()))
        with pytest.raises(PermanentChannelError, match=rf"^{reason}$") as caught:
            channel.send(a_code())
        assert caught.value.use_next


def test_an_upload_that_fails_has_sent_nothing(meta: WhatsApp, channel: WhatsAppChannel) -> None:
    meta.faults.answers.append((500, b""))
    with pytest.raises(TemporaryChannelError, match=r"^gateway_fault$") as caught:
        channel.send(a_pass())
    assert not caught.value.may_have_arrived
    assert not meta.phone


def test_a_message_whose_response_is_lost_may_have_arrived(meta: WhatsApp, channel: WhatsAppChannel) -> None:
    meta.faults.hang_up_rate = 1
    with pytest.raises(TemporaryChannelError) as caught:
        channel.send(a_code())
    assert caught.value.may_have_arrived
    assert len(meta.phone) == 1


# -------------------------------------------------------------------- reports

REPORTS = WhatsAppReports(WhatsApp.app_secret, "a-verify-token")


def headers_of(given: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in given.items()}


@pytest.mark.parametrize("status", ["sent", "delivered", "read"])
def test_a_report_says_what_became_of_a_message(meta: WhatsApp, status: str) -> None:
    raw, headers = meta.signed(meta.status("wamid.7", NUMBER, status))
    assert REPORTS.verify(headers_of(headers), raw)
    (report,) = REPORTS.parse(raw)
    assert isinstance(report, DeliveryReport)
    assert (report.provider_id, report.status, report.reason) == ("wamid.7", status, None)
    assert report.at.tzinfo is not None


def test_a_report_of_a_failure_says_why(meta: WhatsApp) -> None:
    for code, reason in [(131026, "not_on_whatsapp"), (131049, "limited"), (999, "undelivered")]:
        raw, _ = meta.signed(meta.status("wamid.7", NUMBER, "failed", code))
        (report,) = REPORTS.parse(raw)
        assert isinstance(report, DeliveryReport)
        assert report.reason == reason


def test_a_body_that_meta_did_not_sign_is_no_report(meta: WhatsApp) -> None:
    raw, headers = meta.signed(meta.status("wamid.7", NUMBER, "read"))
    signature = headers["X-Hub-Signature-256"]
    assert not REPORTS.verify({"x-hub-signature-256": signature}, raw + b" ")
    assert not REPORTS.verify({"x-hub-signature-256": signature[:-1] + "g"}, raw)
    assert not REPORTS.verify({"x-hub-signature-256": "sha256=ü"}, raw)
    assert not REPORTS.verify({}, raw)


def test_entries_of_other_kinds_are_left_out(meta: WhatsApp) -> None:
    entries = [{"id": "wamid.1", "status": "played", "timestamp": "1"}, {"id": 1, "status": "read"}, None]
    raw, _ = meta.signed(webhook({"statuses": entries}))
    assert REPORTS.parse(raw) == []


def test_what_a_person_writes_is_told_with_their_number(meta: WhatsApp) -> None:
    messages = [
        {"from": NUMBER, "timestamp": "1764200000", "type": "text", "text": {"body": "STOP"}},
        {"from": NUMBER, "timestamp": "1764200000", "type": "button", "button": {"text": "Wrong number"}},
        {"from": NUMBER, "timestamp": "1764200000", "type": "image", "image": {"id": "1"}},
    ]
    raw, _ = meta.signed(webhook({"messages": messages}))
    found = REPORTS.parse(raw)
    assert [(one.sender, one.text) for one in found if isinstance(one, InboundText)] == [
        (MOBILE, "STOP"),
        (MOBILE, "Wrong number"),
    ]
    assert "STOP" not in repr(found)


@pytest.mark.parametrize("raw", [b"", b"[]", b"no json", b'{"object": "page"}', b"[" * 200_000])
def test_a_body_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(BadWebhook):
        REPORTS.parse(raw)


def test_the_handshake_returns_the_challenge_for_the_right_token_only() -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": "a-verify-token", "hub.challenge": "1158201444"}
    assert REPORTS.challenge(asked) == "1158201444"
    assert REPORTS.challenge(asked | {"hub.verify_token": "another"}) is None
    assert REPORTS.challenge(asked | {"hub.mode": "unsubscribe"}) is None
    assert WhatsAppReports("secret", "").challenge(asked | {"hub.verify_token": ""}) is None

"""SMS against a stand-in for C-DAC's Mobile Seva: hashes, entities, registered texts, its numbers."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import get_args
from urllib.parse import parse_qsl, urlsplit

import pytest

from contracts.model import IST, Language
from services.notify.adapters.channels import (
    DeliveryReport,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.mobile_seva import MobileSevaChannel, MobileSevaReports
from services.notify.domain import templates
from services.notify.domain.messages import Purpose
from services.notify.domain.registrations import Registrations
from tests.support.factories.notify import sample
from tests.support.factories.outgoing import a_code, a_pass, outgoing
from tests.support.factories.registered_texts import registered_text
from tests.support.vendors.mobile_seva import MobileSeva

EVERY_TEXT = [(purpose, language) for purpose in get_args(Purpose) for language in get_args(Language)]
IDS = {text: f"1307{place:015}" for place, text in enumerate(EVERY_TEXT)}
REGISTERED = Registrations("1301000000000000001", MobileSeva.header, IDS)


@pytest.fixture
def cdac() -> Iterator[MobileSeva]:
    with MobileSeva() as server:
        server.registered = {IDS[text]: registered_text(templates.find(*text)) for text in EVERY_TEXT}
        yield server


@pytest.fixture
def channel(cdac: MobileSeva, client: GatewayClient) -> MobileSevaChannel:
    return channel_with(cdac, client)


def channel_with(cdac: MobileSeva, client: GatewayClient, **changes: str) -> MobileSevaChannel:
    account = {"user": cdac.user, "password": cdac.password, "secure_key": cdac.secure_key, **changes}
    return MobileSevaChannel(client, cdac.url, registrations=REGISTERED, **account)


def test_a_punjabi_text_goes_as_numeric_entities_under_the_hash_of_what_is_sent(
    cdac: MobileSeva, channel: MobileSevaChannel
) -> None:
    message = a_pass("pa", channel="sms")
    receipt = channel.send(message)
    assert receipt.provider_id is not None
    assert receipt.provider_id.endswith(cdac.user)
    ((request),) = cdac.requests
    form = dict(parse_qsl(request.body.decode()))
    content = form["content"]
    assert content.startswith("&#101;&#45;&#80;")
    signed = f"{cdac.user}{cdac.header}{content}{cdac.secure_key}"
    assert form == {
        "username": cdac.user,
        "password": hashlib.sha1(cdac.password.encode()).hexdigest(),
        "senderid": "PBEPAS",
        "content": content,
        "smsservicetype": "unicodemsg",
        "bulkmobno": "919876543210",
        "key": hashlib.sha512(signed.encode()).hexdigest(),
        "templateid": IDS["pass_issued", "pa"],
    }
    (shown,) = cdac.phone
    assert shown.text == message.text


def test_a_code_goes_by_the_service_for_codes(cdac: MobileSeva, channel: MobileSevaChannel) -> None:
    kinds: dict[Language, str] = {"en": "otpmsg", "pa": "unicodeotpmsg"}
    for language, kind in kinds.items():
        channel.send(a_code(language))
        form = dict(parse_qsl(cdac.requests[-1].body.decode()))
        assert (form["smsservicetype"], form["mobileno"]) == (kind, "919876543210")


def test_every_message_is_taken_as_its_registered_text(cdac: MobileSeva, channel: MobileSevaChannel) -> None:
    for purpose, language in EVERY_TEXT:
        message = outgoing(purpose, sample(language), language)
        assert channel.send(message).provider_id, (purpose, language)
        assert cdac.phone[-1].text == message.text


def test_a_text_without_a_registration_is_not_sent(cdac: MobileSeva, client: GatewayClient) -> None:
    channel = MobileSevaChannel(
        client, cdac.url, cdac.user, cdac.password, cdac.secure_key, Registrations(header=cdac.header)
    )
    with pytest.raises(PermanentChannelError, match=r"^template$"):
        channel.send(a_code())
    assert not cdac.requests


def test_wrong_credentials_and_a_wrong_key_are_temporary(cdac: MobileSeva, client: GatewayClient) -> None:
    for wrong in ({"password": "x"}, {"secure_key": "x"}):
        with pytest.raises(TemporaryChannelError, match=r"^credentials$"):
            channel_with(cdac, client, **wrong).send(a_code())
    assert not cdac.phone


def test_a_number_of_the_gateway_decides_whether_a_later_try_helps(
    cdac: MobileSeva, channel: MobileSevaChannel
) -> None:
    for number, error, reason in (
        (403, TemporaryChannelError, "account"),
        (408, TemporaryChannelError, "gateway_fault"),
        (418, TemporaryChannelError, "busy"),
        (412, TemporaryChannelError, "account"),
        (406, PermanentChannelError, "bad_number"),
        (414, PermanentChannelError, "rejected"),
        (423, PermanentChannelError, "template"),
    ):
        cdac.faults.answers.append((200, f"ERROR : {number} the text of the vendor".encode()))
        with pytest.raises(error, match=rf"^{reason}$"):
            channel.send(a_code())


def test_a_text_that_will_be_submitted_later_is_accepted(
    cdac: MobileSeva, channel: MobileSevaChannel
) -> None:
    cdac.faults.answers.append((200, b"409, SMSC response timed out, message will be submitted"))
    assert channel.send(a_code()) == Receipt(None, parts=1)


def test_a_response_that_says_nothing_may_have_been_a_yes(
    cdac: MobileSeva, channel: MobileSevaChannel
) -> None:
    for answer in (b"", b"<html>maintenance</html>"):
        cdac.faults.answers.append((200, answer))
        with pytest.raises(TemporaryChannelError, match=r"^gateway_fault$") as caught:
            channel.send(a_code())
        assert caught.value.may_have_arrived


# ---------------------------------------------------------------- reports


@pytest.fixture
def reports(cdac: MobileSeva, client: GatewayClient) -> MobileSevaReports:
    return MobileSevaReports(client, cdac.reports_url, cdac.user, cdac.password)


DONE = datetime(2026, 11, 27, 16, 0, 5, tzinfo=IST)


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [("DELIVERED", "delivered", None), ("FAILEDBYTELCO", "failed", "undelivered")],
)
def test_who_asks_is_told_what_became_of_a_message(
    cdac: MobileSeva, channel: MobileSevaChannel, reports: MobileSevaReports, word: str, status, reason
) -> None:
    cdac.word = word
    sent = channel.send(a_code()).provider_id or ""
    assert reports.ask(sent) == DeliveryReport(sent, status, DONE, reason)
    asked = cdac.requests[-1]
    assert urlsplit(asked.path).path == "/ReportAPI/csvreport"
    assert dict(parse_qsl(urlsplit(asked.path).query)) == {
        "userid": cdac.user,
        "password": hashlib.sha1(cdac.password.encode()).hexdigest(),
        "msgid": sent,
        "pwd_encrypted": "true",
    }
    assert asked.body == b""


def test_what_is_not_final_or_not_known_says_nothing(
    cdac: MobileSeva, channel: MobileSevaChannel, reports: MobileSevaReports
) -> None:
    for cdac.word in ("SUBMITTED", "ANOTHER WORD", "", "DELIVERED,soon"):
        assert reports.ask(channel.send(a_code()).provider_id or "") is None


def test_an_answer_of_another_form_says_nothing(cdac: MobileSeva, reports: MobileSevaReports) -> None:
    for answer in (b"", b"\n", b",", b"<html>maintenance</html>", "\u0a2a,\u0a2a".encode(), b"\xff,,"):
        cdac.faults.answers.append((200, answer))
        assert reports.ask("1") is None


def test_an_account_that_may_not_ask_and_a_gateway_that_fails_are_named(
    cdac: MobileSeva, reports: MobileSevaReports
) -> None:
    for status, reason in ((503, "gateway_fault"), (429, "busy"), (403, "credentials")):
        cdac.faults.answers.append((status, b""))
        with pytest.raises(TemporaryChannelError, match=rf"^{reason}$"):
            reports.ask("1")
    cdac.may_ask = False
    with pytest.raises(TemporaryChannelError, match=r"^credentials$"):
        reports.ask("1")

"""SMS against a stand-in for MSG91: variables of a template, errors in a success, reports by webhook."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from contracts.model import IST
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import (
    BadWebhook,
    DeliveryReport,
    PermanentChannelError,
    TemporaryChannelError,
)
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.msg91 import Msg91Channel, Msg91Reports
from services.notify.domain import templates
from services.notify.domain.registrations import Registrations
from tests.support.factories.notify import MOBILE
from tests.support.factories.outgoing import a_code, a_pass
from tests.support.vendors.msg91 import Msg91

IDS = {("otp", "pa"): "65a1", ("pass_issued", "pa"): "65a2"}


@pytest.fixture
def vendor() -> Iterator[Msg91]:
    with Msg91() as server:
        for (purpose, language), template_id in IDS.items():
            names = templates.find(purpose, language).placeholders
            text = templates.find(purpose, language).text
            filled = text.format_map({name: f"##{name}##" for name in names})
            server.templates = {**server.templates, template_id: filled}
        yield server


@pytest.fixture
def channel(vendor: Msg91, client: GatewayClient) -> Msg91Channel:
    return Msg91Channel(client, vendor.url, vendor.authkey, Registrations(ids=IDS), gives_receipts=True)


def test_a_message_is_a_template_of_the_vendor_with_our_variables_and_nothing_else(
    vendor: Msg91, channel: Msg91Channel
) -> None:
    message = a_pass("pa", channel="sms")
    receipt = channel.send(message)
    body = json.loads(vendor.requests[0].body)
    assert (body["template_id"], body["short_url"]) == ("65a2", "0")
    assert set(body["recipients"][0]) == {"mobiles", *message.template.placeholders}
    assert vendor.phone[0].text == message.text
    assert receipt.provider_id is not None
    assert receipt.parts == 3


def test_an_error_in_a_response_is_one_whatever_its_status_is(vendor: Msg91, channel: Msg91Channel) -> None:
    for status, code, error, reason in (
        (401, "201", TemporaryChannelError, "credentials"),
        (200, "207", TemporaryChannelError, "credentials"),
        (200, "301", TemporaryChannelError, "account"),
        (200, "202", PermanentChannelError, "bad_number"),
        (400, "400", PermanentChannelError, "template"),
        (200, "999", PermanentChannelError, "refused"),
    ):
        body = json.dumps({"type": "error", "message": "the text of the vendor", "code": code})
        vendor.faults.answers.append((status, body.encode()))
        with pytest.raises(error, match=rf"^{reason}$"):
            channel.send(a_code())


def test_a_text_without_a_template_is_not_sent(vendor: Msg91, channel: Msg91Channel) -> None:
    with pytest.raises(PermanentChannelError, match=r"^template$"):
        channel.send(a_code("hi"))
    assert not vendor.requests


REPORTS = Msg91Reports(Msg91.secret)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize(("status", "expected"), [("1", "delivered"), ("2", "failed")])
def test_a_report_says_what_became_of_a_message_in_either_form(
    vendor: Msg91, version: int, status: str, expected: str
) -> None:
    vendor.webhook_version = version
    raw, headers = vendor.delivery("3469", MOBILE, status)
    assert REPORTS.verify({name.lower(): value for name, value in headers.items()}, raw)
    (report,) = REPORTS.parse(raw)
    assert isinstance(report, DeliveryReport)
    assert (report.provider_id, report.status) == ("3469", expected)
    assert report.at.utcoffset() == IST.utcoffset(None)
    assert abs(report.at - now()) < timedelta(minutes=1)


@pytest.mark.parametrize("status", ["9", "16", "17", "25"])
def test_a_message_that_was_rejected_or_whose_number_is_blocked_has_failed(status: str) -> None:
    entry = {"requestId": "1", "status": status, "desc": "REJECTED", "date": "2026-11-27 10:00:00"}
    (report,) = REPORTS.parse(json.dumps(entry).encode())
    assert isinstance(report, DeliveryReport)
    assert (report.status, report.reason) == ("failed", "rejected")


@pytest.mark.parametrize("status", ["8", "26", "", "01", "1.0", "DELIVERED", None])
@pytest.mark.parametrize("words", ["SUBMITTED", "DELIVERED", "FAILED"])
def test_a_status_that_we_do_not_know_says_nothing_whatever_its_words_are(
    status: str | None, words: str
) -> None:
    entry = {"requestId": "1", "status": status, "desc": words, "date": "2026-11-27 10:00:00"}
    assert REPORTS.parse(json.dumps(entry).encode()) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic bXNnOTE6eA=="},
        {"authorization": "Basic %%"},
        {"authorization": "Basic \xff"},
        {"x-webhook-secret": "x"},
    ],
)
def test_a_request_without_the_secret_is_no_report(headers: dict[str, str]) -> None:
    assert not REPORTS.verify(headers, b"")
    assert REPORTS.verify({"x-webhook-secret": Msg91.secret}, b"")


@pytest.mark.parametrize("raw", [b"", b"data=", b"x=1", b"{", b"data=[", b"\xff"])
def test_a_body_of_another_form_is_refused(raw: bytes) -> None:
    with pytest.raises(BadWebhook):
        REPORTS.parse(raw)

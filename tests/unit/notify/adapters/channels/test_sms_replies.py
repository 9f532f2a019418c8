"""Replies by SMS, as whoever takes them hands them on."""

import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from services.notify.adapters.channels import BadWebhook, InboundText
from services.notify.adapters.channels.sms import SmsReplies

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
GIVEN = {"from": "919876543210", "text": "EPASS 1", "at": "2026-11-24T15:00:00", "id": "7"}


def read(raw: bytes, **fields: str) -> list[InboundText]:
    found = SmsReplies("secret", "EPASS 9220012345", fields).parse(raw)
    return [one for one in found if isinstance(one, InboundText)]


def test_a_reply_is_read_from_a_form_or_from_json_without_the_word_before_it() -> None:
    expected = InboundText("+919876543210", " 1", AT, id="7")
    assert read(json.dumps(GIVEN).encode()) == [expected]
    assert read(urlencode(GIVEN).encode()) == [expected]
    assert read(json.dumps({**GIVEN, "text": " epass  2"}).encode())[0].text == " 2"
    assert read(json.dumps({**GIVEN, "text": "1"}).encode())[0].text == "1", "the vendor has taken it away"


@pytest.mark.parametrize("words", ["PB EPASS 1", "EPASS 1", "epass1", "1"])
def test_a_reply_is_read_whichever_of_the_words_before_it_the_vendor_has_taken_away(words: str) -> None:
    (found,) = SmsReplies("secret", "PB EPASS 9220012345", {}).parse(
        json.dumps({**GIVEN, "text": words}).encode()
    )
    assert isinstance(found, InboundText)
    assert found.text.strip() == "1"


def test_fields_have_the_names_that_the_vendor_has_for_them() -> None:
    given = {"mobileNumber": "9876543210", "timeStamp": "2026-11-24 15:00:00", "message": "EPASS 1"}
    names = {"from": "mobileNumber", "at": "timeStamp", "text": "message"}
    (found,) = read(urlencode(given).encode(), **names)
    assert (found.sender, found.at) == ("+919876543210", AT)
    assert found.id == read(urlencode(given).encode(), **names)[0].id, "by which a repeat is known"


def test_what_did_not_come_from_a_mobile_is_left_out() -> None:
    assert read(json.dumps({**GIVEN, "from": "VM-ADVERT"}).encode()) == []


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{",
        b"from=1",
        b"\xff",
        *(json.dumps({**GIVEN, "at": at}).encode() for at in ("", "0001-01-01", "9999-12-31")),
    ],
)
def test_what_has_no_number_no_text_or_no_time_is_no_reply(raw: bytes) -> None:
    with pytest.raises(BadWebhook):
        read(raw)

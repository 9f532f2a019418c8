"""A message goes out on one channel, and on another one only after a failure."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from services.notify.adapters.channels.email import EmailChannel, MailServer
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.sms import SmsChannel
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from tests.support.chaos.evidence import Evidence, Message
from tests.support.chaos.oracle import by_event, two_ways
from tests.support.chaos.provider import Provider
from tests.support.factories.outgoing import a_code

FIRST = Message("m1", "pass_issued", "read", 0, event="e1", channel="whatsapp")
SECOND = Message("m2", "pass_issued", "delivered", 0, event="e1", channel="sms")
OTHER = Message("m3", "pass_issued", "delivered", 0, event="e2", channel="sms")


def evidence(*messages: Message, given_up: tuple[str, ...] = ()) -> Evidence:
    found = Evidence(given_up=set(given_up))
    found.messages["application"] = list(messages)
    return found


def test_the_messages_of_an_event_are_one_chain() -> None:
    assert by_event([FIRST, OTHER, SECOND]) == [[FIRST, SECOND], [OTHER]]


def test_a_pass_on_two_channels_without_a_failure_between_is_found() -> None:
    taken = Counter({"m1": 1, "m2": 1, "m3": 1})
    assert two_ways(evidence(FIRST, SECOND, OTHER), taken) == ["pass_issued: sms and whatsapp"]


@pytest.mark.parametrize(
    ("taken", "given_up"), [(["m1", "m2", "m3"], ("m1",)), (["m2", "m3"], ()), (["m1", "m3"], ())]
)
def test_control_a_failure_between_two_channels_explains_both(
    taken: list[str], given_up: tuple[str, ...]
) -> None:
    assert two_ways(evidence(FIRST, SECOND, OTHER, given_up=given_up), Counter(taken)) == []


def test_what_goes_out_on_each_channel_is_in_the_ledger_under_its_key(tmp_path: Path) -> None:
    by_sms, by_whatsapp, by_email = (a_code() for _ in range(3))
    by_email = replace(by_email, personal=replace(by_email.personal, to="gurpreet@people.example"))
    limits = httpx.Limits(max_keepalive_connections=0)
    client = GatewayClient(httpx.AsyncClient(limits=limits, trust_env=False))
    with Provider(tmp_path) as provider:
        given = provider.settings
        SmsChannel(client, given["EPASS_SMS_URL"], "").send(by_sms)
        token = given["EPASS_WHATSAPP_TOKEN"]
        WhatsAppChannel(client, given["EPASS_WHATSAPP_URL"], token).send(by_whatsapp)
        server = MailServer.at(given["EPASS_SMTP_URL"], given["EPASS_SMTP_SENDER"])
        EmailChannel(server, lambda _personal: None).send(by_email)
        lines = [json.loads(line) for line in provider.file.read_text().splitlines()]
    assert {line["key"]: line["channel"] for line in lines} == {
        str(by_sms.id): "sms",
        str(by_whatsapp.id): "whatsapp",
        str(by_email.id): "email",
    }

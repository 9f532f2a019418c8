"""A message goes out on one channel, and on another one only after a failure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from queue import Queue

import httpx
import pytest

from services.notify.adapters.channels.email import EmailChannel, MailServer
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.msg91 import Msg91Channel, Msg91Reports
from services.notify.adapters.channels.sms import SmsChannel
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from services.notify.domain.messages import provider_id_digest
from services.notify.domain.registrations import Registrations, read_registrations
from tests.support.chaos import vendors_ledger
from tests.support.chaos.evidence import Evidence, Message
from tests.support.chaos.oracle import Findings, by_event, judge, two_ways
from tests.support.chaos.promises import Promises
from tests.support.chaos.provider import Ledger, Provider, Taken
from tests.support.chaos.receipts import is_silent, told
from tests.support.chaos.vendors_ledger import FATES, fate_of
from tests.support.factories.outgoing import a_code
from tests.support.vendors.server import Answer, Received, VendorServer

FIRST = Message("m1", "pass_issued", "read", 0, event="e1", channel="whatsapp")
SECOND = Message("m2", "pass_issued", "delivered", 0, event="e1", channel="sms")
OTHER = Message("m3", "pass_issued", "delivered", 0, event="e2", channel="sms")


def evidence(*messages: Message, given_up: tuple[str, ...] = ()) -> Evidence:
    found = Evidence(given_up=set(given_up))
    found.messages["application"] = list(messages)
    return found


def a_client() -> GatewayClient:
    """Return a client that keeps no connection open."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return GatewayClient(httpx.AsyncClient(limits=limits, trust_env=False))


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
    client = a_client()
    with Provider(tmp_path) as provider:
        given = provider.settings
        registrations = read_registrations(Path(given["EPASS_SMS_REGISTRATIONS"]))
        url, authkey = given["EPASS_SMS_URL"], given["EPASS_SMS_TOKEN"]
        sms = Msg91Channel(client, url, authkey, registrations, gives_receipts=True).send(by_sms)
        token = given["EPASS_WHATSAPP_TOKEN"]
        WhatsAppChannel(client, given["EPASS_WHATSAPP_URL"], token).send(by_whatsapp)
        server = MailServer.at(given["EPASS_SMTP_URL"], given["EPASS_SMTP_SENDER"])
        EmailChannel(server, lambda _personal: None).send(by_email)
        SmsChannel(client, provider.url, "").send(by_sms)
        ledger = provider.ledger()
    assert set(ledger.charged) == {str(one.id) for one in (by_sms, by_whatsapp, by_email)}
    assert ledger.channels == {"sms": 2, "whatsapp": 1, "email": 1}
    (taken,) = ledger.nameless
    assert (taken.vendor_id, taken.to, taken.purpose) == (sms.provider_id, by_sms.personal.to, "otp")


TO = "+919812345671"
SMS = Message("m1", "pass_issued", "delivered", 0, "e1", "sms", "msg91", provider_id_digest("v1"), "P1")
EMAIL = replace(SMS, channel="email", state="withdrawn", provider="", provider_id="")
NEXT = Message("m2", "pass_issued", "accepted", 0, "e1", "whatsapp", "whatsapp", "w1", "P1")


def story(*messages: Message, taken: Sequence[str] = ("v1",), told: str = "delivered") -> Findings:
    """Return what the oracle finds of messages about a pass, and what MSG91 took under its own IDs."""
    found = Evidence(ids={"R": "application"}, statuses={"application": "issued"})
    for known in (found.passes, found.passes_of_application, found.passes_of_gate):
        known["application"] = {"P1": True}
    found.messages["application"] = [Message("m0", "application_submitted", "delivered", 0), *messages]
    found.deliveries_recorded["application"] = 1
    nameless = [Taken(one, TO, "a digest", "pass_issued") for one in taken]
    ledger = Ledger(Counter({"m0": 1}), Counter(), {"m0": TO}, nameless=nameless)
    if told:
        ledger.reports["v1"].add(told)
    held = [("m1", "a lease")]
    return judge(Promises(mobiles={"R": TO}, decided={"R": "approved"}), found, ledger, held)


def test_an_sms_that_arrived_by_its_receipt_has_no_problem() -> None:
    assert story(SMS).problems() == {}


def test_an_sms_without_a_recorded_response_is_found_by_its_text_and_by_its_purpose() -> None:
    again = story(replace(SMS, possible_duplicates=1), taken=("v0", "v1"))
    assert (again.problems(), again.sms_duplicates) == ({}, 1)
    lost = story(replace(SMS, provider="", provider_id="", state="withdrawn"), taken=("v0",), told="")
    assert lost.problems() == {}


@pytest.mark.parametrize(
    ("messages", "taken", "told", "problems"),
    [
        ([replace(SMS, state="accepted")], ("v1",), "", {"unfinished", "silent_chains"}),
        ([replace(SMS, state="accepted")], ("v1",), "failed", {"unfinished", "silent_chains", "unheard"}),
        ([replace(SMS, state="accepted")], ("v1",), "delivered", {"unfinished", "unheard"}),
        ([replace(SMS, state="failed")], ("v1",), "failed", {"sms_missing", "silent_chains"}),
        ([SMS], ("v1",), "", {"unheard", "silent_chains"}),
        ([SMS], ("v1",), "failed", {"unheard", "silent_chains"}),
        ([SMS], (), "", {"unheard", "silent_chains", "sms_missing"}),
        ([SMS], ("v1", "v2", "v3"), "delivered", {"sms_unrecorded", "sms_too_many"}),
        ([EMAIL], ("v1",), "", {"foreign"}),
    ],
    ids=[
        "nothing is told, and the chain stands still",
        "a failure is told, and the chain stands still",
        "an arrival is told, and nobody notes it",
        "a failure is noted, and the chain stands still",
        "an arrival is noted that nobody told",
        "a failure is told, and an arrival noted",
        "an arrival of what nobody took",
        "taken more often than a killed sender explains",
        "an SMS that is no message",
    ],
)
def test_a_receipt_that_is_lost_or_invented_and_a_chain_that_stops_are_found(
    messages: list[Message], taken: Sequence[str], told: str, problems: set[str]
) -> None:
    assert set(story(*messages, taken=taken, told=told).problems()) == problems


def test_the_chain_of_a_revoked_pass_may_stop() -> None:
    chain = [replace(SMS, state="failed")]
    ledger = Ledger(Counter(m1=1), Counter(), {})
    assert is_silent(chain, ledger, told(ledger), {"P1": True})
    assert not is_silent(chain, ledger, told(ledger), {"P1": False})


def test_an_sms_and_a_whatsapp_without_a_failure_between_are_found() -> None:
    sent = evidence(SMS, NEXT)
    assert two_ways(sent, Counter(m1=1, m2=1)) == ["pass_issued: sms and whatsapp"]
    assert two_ways(evidence(SMS, NEXT, given_up=("m1",)), Counter(m1=1, m2=1)) == []


def test_somebody_can_always_be_reached() -> None:
    fates = {fate_of(f"+91981234{number:04}", "pass_issued") for number in range(200)}
    assert fates == set(FATES)
    assert {fate_of(f"+91981234{number:04}", "otp") for number in range(200)} == {"arrives"}


class Webhook(VendorServer):
    """Our side: away for the first request, as while notify is killed; then it takes each report."""

    def __init__(self) -> None:
        super().__init__()
        self.faults.answers.append((503, b""))
        self.webhook = f"{self.address}/hooks/sms"

    def respond(self, received: Received) -> Answer:
        return 200, b""


class Book:
    def __init__(self) -> None:
        self.taken: list[str] = []
        self.told: Queue[tuple[str, str]] = Queue()

    def take(self, key: str, to: str, text: str, channel: str, purpose: str, vendor_id: str) -> None:
        self.taken.append(vendor_id)

    def tell(self, vendor_id: str, status: str) -> None:
        self.told.put((vendor_id, status))


@pytest.mark.parametrize(("fate", "status"), [("arrives", "delivered"), ("sms fails", "failed")])
def test_a_receipt_that_our_webhook_refused_comes_again_and_is_then_in_the_ledger(
    monkeypatch: pytest.MonkeyPatch, fate: str, status: str
) -> None:
    monkeypatch.setattr(vendors_ledger, "LATEST", 0.0)
    monkeypatch.setattr(vendors_ledger, "REPEATED", 1.0)
    monkeypatch.setattr(vendors_ledger, "fate_of", lambda _to, _purpose: fate)
    book, code = Book(), a_code()
    ids = {("otp", code.language): f"otp-{code.language}"}
    with Webhook() as ours, vendors_ledger.RecordingMsg91(0, book) as vendor:
        vendor.webhook = ours.webhook
        client = a_client()
        channel = Msg91Channel(
            client, vendor.url, vendor.authkey, Registrations(ids=ids), gives_receipts=True
        )
        sent = channel.send(code).provider_id
        assert [book.told.get(timeout=10) for _ in range(2)] == [(sent, status)] * 2
        (said,) = {Msg91Reports("").parse(one.body)[0].status for one in ours.requests}
    assert (book.taken, said, len(ours.requests)) == ([sent], status, 3)

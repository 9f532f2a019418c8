"""A sender and its gateway over HTTP: what is tried again, and what may have arrived twice."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import monotonic
from services.notify.adapters.channels import SEND_SECONDS, Channel, Outgoing, Receipt, TemporaryChannelError
from services.notify.adapters.channels.http_gateway import GatewayClient
from services.notify.adapters.channels.sms import SmsChannel
from services.notify.adapters.channels.whatsapp import WhatsAppChannel
from services.notify.domain.outcomes import Untried
from services.notify.handlers.deliveries import EVERY_LANE, Sender
from services.notify.metrics import REPEATS
from services.notify.models import MessageRow
from services.notify.settings import SenderSettings
from tests.integration.notify.handlers.stored import handle
from tests.integration.notify.http_gateways.http_vendor import TOKEN, Vendor
from tests.support.factories.notify import (
    MOBILE,
    OPTIONS,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    otp,
    received,
)
from tests.support.stack.database_faults import postgres_away
from tests.support.stack.extent import long
from tests.support.stack.running import Process, eventually
from tests.support.stack.settings import make_settings
from tests.support.vendors.whatsapp import WhatsApp

pytestmark = long


def put_pass(db: Database, *, token: str | None = None, **visit: str) -> None:
    """Store the message of a pass; with a token it has a picture."""
    event = Visit(**visit).issued()
    if token is not None:
        event = event.model_copy(update={"personal": event.personal.model_copy(update={"token": token})})
    handle(db, received(event))


def row(db: Database) -> MessageRow:
    with db.transaction() as session:
        return session.scalars(select(MessageRow)).one()


def possibly_twice(db: Database) -> list[bool]:
    """Return of each delivery that was published whether an earlier try may have arrived, too."""
    with db.transaction() as session:
        return [data["possible_duplicate"] for data in session.scalars(select(outbox.c.data))]


def published(db: Database) -> list[str]:
    with db.transaction() as session:
        return list(session.scalars(select(outbox.c.type).order_by(outbox.c.position)))


def test_no_send_begins_when_less_than_a_call_is_left_of_its_lease(
    db: Database, vendor: Vendor, client: GatewayClient
) -> None:
    put_pass(db)
    postman = Sender(db, {"sms": SmsChannel(client, vendor.url, TOKEN)}, OPTIONS, threading.Event())
    (message,) = postman.lease(EVERY_LANE, 1, postman.providers["sms_gateway"])
    ((_, outcome),) = postman.send([replace(message, lease_ends=monotonic() + SEND_SECONDS - 0.5)])
    assert (outcome, vendor.got, row(db).state, row(db).attempts) == (Untried(), [], "queued", 0)


def test_a_gateway_that_fails_and_hangs_gets_the_same_key_until_it_accepts(
    db: Database, vendor: Vendor, client: GatewayClient
) -> None:
    put_pass(db)
    vendor.answers = [(500, b""), (429, b"")]
    clock = Clock(db)
    postman = SteppedSender(
        db,
        {"sms": SmsChannel(client, vendor.url, TOKEN)},
        make_settings(SenderSettings),
        threading.Event(),
        clock,
    )
    for step in range(4):
        vendor.hold = threading.Event() if step == 2 else None
        postman.send_due()
        if vendor.hold is not None:
            vendor.hold.set()
        clock.forward(400)
    assert vendor.keys == [str(row(db).id)] * 4
    assert (row(db).state, row(db).attempts) == ("delivered", 4)
    assert published(db) == ["NotificationDelivered"]


def test_two_passes_of_twelve_that_were_too_many_send_none_by_another_channel(
    db: Database, vendor: Vendor, client: GatewayClient
) -> None:
    """The vendor says for how long with `Retry-After`: they wait so long, and it is given less meanwhile."""
    clock, sms = Clock(db), RecordingChannel()
    channels = {"whatsapp": WhatsAppChannel(client, vendor.url, TOKEN), "sms": sms}
    options = make_settings(SenderSettings, whatsapp_per_second=None, whatsapp_per_recipient=None)
    postman = SteppedSender(db, channels, options, threading.Event(), clock)
    for _ in range(12):
        put_pass(db, deliver_by="whatsapp")
    vendor.retry_after, vendor.answers = "12", [(200, b'{"messages": [{"id": "1"}]}'), *[(429, b"")] * 2]
    provider = postman.providers["whatsapp_cloud"]
    of_two_threads = [postman.lease(("normal",), 6, provider) for _ in range(2)]
    for leased in of_two_threads:
        postman.send(leased)
    assert len(vendor.got) == 3, "what else they had leased goes back"
    code = otp()
    handle(db, replace(code, event=code.event.model_copy(update={"deliver_by": "whatsapp"})))
    assert len(postman.send_due(("otp",))) == 1, "a code does not wait"
    for second in range(5):
        clock.forward(1)
        assert len(postman.send_due() + postman.send_due()) == 1, second
    for _ in range(40):
        clock.forward(1)
        postman.advance()
        postman.send_due()
    assert sms.sent == []
    with db.transaction() as session:
        states = session.execute(select(MessageRow.channel, MessageRow.state)).all()
    assert states == [("whatsapp", "delivered")] * 13


def no_answer(vendor: Vendor) -> None:
    vendor.hold = threading.Event()


def broken_connection(vendor: Vendor) -> None:
    vendor.hang_up = True


def failure(status: int) -> Callable[[Vendor], None]:
    def fail(vendor: Vendor) -> None:
        vendor.answers = [(status, b"")]

    fail.__name__ = f"a {status}"
    return fail


def try_twice(db: Database, vendor: Vendor, channel: Channel, first: Callable[[Vendor], None]) -> MessageRow:
    """Return the row after a first try that failed like this, and a second that succeeded."""
    put_pass(db)
    clock = Clock(db)
    postman = SteppedSender(db, {"sms": channel}, make_settings(SenderSettings), threading.Event(), clock)
    first(vendor)
    postman.send_due()
    if vendor.hold is not None:
        vendor.hold.set()
    vendor.hold, vendor.hang_up = None, False
    clock.forward(400)
    postman.send_due()
    assert (row(db).state, row(db).attempts, len(vendor.got)) == ("delivered", 2, 2)
    return row(db)


@pytest.mark.parametrize(
    ("first", "possible"),
    [
        (no_answer, 1),
        (broken_connection, 1),
        (failure(500), 1),
        (failure(504), 1),
        (failure(503), 0),
        (failure(429), 0),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_try_after_one_that_may_have_arrived_is_recorded_as_a_possible_duplicate(
    db: Database, vendor: Vendor, client: GatewayClient, first: Callable[[Vendor], None], possible: int
) -> None:
    repeats = REPEATS.labels("sms")
    before = repeats._value.get()
    assert try_twice(db, vendor, SmsChannel(client, vendor.url, TOKEN), first).possible_duplicates == possible
    assert possibly_twice(db) == [possible > 0]
    assert repeats._value.get() - before == possible, "it is counted"


def test_a_gateway_that_could_not_be_reached_is_no_possible_duplicate(
    db: Database, vendor: Vendor, client: GatewayClient
) -> None:
    put_pass(db)
    clock = Clock(db)
    for url in ("http://127.0.0.1:9/nobody", vendor.url):
        channel = SmsChannel(client, url, TOKEN)
        SteppedSender(
            db, {"sms": channel}, make_settings(SenderSettings), threading.Event(), clock
        ).send_due()
        clock.forward(400)
    assert (row(db).state, row(db).attempts, row(db).possible_duplicates) == ("delivered", 2, 0)


def test_without_the_mark_of_a_timeout_the_duplicate_would_not_be_recorded(
    db: Database, vendor: Vendor, client: GatewayClient
) -> None:
    """The control: the vendor has the message twice, and nothing records it."""

    class Sure(SmsChannel):
        def send(self, message: Outgoing) -> Receipt:
            try:
                return super().send(message)
            except TemporaryChannelError as error:
                raise TemporaryChannelError(error.reason) from None

    assert try_twice(db, vendor, Sure(client, vendor.url, TOKEN), no_answer).possible_duplicates == 0


@pytest.fixture
def process(stack, db: Database, vendor: Vendor, tmp_path: Path) -> Iterator[Process]:
    """`epass sender` with a gateway, short leases and short delays; not started yet."""
    own = {key: value for key, value in os.environ.items() if key.startswith("EPASS_")}
    settings = {
        **own,
        **stack.environment("sender"),
        "EPASS_PERSONAL_KEYS": own["EPASS_PERSONAL_KEYS"],
        "EPASS_SMS_URL": vendor.url,
        "EPASS_SMS_TOKEN": TOKEN,
        "EPASS_CHAIN_PASS": "none",
        "EPASS_SENDER_LEASE": "2",
        "EPASS_RETRY_DELAYS": "0.2",
    }
    sender = Process(["-m", "services.ops.cli", "sender"], settings, tmp_path / "sender.log")
    yield sender
    sender.kill()


def test_a_message_of_a_sender_killed_during_a_call_is_sent_again_with_the_same_key(
    db: Database, vendor: Vendor, process: Process
) -> None:
    vendor.hold = threading.Event()
    put_pass(db)
    process.start()
    eventually(lambda: len(vendor.got) == 1, "the gateway has it in hand")
    process.kill()
    vendor.hold.set()
    assert (row(db).state, row(db).possible_duplicates, published(db)) == ("queued", 0, [])
    process.start()
    eventually(lambda: row(db).state == "delivered", "it is sent again")
    assert vendor.keys == [str(row(db).id)] * 2
    assert row(db).possible_duplicates == 1
    assert published(db) == ["NotificationDelivered"]
    assert possibly_twice(db) == [True]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_pass_whose_sender_is_stopped_during_the_upload_is_sent_once(
    db: Database, process: Process, how: signal.Signals
) -> None:
    with WhatsApp() as meta:
        process.environment |= {
            "EPASS_SENDER_LEASE": "4",
            "EPASS_WHATSAPP_URL": meta.url,
            "EPASS_WHATSAPP_TOKEN": meta.token,
            "EPASS_WHATSAPP_PER_RECIPIENT": "0",
        }
        meta.faults.hold = threading.Event()
        put_pass(db, deliver_by="whatsapp", token="a-signed-pass")
        process.start()
        eventually(lambda: len(meta.requests) == 1, "the picture is on its way")
        process.signal(how)
        if how == signal.SIGKILL:
            process.kill()
        meta.faults.hold.set()
        process.stop(20)
        process.start()
        eventually(lambda: row(db).state == "delivered", "it is sent")
        assert process.stop(20) == 0
        calls = [request.path.rpartition("/")[2] for request in meta.requests]
        assert (calls[0], calls.count("messages")) == ("media", 1)
    # The lease of one that was killed tells nobody how far it had come.
    assert possibly_twice(db) == [how == signal.SIGKILL]


def test_a_sender_that_is_stopped_finishes_its_leased_messages(
    db: Database, vendor: Vendor, process: Process
) -> None:
    process.environment["EPASS_SENDER_LEASE"] = "30"
    vendor.hold = threading.Event()
    put_pass(db)
    process.start()
    eventually(lambda: len(vendor.got) == 1, "the gateway has it in hand")
    process.signal(signal.SIGTERM)
    eventually(
        lambda: "stopping" in [line["event"] for line in process.log_lines()[-1:]], "it leases no more"
    )
    put_pass(db)
    vendor.hold.set()
    assert process.stop(20) == 0
    with db.transaction() as session:
        states = session.execute(
            select(MessageRow.state, MessageRow.attempts).order_by(MessageRow.created_at)
        ).all()
    assert states == [("delivered", 1), ("queued", 0)]
    assert process.log_lines()[-1]["finished"] is True


def test_a_sender_waits_for_its_database_and_loses_nothing(
    db: Database, databases, stack, vendor: Vendor, process: Process
) -> None:
    vendor.hold = threading.Event()
    put_pass(db)
    process.start()
    eventually(lambda: len(vendor.got) == 1, "the gateway has it in hand")
    with postgres_away(stack):
        vendor.hold.set()
        eventually(lambda: not process.is_ready(), "it reports that it is not ready")
    process.wait_ready()
    eventually(lambda: row(db).state == "delivered", "it is recorded")
    assert set(vendor.keys) == {str(row(db).id)}
    assert published(db) == ["NotificationDelivered"]
    assert process.alive


def test_the_log_of_a_sender_names_no_number_and_no_text(
    db: Database, vendor: Vendor, process: Process
) -> None:
    vendor.answers = [(400, b"the text of the vendor"), (500, b"")]
    put_pass(db)
    put_pass(db)
    process.start()
    eventually(
        lambda: sorted(published(db)) == ["NotificationDelivered", "NotificationFailed"], "both have ended"
    )
    eventually(lambda: process.metric("epass_messages_total") == 3, "all three tries are counted")
    results = {
        result: process.metric(f'epass_provider_seconds_count{{channel="sms",result="{result}"}}')
        for result in ("ok", "refused", "gateway_fault", "unreachable")
    }
    assert results == {"ok": 1, "refused": 1, "gateway_fault": 1, "unreachable": 0}
    log = process.log.read_text()
    assert "message was not sent" in log
    for secret in (MOBILE, MOBILE[3:], TOKEN, "Zk3vQ9mT1xA7bC2dE5fG6h", "the text of the vendor", "ਪੰਜਾਬ"):
        assert secret not in log

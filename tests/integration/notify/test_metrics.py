"""What operations are told of chains in numbers: which end with somebody, and which vendor owes a report."""

import threading
from collections.abc import Iterator

from prometheus_client import REGISTRY

from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import DeliveryReport, Outgoing, PermanentChannelError, Receipt
from services.notify.handlers import event_handlers, receipts
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.notify import (
    OPTIONS,
    PUBLIC_URL,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    otp,
    received,
)

PASSES = {"purpose": "pass_issued"}


class Vendor(RecordingChannel):
    """A vendor that tells later what became of a message."""

    name = "msg91"
    gives_receipts = True

    def send(self, message: Outgoing) -> Receipt:
        return Receipt(f"msg91-{super().send(message).provider_id}")


class Numbers:
    """By how much the metrics have grown since the test began."""

    def __init__(self) -> None:
        self._before = {one: self._value(*one) for one in self._all()}

    def __call__(self) -> tuple[float, float, float]:
        """Return how many chains reached somebody and nobody, and how many reports are expected."""
        reached, nobody, expected = (self._value(*one) - self._before[one] for one in self._all())
        return reached, nobody, expected

    @staticmethod
    def _all() -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
        for result in ("reached", "nobody"):
            yield "epass_message_chains_ended_total", (*PASSES.items(), ("result", result))
        yield "epass_message_receipts_expected_total", (("provider", Vendor.name),)

    @staticmethod
    def _value(name: str, labels: tuple[tuple[str, str], ...]) -> float:
        return REGISTRY.get_sample_value(name, dict(labels)) or 0.0


def put_pass(db: Database, deliver_by: str = "sms") -> None:
    with db.transaction() as session:
        event = received(Visit(deliver_by=deliver_by).issued())
        event_handlers.handle_pass_issued(event, session, now(), PUBLIC_URL)


def sender(db: Database, clock: Clock, sms: RecordingChannel, whatsapp: RecordingChannel) -> SteppedSender:
    steps = {"chain_pass": ("whatsapp:120", "sms:600"), "whatsapp_per_recipient": None}
    return SteppedSender(
        db, {"sms": sms, "whatsapp": whatsapp}, OPTIONS.model_copy(update=steps), threading.Event(), clock
    )


def tell(db: Database, status: str) -> None:
    with db.transaction() as session:
        report = DeliveryReport("msg91-vendor-1", status, now())  # type: ignore[arg-type]  # of a test
        receipts.store_reports(session, Vendor.name, [report], now())


def test_a_message_that_a_silent_vendor_took_has_reached_somebody(db: Database, clock: Clock) -> None:
    grown = Numbers()
    put_pass(db)
    sender(db, clock, RecordingChannel(), RecordingChannel()).send_due()
    assert grown() == (1, 0, 0)


def test_a_message_reaches_somebody_once_whatever_its_vendor_tells(db: Database, clock: Clock) -> None:
    postman, grown = sender(db, clock, Vendor(), RecordingChannel()), Numbers()
    put_pass(db)
    postman.send_due()
    assert grown() == (0, 0, 1)
    for status in ("delivered", "read", "delivered"):
        tell(db, status)
        postman.advance()
    assert grown() == (1, 0, 1)


def test_a_chain_reaches_nobody_only_at_its_end(db: Database, clock: Clock) -> None:
    whatsapp = RecordingChannel(PermanentChannelError("not_on_whatsapp"))
    postman, grown = sender(db, clock, Vendor(), whatsapp), Numbers()
    put_pass(db, "whatsapp")
    postman.send_due()
    postman.advance()
    assert grown() == (0, 0, 0), "an SMS is next"
    postman.send_due()
    clock.forward(601)
    postman.advance()
    assert grown() == (0, 1, 1)


def test_each_way_to_the_end_of_a_chain_counts_once(db: Database, clock: Clock) -> None:
    grown = Numbers()
    refusing = RecordingChannel(*[PermanentChannelError("refused", use_next=False)] * 2)
    postman = sender(db, clock, refusing, RecordingChannel())
    put_pass(db)
    postman.send_due()
    assert grown() == (0, 1, 0), "a vendor refuses"

    put_pass(db)
    told = SteppedSender(db, {"sms": Vendor()}, OPTIONS, threading.Event(), clock)
    told.send_due()
    tell(db, "failed")
    told.advance()
    assert grown() == (0, 2, 1), "a vendor tells later that it did not arrive"


def test_a_message_that_nobody_should_have_misses_nobody(db: Database, clock: Clock) -> None:
    grown = Numbers()
    put_pass(db)
    opted_out = RecordingChannel(PermanentChannelError("opted_out", use_next=False))
    sender(db, clock, opted_out, RecordingChannel()).send_due()
    assert grown() == (0, 0, 0)


def test_the_alerts_find_their_numbers_before_anything_happens(db: Database) -> None:
    options = OPTIONS.model_copy(update={"whatsapp_per_day": 250})
    SteppedSender(db, {"whatsapp": Vendor()}, options, threading.Event())
    for name, labels in Numbers._all():
        assert REGISTRY.get_sample_value(name, dict(labels)) is not None
    assert REGISTRY.get_sample_value("epass_provider_quota", {"provider": Vendor.name}) == 250


def test_a_code_that_its_only_vendor_refuses_reaches_nobody(db: Database, clock: Clock) -> None:
    code = {"purpose": "otp", "result": "nobody"}
    postman = sender(db, clock, RecordingChannel(PermanentChannelError("refused")), RecordingChannel())
    before = REGISTRY.get_sample_value("epass_message_chains_ended_total", code) or 0
    handle(db, otp())
    postman.send_due()
    assert REGISTRY.get_sample_value("epass_message_chains_ended_total", code) == before + 1

"""What the exporter tells of a system that is well, of one in trouble, and of one that does not answer."""

from datetime import timedelta
from typing import Any

from contracts.ops import (
    ChannelView,
    GateView,
    InvariantView,
    JobView,
    LaneView,
    LetterList,
    LetterView,
    OutboxView,
    Part,
    ProcessView,
    QueueView,
    ReceiptView,
    RefusedJob,
    Report,
    RevocationsView,
    VendorView,
)
from contracts.subscriptions import SERVICES
from services.chassis.runtime.clock import now
from tests.support.factories.pages import REVIEW_ID

BEGAN = now() - timedelta(days=3)


def process(name: str, **given: Any) -> ProcessView:
    facts: dict[str, Any] = {
        "address": "10.0.0.7:9100",
        "state": "ready",
        "version": "0.5.0",
        "began_at": BEGAN,
        "clock_skew": 0.0,
        "answered_at": now(),
        "jobs": (JobView(name="housekeeping", interval=3600.0, age=1200.0),),
    }
    return ProcessView(name=name, **{**facts, **given})


def known(*items: Any) -> Part[Any]:
    return Part(answers=True, looked_at=now(), items=items)


def unknown(*items: Any) -> Part[Any]:
    """Return a part that answered last an hour ago."""
    return Part(answers=False, looked_at=now() - timedelta(hours=1), items=items)


VENDORS = (
    VendorView(provider="msg91", breaker="closed"),
    VendorView(provider="none", breaker="closed"),
    VendorView(provider="whatsapp_cloud", breaker="closed", quota=1_000, quota_left=820),
)
"""What a sender says where email is not connected."""
INSIDE = InvariantView(
    name="inside",
    holds=True,
    whole="entries",
    number=412,
    parts={"exits": 380, "inside": 32},
    faults={"passes that do not balance": 0},
)


def outboxes(**given: Any) -> tuple[OutboxView, ...]:
    facts = {"answers": True, "looked_at": now(), **given}
    return tuple(OutboxView(database=service, **facts) for service in SERVICES)


def revocations(age: float | None) -> tuple[RevocationsView, ...]:
    return tuple(RevocationsView(at=at, age_seconds=age) for at in ("issuance", "verify", "gateway"))


def report(**given: Any) -> Report:
    """Return what the exporter knows; all is well."""
    names = (*SERVICES, "relay", "exporter", "gateway")
    facts: dict[str, Any] = {
        "at": now(),
        "processes": known(*map(process, names), process("sender", vendors=VENDORS)),
        "queues": known(
            QueueView(queue="verify.PassIssued", messages=0, consumers=2),
            QueueView(queue="notify.PassIssued", messages=12, consumers=2, not_empty_since=now()),
            QueueView(queue="epass.delay.0", messages=0),
        ),
        "outboxes": outboxes(),
        "channels": known(
            ChannelView(channel="sms", delivered=2_310, waiting=2, failed=7, last_delivered_at=now())
        ),
        "lanes": known(
            LaneView(lane="otp", waiting=1, oldest_seconds=1.5),
            LaneView(lane="normal", waiting=1_207, oldest_seconds=95.0),
        ),
        "receipts": known(
            ReceiptView(provider="msg91", accepted=2_290, told=2_214, last_at=now()),
            ReceiptView(provider="whatsapp_cloud", accepted=180, told=176, last_at=now()),
        ),
        "gates": known(
            GateView(gate="PCS1-G1", scans=812, last_scan_at=now(), clock_ahead=0.2),
            GateView(gate="PCS1-G2", scans=0),
        ),
        "revocations": revocations(7.0),
        "invariants": known(INSIDE),
    }
    return Report(**{**facts, **given})


DEAD = QueueView(queue="verify.PassIssued", messages=0, consumers=0, dead_letters=3)
TROUBLE = report(
    processes=known(
        process("accounts"),
        process(
            "relay", state="no_answer", version="", began_at=None, clock_skew=None, answered_at=BEGAN, jobs=()
        ),
        process(
            "verify",
            state="not_ready",
            failing=("database", "rpc-verify"),
            clock_skew=-4.2,
            jobs=(JobView(name="close_overdue_visits", interval=60.0, age=600.0),),
        ),
        process(
            "sender",
            vendors=(
                VendorView(provider="msg91", breaker="open"),
                VendorView(provider="whatsapp_cloud", breaker="half_open", quota=1_000, quota_left=12),
            ),
        ),
    ),
    queues=known(DEAD, QueueView(queue="rpc-accounts", messages=0, consumers=1, dead_letters=1)),
    outboxes=outboxes(
        waiting=40,
        oldest_seconds=95.0,
        writable=False,
        refused=(RefusedJob(name="purge_outbox", since=BEGAN, reason="leap"),),
    ),
    channels=known(ChannelView(channel="whatsapp", delivered=0, waiting=9, failed=31)),
    lanes=known(LaneView(lane="otp", waiting=9, oldest_seconds=180.0), LaneView(lane="normal", waiting=0)),
    receipts=known(ReceiptView(provider="msg91", accepted=31, told=0, last_at=BEGAN)),
    revocations=(*revocations(None)[:1], *revocations(600.0)[1:]),
    invariants=known(INSIDE.model_copy(update={"holds": False, "faults": {"passes that do not balance": 2}})),
)
"""Everything that can be seen to be wrong."""
UNKNOWN = report(
    processes=Part(),
    queues=unknown(DEAD.model_copy(update={"messages": 7})),
    outboxes=(*outboxes()[1:], OutboxView(database="accounts", looked_at=BEGAN)),
    channels=unknown(),
    lanes=unknown(LaneView(lane="otp", waiting=4_711)),
    receipts=unknown(ReceiptView(provider="msg91", accepted=4_712, told=4_711)),
    gates=Part(),
    invariants=unknown(INSIDE),
)
"""Nothing but five outboxes answers."""
LETTER = LetterView(
    id=str(REVIEW_ID),
    queue="verify.PassIssued",
    type="PassIssued",
    readable=True,
    subject="pass:7K3M9QW4",
    attempts=8,
    replayed=1,
    error="UnknownApplication",
    failed_at=now() - timedelta(hours=2),
    bytes=812,
    sha256="ab" * 32,
    event={"data": {"number": "7K3M9QW4", "site": "PCS1", "visitors": "(text)"}, "personal": "sealed"},
)
BROKEN_LETTER = LetterView(
    id="sha256:" + "0" * 16, queue="verify.PassIssued", type="PassIssued", readable=False, bytes=9
)
LETTERS = LetterList(queue="verify.PassIssued", total=101, items=(LETTER, BROKEN_LETTER))

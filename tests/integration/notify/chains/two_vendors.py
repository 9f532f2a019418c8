"""Two vendors that tell later what became of a message, a sender that is stepped, and what both left."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prometheus_client import REGISTRY
from sqlalchemy import select, text

from contracts.rpc.call import Principal
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import (
    DeliveryReport,
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.domain import breakers
from services.notify.handlers import receipts
from services.notify.handlers.undelivered import list_here, tell_gates
from services.notify.models import MessageRow
from tests.integration.notify.handlers.stored import handle
from tests.support.factories.calls import make_call
from tests.support.factories.notify import (
    OPTIONS,
    Clock,
    RecordingChannel,
    SteppedSender,
    Visit,
    otp,
    received,
)

CHAINS = {
    "chain_code": ("sms:30", "whatsapp:30"),
    "chain_pass": ("whatsapp:120", "sms:600"),
    "chain_status": ("whatsapp:600", "sms:600"),
    "whatsapp_per_recipient": None,
    "whatsapp_per_second": None,
}


class Vendor(RecordingChannel):
    """A vendor that tells later what became of a message; it has many messages under way."""

    gives_receipts = True

    def __init__(self, name: str, *faults: TemporaryChannelError | PermanentChannelError) -> None:
        super().__init__(*faults)
        self.name = name

    def send(self, message: Outgoing) -> Receipt:
        return Receipt(f"{self.name}-{super().send(message).provider_id}")


def make_sender(
    db: Database,
    whatsapp: RecordingChannel,
    sms: RecordingChannel,
    clock: Callable[[], datetime],
    **more: object,
) -> SteppedSender:
    options = OPTIONS.model_copy(update={**CHAINS, **more})
    channels = {"whatsapp": whatsapp, "sms": sms, "email": Vendor("mail")}
    return SteppedSender(db, channels, options, threading.Event(), clock)


def rounds(postman: SteppedSender) -> None:
    """Send and advance until nothing is due."""
    while postman.send_due() or postman.advance():
        pass


def put_code(db: Database, **of: Any) -> None:
    handle(db, otp(**of))


def put_pass(db: Database, visit: Visit | None = None) -> Visit:
    visit = visit or Visit(deliver_by="whatsapp")
    handle(db, received(visit.issued()))
    return visit


def rows(db: Database) -> list[tuple[str, str, str | None]]:
    """Channel, state and reason of all messages, in the order of the chain."""
    with db.transaction() as session:
        found = session.scalars(select(MessageRow).order_by(MessageRow.step)).all()
        return [(row.channel, row.state, row.reason) for row in found]


def published(db: Database) -> list[tuple[str, ...]]:
    """What was published: the event, its channel, and its status or reason with the next channel."""
    with db.transaction() as session:
        found = session.execute(select(outbox.c.data).order_by(outbox.c.position)).scalars()
        return [
            (one["channel"], one["reason"], one["next_channel"] or "-")
            if "reason" in one
            else (one["channel"], one["status"] or "sent")
            for one in found
        ]


def report(
    db: Database,
    provider: str,
    provider_id: str,
    status: str,
    received_at: datetime | None = None,
    **more: object,
) -> None:
    given = DeliveryReport(provider_id, status, now(), **more)  # type: ignore[arg-type]  # of a test
    with db.transaction() as session:
        receipts.store_reports(session, provider, [given], received_at or now())


def change_number(db: Database, visit: Visit, at: datetime | None = None) -> None:
    handle(db, received(visit.mobile_changed(), seq=2, at=at))


def undelivered(db: Database, site: str | None = "PCS1") -> list[str]:
    """The passes that the reception of a site is shown."""
    call = make_call(Principal(kind="staff", id="R", login_id="R", role="reception", site=site))
    with db.queries() as session:
        return [one.pass_number for one in list_here(call, session, now()).items]


def told_to_gates(db: Database) -> list[tuple[str, bool]]:
    """Run the job that tells the gates; return what it published, the oldest first."""
    with db.transaction() as session:
        tell_gates(session, now())
    with db.transaction() as session:
        rows = session.execute(select(outbox).order_by(outbox.c.position)).all()
    events = [row.data for row in rows if row.type == "PassDeliveryChanged"]
    return [(one["pass_number"], one["undelivered"]) for one in events]


def passes_that_wait(
    db: Database, whatsapp: Vendor, clock: Clock
) -> tuple[SteppedSender, Vendor, list[Visit]]:
    """A vendor of SMS is away; the chains of passes to people without WhatsApp have come to their end."""
    away = Vendor("sms", *[TemporaryChannelError("unreachable")] * 1000)
    whatsapp.faults = [PermanentChannelError("not_on_whatsapp")] * 1000
    postman = make_sender(db, whatsapp, away, clock)
    visits = [put_pass(db, Visit()) for _ in range(breakers.FAILURES + 2)]
    for _ in range(18):
        clock.forward(60)
        while postman.send_due() or postman.advance():
            pass
    return postman, away, visits


def nobody_was_reached(purpose: str) -> float:
    labels = {"purpose": purpose, "result": "nobody"}
    return REGISTRY.get_sample_value("epass_message_chains_ended_total", labels) or 0


def stored_codes(db: Database) -> int:
    with db.queries() as session:
        held = text("select count(*) from messages where lane = 'otp' and personal is not null")
        return session.execute(held).scalar_one()

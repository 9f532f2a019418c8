"""A sender that is stepped, and what it recorded."""

import threading
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from services.chassis.db.database import Database
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from services.notify.handlers import event_handlers, leases
from services.notify.models import MessageRow
from tests.support.factories.notify import OPTIONS, PUBLIC_URL, SteppedSender, Visit, otp, received


def sender(
    db: Database,
    channel: object,
    clock: Callable[[], datetime] | None = None,
    stop: threading.Event | None = None,
) -> SteppedSender:
    channels = (
        channel if isinstance(channel, dict) else {"sms": channel, "whatsapp": channel, "email": channel}
    )
    return SteppedSender(db, channels, OPTIONS, stop or threading.Event(), clock or now)


def put_codes(db: Database, count: int, **options: object) -> None:
    with db.transaction() as session:
        for _ in range(count):
            event_handlers.handle_otp_requested(otp(**options), session, now())


def put_passes(db: Database, count: int) -> None:
    with db.transaction() as session:
        for _ in range(count):
            event_handlers.handle_pass_issued(received(Visit().issued()), session, now(), PUBLIC_URL)


def row(db: Database) -> MessageRow:
    with db.transaction() as session:
        return session.scalars(select(MessageRow)).one()


def published(db: Database) -> list[tuple[str, dict]]:
    with db.transaction() as session:
        return [
            (found.type, found.data)
            for found in session.execute(select(outbox.c.type, outbox.c.data).order_by(outbox.c.position))
        ]


def lease_one(db: Database, lane: str = "normal") -> leases.Leased:
    """Lease messages as a sender does that is killed right afterwards."""
    with db.transaction() as session:
        (leased,) = leases.take(session, (lane,), 10, 30)
    return leased

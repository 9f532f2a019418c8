"""Erasure of personal data: at once for an erased application, after a day for messages of no application."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import PersonalDataErased
from services.chassis.db import locks
from services.notify.handlers.messages import lock_application
from services.notify.models import ApplicationRow, MessageRow, PhoneMessageRow

RETENTION = timedelta(days=1)
_LOCK = "delete_old"
"""Advisory lock of the one replica that deletes old messages."""


def handle_personal_data_erased(
    received: Received[PersonalDataErased], session: Session, now: datetime
) -> None:
    """Erase recipients and texts of an application's messages, and withdraw those that are still queued."""
    event = received.event
    lock_application(session, event.application_id, event.reference)
    session.execute(
        update(ApplicationRow)
        .where(ApplicationRow.id == event.application_id, ApplicationRow.erased_at.is_(None))
        .values(erased_at=now)
    )
    held = (
        select(MessageRow.id)
        .where(MessageRow.application_id == event.application_id)
        .order_by(MessageRow.id)
        .with_for_update()
    )
    messages = session.scalars(held).all()
    session.execute(update(MessageRow).where(MessageRow.id.in_(messages)).values(personal=None))
    waiting = MessageRow.id.in_(messages) & (MessageRow.state == "queued")
    session.execute(update(MessageRow).where(waiting).values(state="withdrawn", ended_at=now))
    session.execute(delete(PhoneMessageRow).where(PhoneMessageRow.message_id.in_(messages)))


def delete_old(session: Session, now: datetime) -> None:
    """Delete messages of no application (codes, logins) and the local phone's, a day after their end.

    Runs in every replica: one works, the others return at once.
    """
    if not locks.try_lock(session, _LOCK):
        return
    session.execute(delete(PhoneMessageRow).where(PhoneMessageRow.at < now - RETENTION))
    session.execute(
        delete(MessageRow).where(MessageRow.application_id.is_(None), MessageRow.ended_at < now - RETENTION)
    )

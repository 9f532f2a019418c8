"""Erasure of personal data: at once for an erased application, after a day for messages of no application.

What is left of the messages of an erased application is deleted when its records are not kept any longer.
"""

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import PersonalDataErased
from services.chassis.db import batches
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import Database
from services.chassis.db.destructive_jobs import Portion
from services.chassis.db.retention import kept_since
from services.notify.handlers import quotas, receipts, status_polls
from services.notify.handlers.messages import lock_application
from services.notify.models import ApplicationRow, MediaRow, MessageRow, PhoneMessageRow

RETENTION = timedelta(days=1)


def handle_personal_data_erased(
    received: Received[PersonalDataErased], session: Session, now: datetime
) -> None:
    """Erase recipients and texts of an application's messages, and withdraw those that are still queued."""
    event = received.event
    lock_application(session, event.application_id, event.reference)
    session.execute(
        update(ApplicationRow)
        .where(ApplicationRow.id == event.application_id, ApplicationRow.erased_at.is_(None))
        .values(erased_at=now, mobile_sealed=None)
    )
    held = (
        select(MessageRow.id)
        .where(MessageRow.application_id == event.application_id)
        .order_by(MessageRow.id)
        .with_for_update()
    )
    messages = session.scalars(held).all()
    session.execute(
        update(MessageRow)
        .where(MessageRow.id.in_(messages))
        .values(personal=None, email_sealed=None, recipient=None, provider_id=None, next_at=None)
    )
    waiting = MessageRow.id.in_(messages) & (MessageRow.state == "queued")
    session.execute(update(MessageRow).where(waiting).values(state="withdrawn", ended_at=now))
    session.execute(delete(PhoneMessageRow).where(PhoneMessageRow.message_id.in_(messages)))
    status_polls.forget(session, messages)


def delete_old_messages(db: Database, now: datetime) -> None:
    """Delete what is kept for a day or less, in batches: messages, vendors' reports, status polls, counts."""
    for delete_some in (delete_old, receipts.delete_old, status_polls.delete_old):
        batches.run(db, partial(delete_some, now=now))
    with db.transaction() as session:
        quotas.delete_old(session)


def delete_old(session: Session, now: datetime) -> int:
    """Delete a batch of messages of no application (codes, logins) and of the local phone, a day after, and
    of pictures that WhatsApp has deleted.

    Returns:
        How many rows of that table of which the most were deleted.
    """
    ended = MessageRow.ended_at < now - RETENTION
    return max(
        delete_batch(session, PhoneMessageRow, PhoneMessageRow.at < now - RETENTION),
        delete_batch(session, MessageRow, MessageRow.application_id.is_(None), ended),
        delete_batch(session, MediaRow, MediaRow.expires_at < now),
    )


def old_records(now: datetime, records_kept_months: int) -> Portion:
    """Return the messages that are kept no longer, and whose application is erased."""
    before = kept_since(now, records_kept_months)
    erased = select(ApplicationRow).where(
        ApplicationRow.id == MessageRow.application_id, ApplicationRow.erased_at.is_not(None)
    )
    of_application = MessageRow.application_id.is_not(None)
    return Portion(MessageRow, of_application, (MessageRow.created_at < before) & erased.exists())


def delete_old_records(session: Session, now: datetime, records_kept_months: int) -> int:
    """Delete a batch of messages that are kept no longer; return how many."""
    return delete_batch(session, MessageRow, old_records(now, records_kept_months).taken)

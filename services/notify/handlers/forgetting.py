"""Personal data goes: at once when an application is erased, after a day what no application needs."""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import PersonalDataErased
from services.notify.handlers.storing import is_erased
from services.notify.models import Application, Message, PhoneMessage

KEEP = timedelta(days=1)
_LOCK = 0x666F7267
"""Of the one replica that cleans up."""


def erase(received: Received[PersonalDataErased], session: Session, at: datetime) -> None:
    """Forgets whom this application's messages went to and what they said; what still waits is not sent."""
    event = received.event
    is_erased(session, event.application_id, event.reference)
    session.execute(
        update(Application)
        .where(Application.id == event.application_id, Application.erased_at.is_(None))
        .values(erased_at=at)
    )
    held = (
        select(Message.id)
        .where(Message.application_id == event.application_id)
        .order_by(Message.id)
        .with_for_update()
    )
    messages = session.scalars(held).all()
    session.execute(update(Message).where(Message.id.in_(messages)).values(personal=None))
    waiting = Message.id.in_(messages) & (Message.state == "queued")
    session.execute(update(Message).where(waiting).values(state="withdrawn", ended_at=at))
    session.execute(delete(PhoneMessage).where(PhoneMessage.message_id.in_(messages)))


def forget_what_is_old(session: Session, at: datetime) -> None:
    """Deletes the local phone's messages and those that belong to no application (codes, logins) a day after their end.

    Safe in every replica: one works, the others find the lock taken.
    """
    if not session.execute(select(func.pg_try_advisory_xact_lock(_LOCK))).scalar_one():
        return
    session.execute(delete(PhoneMessage).where(PhoneMessage.at < at - KEEP))
    session.execute(delete(Message).where(Message.application_id.is_(None), Message.ended_at < at - KEEP))

"""The inbox: a consumer handles an event once, because its mark is in the transaction of the effect."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.chassis.db.tables import inbox


def mark_seen(session: Session, consumer: str, event_id: UUID) -> bool:
    """Mark an event as seen by a consumer (the name of its queue). Return False if it was marked before.

    A second delivery at the same moment waits here until the first transaction ends.
    """
    mark = insert(inbox).values(consumer=consumer, event_id=event_id).on_conflict_do_nothing()
    return session.execute(mark.returning(inbox.c.event_id)).first() is not None

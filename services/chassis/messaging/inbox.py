"""Each consumer takes an event once: the "seen" mark goes into the transaction of the effect."""

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from services.chassis.db.tables import inbox


def first_sight(session: Session, consumer: str, event_id: UUID) -> bool:
    """Marks an event as seen by a consumer (its queue's name); false where it was before.

    A second delivery at the same moment waits here for the first transaction to end.
    """
    mark = insert(inbox).values(consumer=consumer, event_id=event_id).on_conflict_do_nothing()
    return session.execute(mark.returning(inbox.c.event_id)).first() is not None

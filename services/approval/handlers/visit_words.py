"""What visitors say of a visit themselves, beside what their office says of it."""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import VisitorSaid
from contracts.last_day import CLOCKS_DIFFER
from services.approval.metrics import WORDS_WITHOUT_VISIT
from services.approval.models.reviews import ReviewRow
from services.approval.models.visits import VisitRow
from services.chassis.db.database import after_commit


class UnknownVisit(Exception):
    """The visit of an event is not here (yet); the delivery is retried later."""


def handle_visitor_said(received: Received[VisitorSaid], session: Session) -> None:
    """Store the newest word of a visitor beside that of the office; where they differ, the desk says so.

    Application publishes a word only once it knows the entry, so the entry reaches this service too, however
    long it was away. A word about a visit from before visits were stored is counted and not stored.

    Raises:
        UnknownVisit: the application, or their entry, is not here (yet).
    """
    row = session.scalars(
        select(VisitRow)
        .join(ReviewRow, ReviewRow.id == VisitRow.review_id)
        .where(
            ReviewRow.application_id == received.event.application_id,
            VisitRow.arrived_at <= received.occurred_at + CLOCKS_DIFFER,
        )
        .order_by(VisitRow.day.desc())
        .limit(1)
        .with_for_update(of=VisitRow)
    ).one_or_none()
    if row is None:
        of_it = ReviewRow.application_id == received.event.application_id
        no_visit = ~exists().where(VisitRow.review_id == ReviewRow.id)
        if session.scalar(select(exists().where(of_it, ReviewRow.entered_on.is_not(None), no_visit))):
            after_commit(session, WORDS_WITHOUT_VISIT.inc)
            return
        raise UnknownVisit
    if row.visitor_said_at is None or row.visitor_said_at < received.occurred_at:
        row.visitor_says, row.visitor_said_at = received.event.outcome, received.occurred_at

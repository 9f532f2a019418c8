"""Close and lift days, and see what becomes of the visits."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select

from contracts.events import VisitDayClosed
from contracts.rpc.approval.closures import CloseDay, ClosingQuestion, ClosureId
from services.approval.handlers import closed_visits, closures
from services.approval.models.reviews import BookingRow, ReviewRow
from tests.integration.approval.handlers.decide import approve
from tests.support.factories.approval import (
    HOLI,
    NOW,
    TUESDAY,
    by,
    deliver,
    desk,
    published,
    review_id_of,
    slot,
    submitted,
)

THURSDAY = HOLI + timedelta(days=1)


WORDS = "The Secretary is called to the Assembly."


def close(database, day=TUESDAY, call=None, at=NOW, **changes):
    with database.transaction() as session:
        request = CloseDay(**{"day": day, "reason": "urgent_meeting", "note": WORDS, **changes})
        return closures.close_day(request, call or by(desk()), session, at, furthest_days=30)


def approved(database, wanted=None, **changes):
    """Make an approved visit; return its application."""
    first = submitted(**changes)
    deliver(database, first)
    approve(database, review_id_of(database, first.application_id), slot=wanted or slot())
    return first


def ask(database, at=NOW) -> int:
    """Run the job until a batch is not full; return how many visitors were asked."""
    total = 0
    while True:
        with database.transaction() as session:
            asked = closed_visits.ask_visitors(session, at)
        total += asked
        if asked < closed_visits.BATCH:
            return total


def affected(database, day=TUESDAY, call=None, **changes):
    with database.transaction() as session:
        question = ClosingQuestion(**{"day": day, **changes})
        return closures.affected(question, call or by(desk()), session, NOW)


def view(database, closure_id, call=None):
    with database.transaction() as session:
        return closures.view_closure(ClosureId(closure_id=closure_id), call or by(desk()), session, NOW)


def status_of(database, first) -> str:
    with database.transaction() as session:
        found = select(ReviewRow.status).where(ReviewRow.application_id == first.application_id)
        return session.scalars(found).one()


def booked(database) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(BookingRow))


def told(database) -> list[UUID]:
    return sorted(one.application_id for one in published(database, VisitDayClosed))


def approved_for_days(database, last=THURSDAY, **changes):
    """Make a visit that is approved from Tuesday on, except Wednesday; return its application."""
    first = submitted(**changes)
    deliver(database, first)
    review_id = review_id_of(database, first.application_id)
    approve(database, review_id, last_day=last, days_reason="An audit", entries=2, gate="T1-G1")
    return first

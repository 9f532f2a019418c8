"""Who waits for a place in a full window: what their people do, and how it stands."""

from datetime import timedelta

from sqlalchemy import func, select

from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval.capacity import AvailabilityQuestion, SetCapacity
from contracts.rpc.approval.places import AnswerOffer, WaitCode
from contracts.rpc.call import Principal
from services.approval.handlers import capacity as places
from services.approval.handlers import place_offers, queries, waiting_list
from services.approval.models.places import WaitRow
from services.approval.models.reviews import BookingRow, ReviewRow
from tests.integration.approval.handlers import decide
from tests.support.factories.approval import (
    NOW,
    TUESDAY,
    by,
    cancelled,
    capacity,
    deliver,
    desk,
    review_id_of,
    slot,
    submitted,
)

LIVE, THURSDAY = timedelta(minutes=30), TUESDAY + timedelta(days=2)
TEN = slot(THURSDAY, "10:00", "11:00")
ELEVEN = slot(THURSDAY, "11:00", "12:00")


class Visit:
    """An application, and what its people and its department do."""

    def __init__(self, database, party=1, wanted=TEN, at=NOW, **changes):
        self.database, self.wanted = database, wanted
        self.event = submitted(party=party, preferred=(wanted,), **changes)
        deliver(database, self.event)
        self.review_id = review_id_of(database, self.event.application_id)
        decide.approve(database, self.review_id, at=at, slot=wanted, wait_if_full=True)

    def row(self, kind=WaitRow):
        with self.database.transaction() as session:
            where = kind.id == self.review_id if kind is ReviewRow else kind.review_id == self.review_id
            found = session.scalars(select(kind).where(where)).one_or_none()
            session.expunge_all()
            return found

    @property
    def state(self):
        with self.database.transaction() as session:
            return waiting_list.view(WaitCode(code=self.row().code), session).state

    @property
    def status(self):
        return self.row(ReviewRow).status

    def before(self):
        with self.database.transaction() as session:
            question = ReferenceOnly(reference=self.event.reference)
            return queries.whereabouts(question, by(Principal()), session).place.before

    def answer(self, accepts=True, at=NOW, database=None, key=None):
        with (database or self.database).transaction() as session:
            request = AnswerOffer(code=self.row().code, accepts=accepts)
            return place_offers.answer(request, by(desk(), key), session, at, furthest_days=30).state

    def cancel(self, seq=9, database=None):
        deliver(database or self.database, cancelled(self.event), seq)


def limit(database, places_of_each, **changes):
    with database.transaction() as session:
        request = SetCapacity(capacity=capacity(places_of_each, **changes))
        places.set_capacity(request, by(desk()), session, NOW, furthest_days=30)


def free(database, window="10:00"):
    with database.transaction() as session:
        question = AvailabilityQuestion(department="home", site="T1")
        days = places.availability(question, session, NOW, furthest_days=30).days
    (day,) = (one for one in days if one.day == THURSDAY)
    return next(one.free for one in day.windows if f"{one.start:%H:%M}" == window)


def look(database, at=NOW):
    waiting_list.run(database, at, 30, 30)


def booked(database):
    with database.transaction() as session:
        return session.scalar(select(func.coalesce(func.sum(BookingRow.party), 0)))


def full(database, size=1):
    """Return a visit that fills the windows of the department."""
    limit(database, size)
    return Visit(database, party=size)


def freed(database, behind=0):
    """Return who is offered the place that became free, and those who wait behind them."""
    first = full(database)
    people = [Visit(database) for _ in range(1 + behind)]
    first.cancel()
    look(database)
    return people


def states(*visits):
    return [one.state for one in visits]

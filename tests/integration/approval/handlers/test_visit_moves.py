"""A visitor who cannot be received today gets a free place on another day, by one answer."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import select, text

from contracts.errors import Conflict, Forbidden, InvalidInput
from contracts.events import VisitEnded, VisitMoved, VisitorCalled
from contracts.rpc.approval.capacity import SetCapacity
from services.approval.handlers import capacity as places
from services.approval.models.reviews import BookingRow
from services.approval.models.visits import AnnouncementRow, VisitRow
from tests.integration.approval.handlers.decide import withdraw
from tests.integration.approval.handlers.visiting import ELEVEN, NINE, answer, came, end, hear, inside, seen
from tests.support.factories.approval import (
    HOLI,
    NOW,
    TUESDAY,
    assistant,
    by,
    capacity,
    desk,
    everything,
    ist,
    published,
    slot,
)
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.running import eventually

THURSDAY = HOLI.replace(day=5)


def move(database, review_id, to=THURSDAY, call=None, start="10:00"):
    answer(database, review_id, "not_today", call, come_back=slot(to, start, "12:00"))


def test_the_visitor_gets_the_day_that_the_office_chose_and_comes_again_on_it(approval_db) -> None:
    application, review_id = inside(approval_db)
    move(approval_db, review_id)
    (moved,), (told,) = published(approval_db, VisitMoved), published(approval_db, VisitorCalled)
    assert (moved.revision, moved.slot, moved.decided_by) == (1, slot(THURSDAY), "HOM-0001")
    assert (told.answer, told.come_back) == ("not_today", THURSDAY)
    assert [one.outcome for one in published(approval_db, VisitEnded)] == ["not_met"]
    on_thursday = ist(THURSDAY, 9)
    assert [one.reference for one in seen(approval_db, "expected", at=on_thursday).items] == [
        application.reference
    ]
    again = came(application).model_copy(update={"scanned_at": ist(THURSDAY, 11)})
    hear(approval_db, again, at=ist(THURSDAY, 11))
    end(approval_db, review_id, at=ist(THURSDAY, 12))
    assert [one.state for one in seen(approval_db, "met", at=ist(THURSDAY, 12)).items] == ["met"]
    assert [one.state for one in seen(approval_db, "not_met").items] == ["not_met"], "Tuesday stays as it was"


REFUSED = {
    "holiday": ({"to": HOLI}, InvalidInput),
    "today": ({"to": TUESDAY, "start": "11:30"}, InvalidInput),
    "past": ({"to": TUESDAY.replace(day=2)}, InvalidInput),
    "assistant": ({"call": by(assistant())}, Forbidden),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_day_that_cannot_be_given_moves_and_tells_nothing(approval_db, why) -> None:
    _, review_id = inside(approval_db)
    given, error = REFUSED[why]
    before = everything(approval_db)
    with pytest.raises(error):
        move(approval_db, review_id, **given)
    assert everything(approval_db) == before
    assert published(approval_db, VisitorCalled) == []


def test_a_visit_that_was_withdrawn_or_comes_again_keeps_its_days(approval_db) -> None:
    _, withdrawn = inside(approval_db)
    withdraw(approval_db, withdrawn)
    _, twice = inside(approval_db)
    with approval_db.transaction() as session:
        times = {"start": NINE.time(), "end": ELEVEN.time()}
        session.add(BookingRow(review_id=twice, day=THURSDAY, department="home", party=1, **times))
    for review_id, code in ((withdrawn, "not_approved"), (twice, "comes_again")):
        with pytest.raises(Conflict) as refused:
            move(approval_db, review_id, THURSDAY.replace(day=6))
        assert refused.value.body.code == code
    assert published(approval_db, VisitMoved) == []


def test_another_day_and_a_message_to_the_office_do_not_wait_for_each_other(approval_db) -> None:
    _, review_id = inside(approval_db)
    waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"

    def does_wait() -> bool:
        with approval_db.transaction() as session:
            return session.execute(text(waits)).first() is not None

    with ThreadPoolExecutor(1) as pool:
        with approval_db.transaction() as session:  # as the job of the escalation
            session.execute(select(VisitRow).where(VisitRow.review_id == review_id).with_for_update())
            moving = pool.submit(move, approval_db, review_id)
            eventually(does_wait, "the answer waits for the visit")
            times = {"made_at": ELEVEN, "answer_until": ELEVEN}
            session.add(
                AnnouncementRow(review_id=review_id, day=TUESDAY, recipient="x", about="arrived", **times)
            )
        moving.result()
    assert len(published(approval_db, VisitMoved)) == 1


def test_of_two_visitors_who_get_the_last_place_at_once_one_does(approval_db) -> None:
    (first, one), (_, other) = inside(approval_db), inside(approval_db)
    with approval_db.transaction() as session:
        request = SetCapacity(capacity=capacity(2 * first.party - 1))
        places.set_capacity(request, by(desk()), session, NOW, furthest_days=30)
    results = run_concurrently(*(partial(move, approval_db, review_id) for review_id in (one, other)))
    assert sorted(isinstance(one, Conflict) for one in results) == [False, True]
    assert len(published(approval_db, VisitMoved)) == len(published(approval_db, VisitorCalled)) == 1

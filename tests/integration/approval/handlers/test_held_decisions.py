"""A decision can be taken back for some seconds, and leaves by itself after them."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from contracts.errors import Conflict, Forbidden
from contracts.events import GateAdvised, PassApproved, PassRejected
from contracts.rpc.approval.decisions import Withdraw
from contracts.rpc.approval.reviews import ReviewId, ReviewQuestion, ReviewView
from services.approval.handlers import decisions, held_decisions, numbers, queries, watchlist
from services.approval.models.reviews import BookingRow, ReviewRow
from services.chassis.db.database import Database
from tests.integration.approval.handlers.closing import ask, close
from tests.integration.approval.handlers.decide import refused, reject
from tests.support.factories.approval import (
    NOW,
    amended,
    approval,
    by,
    cancelled,
    deliver,
    desk,
    erased,
    everything,
    expired,
    pending,
    published,
    review_id_of,
    submitted,
)

SECONDS = 10
AFTER = NOW + timedelta(seconds=SECONDS)


def approve(database: Database, review_id) -> ReviewView:
    with database.transaction() as session:
        request = approval(review_id)
        return decisions.approve(request, by(desk()), session, NOW, furthest_days=30, undo_seconds=SECONDS)


def undo(database: Database, review_id, at=NOW, who=None) -> ReviewView:
    with database.transaction() as session:
        return held_decisions.undo(ReviewId(review_id=review_id), by(who or desk()), session, at)


def let_due_go(database: Database, at) -> int:
    with database.transaction() as session:
        return held_decisions.let_due_go(session, at)


def test_nothing_leaves_before_its_time_and_then_it_leaves_by_itself_as_it_was_decided(approval_db) -> None:
    review_id = pending(approval_db)
    seen = approve(approval_db, review_id)
    assert (seen.status, seen.leaves_at) == ("approved", AFTER)
    assert let_due_go(approval_db, AFTER - timedelta(seconds=1)) == 0
    assert published(approval_db, PassApproved) == []
    assert let_due_go(approval_db, AFTER) == 1
    (event,) = published(approval_db, PassApproved)
    assert isinstance(event, PassApproved)
    assert event.decided_by == "HOM-0001"
    (stored,) = [one for one in everything(approval_db)["outbox"] if one["type"] == "PassApproved"]
    assert datetime.fromisoformat(stored["occurred_at"]) == NOW
    assert let_due_go(approval_db, AFTER) == 0


def test_a_decision_that_was_taken_back_never_leaves_and_waits_again_with_its_places_free(
    approval_db,
) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    back = undo(approval_db, review_id, AFTER - timedelta(seconds=1))
    assert (back.status, back.decision, back.leaves_at) == ("pending", None, None)
    assert let_due_go(approval_db, AFTER + timedelta(hours=1)) == 0
    assert published(approval_db, PassApproved) == []
    with approval_db.transaction() as session:
        assert session.scalars(select(BookingRow)).all() == []
        found = queries.list_reviews(ReviewQuestion(status="pending", counts=True), by(desk()), session, NOW)
        assert [one.id for one in found.items] == [review_id]
        assert found.counts is not None
        assert found.counts.decided_today == 0
        assert numbers.desk_numbers(by(desk()), session, NOW).own.decided_today == 0
    approve(approval_db, review_id)
    assert let_due_go(approval_db, AFTER) == 1
    assert len(published(approval_db, PassApproved)) == 1


def test_it_is_on_record_that_a_decision_was_taken_back(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    undo(approval_db, review_id)
    stored = [(one["status"], one["decided_by"]) for one in everything(approval_db)["decisions"]]
    assert sorted(stored) == [("approved", "HOM-0001"), ("pending", "HOM-0001")]


def test_what_has_left_is_not_taken_back(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    for left in (False, True):
        if left:
            let_due_go(approval_db, AFTER)
        with pytest.raises(Conflict) as refused:
            undo(approval_db, review_id, AFTER)
        assert refused.value.body.code == "too_late_to_undo"


def test_nobody_takes_back_what_another_officer_has_decided(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    with pytest.raises(Forbidden):
        undo(approval_db, review_id, who=desk("home", "HOM-0002"))
    assert let_due_go(approval_db, AFTER) == 1


def test_a_second_officer_sees_the_decision_at_once_and_cannot_make_another_one(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    refused(approval_db, Conflict, reject, review_id, by(desk("home", "HOM-0002")))
    assert published(approval_db, PassRejected) == published(approval_db, PassApproved) == []
    assert let_due_go(approval_db, AFTER) == 1


def test_what_happens_next_lets_the_decision_leave_first(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    with approval_db.transaction() as session:
        request = Withdraw(review_id=review_id, reason="security")
        decisions.withdraw(request, by(desk()), session, NOW)
    stored = sorted(everything(approval_db)["outbox"], key=lambda one: one["seq"])
    told = [one["type"] for one in stored if one["type"] != "GateAdvised"]
    assert told[-2:] == ["PassApproved", "ApprovalWithdrawn"]
    assert let_due_go(approval_db, AFTER) == 0


@pytest.mark.parametrize("ends", [cancelled, amended, expired, erased])
def test_what_the_applicant_does_lets_the_decision_leave_first_and_it_is_too_late_to_undo(
    approval_db, ends
) -> None:
    first = submitted()
    deliver(approval_db, first)
    review_id = review_id_of(approval_db, first.application_id)
    approve(approval_db, review_id)
    deliver(approval_db, ends(first), seq=2)
    assert len(published(approval_db, PassApproved)) == 1
    with pytest.raises(Conflict) as refused:
        undo(approval_db, review_id)
    assert refused.value.body.code == "too_late_to_undo"


def test_a_day_that_is_closed_lets_the_approval_leave_before_its_visitor_is_asked(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    close(approval_db)
    assert ask(approval_db) == 1
    stored = sorted(everything(approval_db)["outbox"], key=lambda one: one["seq"])
    told = [one["type"] for one in stored if one["type"] in {"PassApproved", "VisitDayClosed"}]
    assert told == ["PassApproved", "VisitDayClosed"]
    assert let_due_go(approval_db, AFTER) == 0


def test_the_gate_is_advised_once_the_decision_leaves_and_not_before(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    assert published(approval_db, GateAdvised) == []
    let_due_go(approval_db, AFTER)
    assert len(published(approval_db, GateAdvised)) == 1


def test_a_visit_whose_past_approval_was_undone_is_still_one_to_come(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    undo(approval_db, review_id)
    with approval_db.transaction() as session:
        later = watchlist.coming(AFTER + timedelta(days=30))
        assert session.scalars(select(ReviewRow.id).where(later)).all() == [review_id]


def test_a_decision_that_a_wrong_clock_holds_for_hours_leaves_now(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    assert let_due_go(approval_db, NOW - timedelta(hours=5)) == 1
    assert len(published(approval_db, PassApproved)) == 1

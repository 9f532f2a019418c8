"""Visits on a day that was closed: who is asked for another date, and what becomes of their visit."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from contracts.events import VisitDayClosed
from contracts.rpc.approval.decisions import Forward
from services.approval.handlers import decisions
from services.approval.models.reviews import ReviewRow
from tests.integration.approval.handlers.closing import (
    THURSDAY,
    WORDS,
    affected,
    approved,
    approved_for_days,
    ask,
    booked,
    close,
    status_of,
    told,
    view,
)
from tests.integration.approval.handlers.decide import approve
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    TUESDAY,
    amended,
    approval,
    by,
    deliver,
    desk,
    everything,
    expired,
    ist,
    pending,
    published,
    review_id_of,
    scanned,
    slot,
    submitted,
)


def test_an_approved_visitor_is_asked_in_the_departments_words_and_gives_the_places_back(approval_db) -> None:
    first = approved(approval_db)
    other = approved(approval_db, slot(THURSDAY), preferred=(slot(THURSDAY),))
    closed = close(approval_db)
    assert (ask(approval_db), ask(approval_db)) == (1, 0)
    (event,) = published(approval_db, VisitDayClosed)
    assert (event.application_id, event.day, event.reason) == (
        first.application_id,
        TUESDAY,
        "urgent_meeting",
    )
    assert (event.personal.note, event.personal.contact.mobile) == (WORDS, "+919876543210")
    assert (event.decided_by, event.revision) == ("HOM-0001", 1)
    assert (status_of(approval_db, first), status_of(approval_db, other)) == ("returned", "approved")
    assert booked(approval_db) == 1
    assert (view(approval_db, closed.id).told, view(approval_db, closed.id).waiting) == (1, 0)


def test_who_waits_for_that_day_alone_is_asked_and_who_asked_for_others_too_stays(approval_db) -> None:
    alone = submitted()
    over = submitted(preferred=(slot(MONDAY - timedelta(days=3)), slot()))  # the other day has passed
    others = submitted(preferred=(slot(), slot(THURSDAY)))
    elsewhere = submitted(preferred=(slot(THURSDAY),))
    for one in (alone, over, others, elsewhere):
        deliver(approval_db, one)
    found = affected(approval_db)
    assert (found.only_that_day, found.with_other_days, found.approved) == (2, 1, 0)
    close(approval_db)
    assert ask(approval_db) == 2
    assert told(approval_db) == sorted([alone.application_id, over.application_id])
    assert (status_of(approval_db, others), status_of(approval_db, elsewhere)) == ("pending", "pending")
    close(approval_db, THURSDAY)
    assert ask(approval_db) == 2
    assert len(told(approval_db)) == 4


def test_who_applies_or_is_forwarded_after_the_closing_is_asked_too(approval_db) -> None:
    close(approval_db)
    late = submitted()
    deliver(approval_db, late)
    review_id = pending(approval_db, department="finance")
    assert ask(approval_db) == 1
    with approval_db.transaction() as session:
        request = Forward(review_id=review_id, department="home")
        decisions.forward(request, by(desk("finance", "FIN-0001")), session, NOW)
    assert ask(approval_db) == 1


def test_who_is_inside_or_was_that_day_is_left_alone(approval_db) -> None:
    went_in = approved(approval_db, slot(MONDAY, "11:00", "12:00"))
    refused = approved(approval_db, slot(MONDAY, "11:00", "12:00"))
    deliver(approval_db, scanned(went_in, ist(MONDAY, 11)), 2)
    deliver(approval_db, scanned(refused, ist(MONDAY, 11), "id_mismatch"), 2)
    assert affected(approval_db, MONDAY).approved == 1
    close(approval_db, MONDAY)
    assert ask(approval_db) == 1
    assert told(approval_db) == [refused.application_id]
    assert status_of(approval_db, went_in) == "approved"


def test_whose_time_of_today_is_over_is_not_asked(approval_db) -> None:
    approved(approval_db, slot(MONDAY, "11:00", "12:00"))
    close(approval_db, MONDAY, at=ist(MONDAY, 13))
    assert ask(approval_db, ist(MONDAY, 13)) == 0


def test_a_visit_on_several_days_leaves_out_a_closed_one(approval_db) -> None:
    close(approval_db, THURSDAY)
    review_id = pending(approval_db)
    with approval_db.transaction() as session:
        request = approval(review_id, last_day=THURSDAY + timedelta(days=1), days_reason="An audit")
        view = decisions.approve(request, by(desk()), session, NOW, furthest_days=30)
    assert view.decision.further_days == (THURSDAY + timedelta(days=1),)


FRIDAY = THURSDAY + timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "left"),
    [(TUESDAY, (THURSDAY, FRIDAY)), (THURSDAY, (TUESDAY, FRIDAY)), (FRIDAY, (TUESDAY, THURSDAY))],
)
def test_a_visit_on_several_days_loses_the_closed_one_alone_and_stays_approved(
    approval_db, day, left
) -> None:
    first = approved_for_days(approval_db, FRIDAY)
    found = affected(approval_db, day)
    (one,) = found.items
    assert (found.approved, found.keep_pass) == (1, 1)
    assert (one.days, one.keeps_pass, one.slot.day) == ((TUESDAY, THURSDAY, FRIDAY), True, day)
    closed = close(approval_db, day)
    assert (ask(approval_db), ask(approval_db), booked(approval_db)) == (1, 0, 2)
    (event,) = published(approval_db, VisitDayClosed)
    assert (event.application_id, event.day, event.remaining_days) == (first.application_id, day, left)
    with approval_db.transaction() as session:
        row = session.scalars(select(ReviewRow)).one()
        decision = row.decision
        assert (row.status, decision.status, decision.closed_day) == ("approved", "approved", day)
        assert (decision.slot["date"], tuple(decision.further_days)) == (left[0].isoformat(), left[1:])
        assert (decision.gate, decision.entries, decision.days_reason) == ("T1-G1", 2, "An audit")
    assert (view(approval_db, closed.id).told, view(approval_db, closed.id).waiting) == (1, 0)


def test_a_visit_of_which_every_day_to_come_is_closed_is_asked_for_other_dates_as_a_whole(
    approval_db,
) -> None:
    first = approved_for_days(approval_db)
    close(approval_db, TUESDAY)
    assert not affected(approval_db, THURSDAY).items[0].keeps_pass, "Tuesday is closed too"
    close(approval_db, THURSDAY)
    assert (ask(approval_db), booked(approval_db)) == (1, 0)
    (event,) = published(approval_db, VisitDayClosed)
    assert (event.application_id, event.remaining_days) == (first.application_id, ())
    assert status_of(approval_db, first) == "returned"


def test_a_day_that_has_passed_keeps_no_visit_alive(approval_db) -> None:
    first = approved_for_days(approval_db)
    later = ist(THURSDAY, 8)
    close(approval_db, THURSDAY, at=later)
    assert ask(approval_db, later) == 1
    assert status_of(approval_db, first) == "returned"


def test_other_dates_that_crossed_an_approval_wait_while_the_visit_goes_on(approval_db) -> None:
    first = approved_for_days(approval_db)
    deliver(approval_db, amended(first, preferred=(slot(FRIDAY),)), 2)
    close(approval_db, THURSDAY)
    assert (ask(approval_db), status_of(approval_db, first)) == (1, "approved")
    close(approval_db, TUESDAY)
    assert (ask(approval_db), status_of(approval_db, first)) == (1, "pending")


def test_whoever_chose_another_date_waits_for_a_decision_again(approval_db) -> None:
    first = approved(approval_db)
    close(approval_db)
    ask(approval_db)
    deliver(approval_db, amended(first, preferred=(slot(THURSDAY),)), 2)
    assert status_of(approval_db, first) == "pending"
    review_id = review_id_of(approval_db, first.application_id)
    assert approve(approval_db, review_id, slot=slot(THURSDAY)).status == "approved"
    assert ask(approval_db) == 0


@pytest.mark.parametrize("expiry_first", [True, False])
def test_who_chooses_another_date_after_the_application_had_expired_waits_for_a_decision_again(
    approval_db, expiry_first
) -> None:
    first = approved(approval_db)
    if expiry_first:
        deliver(approval_db, expired(first), 2)
    close(approval_db)
    assert ask(approval_db) == 1
    if not expiry_first:
        deliver(approval_db, expired(first), 2)
    deliver(approval_db, amended(first, preferred=(slot(THURSDAY),)), 3)
    assert status_of(approval_db, first) == "pending"


@pytest.mark.parametrize("crossed", ["the approval", "the closing"])
def test_other_dates_that_crossed_the_decision_wait_for_one_once_the_day_is_closed(
    approval_db, crossed
) -> None:
    first = approved(approval_db)
    other = amended(first, preferred=(slot(THURSDAY),))
    close(approval_db)
    if crossed == "the approval":
        deliver(approval_db, other, 2)
        assert status_of(approval_db, first) == "approved"
    assert ask(approval_db) == 1
    if crossed == "the closing":
        deliver(approval_db, other, 2)
    (event,) = published(approval_db, VisitDayClosed)
    assert (event.revision, status_of(approval_db, first), booked(approval_db)) == (1, "pending", 0)
    assert (
        approve(approval_db, review_id_of(approval_db, first.application_id), slot=slot(THURSDAY)).revision
        == 2
    )
    assert ask(approval_db) == 0


@pytest.mark.parametrize("crossed", ["the approval", "the closing"])
def test_who_had_asked_for_another_time_of_the_closed_day_chooses_again(approval_db, crossed) -> None:
    first = approved(approval_db)
    other = amended(first, preferred=(slot(TUESDAY, "14:00", "15:00"),))
    close(approval_db)
    if crossed == "the closing":
        ask(approval_db)
    deliver(approval_db, other, 2)
    assert ask(approval_db) == 1
    assert (published(approval_db, VisitDayClosed)[-1].revision, status_of(approval_db, first)) == (
        2,
        "returned",
    )
    deliver(approval_db, amended(first, revision=3, preferred=(slot(THURSDAY),)), 3)
    assert status_of(approval_db, first) == "pending"


def test_the_numbers_of_the_department_do_not_count_whom_a_closing_sent_back(approval_db) -> None:
    approved(approval_db)
    close(approval_db)
    ask(approval_db)
    rows = everything(approval_db)["decisions"]
    assert [(row["status"], row["waited_from"] is None) for row in rows] == [
        ("approved", False),
        ("returned", True),
    ]

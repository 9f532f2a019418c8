"""Reviews that wait too long are escalated once per level, in whichever replica the job runs."""

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from contracts.events import ReviewEscalated
from services.approval.handlers import decisions
from services.approval.handlers.scheduled_jobs import escalate_waiting
from services.approval.models import ReviewRow
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    amended,
    approval,
    by,
    deliver,
    desk,
    everything,
    fill_directory,
    ist,
    pending,
    published,
    submitted,
)

FIVE = ist(MONDAY, 17)


@pytest.fixture
def approval_db(databases):
    fill_directory(databases["approval"])
    return databases["approval"]


def run(database, at) -> int:
    with database.transaction() as session:
        return escalate_waiting(session, at)


def since(database, at, **changes):
    event = submitted(**changes)
    deliver(database, event, at=at)
    return event


def test_a_review_is_escalated_after_four_open_hours_and_again_after_twenty_four(approval_db) -> None:
    event = since(approval_db, ist(MONDAY, 9))
    assert run(approval_db, ist(MONDAY, 12, 59)) == 0
    assert run(approval_db, ist(MONDAY, 13)) == 1
    assert run(approval_db, ist(MONDAY, 13)) == 0
    thursday = date(2026, 3, 5)  # Wednesday is closed
    assert run(approval_db, ist(thursday, 16, 59)) == 0
    assert run(approval_db, ist(thursday, 17)) == 1
    assert run(approval_db, ist(date(2026, 3, 27), 17)) == 0
    first, second = published(approval_db, ReviewEscalated)
    assert (first.application_id, first.department, first.level, first.waiting_since) == (
        event.application_id,
        "home",
        1,
        ist(MONDAY, 9),
    )
    assert second.level == 2


def test_nights_weekends_and_closed_days_do_not_count_as_waiting(approval_db) -> None:
    friday = date(2026, 2, 27)
    since(approval_db, ist(friday, 16))
    assert run(approval_db, ist(MONDAY, 11, 59)) == 0
    assert run(approval_db, ist(MONDAY, 12)) == 1


def test_a_decided_or_ended_review_is_not_escalated(approval_db) -> None:
    review_id = pending(approval_db)
    with approval_db.transaction() as session:
        decisions.approve(approval(review_id), by(desk()), session, NOW, furthest_days=30)
    before = everything(approval_db)
    assert run(approval_db, NOW + timedelta(days=20)) == 0
    assert everything(approval_db) == before


def test_one_run_escalates_by_one_level_only(approval_db) -> None:
    since(approval_db, ist(date(2026, 2, 2), 9))
    assert [run(approval_db, FIVE) for _ in range(3)] == [1, 1, 0]
    assert [event.level for event in published(approval_db)] == [1, 2]


def test_an_amended_application_is_submitted_again(approval_db) -> None:
    first = since(approval_db, ist(MONDAY, 9))
    assert run(approval_db, ist(MONDAY, 13)) == 1
    deliver(approval_db, amended(first), 2, ist(MONDAY, 14))
    assert run(approval_db, FIVE) == 0
    with approval_db.transaction() as session:
        assert session.scalars(select(ReviewRow.escalated)).one() == 0


def test_replicas_that_run_at_once_escalate_each_review_once(approval_db) -> None:
    for _ in range(30):
        since(approval_db, ist(MONDAY, 9))
    start = threading.Barrier(4)
    raised = []

    def replica() -> None:
        start.wait()
        raised.append(run(approval_db, FIVE))

    threads = [threading.Thread(target=replica) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(raised) + run(approval_db, FIVE) == 30
    events = published(approval_db, ReviewEscalated)
    assert len(events) == 30
    assert {event.level for event in events} == {1}


def test_a_review_that_is_being_decided_is_left_to_the_decision(approval_db) -> None:
    since(approval_db, ist(MONDAY, 9))
    with approval_db.transaction() as deciding:
        deciding.scalars(select(ReviewRow).with_for_update()).one()
        assert run(approval_db, FIVE) == 0
    assert run(approval_db, FIVE) == 1

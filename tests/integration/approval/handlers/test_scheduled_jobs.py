"""Reviews whose visit comes near are escalated step by step, once, in whichever replica the job runs."""

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from contracts.events import DecidersChanged, EscalationMinutes, ReviewEscalated
from contracts.rpc.approval.decisions import Forward
from services.approval.handlers import decisions, numbers, scheduled_jobs
from services.approval.handlers.directory import hear_deciders, put_department, put_site
from services.approval.handlers.scheduled_jobs import escalate_waiting
from services.approval.metrics import DEPARTMENTS_UNSTAFFED
from services.approval.models.reviews import ReviewRow
from services.chassis.db.retention import kept_since, month_start
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    TUESDAY,
    amended,
    approval,
    by,
    deliver,
    department,
    desk,
    erased,
    everything,
    ist,
    pending,
    published,
    received,
    review_id_of,
    site,
    slot,
    submitted,
)
from tests.support.stack.databases import execute, owner_of

FRIDAY = date(2026, 2, 27)
AGE = NOW - kept_since(NOW, 26)


def run(database, at) -> int:
    """Run the job once; return how many steps were taken in it."""
    before = len(published(database, ReviewEscalated))
    with database.transaction() as session:
        escalate_waiting(session, at)
    return len(published(database, ReviewEscalated)) - before


def since(database, at, **changes):
    """Receive an application for Tuesday at ten."""
    event = submitted(**changes)
    deliver(database, event, at=at)
    return event


def test_a_review_goes_to_the_stand_in_then_the_head_then_the_reception_as_its_visit_comes_near(
    approval_db,
) -> None:
    event = since(approval_db, ist(FRIDAY, 9))
    steps = [run(approval_db, ist(MONDAY, hour)) for hour in (9, 13, 14, 14, 15, 16)]
    assert steps == [0, 0, 1, 0, 0, 1]
    assert [run(approval_db, ist(TUESDAY, hour)) for hour in (9, 9, 10, 11)] == [1, 0, 0, 0]
    events = published(approval_db, ReviewEscalated)
    assert [(one.level, one.step, one.officer) for one in events] == [
        (1, "stand_in", None),
        (2, "head", "home-secretary"),
        (3, "reception", None),
    ]
    assert {(one.application_id, one.department, one.waiting_since) for one in events} == {
        (event.application_id, "home", ist(FRIDAY, 9))
    }


def test_a_walk_in_is_escalated_after_ten_minutes(approval_db) -> None:
    since(approval_db, ist(TUESDAY, 10), channel="counter")
    assert [run(approval_db, ist(TUESDAY, 10, minute)) for minute in (9, 10, 19, 20, 30, 40)] == [
        0, 1, 0, 1, 1, 0,
    ]  # fmt: skip


def test_a_decided_or_ended_review_is_not_escalated(approval_db) -> None:
    review_id = pending(approval_db)
    with approval_db.transaction() as session:
        decisions.approve(approval(review_id), by(desk()), session, NOW, furthest_days=30)
    before = everything(approval_db)
    assert run(approval_db, ist(TUESDAY, 9)) == 0
    assert everything(approval_db) == before


def test_after_an_outage_the_steps_that_were_missed_are_taken_in_order_and_once(approval_db) -> None:
    since(approval_db, ist(FRIDAY, 9))
    assert [run(approval_db, ist(TUESDAY, 9, minute)) for minute in (30, 31)] == [3, 0]
    assert [event.level for event in published(approval_db)] == [1, 2, 3]


def test_an_amended_application_begins_anew(approval_db) -> None:
    first = since(approval_db, ist(FRIDAY, 9))
    assert run(approval_db, ist(MONDAY, 14)) == 1
    deliver(approval_db, amended(first, preferred=(slot(date(2026, 3, 6)),)), 2, ist(MONDAY, 15))
    assert run(approval_db, ist(TUESDAY, 9)) == 0
    with approval_db.transaction() as session:
        assert session.scalars(select(ReviewRow.escalated)).one() == 0
    assert run(approval_db, ist(date(2026, 3, 5), 14)) == 1


def test_a_change_of_the_directory_changes_when_the_next_step_is_due(approval_db) -> None:
    since(approval_db, ist(FRIDAY, 9))
    assert run(approval_db, ist(MONDAY, 9)) == 0
    with approval_db.transaction() as session:
        put_department(session, department(escalation=EscalationMinutes(stand_in=480)), ist(MONDAY, 10))
    assert run(approval_db, ist(MONDAY, 10)) == 1, "the department's own minutes"
    with approval_db.transaction() as session:
        put_site(session, site(closed_days=(), hours=()), ist(MONDAY, 11))
    assert run(approval_db, ist(TUESDAY, 9)) == 0, "a site that never opens"


def test_the_department_that_a_review_was_forwarded_to_counts_by_its_own_minutes(approval_db) -> None:
    event = since(approval_db, ist(FRIDAY, 9))
    assert run(approval_db, ist(MONDAY, 9)) == 0
    with approval_db.transaction() as session:
        put_department(
            session, department("finance", escalation=EscalationMinutes(stand_in=480)), ist(MONDAY, 9)
        )
        request = Forward(review_id=review_id_of(approval_db, event.application_id), department="finance")
        decisions.forward(request, by(desk()), session, ist(MONDAY, 10))
    assert run(approval_db, ist(MONDAY, 10)) == 1
    assert [one.department for one in published(approval_db, ReviewEscalated)] == ["finance"]


def test_replicas_that_run_at_once_take_each_step_once(approval_db) -> None:
    for _ in range(30):
        since(approval_db, ist(FRIDAY, 9))
    start = threading.Barrier(4)

    def replica() -> None:
        start.wait()
        with approval_db.transaction() as session:
            escalate_waiting(session, ist(MONDAY, 14))

    threads = [threading.Thread(target=replica) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(approval_db, ist(MONDAY, 14))
    events = published(approval_db, ReviewEscalated)
    assert len(events) == len({event.application_id for event in events}) == 30
    assert {event.level for event in events} == {1}


def test_a_job_that_is_killed_between_batches_loses_and_repeats_nothing(approval_db, monkeypatch) -> None:
    monkeypatch.setattr(scheduled_jobs, "BATCH", 4)
    for _ in range(10):
        since(approval_db, ist(FRIDAY, 9))
    assert run(approval_db, ist(MONDAY, 14)) == 4

    class Killed(Exception):
        pass

    def killed_before_it_commits() -> None:
        with approval_db.transaction() as session:
            escalate_waiting(session, ist(MONDAY, 14))
            raise Killed

    with pytest.raises(Killed):
        killed_before_it_commits()
    assert [run(approval_db, ist(MONDAY, 14)) for _ in range(3)] == [4, 2, 0]
    events = published(approval_db, ReviewEscalated)
    assert len({event.application_id for event in events}) == len(events) == 10


def test_a_review_that_is_being_decided_is_left_to_the_decision(approval_db) -> None:
    since(approval_db, ist(FRIDAY, 9))
    with approval_db.transaction() as deciding:
        deciding.scalars(select(ReviewRow).with_for_update()).one()
        assert run(approval_db, ist(MONDAY, 14)) == 0
    assert run(approval_db, ist(MONDAY, 14)) == 1


def test_thousands_that_are_not_due_are_not_looked_at(approval_db) -> None:
    for _ in range(3):
        since(approval_db, ist(FRIDAY, 9))
    with approval_db.transaction() as session:
        assert escalate_waiting(session, ist(FRIDAY, 9)) == 3
        assert escalate_waiting(session, ist(MONDAY, 13) + timedelta(minutes=59)) == 0


def test_reviews_without_people_go_once_nothing_of_them_is_younger_than_the_records_that_are_kept(
    approval_db,
) -> None:
    def decided(*, erase: bool):
        event = submitted()
        deliver(approval_db, event)
        review_id = review_id_of(approval_db, event.application_id)
        with approval_db.transaction() as session:
            decisions.approve(approval(review_id), by(desk()), session, NOW, furthest_days=30)
        if erase:
            deliver(approval_db, erased(event), 9)
        return event, review_id

    (old, _), (with_people, _) = decided(erase=True), decided(erase=False)
    make_older(approval_db)
    before = everything(approval_db)
    assert before["bookings"]
    assert delete_old(approval_db, 26) == 0, "the decision is as young as that"
    assert everything(approval_db) == before
    assert delete_old(approval_db, 25) == 1
    after = everything(approval_db)
    left = {row["application_id"] for row in after["reviews"]}
    assert left == {str(with_people.application_id)}
    for table in ("decisions", "bookings"):
        assert {row["review_id"] for row in after[table]} == {row["id"] for row in after["reviews"]}
    deliver(approval_db, amended(old), 12)
    late = next(
        row for row in everything(approval_db)["reviews"] if row["application_id"] == str(old.application_id)
    )
    assert (late["status"], late["name"]) == ("closed", ""), "a late event brings nobody back"


def test_numbers_of_a_month_stay_when_its_decisions_are_deleted(approval_db) -> None:
    event = submitted()
    deliver(approval_db, event)
    with approval_db.transaction() as session:
        approve = approval(review_id_of(approval_db, event.application_id))
        decisions.approve(approve, by(desk()), session, NOW, furthest_days=30)
    deliver(approval_db, erased(event), 9)
    with approval_db.transaction() as session:
        numbers.count_months(session, NOW)
    counted = everything(approval_db)["month_numbers"]
    assert counted
    later = month_start(NOW, 14)
    make_older(approval_db)
    assert delete_old(approval_db, 13, later) == 1
    with approval_db.transaction() as session:
        numbers.count_months(session, later)
    assert everything(approval_db)["month_numbers"] == counted


def make_older(database) -> None:
    """Let all reviews and decisions be older: of the last year the database gives none away."""
    with owner_of(database).transaction() as session:
        session.execute(
            text(
                "update reviews set submitted_at = submitted_at - :age, waiting_since = waiting_since - :age"
            ),
            {"age": AGE},
        )
        session.execute(text("update decisions set decided_at = decided_at - :age"), {"age": AGE})
        session.execute(text("update bookings set day = day - :days"), {"days": AGE.days + 60})


def test_the_service_deletes_no_review_of_the_last_year_and_none_with_people(approval_db) -> None:
    event = submitted()
    deliver(approval_db, event)
    review_id = review_id_of(approval_db, event.application_id)

    def delete() -> None:
        execute(approval_db, "select delete_reviews(:old)", old=[review_id])

    with pytest.raises(DBAPIError, match="is not deleted"):
        delete()
    make_older(approval_db)
    with pytest.raises(DBAPIError, match="is not deleted"):
        delete()
    deliver(approval_db, erased(event), 9)
    delete()
    assert everything(approval_db)["reviews"] == []


YOUNG = {
    "a decision": "insert into decisions (review_id, number, revision, status, department, decided_by, "
    "decided_at, note, entries, vehicle_allowed) "
    "values (:id, 1, 1, 'returned', 'home', 'HOM-0001', now(), '', 1, false)",
    "a forwarding": "insert into forwardings values (:id, 1, 1, 'home', 'revenue', null, 'HOM-0001', now())",
    "a first approval": "insert into first_approvals (review_id, revision, approved_by, approved_at, slot, "
    "entries, vehicle_allowed) values (:id, 1, 'HOM-0001', now(), '{}', 1, false)",
    "a booking": "insert into bookings values (:id, current_date, 'home', '10:00', '11:00', 1)",
}


@pytest.mark.parametrize("what", YOUNG)
def test_the_service_deletes_no_review_of_which_anything_is_of_the_last_year(approval_db, what) -> None:
    kept, old = submitted(), submitted(reference="PCS-8L4N-1RXY")
    for event in (kept, old):
        deliver(approval_db, event)
    make_older(approval_db)
    for event in (kept, old):
        deliver(approval_db, erased(event), 9)
    review_id = review_id_of(approval_db, kept.application_id)
    execute(owner_of(approval_db), YOUNG[what], id=review_id)
    with pytest.raises(DBAPIError, match="is not deleted"), approval_db.transaction() as session:
        session.execute(text("select delete_reviews(:old)"), {"old": [review_id]})
    assert delete_old(approval_db, 13) == 1, "and it holds up no other"
    assert [one["id"] for one in everything(approval_db)["reviews"]] == [str(review_id)]


def delete_old(database, months, at=NOW) -> int:
    with database.transaction() as session:
        return scheduled_jobs.delete_old_reviews(session, at, months)


def test_a_department_is_shown_while_nobody_can_decide_for_it_and_it_is_not_closed(approval_db) -> None:
    def shown(can_decide: bool, seq: int) -> dict[str, float]:
        with approval_db.transaction() as session:
            event = DecidersChanged(department="home", can_decide=can_decide)
            hear_deciders(received(event, seq), session, NOW)
            scheduled_jobs.show_unstaffed_departments(session)
        samples = [sample for one in DEPARTMENTS_UNSTAFFED.collect() for sample in one.samples]
        return {sample.labels["department"]: sample.value for sample in samples}

    DEPARTMENTS_UNSTAFFED.labels("gone").set(1)
    assert "gone" not in shown(True, seq=1)
    assert shown(True, seq=2)["home"] == 0
    assert {code for code, value in shown(False, seq=3).items() if value} == {"home"}
    with approval_db.transaction() as session:
        put_department(session, department("home", unstaffed=True, closed=True), NOW)
    assert shown(False, seq=4)["home"] == 0

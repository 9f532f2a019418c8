"""Numbers about decisions on real rows: for the desk, and by month for everybody."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from contracts.errors import Forbidden
from contracts.rpc.approval.decisions import Withdraw
from contracts.rpc.approval.visits import AnswerVisit, EndVisit
from services.approval.handlers import decisions, numbers, visits
from services.chassis.db.locks import lock
from tests.support.factories.approval import (
    AUDITOR,
    MONDAY,
    NOW,
    TUESDAY,
    amended,
    approval,
    by,
    deliver,
    desk,
    invited,
    ist,
    pending,
    published,
    received,
    review_id_of,
    scanned,
    slot,
    submitted,
)

MARCH = date(2026, 3, 1)


def decide(database, review_id, login="HOM-0001", at=NOW, department="home"):
    with database.transaction() as session:
        wanted = approval(review_id, slot=slot(TUESDAY + timedelta(days=7)))
        decisions.approve(wanted, by(desk(department, login)), session, at, furthest_days=30)


def waited(database, hours, login="HOM-0001", at=NOW, **changes):
    """Decide a review that had waited so many hours."""
    event = submitted(**changes)
    deliver(database, event, at=at - timedelta(hours=hours))
    decide(
        database, review_id_of(database, event.application_id), login, at, changes.get("department", "home")
    )


def of_desk(database, call=None, at=NOW):
    with database.transaction() as session:
        return numbers.desk_numbers(call or by(desk()), session, at)


def months(database, at=NOW):
    with database.transaction() as session:
        assert numbers.count_months(session, at)
    with database.transaction() as session:
        return numbers.transparency(session)


def test_the_numbers_of_a_month_tell_who_was_met_and_how_soon_they_were_called(approval_db) -> None:
    for count in range(12):
        event = submitted()
        deliver(approval_db, event)
        review_id = review_id_of(approval_db, event.application_id)
        decide(approval_db, review_id)
        came_at = ist(TUESDAY, 11)
        with approval_db.transaction() as session:
            visits.hear_scans([received(scanned(event, came_at), 2)], session, came_at, 0, timedelta(hours=1))
        for at, command, request in (
            (10, visits.answer, AnswerVisit(review_id=review_id, answer="come_up")),
            (
                30,
                visits.end,
                EndVisit(review_id=review_id, outcome="met" if count < 6 else "not_met", reason="other"),
            ),
        ):
            with approval_db.transaction() as session:
                command(request, by(desk()), session, came_at + timedelta(minutes=at))
    for one in months(approval_db, ist(TUESDAY, 12)).items:
        assert (one.visits, one.percent_met, one.median_call_seconds) == (12, 50, 600), one.department


def test_no_single_person_of_the_present_month_shows_in_the_difference_of_two_counts(approval_db) -> None:
    found, times = [], []

    def count(more, at):
        for hours in range(more):
            event = submitted()
            deliver(approval_db, event, at=NOW - timedelta(hours=1 + len(found) + hours))
            decide(approval_db, review_id_of(approval_db, event.application_id))
            came_at = ist(TUESDAY, 11)
            with approval_db.transaction() as session:
                visits.hear_scans(
                    [received(scanned(event, came_at), 2)], session, came_at, 0, timedelta(hours=1)
                )
        for one in (shown := [one for one in months(approval_db, at).items if one.month == MARCH]):
            counts = {one.visits, one.decisions, one.applications}
            assert len(counts) == 1, "each steps by five"
        found.append(shown[-1].visits)
        times.append((shown[-1].median_seconds, shown[-1].p95_seconds))

    for more in (4, 1, 1, 3, 1, 4):
        count(more, ist(TUESDAY, 12))
    count(0, ist(TUESDAY, 12) + timedelta(days=31))
    assert found == [None, 5, 5, 5, 10, 10, 14], "in the end a month has all"
    assert times[1] == times[2] == times[3] != times[4] == times[5] != times[6]


def test_an_officer_sees_their_own_decisions_and_those_of_the_department(approval_db) -> None:
    for hours in (1, 2, 6):
        waited(approval_db, hours)
    waited(approval_db, 10, "HOM-0002")
    waited(approval_db, 50, at=NOW - timedelta(days=1))
    waited(approval_db, 99, "FIN-0001", department="finance")
    found = of_desk(approval_db)
    assert (found.own.decided_today, found.own.median_seconds) == (3, 4 * 3600)
    assert (found.department.decided_today, found.department.median_seconds) == (4, 6 * 3600)
    assert [(one.day, one.decisions, one.median_seconds) for one in found.own.days[-2:]] == [
        (MONDAY - timedelta(days=1), 1, 50 * 3600),
        (MONDAY, 3, 2 * 3600),
    ]
    assert len(found.own.days) == numbers.SHOWN_DAYS


def test_what_waits_is_counted_by_its_age(approval_db) -> None:
    for hours in (0, 0.5, 2, 5, 23, 25, 80):
        deliver(approval_db, submitted(), at=NOW - timedelta(hours=hours))
    waited(approval_db, 30)
    assert [(one.from_hours, one.reviews) for one in of_desk(approval_db).waiting] == [
        (0, 2),
        (1, 1),
        (4, 2),
        (24, 1),
        (72, 1),
    ]


def test_the_day_of_a_decision_is_the_day_in_chandigarh(approval_db) -> None:
    waited(approval_db, 1, at=NOW.replace(hour=20))  # half past one in the night to Tuesday
    later = NOW.replace(hour=20) + timedelta(minutes=5)
    assert of_desk(approval_db, at=later).own.days[-1].day == TUESDAY
    assert of_desk(approval_db, at=later).own.decided_today == 1


def test_only_a_login_of_a_department_has_numbers(approval_db) -> None:
    with pytest.raises(Forbidden):
        of_desk(approval_db, by(AUDITOR))


def test_a_withdrawal_is_no_further_decision(approval_db) -> None:
    waited(approval_db, 1)
    (event,) = published(approval_db)
    with approval_db.transaction() as session:
        decisions.withdraw(Withdraw(review_id=event.review_id, reason="other"), by(desk()), session, NOW)
    assert of_desk(approval_db).own.decided_today == 1


def test_the_time_to_decide_an_amended_application_is_counted_from_its_amendment(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first, at=NOW - timedelta(hours=40))
    review_id = review_id_of(approval_db, first.application_id)
    with approval_db.transaction() as session:
        request = decisions.Return(review_id=review_id, note="Which file?")
        decisions.return_to_applicant(request, by(desk()), session, NOW - timedelta(hours=30))
    deliver(approval_db, amended(first), 2, at=NOW - timedelta(hours=2))
    decide(approval_db, review_id)
    assert [one.median_seconds for one in of_desk(approval_db).own.days[-2:]] == [10 * 3600, 2 * 3600]


def test_a_month_counts_applications_decisions_times_and_what_was_decided_before_the_visit(
    approval_db,
) -> None:
    for hours in range(1, 11):
        waited(approval_db, hours)
    for _ in range(10):
        waited(approval_db, 5, preferred=(slot(MONDAY, "10:00", "12:00"), slot(TUESDAY)))  # it is 11:00
    for _ in range(6):
        pending(approval_db)
    found = months(approval_db)
    whole, home = (one for one in found.items if one.month == MARCH)
    assert (home.department, home.applications, home.decisions) == ("home", 26, 20)
    assert (home.median_seconds, home.p95_seconds, home.percent_before_visit) == (
        5 * 3600,
        round(9.05 * 3600),
        50,
    )
    assert (whole.department, whole.decisions, found.counted_at) == (None, 20, NOW)


def test_invitations_are_no_applications_and_make_no_department_faster(approval_db) -> None:
    for _ in range(20):
        waited(approval_db, 3)
        deliver(approval_db, invited())
    home = months(approval_db).items[-1]
    assert (home.department, home.applications, home.decisions, home.median_seconds) == (
        "home", 20, 20, 3 * 3600,
    )  # fmt: skip


def test_a_department_with_few_decisions_is_withheld(approval_db) -> None:
    for _ in range(7):
        waited(approval_db, 1)
    waited(approval_db, 1, "FIN-0001", department="finance")
    whole, finance, home = months(approval_db).items
    assert (finance.department, finance.decisions, finance.applications) == ("finance", None, None)
    assert (home.decisions, whole.decisions) == (7, None)


def test_counting_again_replaces_the_last_count_and_leaves_older_months_alone(approval_db) -> None:
    for _ in range(5):
        waited(approval_db, 1)
    first = months(approval_db)
    assert months(approval_db) == first
    waited(approval_db, 1)
    assert months(approval_db, NOW + timedelta(days=31)).items[0].decisions == 6
    later = months(approval_db, NOW + timedelta(days=800))
    assert [one.decisions for one in later.items] == [6, 6]


def test_two_replicas_do_not_count_at_once(approval_db) -> None:
    with approval_db.transaction() as one, approval_db.transaction() as other:
        lock(one, "month_numbers")
        assert not numbers.count_months(other, NOW)


def test_before_the_first_count_nothing_is_published(approval_db) -> None:
    with approval_db.transaction() as session:
        found = numbers.transparency(session)
        assert session.scalar(text("select count(*) from month_numbers")) == 0
    assert (found.items, found.counted_at) == ((), None)

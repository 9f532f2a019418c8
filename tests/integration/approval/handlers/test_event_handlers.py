"""Events of applications lead to the same state in any order and any number of deliveries."""

import itertools
import random
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select

from contracts.errors import Conflict
from contracts.events import ApplicationPersonal
from contracts.model import Person
from contracts.rpc.approval.decisions import Forward, Reject, Return, Withdraw
from contracts.rpc.approval.reviews import ReviewId
from services.approval.domain import reviews
from services.approval.handlers import decisions, event_handlers, queries
from services.approval.models.reviews import ApplicationRow, ReviewRow
from tests.integration.approval.handlers.decide import approve
from tests.support.factories.approval import (
    HANDLERS,
    HOLI,
    MONDAY,
    NOW,
    TUESDAY,
    amended,
    approval,
    by,
    cancelled,
    deliver,
    desk,
    erased,
    everything,
    expired,
    invited,
    ist,
    person,
    personal,
    published,
    received,
    review_id_of,
    scanned,
    slot,
    submitted,
)
from tests.support.stack.databases import owner_of
from tests.support.stack.extent import few_of


def see(database, application_id):
    """Return the review as its department sees it."""
    with database.transaction() as session:
        row = session.scalars(
            select(ReviewRow).where(ReviewRow.application_id == application_id)
        ).one_or_none()
        return (
            None
            if row is None
            else queries.view_review(ReviewId(review_id=row.id), by(desk(row.department)), session, NOW)
        )


def state(database, application_id):
    """Return all that is stored of an application, except the review's random id."""
    with database.transaction() as session:
        review = session.scalars(
            select(ReviewRow).where(ReviewRow.application_id == application_id)
        ).one_or_none()
        row = session.get(ApplicationRow, application_id)
        columns = [column.key for column in ReviewRow.__table__.columns if column.key != "id"]
        review_state = None if review is None else {column: getattr(review, column) for column in columns}
        return review_state, {
            column.key: getattr(row, column.key) for column in ApplicationRow.__table__.columns
        }


def send_back(database, review_id) -> None:
    with database.transaction() as session:
        decisions.return_to_applicant(
            Return(review_id=review_id, note="Which file?"), by(desk()), session, NOW
        )


def test_a_submitted_application_waits_in_its_departments_queue(approval_db) -> None:
    first = submitted(officer="home-secretary")
    deliver(approval_db, first)
    view = see(approval_db, first.application_id)
    assert (view.status, view.department, view.officer, view.revision) == (
        "pending",
        "home",
        "home-secretary",
        1,
    )
    assert (view.name, view.name_latin, view.id_last4) == ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "Gurpreet Kaur", "4821")
    assert (view.companions, view.purpose, view.vehicle) == (
        first.personal.companions,
        first.personal.purpose,
        "CH01AB1234",
    )
    assert (view.preferred, view.party, view.mobile_proved) == (first.preferred, 2, True)
    assert view.submitted_at == received(first).occurred_at
    assert (view.decision, view.escalated, view.forwarded_from) == (None, 0, None)
    assert published(approval_db) == []


def test_an_amended_application_waits_again_and_its_decision_is_history(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first, 1)
    send_back(approval_db, review_id_of(approval_db, first.application_id))
    assert see(approval_db, first.application_id).decision.note == "Which file?"
    deliver(approval_db, amended(first, personal=personal(purpose="File 7/2026")), 2)
    view = see(approval_db, first.application_id)
    assert (view.status, view.revision, view.purpose, view.decision) == ("pending", 2, "File 7/2026", None)
    assert [row["status"] for row in everything(approval_db)["decisions"]] == ["returned"]
    approve(approval_db, view.id)
    assert see(approval_db, first.application_id).decision.status == "approved"
    assert [row["revision"] for row in everything(approval_db)["decisions"]] == [1, 2]


def test_other_dates_wait_for_a_decision_about_them_and_not_about_the_old_ones(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first, 1)
    review_id = review_id_of(approval_db, first.application_id)
    deliver(approval_db, amended(first, preferred=(slot(start="14:00", end="15:00"),)), 2)
    with approval_db.transaction() as session, pytest.raises(Conflict) as refusal:
        decisions.approve(approval(review_id, revision=1), by(desk()), session, NOW, furthest_days=30)
    assert refusal.value.body.code == "application_changed"
    view = see(approval_db, first.application_id)
    assert (view.status, view.revision, view.preferred[0].start.hour) == ("pending", 2, 14)
    with approval_db.transaction() as session:
        decisions.approve(approval(review_id, revision=2), by(desk()), session, NOW, furthest_days=30)
    assert published(approval_db)[-1].revision == 2


def test_an_approval_stands_whose_applicant_asked_for_other_dates_at_the_same_moment(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first, 1)
    review_id = review_id_of(approval_db, first.application_id)
    approve(approval_db, review_id)
    deliver(approval_db, amended(first, preferred=(slot(start="14:00", end="15:00"),)), 2)
    view = see(approval_db, first.application_id)
    assert (view.status, view.revision, view.preferred, view.decision.status) == (
        "approved",
        1,
        first.preferred,
        "approved",
    )
    with approval_db.transaction() as session, pytest.raises(Conflict) as refusal:
        decisions.approve(approval(review_id), by(desk()), session, NOW, furthest_days=30)
    assert refusal.value.body.code == "already_decided", "there is one pass, not two"
    deliver(approval_db, cancelled(first), 3)
    assert see(approval_db, first.application_id).status == "closed"


def test_without_the_rule_an_application_approved_meanwhile_would_be_approved_twice(
    approval_db, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: only the rule that an approval stands prevents a second pass, for another day."""
    monkeypatch.setattr(reviews, "WITH_PASS", ())
    first = submitted()
    deliver(approval_db, first, 1)
    review_id = review_id_of(approval_db, first.application_id)
    approve(approval_db, review_id)
    deliver(approval_db, amended(first), 2)
    approve(approval_db, review_id, slot=slot(TUESDAY + timedelta(days=2)))
    assert [row["status"] for row in everything(approval_db)["decisions"]] == ["approved", "approved"]


def test_a_rejection_is_history_whose_applicant_asked_for_other_dates_at_the_same_moment(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first, 1)
    with approval_db.transaction() as session:
        decisions.reject(
            Reject(review_id=review_id_of(approval_db, first.application_id), reason="duplicate"),
            by(desk()),
            session,
            NOW,
        )
    deliver(approval_db, amended(first), 2)
    assert see(approval_db, first.application_id).status == "pending"


def test_an_older_event_that_comes_late_changes_nothing(approval_db) -> None:
    first = submitted()
    second = amended(first, personal=personal(purpose="newer"))
    deliver(approval_db, first, 1)
    deliver(approval_db, second, 2)
    approve(approval_db, review_id_of(approval_db, first.application_id))
    before = everything(approval_db)
    deliver(approval_db, first, 1)
    deliver(approval_db, second, 2)
    assert everything(approval_db) == before


@pytest.mark.parametrize("end", [cancelled, expired])
def test_an_application_that_ends_before_it_is_known_stays_closed(approval_db, end) -> None:
    first = submitted()
    deliver(approval_db, end(first), 2)
    assert see(approval_db, first.application_id) is None
    deliver(approval_db, first, 1)
    assert see(approval_db, first.application_id).status == "closed"
    deliver(approval_db, amended(first), 3)
    after = {cancelled: "closed", expired: "pending"}  # whose day was closed may choose another after expiry
    assert see(approval_db, first.application_id).status == after[end]


def test_a_cancellation_closes_an_approved_review_and_publishes_nothing(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first)
    approve(approval_db, review_id_of(approval_db, first.application_id))
    deliveries = published(approval_db)
    deliver(approval_db, cancelled(first), 2)
    view = see(approval_db, first.application_id)
    assert (view.status, view.decision.status) == ("closed", "approved")
    assert published(approval_db) == deliveries


def test_an_approval_at_the_same_time_as_the_expiry_stands_and_can_be_withdrawn(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first)
    review_id = review_id_of(approval_db, first.application_id)
    approve(approval_db, review_id)
    deliver(approval_db, expired(first), 2)
    assert see(approval_db, first.application_id).status == "approved"
    with approval_db.transaction() as session:
        decisions.withdraw(Withdraw(review_id=review_id, reason="security"), by(desk()), session, NOW)
    assert see(approval_db, first.application_id).status == "withdrawn"


def test_erasure_blanks_people_texts_and_notes_and_nothing_else(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first, 1)
    send_back(approval_db, review_id_of(approval_db, first.application_id))
    deliver(approval_db, erased(first), 2)
    view = see(approval_db, first.application_id)
    assert (view.name, view.name_latin, view.id_last4, view.companions, view.purpose, view.vehicle) == (
        "",
        "",
        None,
        (),
        "",
        None,
    )
    assert (view.status, view.decision.note, view.reference, view.decision.status) == (
        "closed",
        "",
        first.reference,
        "returned",
    )
    stored = str(
        {name: rows for name, rows in everything(approval_db).items() if name not in ("outbox", "inbox")}
    )
    for word in ("ਗੁਰਪ੍ਰੀਤ", "Gurpreet", "9876543210", "4821", "Harjit", "Arms", "CH01AB1234", "Which file"):
        assert word not in stored


def test_events_after_the_erasure_restore_no_personal_data(approval_db) -> None:
    first = submitted()
    deliver(approval_db, erased(first), 3)
    deliver(approval_db, first, 1)
    deliver(approval_db, amended(first), 2)
    view = see(approval_db, first.application_id)
    assert (view.name, view.status) == ("", "closed")
    assert "Gurpreet" not in str(everything(approval_db)["reviews"])


def test_an_amended_application_stays_where_it_was_forwarded_to(approval_db) -> None:
    first = submitted(officer="home-secretary")
    deliver(approval_db, first, 1)
    review_id = review_id_of(approval_db, first.application_id)
    with approval_db.transaction() as session:
        decisions.forward(Forward(review_id=review_id, department="finance"), by(desk()), session, NOW)
        decisions.return_to_applicant(
            Return(review_id=review_id, note="?"), by(desk("finance", "FIN-0001")), session, NOW
        )
    deliver(approval_db, amended(first, officer="home-under-secretary"), 2)
    view = see(approval_db, first.application_id)
    assert (view.status, view.department, view.officer, view.forwarded_from) == (
        "pending",
        "finance",
        None,
        "home",
    )


STORIES = {
    "amended": lambda first: [
        first,
        amended(first, personal=personal(applicant=person(name="B"))),
        amended(first, revision=3, officer="o3"),
    ],
    "cancelled": lambda first: [first, amended(first), cancelled(first)],
    "expired": lambda first: [first, amended(first), expired(first)],
    "expired and begun anew": lambda first: [first, expired(first), amended(first)],
    "erased": lambda first: [first, amended(first), cancelled(first), erased(first)],
    "erased while open": lambda first: [first, amended(first, officer="o2"), erased(first)],
    "cancelled and expired": lambda first: [first, expired(first), cancelled(first)],
}


@pytest.mark.parametrize("story", few_of([*STORIES]))
def test_every_order_and_five_deliveries_of_each_event_end_in_the_same_state(approval_db, story) -> None:
    first = submitted()
    deliveries = list(enumerate(STORIES[story](first), start=1))

    def replay(order):
        with owner_of(approval_db).transaction() as session:
            for table in (ReviewRow, ApplicationRow):
                session.query(table).delete()
        for seq, event in order:
            deliver(approval_db, event, seq)
        return state(approval_db, first.application_id)

    expected = replay(deliveries)
    assert expected[0] is not None
    for order in itertools.permutations(deliveries):
        assert replay(order) == expected, [seq for seq, _ in order]
    dice = random.Random(story)
    for _ in range(20):
        order = deliveries * 5
        dice.shuffle(order)
        assert replay(order) == expected, [seq for seq, _ in order]


def at_the_same_moment(database, one, other) -> None:
    """Handle one; handle the other on a second connection before the first has committed."""
    done = threading.Event()

    def meanwhile() -> None:
        deliver(database, *other)
        done.set()

    thread = threading.Thread(target=meanwhile)
    with database.transaction() as session:
        event, seq = one
        HANDLERS[type(event)](received(event, seq), session)
        thread.start()
        assert not done.wait(0.3), "the second must wait for the first"
    thread.join()
    assert done.is_set()


@pytest.mark.parametrize("submission_first", [True, False])
def test_a_submission_and_its_cancellation_handled_at_the_same_moment_end_closed(
    approval_db, submission_first
) -> None:
    first = submitted()
    deliveries = [(first, 1), (cancelled(first), 2)]
    at_the_same_moment(approval_db, *(deliveries if submission_first else reversed(deliveries)))
    assert see(approval_db, first.application_id).status == "closed"


@pytest.mark.parametrize("submission_first", [True, False])
def test_two_revisions_handled_at_the_same_moment_after_the_end_make_one_closed_review(
    approval_db, submission_first
) -> None:
    first = submitted()
    deliver(approval_db, cancelled(first), 3)
    deliveries = [(first, 1), (amended(first), 2)]
    at_the_same_moment(approval_db, *(deliveries if submission_first else reversed(deliveries)))
    view = see(approval_db, first.application_id)
    assert (view.status, view.revision) == ("closed", 2)


def test_a_decided_revision_is_not_reopened_by_a_later_delivery_of_the_same_revision(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first, 1)
    approve(approval_db, review_id_of(approval_db, first.application_id))
    deliver(approval_db, first, 2)
    assert see(approval_db, first.application_id).status == "approved"


def test_fields_that_a_later_version_adds_are_ignored_and_an_old_row_still_reads(approval_db) -> None:
    first = submitted(personal=ApplicationPersonal(applicant=Person(name="ਅ", name_latin="A"), purpose="p"))
    deliver(approval_db, first)
    with approval_db.transaction() as session:
        review = session.scalars(select(ReviewRow)).one()
        review.details = {**review.details, "colour_of_the_lanyard": "blue"}
    assert see(approval_db, first.application_id).name == "ਅ"


# ----------------------------------------------------------------- invitations


def test_an_invitation_is_approved_in_the_name_of_the_officer_who_invited(approval_db) -> None:
    first = invited()
    deliver(approval_db, first)
    view = see(approval_db, first.application_id)
    assert (view.status, view.decision.decided_by, view.decision.slot) == ("approved", "HOM-0002", slot())
    [event] = published(approval_db)
    assert (event.slot, event.decided_by, event.party, event.revision) == (slot(), "HOM-0002", 2, 1)
    assert event.personal == first.personal


def test_control_an_application_of_another_channel_waits(approval_db) -> None:
    deliver(approval_db, invited(channel="counter"))
    assert published(approval_db) == []


def test_an_invitation_to_a_time_that_is_not_possible_any_more_waits_at_the_desk(approval_db) -> None:
    for wished in (slot(HOLI), slot(start="07:00", end="08:00"), slot(MONDAY, "09:00", "10:00")):
        first = invited(preferred=(wished,))
        deliver(approval_db, first)
        assert see(approval_db, first.application_id).status == "pending"
    assert published(approval_db) == []


def test_an_invitation_whose_end_arrives_first_is_not_approved(approval_db) -> None:
    first = invited()
    deliver(approval_db, cancelled(first), 2)
    deliver(approval_db, first, 1)
    assert see(approval_db, first.application_id).status == "closed"
    assert published(approval_db) == []


def test_other_dates_that_the_visitor_asks_for_are_not_approved_by_the_invitation(approval_db) -> None:
    first = invited()
    deliver(approval_db, amended(first, preferred=(slot(start="14:00", end="15:00"),)), 2)
    deliver(approval_db, first, 1)
    assert (see(approval_db, first.application_id).status, published(approval_db)) == ("pending", [])


def test_an_invitation_that_arrives_ten_times_at_once_is_approved_once(approval_db) -> None:
    first = invited()
    threads = [threading.Thread(target=deliver, args=(approval_db, first)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(published(approval_db)) == 1
    assert len(everything(approval_db)["decisions"]) == 1


def test_an_invitation_can_be_withdrawn_like_any_approval(approval_db) -> None:
    first = invited()
    deliver(approval_db, first)
    review_id = review_id_of(approval_db, first.application_id)
    with approval_db.transaction() as session:
        decisions.withdraw(
            Withdraw(review_id=review_id, reason="officer_unavailable"), by(desk()), session, NOW
        )
    deliver(approval_db, first)
    assert see(approval_db, first.application_id).status == "withdrawn"
    assert len(published(approval_db)) == 2


def test_scans_that_arrive_together_leave_the_last_day_on_which_somebody_went_in(approval_db) -> None:
    twice, once, refused = (submitted(), submitted(), submitted())
    for first in (twice, once, refused):
        deliver(approval_db, first)
    scans = [
        scanned(twice, ist(TUESDAY, 11)),
        scanned(twice, ist(MONDAY, 11)),
        scanned(refused, ist(MONDAY, 11), "id_mismatch"),
        scanned(submitted(), ist(MONDAY, 11)),
        scanned(once, ist(MONDAY, 23)),
    ]
    expected = {twice.application_id: TUESDAY, once.application_id: MONDAY, refused.application_id: None}
    for part in (scans, scans[1:], scans):
        with approval_db.transaction() as session:
            event_handlers.handle_passes_scanned([received(event, 2) for event in part], session, NOW)
        with approval_db.transaction() as session:
            found = session.execute(select(ReviewRow.application_id, ReviewRow.entered_on)).all()
        assert {row.application_id: row.entered_on for row in found} == expected

"""Places of a department on real rows: never more people than a window takes, and every place comes back."""

import signal
import subprocess
import sys
import threading
from datetime import time, timedelta

import pytest
from sqlalchemy import func, select, update

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import OpeningHours
from contracts.rpc.approval.capacity import AvailabilityQuestion, SetCapacity
from contracts.rpc.call import Call
from services.approval.handlers import capacity as places
from services.approval.handlers import decisions
from services.approval.handlers.directory import put_site
from services.approval.models.reviews import BookingRow, CapacityRow
from tests.support.factories.approval import (
    AUDITOR,
    HOLI,
    MONDAY,
    NOW,
    SATURDAY,
    TUESDAY,
    approval,
    by,
    cancelled,
    capacity,
    deliver,
    desk,
    erased,
    everything,
    expired,
    invited,
    pending,
    review_id_of,
    site,
    slot,
    submitted,
)
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.databases import execute
from tests.support.stack.extent import long

TEN = slot(TUESDAY, "10:00", "11:00")


def limit(database, wanted=None, call=None):
    with database.transaction() as session:
        request = SetCapacity(capacity=wanted)
        return places.set_capacity(request, call or by(desk()), session, NOW, furthest_days=30)


def approve(database, review_id, call=None, wanted=TEN, **terms):
    with database.transaction() as session:
        request = approval(review_id, slot=wanted, **terms)
        return decisions.approve(request, call or by(desk()), session, NOW, furthest_days=30)


def free(database, day=TUESDAY, at=NOW, site="T1") -> dict[str, int]:
    """Return the free places by the start of the window."""
    with database.transaction() as session:
        question = AvailabilityQuestion(department="home", site=site)
        found = places.availability(question, session, at, furthest_days=30)
    assert found.limited
    windows = next((one.windows for one in found.days if one.day == day), ())
    return {f"{window.start:%H:%M}": window.free for window in windows}


def booked(database) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.coalesce(func.sum(BookingRow.party), 0)))


def test_a_window_is_offered_as_far_as_the_site_is_open_in_it(approval_db) -> None:
    limit(approval_db, capacity(4))
    hours = (OpeningHours(weekday=1, opens=time(10, 15), closes=time(12, 10), valid_from=MONDAY),)
    with approval_db.transaction() as session:
        put_site(session, site(hours=hours), NOW)
        question = AvailabilityQuestion(department="home", site="T1")
        found = places.availability(question, session, NOW, furthest_days=30)
    tuesday = next(one for one in found.days if one.day == TUESDAY)
    assert [(one.start, one.end) for one in tuesday.windows] == [
        (time(10, 15), time(11)),
        (time(11), time(12)),
    ], "the ten minutes after twelve are too short for a visit"
    visit = slot(TUESDAY, "10:15", "11:00")
    assert approve(approval_db, pending(approval_db), wanted=visit).status == "approved"


# ------------------------------------------------------------- the limit


def test_without_a_capacity_every_window_takes_everybody(approval_db) -> None:
    for _ in range(3):
        assert approve(approval_db, pending(approval_db, party=50)).status == "approved"
    with approval_db.transaction() as session:
        question = AvailabilityQuestion(department="home", site="T1")
        assert not places.availability(question, session, NOW, furthest_days=30).limited


def test_a_window_takes_people_not_parties_and_refuses_the_party_that_does_not_fit(approval_db) -> None:
    limit(approval_db, capacity(places=5))
    approve(approval_db, pending(approval_db, party=4))
    review_id = pending(approval_db, party=2)
    before = everything(approval_db)
    with pytest.raises(Conflict) as refusal:
        approve(approval_db, review_id)
    assert (refusal.value.body.code, refusal.value.body.facts["free"]) == ("window_full", 1)
    assert everything(approval_db) == before
    assert approve(approval_db, pending(approval_db, party=1)).status == "approved"
    assert approve(approval_db, review_id, wanted=slot(TUESDAY, "11:00", "12:00")).status == "approved"


SEVERAL = {"last_day": TUESDAY + timedelta(days=3), "days_reason": "a hearing"}


def test_of_several_days_all_have_places_or_none_is_approved(approval_db) -> None:
    limit(approval_db, capacity(places=5))
    thursday, friday = TUESDAY + timedelta(days=2), TUESDAY + timedelta(days=3)
    approve(approval_db, pending(approval_db, party=4), wanted=slot(friday, "10:00", "11:00"))
    review_id = pending(approval_db, party=2)
    before = everything(approval_db)
    with pytest.raises(Conflict) as refusal:
        approve(approval_db, review_id, **SEVERAL)
    assert (refusal.value.body.code, refusal.value.body.facts["date"]) == ("window_full", "2026-03-06")
    assert everything(approval_db) == before
    assert approve(approval_db, pending(approval_db, party=1), **SEVERAL).status == "approved"
    assert [free(approval_db, day)["10:00"] for day in (TUESDAY, thursday, friday)] == [4, 4, 0]


def test_approvals_for_several_days_at_once_neither_deadlock_nor_overbook(approval_db, crowd) -> None:
    """Visits begin and end on different days, so that they meet on some and not on others."""
    limit(approval_db, capacity(places=20))
    days = [TUESDAY + timedelta(days=ahead) for ahead in (0, 2, 3)]
    reviews = [pending(approval_db, party=1) for _ in range(40)]

    def attempt(number: int):
        first, last = days[number % 3], days[max(number % 3, number % 2 + 1)]
        terms = {"last_day": last, "days_reason": "a hearing"} if last > first else {}
        return approve(crowd, reviews[number], wanted=slot(first, "10:00", "11:00"), **terms)

    outcomes = run_concurrently(*(lambda number=number: attempt(number) for number in range(len(reviews))))
    left = [free(approval_db, day)["10:00"] for day in days]
    assert min(left) == 0
    refused = [one for one in outcomes if isinstance(one, Conflict)]
    assert {one.body.code for one in refused} == {"window_full"}
    stays = [one.decision for one in outcomes if not isinstance(one, Conflict)]
    taken = [day for decision in stays for day in (decision.slot.day, *decision.further_days)]
    assert [taken.count(day) for day in days] == [20 - one for one in left]
    assert booked(approval_db) == len(taken)


def test_a_setting_that_a_newer_release_has_stored_is_left_out(approval_db) -> None:
    limit(approval_db, capacity(places=3))
    execute(approval_db, update(CapacityRow).values(content=CapacityRow.content.op("||")({"newer": True})))
    assert set(free(approval_db).values()) == {3}
    with approval_db.transaction() as session:
        assert places.view_capacity(by(desk()), session).capacity == capacity(places=3)


def test_another_department_has_places_of_its_own(approval_db) -> None:
    limit(approval_db, capacity(places=2))
    approve(approval_db, pending(approval_db, party=2))
    finance = by(desk("finance", "FIN-0001"))
    assert approve(approval_db, pending(approval_db, department="finance", party=2), finance).status == (
        "approved"
    )


@pytest.mark.parametrize(
    ("wanted", "field", "code"),
    [
        (slot(TUESDAY, "12:30", "13:30"), "slot.to", "department_hours"),
        (slot(TUESDAY), "slot.date", "department_closed"),
    ],
)
def test_no_visit_is_approved_when_the_department_receives_nobody(approval_db, wanted, field, code) -> None:
    limit(approval_db, capacity(closed=(TUESDAY,) if code == "department_closed" else ()))
    with pytest.raises(InvalidInput) as refusal:
        approve(approval_db, pending(approval_db), wanted=wanted)
    (problem,) = refusal.value.body.fields
    assert (problem.field, problem.code) == (field, code)


def test_a_capacity_that_is_set_later_counts_what_was_approved_before(approval_db) -> None:
    approve(approval_db, pending(approval_db, party=3))
    limit(approval_db, capacity(places=4))
    assert free(approval_db)["10:00"] == 1


# ------------------------------------------------- places that come back


def test_a_cancellation_gives_the_places_back_once_however_often_it_arrives(approval_db) -> None:
    limit(approval_db, capacity(places=4))
    for _ in range(2):
        first = submitted(party=2)
        deliver(approval_db, first)
        approve(approval_db, review_id_of(approval_db, first.application_id))
    assert free(approval_db)["10:00"] == 0
    for seq in (2, 3):
        deliver(approval_db, cancelled(first), seq)
    assert free(approval_db)["10:00"] == 2


def test_an_expiry_or_an_erasure_after_the_approval_leaves_its_places_taken(approval_db) -> None:
    limit(approval_db, capacity(places=4))
    first = submitted(party=2)
    deliver(approval_db, first)
    approve(approval_db, review_id_of(approval_db, first.application_id))
    deliver(approval_db, expired(first), 2)
    deliver(approval_db, erased(first), 3)
    assert free(approval_db)["10:00"] == 2


# ------------------------------------------------------------ at once


@long
def test_two_hundred_approvals_at_once_into_a_window_of_twenty_give_exactly_twenty(
    approval_db, crowd
) -> None:
    limit(approval_db, capacity(places=20))
    reviews = [pending(approval_db, party=1) for _ in range(200)]
    turn = threading.Semaphore(40)  # as many as there are connections

    def attempt(review_id):
        with turn:
            return approve(crowd, review_id, by(desk(), f"key-{review_id}"))

    outcomes = run_concurrently(*(lambda one=one: attempt(one) for one in reviews))
    refused = [one.body.code for one in outcomes if isinstance(one, Conflict)]
    assert (len(outcomes) - len(refused), set(refused)) == (20, {"window_full"})
    assert (booked(approval_db), free(approval_db)["10:00"]) == (20, 0)
    assert sum(row["status"] == "approved" for row in everything(approval_db)["reviews"]) == 20


def test_invitations_at_once_into_a_window_of_twenty_are_approved_twenty_times_and_the_rest_wait(
    approval_db, crowd
) -> None:
    limit(approval_db, capacity(places=20))
    events = [invited(party=1, preferred=(TEN,)) for _ in range(40)]
    run_concurrently(*(lambda one=one: deliver(crowd, one) for one in events))
    assert (booked(approval_db), free(approval_db)["10:00"]) == (20, 0)
    statuses = [row["status"] for row in everything(approval_db)["reviews"]]
    assert (statuses.count("approved"), statuses.count("pending")) == (20, 20)


def test_parties_of_different_sizes_over_different_windows_at_once_neither_deadlock_nor_overbook(
    approval_db, crowd
) -> None:
    limit(approval_db, capacity(places=10))
    slots = [slot(TUESDAY, "10:00", "12:00"), slot(TUESDAY, "11:00", "13:00"), TEN]
    wanted = [(pending(approval_db, party=1 + at % 4), slots[at % 3]) for at in range(40)]
    calls = [lambda one=one, when=when: approve(crowd, one, wanted=when) for one, when in wanted]
    outcomes = run_concurrently(*calls)
    assert all(not isinstance(one, Conflict) or one.body.code == "window_full" for one in outcomes)
    with approval_db.transaction() as session:
        rows = session.scalars(select(BookingRow)).all()
    for hour in (10, 11, 12):
        window = (time(hour), time(hour + 1))
        assert sum(row.party for row in rows if row.start < window[1] and window[0] < row.end) <= 10


def test_approvals_and_cancellations_at_once_leave_no_place_lost(approval_db, crowd) -> None:
    limit(approval_db, capacity(places=20))
    leaving = [submitted(party=1) for _ in range(20)]
    for event in leaving:
        deliver(approval_db, event)
        approve(approval_db, review_id_of(approval_db, event.application_id))
    coming = [pending(approval_db, party=1) for _ in range(20)]
    run_concurrently(
        *(lambda event=event: deliver(crowd, cancelled(event), 2) for event in leaving),
        *(lambda one=one: approve(crowd, one) for one in coming),
    )
    approved = sum(row["status"] == "approved" for row in everything(approval_db)["reviews"])
    assert booked(approval_db) == approved <= 20
    assert free(approval_db)["10:00"] == 20 - approved


HOLDER = """
import sys, uuid
from services.approval.handlers import decisions
from services.chassis.db.database import Database
from tests.support.factories.envelopes import key_ring
from tests.support.factories.approval import NOW, TUESDAY, approval, by, desk, slot
from tests.support.stack.settings import EVENT_SIGNERS

database = Database(
    sys.argv[1],
    personal_keys=key_ring(),
    idempotency_secret=b"secret",
    event_key=EVENT_SIGNERS["approval"],
)
with database.transaction() as session:
    request = approval(uuid.UUID(sys.argv[2]), slot=slot(TUESDAY, "10:00", "11:00"))
    decisions.approve(request, by(desk(), "key-1"), session, NOW, furthest_days=30)
    print("decided", flush=True)
    sys.stdin.read()
"""


def test_a_process_killed_before_its_commit_takes_no_place_and_blocks_nobody(approval_db, stack) -> None:
    limit(approval_db, capacity(places=2))
    review_id = pending(approval_db, party=2)
    command = [sys.executable, "-c", HOLDER, stack.database_url("approval_app", "approval"), str(review_id)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "decided\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (booked(approval_db), free(approval_db)["10:00"]) == (0, 2)
    assert approve(approval_db, review_id, by(desk(), "key-1")).status == "approved"
    assert free(approval_db)["10:00"] == 0


# --------------------------------------------------------- what is shown


def test_days_and_windows_are_those_of_department_and_site_and_of_today_what_is_left(approval_db) -> None:
    limit(approval_db, capacity(places=3))
    assert free(approval_db) == {"10:00": 3, "11:00": 3, "12:00": 3}
    assert free(approval_db, MONDAY) == {"11:00": 3, "12:00": 3}  # it is 11:00
    assert free(approval_db, HOLI) == {}
    assert free(approval_db, SATURDAY) == {}
    approve(approval_db, pending(approval_db, party=2), wanted=slot(TUESDAY, "10:30", "11:30"))
    assert free(approval_db) == {"10:00": 1, "11:00": 1, "12:00": 3}


def test_an_unknown_department_or_site_has_no_places_to_ask_for(approval_db) -> None:
    for question in ({"department": "nowhere", "site": "T1"}, {"department": "home", "site": "T9"}):
        with approval_db.transaction() as session, pytest.raises(NotFound):
            places.availability(AvailabilityQuestion(**question), session, NOW, furthest_days=30)


def test_a_login_sets_and_removes_the_capacity_of_its_own_department_only(approval_db) -> None:
    view = limit(approval_db, capacity(places=7))
    assert (view.department, view.capacity, view.set_by, view.set_at) == (
        "home",
        capacity(places=7),
        "HOM-0001",
        NOW,
    )
    with approval_db.transaction() as session:
        assert places.view_capacity(by(desk()), session) == view
        assert places.view_capacity(by(desk("finance", "FIN-0001")), session).capacity is None
    assert limit(approval_db, None).capacity is None
    with pytest.raises(Forbidden):
        limit(approval_db, capacity(), by(AUDITOR))


def test_closing_all_places_of_a_department_asks_for_the_second_factor_again(approval_db) -> None:
    def shown(minutes: int) -> Call:
        at = int((NOW - timedelta(minutes=minutes)).timestamp())
        return by(desk().model_copy(update={"factor_at": at}))

    nobody = capacity(closed=[NOW.date() + timedelta(days=ahead) for ahead in range(31)])
    with pytest.raises(Forbidden) as refused:
        limit(approval_db, nobody, shown(6))
    assert refused.value.body.code == "second_factor_stale"
    for wanted, call in ((capacity(), shown(6)), (nobody, shown(4)), (nobody, by(desk()))):
        limit(approval_db, wanted, call)

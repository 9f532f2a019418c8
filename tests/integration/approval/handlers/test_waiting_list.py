"""The waiting list of a full window, on real rows: in order, as many as there are places, nobody stuck."""

import functools
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.event import listen, remove
from sqlalchemy.exc import DataError

from contracts.errors import Conflict, NotFound
from contracts.events import PassApproved, PlaceOffered
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval.decisions import Reject
from contracts.rpc.approval.places import AnswerOffer, WaitCode
from contracts.rpc.approval.reviews import ReviewId, ReviewQuestion
from contracts.rpc.call import Principal
from contracts.visiting_rules import Calendar
from services.approval import metrics
from services.approval.handlers import decisions, held_decisions, place_offers, queries, waiting_list
from services.approval.handlers import scheduled_jobs as jobs
from services.approval.models.places import WaitRow
from services.approval.models.reviews import BookingRow, ReviewRow
from tests.integration.approval.handlers import decide
from tests.integration.approval.handlers.closing import close
from tests.integration.approval.handlers.waiting import (
    ELEVEN,
    LIVE,
    TEN,
    THURSDAY,
    Visit,
    booked,
    free,
    freed,
    full,
    limit,
    look,
    states,
)
from tests.support.factories.approval import (
    NOW,
    TUESDAY,
    active,
    amended,
    approval,
    by,
    deliver,
    desk,
    published,
    review_id_of,
    slot,
    submitted,
)
from tests.support.stack.concurrency import run_concurrently

# ---------------------------------------------------------- the whole path


def test_whoever_waits_is_offered_a_place_that_became_free_and_has_it_by_one_answer(approval_db) -> None:
    first = full(approval_db)
    second, third = Visit(approval_db), Visit(approval_db)
    assert (second.status, second.state, second.before(), third.before()) == ("pending", "waits", 0, 1)
    look(approval_db)
    assert states(second, third) == ["waits", "waits"]
    first.cancel()
    look(approval_db)
    assert states(second, third) == ["offered", "waits"]
    (offer,) = published(approval_db, PlaceOffered)
    assert (offer.application_id, offer.until) == (second.event.application_id, NOW + LIVE)
    assert offer.personal.code == second.row().code
    assert (free(approval_db), booked(approval_db)) == (0, 1), "an offered place is nobody else's"
    assert second.answer() == "taken"
    assert (second.status, booked(approval_db)) == ("approved", 1)
    approved = published(approval_db, PassApproved)[-1]
    assert (approved.application_id, approved.slot) == (second.event.application_id, TEN)
    assert approved.decided_by == "HOM-0001", "the officer has approved it; only the place was missing"
    second.cancel()
    look(approval_db)
    assert (second.state, third.state) == ("taken", "offered"), "who has cancelled is not asked again"
    assert booked(approval_db) == 1, "and their place is not held twice"


def test_an_offer_that_nobody_accepts_goes_on_and_the_department_has_the_application_again(
    approval_db,
) -> None:
    full(approval_db).cancel()
    limit(approval_db, 1)
    holder = Visit(approval_db)
    second, third = Visit(approval_db), Visit(approval_db)
    holder.cancel()
    look(approval_db)
    look(approval_db, NOW + LIVE - timedelta(seconds=1))
    assert states(second, third) == ["offered", "waits"]
    with approval_db.transaction() as session:
        jobs.escalate_waiting(session, NOW + timedelta(days=2, hours=22))
    assert second.row(ReviewRow).escalated == 0, "nobody has to decide about whoever waits for a place"
    look(approval_db, NOW + LIVE)
    assert states(second, third) == ["lapsed", "offered"]
    assert (second.status, second.row(ReviewRow).waiting_since) == ("pending", NOW + LIVE)
    with pytest.raises(Conflict) as late:
        second.answer(at=NOW + LIVE)
    assert late.value.body.code == "offer_over"
    assert booked(approval_db) == 1


# ------------------------------------------------------------------ order


def test_a_place_that_became_free_is_not_given_to_somebody_who_did_not_wait(approval_db) -> None:
    first = full(approval_db)
    second = Visit(approval_db)
    first.cancel()
    assert free(approval_db) == 0, "nobody who applies now sees it as free"
    late = submitted(party=1, preferred=(TEN,))
    deliver(approval_db, late)
    review_id = review_id_of(approval_db, late.application_id)
    with pytest.raises(Conflict) as refusal:
        decide.approve(approval_db, review_id, slot=TEN)
    assert refusal.value.body.code == "window_full"
    look(approval_db)
    assert second.state == "offered"


def test_a_large_party_keeps_its_turn_until_the_day_before_and_then_a_smaller_one_may_come(
    approval_db,
) -> None:
    limit(approval_db, 3)
    holders = [Visit(approval_db) for _ in range(3)]
    large, small = Visit(approval_db, party=3), Visit(approval_db)
    for holder in holders[:2]:
        holder.cancel()
        look(approval_db)
        assert states(large, small) == ["waits", "waits"], "nobody passes it"
    on_the_eve = NOW + timedelta(days=2)
    look(approval_db, on_the_eve)
    assert states(large, small) == ["waits", "offered"], "else the place would stay empty"
    small.answer(accepts=False, at=on_the_eve)
    holders[2].cancel()
    look(approval_db, on_the_eve)
    assert large.state == "offered"


def test_whoever_waits_for_another_window_is_not_held_up(approval_db) -> None:
    limit(approval_db, 3)
    Visit(approval_db, party=3)
    other = Visit(approval_db, party=3, wanted=ELEVEN)
    large, at_eleven = Visit(approval_db, party=2), Visit(approval_db, wanted=ELEVEN)
    other.cancel()
    look(approval_db)
    assert states(large, at_eleven) == ["waits", "offered"]


def test_whoever_waits_for_one_time_passes_nobody_who_waits_for_another(approval_db) -> None:
    limit(approval_db, 1)
    Visit(approval_db)
    holder = Visit(approval_db, wanted=ELEVEN)
    first, at_eleven = Visit(approval_db), Visit(approval_db, wanted=ELEVEN)
    holder.cancel()
    with pytest.raises(Conflict) as refusal:
        decide.approve(approval_db, first.review_id, slot=ELEVEN)
    assert refusal.value.body.code == "window_full"
    look(approval_db)
    assert states(first, at_eleven) == ["waits", "offered"]


def test_while_the_first_has_a_review_that_is_being_changed_nobody_passes_them(approval_db) -> None:
    first = full(approval_db)
    second, third = Visit(approval_db), Visit(approval_db)
    first.cancel()
    with approval_db.transaction() as session:
        session.scalars(select(ReviewRow).where(ReviewRow.id == second.review_id).with_for_update()).one()
        look(approval_db)
        assert states(second, third) == ["waits", "waits"]
    look(approval_db)
    assert states(second, third) == ["offered", "waits"]


def test_a_raised_capacity_is_offered_in_order(approval_db) -> None:
    full(approval_db)
    waiting = [Visit(approval_db) for _ in range(4)]
    limit(approval_db, 3)
    look(approval_db)
    assert states(*waiting) == ["offered", "offered", "waits", "waits"]
    limit(approval_db, 1)
    assert [one.answer() for one in waiting[:2]] == ["taken", "taken"], "an offer is a promise"


def test_a_correction_of_the_application_keeps_the_turn_once_it_is_approved_again(approval_db) -> None:
    first = full(approval_db)
    second, third = Visit(approval_db), Visit(approval_db)
    deliver(approval_db, amended(second.event), 2)
    look(approval_db)
    assert second.state == "over"
    decide.approve(approval_db, second.review_id, at=NOW, slot=TEN, wait_if_full=True)
    first.cancel()
    look(approval_db)
    assert states(second, third) == ["offered", "waits"]


@pytest.mark.parametrize("offered", [False, True])
@pytest.mark.parametrize("what", ["reject", "approve"])
def test_a_decision_that_is_taken_back_leaves_who_waited_their_turn(approval_db, what, offered) -> None:
    first = full(approval_db)
    second, third = Visit(approval_db), Visit(approval_db)
    if what == "approve" and not offered:
        limit(approval_db, 2)
    else:
        first.cancel()
    if offered:
        look(approval_db)
    with approval_db.transaction() as session:
        call, seconds = by(desk()), {"undo_seconds": 10}
        if what == "reject":
            request = Reject(review_id=second.review_id, reason="duplicate")
            decisions.reject(request, call, session, NOW, **seconds)
        else:
            request = approval(second.review_id, slot=TEN)
            decisions.approve(request, call, session, NOW, furthest_days=30, **seconds)
    limit(approval_db, 1)
    look(approval_db)
    with approval_db.transaction() as session:
        held_decisions.undo(ReviewId(review_id=second.review_id), by(desk()), session, NOW)
    wait = second.row()
    assert (wait.ended_at, wait.offered_until) == (None, None), "what it was offered went with the decision"
    with approval_db.transaction() as session:
        assert not session.scalars(select(BookingRow).where(BookingRow.review_id == second.review_id)).all()
    for one in (first, third):
        one.cancel()
    look(approval_db)
    assert (second.state, booked(approval_db)) == ("offered", 1)


def test_who_is_let_wait_for_another_time_has_no_offer_of_the_time_before(approval_db) -> None:
    limit(approval_db, 1)
    first, at_eleven = Visit(approval_db), Visit(approval_db, wanted=ELEVEN)
    second = submitted(party=1, preferred=(TEN, ELEVEN))
    deliver(approval_db, second)
    review_id = review_id_of(approval_db, second.application_id)
    decide.approve(approval_db, review_id, slot=TEN, wait_if_full=True)
    first.cancel()
    look(approval_db)
    assert booked(approval_db) == 2
    decide.approve(approval_db, review_id, slot=ELEVEN, wait_if_full=True)
    with approval_db.transaction() as session:
        wait = session.scalars(select(WaitRow).where(WaitRow.review_id == review_id)).one()
        assert (wait.start, wait.offered_at, wait.offered_until) == (ELEVEN.start, None, None)
    assert (booked(approval_db), at_eleven.status) == (1, "approved")


# --------------------------------------------------- nobody is stuck, or asked in vain


@pytest.mark.parametrize("what", ["reject", "return", "forward", "cancel", "amend", "leave"])
def test_whatever_else_becomes_of_an_offered_visit_its_place_goes_on(approval_db, what) -> None:
    second, third = freed(approval_db, behind=1)
    if what == "cancel":
        second.cancel()
    elif what == "amend":
        deliver(approval_db, amended(second.event, preferred=(ELEVEN,)), 2)
    elif what == "leave":
        assert second.answer(accepts=False) == "left"
        assert second.answer(accepts=False) == "left", "said twice"
    else:
        decide.COMMANDS[what](approval_db, second.review_id)
    look(approval_db)
    assert states(second, third) == ["left" if what == "leave" else "over", "offered"]
    assert booked(approval_db) == 1


@pytest.mark.parametrize("offered", [False, True])
def test_nobody_is_offered_a_day_that_is_closed_and_an_offer_of_it_is_not_accepted(
    approval_db, offered
) -> None:
    first = full(approval_db)
    second = Visit(approval_db)
    first.cancel()
    if offered:
        look(approval_db)
    close(approval_db, day=THURSDAY)
    if offered:
        with pytest.raises(Conflict) as refusal:
            second.answer()
        assert refusal.value.body.code == "offer_over"
    look(approval_db)
    assert (second.state, booked(approval_db)) == ("over", 0)
    assert len(published(approval_db, PlaceOffered)) == offered


def test_nobody_waits_for_what_begins_too_soon_or_has_too_few_places_or_was_not_asked_for(
    approval_db,
) -> None:
    full(approval_db)
    late = submitted(party=1, preferred=(TEN,))
    deliver(approval_db, late)
    large = submitted(party=2, preferred=(TEN,))
    deliver(approval_db, large)
    other = submitted(party=1, preferred=(slot(TUESDAY, "10:00", "11:00"),))
    deliver(approval_db, other)
    too_soon = NOW + timedelta(days=2, hours=22, minutes=30)
    for event, at in ((late, too_soon), (large, NOW), (other, NOW)):
        review_id = review_id_of(approval_db, event.application_id)
        with pytest.raises(Conflict) as refusal:
            decide.approve(approval_db, review_id, at=at, slot=TEN, wait_if_full=True)
        assert refusal.value.body.code == "window_full"


def test_a_wait_ends_when_its_window_begins_too_soon(approval_db) -> None:
    full(approval_db)
    second = Visit(approval_db)
    look(approval_db, NOW + timedelta(days=2, hours=22, minutes=30))
    assert (second.state, second.status) == ("over", "pending")


def test_an_offer_of_the_night_lasts_until_the_morning(approval_db) -> None:
    first = full(approval_db)
    Visit(approval_db)
    first.cancel()
    at_eleven_pm = NOW + timedelta(hours=12)
    look(approval_db, at_eleven_pm)
    (offer,) = published(approval_db, PlaceOffered)
    assert offer.until == at_eleven_pm + timedelta(hours=8, minutes=30)


def test_somebody_who_is_on_the_watchlist_since_needs_a_second_officer(approval_db) -> None:
    (second,) = freed(approval_db)
    active(approval_db)
    state = second.answer()
    assert (state, second.status, booked(approval_db)) == ("over", "pending", 0)


# ---------------------------------------------------------------- at once


def test_an_offer_is_accepted_once_however_often_and_at_the_same_time_it_is_said(approval_db, crowd) -> None:
    (second,) = freed(approval_db)
    said = run_concurrently(
        *(lambda key=key: second.answer(database=crowd, key=key) for key in ("a", "a", "b", "c"))
    )
    assert said == ["taken"] * 4
    assert (booked(approval_db), len(published(approval_db, PassApproved))) == (1, 2)


def test_an_offer_that_is_accepted_while_it_ends_has_one_of_the_two_outcomes(approval_db, crowd) -> None:
    for _ in range(5):
        (second,) = freed(approval_db)
        accept = functools.partial(second.answer, database=crowd, at=NOW + LIVE)
        said, _ = run_concurrently(accept, functools.partial(look, crowd, NOW + LIVE))
        look(approval_db, NOW + LIVE)
        if isinstance(said, Conflict):
            assert (second.state, second.status, booked(approval_db)) == ("lapsed", "pending", 0)
        else:
            assert (second.state, second.status, booked(approval_db)) == ("taken", "approved", 1)
            second.cancel()


def test_a_process_that_is_killed_while_it_offers_a_place_leaves_it_for_the_next_run(approval_db) -> None:
    first = full(approval_db)
    second = Visit(approval_db)
    first.cancel()
    with approval_db.transaction() as session:
        assert waiting_list.look_at_day(session, "home", THURSDAY, Calendar(NOW, 30), LIVE) == 1
        session.rollback()
    assert (second.state, published(approval_db, PlaceOffered)) == ("waits", [])
    look(approval_db)
    look(approval_db)
    assert (second.state, len(published(approval_db, PlaceOffered))) == ("offered", 1)


def test_a_day_that_cannot_be_looked_at_stops_no_other_and_the_job_has_failed(
    approval_db, monkeypatch
) -> None:
    first, waits = full(approval_db), Visit(approval_db)
    other = slot(THURSDAY + timedelta(days=1), "10:00", "11:00")
    second, later = (Visit(approval_db, wanted=other) for _ in range(2))
    first.cancel()
    second.cancel()
    look_at_day = waiting_list.look_at_day

    def broken(session, department, day, *more):
        if day == THURSDAY:
            session.execute(text("select 1 / 0"))
        return look_at_day(session, department, day, *more)

    with monkeypatch.context() as patched:
        patched.setattr(waiting_list, "look_at_day", broken)
        with pytest.raises(DataError):
            look(approval_db)
    assert states(waits, later) == ["waits", "offered"]
    look(approval_db)
    assert states(waits, later) == ["offered", "offered"]


def test_two_hundred_at_once_into_twenty_places_with_forty_cancellations(approval_db, crowd) -> None:
    """Exactly twenty hold places whenever somebody looks, in the order of their wait, and nobody is stuck."""
    limit(approval_db, 20)
    turn = threading.Semaphore(12)  # a busy machine gets all of them through the lock of the day in time

    def come():
        with turn:
            return Visit(crowd)

    visits = run_concurrently(*(come for _ in range(200)))
    holders = [one for one in visits if one.status == "approved"]
    waiting = [one for one in visits if one.status == "pending"]
    waiting.sort(key=lambda one: one.row().position)
    assert (len(holders), len(waiting), booked(approval_db)) == (20, 180, 20)
    for round_ in (1, 2):
        run_concurrently(
            *(lambda one=one: one.cancel(database=crowd) for one in holders),
            lambda: look(crowd),
            lambda: look(crowd),
        )
        look(approval_db)
        assert booked(approval_db) == 20
        offered, behind = waiting[:20], waiting[20:]
        assert states(*offered) == ["offered"] * 20
        assert set(states(*behind)) == {"waits"}
        assert len(published(approval_db, PlaceOffered)) == 20 * round_, "two replicas offer each place once"
        accepted = run_concurrently(*(lambda one=one: one.answer(database=crowd) for one in offered))
        assert accepted == ["taken"] * 20
        holders, waiting = offered, behind
    assert sum(one.status == "approved" for one in visits) == 20
    assert [one.before() for one in (waiting[0], waiting[-1])] == [0, 139]
    look(approval_db, NOW + timedelta(days=3))
    assert set(states(*waiting)) == {"over"}, "who found no place is with the department again"


# ---------------------------------------------------------------- watched


def test_an_offer_that_does_not_end_and_a_place_that_nobody_is_offered_are_measured(approval_db) -> None:
    first = full(approval_db)
    Visit(approval_db), Visit(approval_db)
    first.cancel()

    def measured(at):
        with approval_db.transaction() as session:
            waiting_list.measure(session, at, 30, 30)
        return metrics.PLACE_OFFER_LATE._value.get(), metrics.PLACES_UNDISTRIBUTED._value.get()

    assert measured(NOW) == (0, 1)
    look(approval_db)
    assert measured(NOW) == (0, 0)
    assert measured(NOW + LIVE + timedelta(minutes=6)) == (360, 1)


def test_who_has_no_code_of_a_wait_learns_nothing(approval_db) -> None:
    full(approval_db)
    second = Visit(approval_db)
    with approval_db.transaction() as session, pytest.raises(NotFound):
        waiting_list.view(WaitCode(code=str(second.review_id)), session)
    request = AnswerOffer(code=str(second.review_id), accepts=True)
    with approval_db.transaction() as session, pytest.raises(NotFound):
        place_offers.answer(request, by(desk()), session, NOW, furthest_days=30)


def test_the_code_that_takes_the_place_is_for_a_session_with_the_mobile_of_the_application_alone(
    approval_db,
) -> None:
    (second,) = freed(approval_db)
    mobile, code = second.event.personal.applicant.mobile, second.row().code
    same_end = f"{mobile[:-5]}{(int(mobile[-5]) + 1) % 10}{mobile[-4:]}"

    def seen(principal):
        with approval_db.transaction() as session:
            question = ReferenceOnly(reference=second.event.reference)
            found = queries.whereabouts(question, by(principal), session)
            assert found.place.state == "offered", "how it stands is no secret"
            return found

    of = {one: Principal(kind="applicant", id=one, mobile=one) for one in (mobile, same_end)}
    for somebody in (Principal(), of[same_end], desk()):
        assert code not in seen(somebody).model_dump_json()
    assert seen(of[mobile]).place_code == code


def test_no_department_gets_the_code_of_a_visitors_wait(approval_db) -> None:
    full(approval_db)
    second = Visit(approval_db)
    with approval_db.transaction() as session:
        listed = queries.list_reviews(ReviewQuestion(waits_for_place=True), by(desk()), session, NOW)
        viewed = queries.view_review(ReviewId(review_id=second.review_id), by(desk()), session, NOW)
    assert listed.items[0].place.state == viewed.place.state == "waits"
    assert all(second.row().code not in one.model_dump_json() for one in (listed, viewed))


def test_lists_on_which_nothing_is_due_are_looked_at_in_as_few_statements_as_one_and_no_review_is_read(
    approval_db,
) -> None:
    limit(approval_db, 1)
    read: list[str] = []
    note = lambda *given: read.append(given[2])  # noqa: E731  # SQLAlchemy gives six
    counts = []
    for day in (THURSDAY, THURSDAY + timedelta(days=1), THURSDAY + timedelta(days=7)):
        for _ in range(3):
            Visit(approval_db, wanted=slot(day, "10:00", "11:00"))
        listen(approval_db.engine, "before_cursor_execute", note)
        look(approval_db)
        remove(approval_db.engine, "before_cursor_execute", note)
        counts.append(len(read))
        assert [one for one in read if "decisions" in one or "reviews.personal" in one] == []
        read.clear()
    assert counts[2] == counts[1] <= counts[0], "the first one may read the directory"


def test_a_day_is_looked_at_without_a_list(approval_db) -> None:
    with approval_db.transaction() as session:
        assert not waiting_list.look_at_day(session, "home", THURSDAY, Calendar(NOW, 30), LIVE)

"""Standing passes: two approvals, who may have one, suspended, lifted and ended; each publishes once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from contracts.errors import ContractError
from contracts.events import (
    ApplicationCorrected,
    ApprovalWithdrawn,
    PassApproved,
    PassRejected,
    StandingPassChanged,
    VisitMoved,
    VisitorAnnounced,
    VisitorPhotographed,
)
from contracts.rpc.approval.capacity import SetCapacity
from contracts.rpc.approval.decisions import SettleCorrection
from contracts.rpc.approval.reviews import ReviewId, ReviewQuestion
from contracts.rpc.approval.standing import SettleStanding, StandingQuestion
from contracts.rpc.photographs import PROVED_FOR, is_proof
from services.approval import metrics
from services.approval.handlers import (
    announcements,
    corrections,
    decisions,
    event_handlers,
    queries,
    standing,
    waiting_list,
)
from services.approval.handlers import capacity as places
from services.approval.handlers.scheduled_jobs import escalate_waiting
from services.approval.models.places import WaitRow
from services.approval.models.reviews import BookingRow, ReviewRow
from services.chassis.db.database import personal_keys_of
from tests.integration.approval.handlers.closing import affected, close
from tests.integration.approval.handlers.closing import ask as ask_visitors
from tests.integration.approval.handlers.visiting import answer, came, contact, left, put, seen
from tests.integration.approval.handlers.visiting import hear as scan
from tests.support.factories.approval import (
    ADO,
    HOLI,
    NOW,
    TUESDAY,
    amended,
    approval,
    by,
    cancelled,
    capacity,
    deliver,
    desk,
    erased,
    expired,
    ist,
    pending,
    person,
    personal,
    published,
    received,
    review_id_of,
    slot,
    submitted,
)
from tests.support.stack.running import eventually

LAST = TUESDAY + timedelta(days=169)
WEEKLY = {
    "last_day": LAST, "weekdays": (1, 2), "days_reason": "He mends the lifts each week", "entries": 4,
    "vehicle_allowed": True,
}  # fmt: skip
ALONE = {"party": 1, "personal": personal(companions=(), vehicle="PB65AB1234"), "weekly_until": LAST}


def ask(database, review, call=None, most=3, photographed=True, **changes):
    terms = approval(review, **{**WEEKLY, **changes})
    if photographed:
        photograph(database, review)
    with database.transaction() as session:
        return decisions.approve(
            terms, call or by(desk()), session, NOW, furthest_days=30, standing_passes=most
        )


def photograph(database, review, seq=2, **more):
    with database.transaction() as session:
        row = session.get_one(ReviewRow, review)
        about = {"application_id": row.application_id, "reference": row.reference}
        event_handlers.handle_visitor_photographed(
            received(VisitorPhotographed(**about, **more), seq), session
        )


def settle(database, review, step, call=None, note="", most=3, at=NOW, photograph=None):
    with database.transaction() as session:
        request = SettleStanding(review_id=review, step=step, note=note, photograph=photograph)
        return standing.settle(request, call or by(ADO), session, at, standing_passes=most).state


def in_list(database, principal=ADO, state=None):
    with database.transaction() as session:
        return standing.list_standing(StandingQuestion(state=state), by(principal), session, NOW).items


def asked(database, **changes):
    review = pending(database, **{**ALONE, **changes})
    ask(database, review)
    return review


def code_of(command, *arguments, **more):
    with pytest.raises(ContractError) as refused:
        command(*arguments, **more)
    return refused.value.body.code


def test_the_ado_branch_approves_after_the_department_and_only_then_there_is_a_pass(approval_db) -> None:
    review = asked(approval_db)
    assert published(approval_db, PassApproved) == []
    (waiting,) = in_list(approval_db)
    assert (waiting.state, waiting.weekdays, waiting.last_day) == (
        "waiting",
        (1, 2),
        TUESDAY + timedelta(days=169),
    )
    assert waiting.reason == "He mends the lifts each week"
    assert settle(approval_db, review, "approve") == "in_force"
    (event,) = published(approval_db, PassApproved)
    assert (event.recurring, event.decided_by, event.entries, event.vehicle_allowed) == (
        True, "ADO-0001", 4, True,
    )  # fmt: skip
    days = (event.slot.day, *event.further_days)
    assert {day.weekday() for day in days} == {1, 2}
    assert HOLI not in days, "the site is closed then"
    assert len(days) == waiting.days > 40
    with approval_db.transaction() as session:
        assert session.scalars(select(BookingRow)).all() == [], "it takes no places from visitors"


def test_two_approvals_at_once_give_one_person_one_standing_pass(approval_db) -> None:
    first, second = asked(approval_db), asked(approval_db)
    waiting = text("select count(*) from pg_locks where not granted and locktype = 'advisory'")
    with ThreadPoolExecutor(1) as pool:
        with approval_db.transaction() as session:
            standing.settle(
                SettleStanding(review_id=first, step="approve", note=""),
                by(ADO),
                session,
                NOW,
                standing_passes=3,
            )
            other = pool.submit(code_of, settle, approval_db, second, "approve")

            def has_met() -> bool:
                with approval_db.transaction() as looking:
                    return other.done() or looking.scalar(waiting) > 0

            eventually(has_met, "the second approval waits, or is over")
        assert other.result() == "standing_in_force"


def test_no_department_gives_the_second_approval_itself(approval_db) -> None:
    review = asked(approval_db)
    ask(approval_db, review, by(desk(login="HOM-0002")))
    assert code_of(settle, approval_db, review, "approve", by(desk(login="HOM-0003"))) == "ado_only"
    assert published(approval_db, PassApproved) == []


def test_without_the_setting_there_are_none(approval_db) -> None:
    review = pending(approval_db, **ALONE)
    assert code_of(ask, approval_db, review, most=0) == "standing_off"
    ask(approval_db, review)
    assert code_of(settle, approval_db, review, "approve", most=0) == "standing_off"


def test_it_is_made_of_nothing_that_expires_before_the_second_approval(approval_db) -> None:
    review = pending(approval_db, **ALONE | {"weekly_until": None})
    assert code_of(ask, approval_db, review) == "standing_not_asked_for"
    ask(approval_db, review, weekdays=(), last_day=TUESDAY + timedelta(days=2))
    (event,) = published(approval_db, PassApproved)
    assert (event.recurring, len(event.further_days)) == (False, 1), "several days need no wish"


def test_a_site_has_no_more_than_its_gates_hold(approval_db) -> None:
    first, second = (
        asked(approval_db, personal=personal(companions=(), vehicle="X", applicant=person(mobile=mobile)))
        for mobile in ("+919876500001", "+919876500002")
    )
    settle(approval_db, first, "approve", most=1)
    settle(approval_db, first, "suspend", most=1)
    assert code_of(settle, approval_db, second, "approve", most=1) == "standing_full", "it may be lifted"
    settle(approval_db, first, "end", note="The contract has ended")
    assert settle(approval_db, second, "approve", most=1) == "in_force"


def test_it_is_for_one_person_with_an_id_since_an_old_code_is_worth_no_more(approval_db) -> None:
    party = pending(approval_db, party=2, weekly_until=LAST)
    without = pending(
        approval_db, **ALONE | {"personal": personal(companions=(), applicant=person(id_last4=None))}
    )
    for review in (party, without):
        assert code_of(ask, approval_db, review, vehicle_allowed=False) == "standing_one_person"


def test_it_is_renewed_in_its_last_fourteen_days_and_not_before(approval_db) -> None:
    first = pending(approval_db, **ALONE)
    ask(approval_db, first, last_day=TUESDAY + timedelta(days=21))
    settle(approval_db, first, "approve")
    assert code_of(asked, approval_db) == "standing_in_force"
    settle(approval_db, first, "end", note="Shorter")
    short = pending(approval_db, **ALONE)
    ask(approval_db, short, last_day=TUESDAY + timedelta(days=8))
    settle(approval_db, short, "approve")
    (one,) = in_list(approval_db, state="in_force")
    assert one.renewable
    renewed = asked(approval_db)
    assert settle(approval_db, renewed, "approve") == "in_force"


def test_it_reaches_over_180_days_at_most_and_begins_on_one_of_its_days(approval_db) -> None:
    review = pending(approval_db, **ALONE)
    too_long, no_further = {"last_day": TUESDAY + timedelta(days=180)}, {"last_day": TUESDAY}
    for changes in (too_long, no_further, {"weekdays": (4,)}, {"last_day": None}):
        with pytest.raises(ContractError):
            ask(approval_db, review, **changes)
    assert in_list(approval_db) == ()


def test_both_suspend_and_end_it_and_each_step_is_published_with_its_number(approval_db) -> None:
    review = asked(approval_db)
    settle(approval_db, review, "approve")
    assert settle(approval_db, review, "suspend", by(desk()), "The card was lost") == "suspended"
    assert code_of(settle, approval_db, review, "suspend", by(desk())) == "standing_changed"
    assert settle(approval_db, review, "lift") == "in_force"
    assert settle(approval_db, review, "suspend", by(ADO, "key")) == "suspended"
    assert settle(approval_db, review, "suspend", by(ADO, "key")) == "suspended", "a repeat"
    changes = published(approval_db, StandingPassChanged)
    assert [(one.number, one.suspended, one.decided_by) for one in changes] == [
        (1, True, "HOM-0001"), (2, False, "ADO-0001"), (3, True, "ADO-0001"),
    ]  # fmt: skip
    assert changes[0].personal.note == "The card was lost"
    assert code_of(settle, approval_db, review, "end", by(desk())) == "invalid_input"
    assert settle(approval_db, review, "end", by(desk()), "The contract has ended") is None
    assert len(published(approval_db, ApprovalWithdrawn)) == 1
    assert in_list(approval_db) == ()


def test_the_ado_branch_refuses_with_words_for_the_applicant(approval_db) -> None:
    review = asked(approval_db)
    assert settle(approval_db, review, "refuse", note="Come by invitation") is None
    (event,) = published(approval_db, PassRejected)
    assert event.personal.note == "Come by invitation"


def test_a_department_sees_and_settles_its_own_alone(approval_db) -> None:
    review = asked(approval_db)
    settle(approval_db, review, "approve")
    stranger = desk("finance", "FIN-0001")
    assert in_list(approval_db, stranger) == ()
    assert code_of(settle, approval_db, review, "suspend", by(stranger)) == "not_found"
    assert len(in_list(approval_db, desk())) == 1
    ordinary = pending(approval_db)
    assert code_of(settle, approval_db, ordinary, "approve") == "not_found", "the ADO Branch decides no visit"


def test_the_days_that_have_passed_while_it_waited_fall_away(approval_db) -> None:
    review = asked(approval_db)
    assert settle(approval_db, review, "approve", at=NOW + timedelta(days=30)) == "in_force"
    (event,) = published(approval_db, PassApproved)
    assert event.slot.day > (NOW + timedelta(days=30)).date() - timedelta(days=1)


def test_the_closing_of_a_day_does_not_touch_one_that_waits_for_the_ado_branch(approval_db) -> None:
    review, ordinary = asked(approval_db), pending(approval_db)
    close(approval_db)
    assert [one.id for one in affected(approval_db).items] == [ordinary]
    assert ask_visitors(approval_db) == 1
    assert [one.state for one in in_list(approval_db)] == ["waiting"]
    assert settle(approval_db, review, "approve") == "in_force"


@pytest.mark.parametrize("ends", [cancelled, expired, erased])
def test_none_waits_for_the_ado_branch_whose_application_has_ended(approval_db, ends) -> None:
    event = submitted(**ALONE)
    deliver(approval_db, event)
    review = review_id_of(approval_db, event.application_id)
    ask(approval_db, review)
    deliver(approval_db, ends(event), 2)
    with approval_db.transaction() as session:
        row = session.get_one(ReviewRow, review)
        assert (row.status, row.standing_state, row.standing_until) == ("closed", None, None)
    assert code_of(settle, approval_db, review, "approve") == "not_found"
    assert in_list(approval_db) == ()


def test_how_long_the_oldest_waits_is_measured_until_somebody_decides(approval_db) -> None:
    def measured():
        with approval_db.transaction() as session:
            standing.measure(session, NOW + timedelta(days=2))
        return metrics.STANDING_WAITS._value.get()

    review = asked(approval_db)
    assert measured() == timedelta(days=2).total_seconds()
    settle(approval_db, review, "approve")
    assert measured() == 0


def test_a_department_that_has_approved_it_is_not_reminded_to(approval_db) -> None:
    asked(approval_db)
    ordinary = pending(approval_db)
    with approval_db.transaction() as session:
        assert escalate_waiting(session, NOW + timedelta(days=1)) == 1
        waits = {one.id for one in session.scalars(select(ReviewRow)).all() if one.escalated}
    assert waits <= {ordinary}


def test_one_that_its_applicant_changes_waits_for_the_department_again(approval_db) -> None:
    event = submitted(**ALONE)
    deliver(approval_db, event)
    review = review_id_of(approval_db, event.application_id)
    ask(approval_db, review)
    deliver(approval_db, amended(event), 2)
    assert code_of(settle, approval_db, review, "approve") == "not_found"
    with approval_db.transaction() as session:
        assert escalate_waiting(session, NOW + timedelta(days=1)) == 1, "the department is reminded again"


def test_an_ordinary_approval_is_as_it_was(approval_db) -> None:
    review = pending(approval_db, **ALONE)
    ask(approval_db, review, weekdays=(), last_day=None, days_reason="", slot=slot(TUESDAY))
    (event,) = published(approval_db, PassApproved)
    assert not event.recurring


def in_force(database):
    """Return the application of a standing pass that is approved, and its review's id."""
    event = submitted(**ALONE)
    deliver(database, event)
    review = review_id_of(database, event.application_id)
    ask(database, review)
    settle(database, review, "approve")
    return event, review


def test_whoever_has_one_is_given_no_other_day_which_would_end_it(approval_db) -> None:
    event, review = in_force(approval_db)
    scan(approval_db, came(event))
    other = slot(TUESDAY + timedelta(days=3))
    assert code_of(answer, approval_db, review, "not_today", come_back=other) == "comes_again"
    assert published(approval_db, VisitMoved) == []


def test_whoever_has_one_is_expected_on_its_days_until_its_hours_end_and_never_late(approval_db) -> None:
    event, review = in_force(approval_db)

    def parts_at(day, hour):
        found = {part: seen(approval_db, part, at=ist(day, hour)) for part in ("expected", "late", "here")}
        assert {part: page.counts[part] for part, page in found.items()} == {
            part: len(page.items) for part, page in found.items()
        }
        return [(part, one.start, one.end) for part, page in found.items() for one in page.items]

    hours = (event.preferred[0].start, event.preferred[0].end)
    for day in (TUESDAY, TUESDAY + timedelta(days=8)):
        assert parts_at(day, hours[0].hour + 1) == [("expected", *hours)]
        assert parts_at(day, hours[1].hour) == [], "nobody waits for them any more"
    assert parts_at(TUESDAY + timedelta(days=2), 9) == [], "no day of the pass"
    scan(approval_db, came(event))
    assert parts_at(TUESDAY, 11) == [("here", *hours)]
    settle(approval_db, review, "suspend")
    assert parts_at(TUESDAY + timedelta(days=8), 9) == []


def test_whoever_has_one_is_announced_and_others_are_asked_only_once_the_office_let_them_wait(
    approval_db,
) -> None:
    event, review = in_force(approval_db)
    put(approval_db, contact(), contact(officer="home-under-secretary"))
    scan(approval_db, came(event), left(event, 10), came(event, 20))

    def heard_at(hour):
        with approval_db.transaction() as session:
            announcements.escalate_visits(session, ist(TUESDAY, hour))
        (line,) = seen(approval_db, at=ist(TUESDAY, hour)).items
        return [one.about for one in published(approval_db, VisitorAnnounced)], line.is_overdue

    assert heard_at(14) == (["arrived"], False)
    answer(approval_db, review, "wait", wait_until=ist(TUESDAY, 15), at=ist(TUESDAY, 14))
    assert heard_at(16) == (["arrived", "unanswered"], True)


def test_one_tap_makes_no_pass_for_one_day_of_what_waits_for_the_ado_branch(approval_db) -> None:
    review = asked(approval_db)
    tap = {"weekdays": (), "last_day": None, "days_reason": "", "slot": slot(TUESDAY)}
    assert code_of(ask, approval_db, review, by(desk(login="HOM-0002")), **tap) == "standing_waits"
    assert published(approval_db, PassApproved) == []
    assert [one.state for one in in_list(approval_db)] == ["waiting"]


@pytest.mark.parametrize("by_old_release", [False, True])
def test_a_place_that_was_offered_to_it_goes_to_the_next(approval_db, monkeypatch, by_old_release) -> None:
    with approval_db.transaction() as session:
        limit = SetCapacity(capacity=capacity(1))
        places.set_capacity(limit, by(desk()), session, NOW, furthest_days=30)
    first = pending(approval_db, party=1, personal=personal(companions=()))
    one_day = {"weekdays": (), "last_day": None, "days_reason": "", "vehicle_allowed": False}
    one_day |= {"slot": slot(TUESDAY), "entries": 1}
    ask(approval_db, first, **one_day)
    review = pending(approval_db, **ALONE)
    ask(approval_db, review, **one_day, wait_if_full=True)
    with approval_db.transaction() as session:
        places.release(session, first)
    waiting_list.run(approval_db, NOW, 30, 30)
    with approval_db.transaction() as session:
        assert session.scalars(select(BookingRow.review_id)).all() == [review]
    if by_old_release:
        with monkeypatch.context() as old:
            old.setattr(waiting_list, "leave", lambda *_: None)
            ask(approval_db, review)
        settle(approval_db, review, "approve")
    else:
        ask(approval_db, review)
    with approval_db.transaction() as session:
        assert session.scalars(select(BookingRow)).all() == []
        assert session.scalars(select(WaitRow.outcome)).all() == ["over"]


def test_its_steps_are_numbered_on_after_another_approval(approval_db) -> None:
    review = asked(approval_db)
    with approval_db.transaction() as session:
        session.get_one(ReviewRow, review).standing_changes = 2
    settle(approval_db, review, "approve")
    settle(approval_db, review, "suspend")
    (change,) = published(approval_db, StandingPassChanged)
    assert change.number == 3, "issuance ignores what it has heard"


@pytest.mark.parametrize("state", ["in_force", "suspended"])
def test_no_department_puts_another_person_on_what_the_ado_branch_approved(approval_db, state) -> None:
    event, review = in_force(approval_db)
    if state == "suspended":
        settle(approval_db, review, "suspend")
    other = {"applicant": person(name="Somebody Else", name_latin="Somebody Else", id_last4="9999")}
    told = {"personal": event.personal.model_copy(update=other), "number": 1, "corrected": ("name", "id")}
    wanted = ApplicationCorrected(**{**dict(event), **told, "waits": True})
    with approval_db.transaction() as session:
        event_handlers.handle_application_submitted_or_amended(received(wanted, 2), session)
    with approval_db.transaction() as session:
        question = ReviewQuestion(corrected=True, counts=True, status="approved")
        found = queries.list_reviews(question, by(desk()), session, NOW)
        corrections.measure(session, NOW + timedelta(days=2))
    assert ([one.id for one in found.items], found.counts.corrections) == ([review], 1)
    assert metrics.CORRECTION_WAITS._value.get() > 0

    def confirm(confirm=True, note=""):
        request = SettleCorrection(review_id=review, number=1, confirm=confirm, note=note)
        with approval_db.transaction() as session:
            return corrections.settle(request, by(desk()), session, NOW)

    assert code_of(confirm) == "standing_not_corrected"
    refused = confirm(confirm=False, note="Apply again")
    assert (refused.name, refused.correction) == (event.personal.applicant.name, None)


def test_what_the_ado_branch_has_suspended_no_department_lifts(approval_db) -> None:
    review = asked(approval_db)
    settle(approval_db, review, "approve")
    settle(approval_db, review, "suspend", note="Under inquiry")
    assert [one.suspended_by_ado for one in in_list(approval_db, desk())] == [True]
    assert code_of(settle, approval_db, review, "lift", by(desk())) == "ado_only"
    assert settle(approval_db, review, "lift") == "in_force"
    settle(approval_db, review, "suspend", by(desk()))
    assert [one.suspended_by_ado for one in in_list(approval_db, desk())] == [False]
    assert settle(approval_db, review, "lift", by(desk())) == "in_force"


def test_the_ado_branch_holds_what_a_department_has_suspended_and_then_alone_lifts_it(approval_db) -> None:
    _, review = in_force(approval_db)
    settle(approval_db, review, "suspend", by(desk()))
    assert code_of(settle, approval_db, review, "suspend", by(desk())) == "standing_changed"
    assert settle(approval_db, review, "suspend") == "suspended"
    assert code_of(settle, approval_db, review, "suspend") == "standing_changed", "it holds it already"
    assert code_of(settle, approval_db, review, "lift", by(desk())) == "ado_only"
    assert settle(approval_db, review, "lift") == "in_force"
    told = [(one.number, one.suspended) for one in published(approval_db, StandingPassChanged)]
    assert told == [(1, True), (2, True), (3, False)]


def test_without_a_photograph_there_is_none_and_both_see_it_and_until_when_the_visitor_asked(
    approval_db,
) -> None:
    until = TUESDAY + timedelta(days=120)
    review = pending(approval_db, **ALONE | {"weekly_until": until})
    assert code_of(ask, approval_db, review, photographed=False) == "standing_no_photograph"
    with approval_db.transaction() as session:
        seen_at_desk = queries.view_review(ReviewId(review_id=review), by(desk()), session, NOW)
    assert (seen_at_desk.weekly_until, seen_at_desk.photographed) == (until, False)
    ask(approval_db, review)
    with approval_db.transaction() as session:
        alone = [
            len(standing.list_standing(StandingQuestion(review_id=one), by(ADO), session, NOW).items)
            for one in (review, pending(approval_db))
        ]
    assert alone == [1, 0]
    (waiting,) = in_list(approval_db)
    assert (waiting.photographed, waiting.wished_until, waiting.vehicle) == (True, until, "PB65AB1234")
    with approval_db.transaction() as session:
        session.get_one(ReviewRow, review).photographed = None  # as one of a release that asked for none
    assert code_of(settle, approval_db, review, "approve") == "standing_no_photograph"
    photograph(approval_db, review, 3)
    assert settle(approval_db, review, "approve") == "in_force"


def test_a_photograph_that_is_heard_of_before_its_application_comes_again(approval_db) -> None:
    told = VisitorPhotographed(application_id=uuid4(), reference="PCS-7K3M-9QW6")
    with approval_db.transaction() as session, pytest.raises(event_handlers.UnknownApplication):
        event_handlers.handle_visitor_photographed(received(told, 2), session)


def test_one_whose_photograph_was_erased_is_approved_only_once_there_is_another(approval_db) -> None:
    review = asked(approval_db)
    photograph(approval_db, review, 4, erased=True)
    photograph(approval_db, review, 3)  # heard of late
    (waiting,) = in_list(approval_db)
    assert (waiting.photographed, waiting.photograph_erased) == (False, True)
    assert code_of(settle, approval_db, review, "approve") == "standing_photograph_erased"
    photograph(approval_db, review, 5)
    photograph(approval_db, review, 4, erased=True)
    assert [(one.photographed, one.photograph_erased) for one in in_list(approval_db)] == [(True, False)]
    assert settle(approval_db, review, "approve") == "in_force"


def test_another_person_has_no_photograph_whatever_is_heard_first_and_the_department_approves_anew(
    approval_db,
) -> None:
    event = submitted(**ALONE)
    deliver(approval_db, event)
    review = review_id_of(approval_db, event.application_id)
    ask(approval_db, review)
    other = {"applicant": person(name="Somebody Else", name_latin="Somebody Else", id_last4="9999")}
    told = {"personal": event.personal.model_copy(update=other), "number": 1, "corrected": ("name", "id")}
    wanted = ApplicationCorrected(**{**dict(event), **told, "waits": False, "revision": 2})
    with approval_db.transaction() as session:
        event_handlers.handle_application_submitted_or_amended(received(wanted, 4), session)
    assert in_list(approval_db) == ()
    photograph(approval_db, review, 3)  # of the person before, heard of late
    assert code_of(ask, approval_db, review, photographed=False, revision=2) == "standing_photograph_erased"
    with approval_db.transaction() as session:
        shown = queries.view_review(ReviewId(review_id=review), by(desk()), session, NOW)
    assert (shown.photographed, shown.photograph_again) == (False, True)
    photograph(approval_db, review, 5)
    ask(approval_db, review, by(desk(login="HOM-0002")), photographed=False, revision=2)
    assert settle(approval_db, review, "approve") == "in_force"


def test_a_suspended_one_whose_photograph_was_erased_does_not_come_back(approval_db) -> None:
    _, review = in_force(approval_db)
    settle(approval_db, review, "suspend", by(desk()))
    photograph(approval_db, review, 4, erased=True)
    for who in (by(desk()), by(ADO)):
        assert code_of(settle, approval_db, review, "lift", who) == "standing_photograph_erased"
    with approval_db.transaction() as session:
        session.get_one(ReviewRow, review).photographed = None
    assert code_of(settle, approval_db, review, "lift") == "standing_no_photograph"
    assert settle(approval_db, review, "end", note="Apply again") is None


def test_the_ado_branch_approves_the_photograph_that_it_has_looked_at(approval_db) -> None:
    review = asked(approval_db)
    (looked_at,) = in_list(approval_db)
    photograph(approval_db, review, 3)
    before = looked_at.photograph
    assert code_of(settle, approval_db, review, "approve", photograph=before) == "standing_other_photograph"
    (looked_at,) = in_list(approval_db)
    assert settle(approval_db, review, "approve", photograph=looked_at.photograph) == "in_force"


def test_the_ado_branch_is_led_to_the_photograph_of_the_one_that_it_asks_about(approval_db) -> None:
    review = asked(approval_db)

    def proof(at=NOW, **question):
        with approval_db.transaction() as session:
            call = by(question.pop("who", ADO))
            (found,) = standing.list_standing(StandingQuestion(**question), call, session, NOW).items
            of = session.get_one(ReviewRow, review).application_id
            keys = personal_keys_of(session)
            return [is_proof(found.photograph_proof, keys, of, one, at) for one in (ADO.login_id, "ADO-0009")]

    assert proof(review_id=review) == [True, False]
    assert proof(review_id=review, at=NOW + PROVED_FOR) == [False, False]
    assert proof() == proof(review_id=review, who=desk()) == [False, False]

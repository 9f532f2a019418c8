"""A closed day on real rows: nobody is approved for it any more, and everybody affected is asked once."""

from datetime import timedelta

import pytest
from sqlalchemy import event, update

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.events import DirectoryChanged, VisitDayReopened
from contracts.rpc.approval.capacity import AvailabilityQuestion, SetCapacity
from contracts.rpc.approval.closures import ClosureId, ClosureQuestion
from contracts.rpc.approval.reviews import ReviewQuestion
from services.approval.handlers import capacity as places
from services.approval.handlers import closed_visits, closures, queries
from services.approval.handlers.directory import put_department
from services.approval.models.reviews import ClosureRow
from tests.integration.approval.handlers.closing import (
    THURSDAY,
    WORDS,
    affected,
    approved,
    approved_for_days,
    ask,
    close,
    status_of,
    told,
    view,
)
from tests.integration.approval.handlers.decide import approve
from tests.support.factories.approval import (
    ADO,
    AUDITOR,
    HOLI,
    MONDAY,
    NOW,
    TUESDAY,
    amended,
    assistant,
    by,
    capacity,
    deliver,
    department,
    desk,
    everything,
    invited,
    ist,
    pending,
    published,
    review_id_of,
    slot,
    submitted,
)
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.databases import execute


def lift(database, closure_id, call=None):
    with database.transaction() as session:
        return closures.lift_closure(ClosureId(closure_id=closure_id), call or by(desk()), session, NOW)


# ------------------------------------------------------- nobody for that day


def test_nobody_is_approved_for_a_closed_day_and_the_refusal_says_why(approval_db) -> None:
    review_id = pending(approval_db, preferred=(slot(), slot(THURSDAY)))
    close(approval_db)
    before = everything(approval_db)
    with pytest.raises(InvalidInput) as refusal:
        approve(approval_db, review_id)
    (problem,) = refusal.value.body.fields
    assert (problem.field, problem.code) == ("slot.date", "day_closed")
    assert refusal.value.body.facts == {"reason": "urgent_meeting"}
    assert everything(approval_db) == before
    assert approve(approval_db, review_id, slot=slot(THURSDAY)).status == "approved"


def test_another_department_is_not_affected(approval_db) -> None:
    close(approval_db)
    first = submitted(department="finance")
    deliver(approval_db, first)
    finance = by(desk("finance", "FIN-0001"))
    review_id = review_id_of(approval_db, first.application_id)
    assert approve(approval_db, review_id, call=finance).status == "approved"
    assert ask(approval_db) == 0


def test_an_invitation_to_a_closed_day_is_not_approved_and_its_visitor_is_asked(approval_db) -> None:
    close(approval_db)
    first = invited()
    deliver(approval_db, first)
    assert status_of(approval_db, first) == "pending"
    assert ask(approval_db) == 1
    assert told(approval_db) == [first.application_id]


@pytest.mark.parametrize("limited", [False, True])
def test_a_closed_day_is_not_offered_with_or_without_a_capacity(approval_db, limited) -> None:
    with approval_db.transaction() as session:
        content = capacity() if limited else None
        places.set_capacity(SetCapacity(capacity=content), by(desk()), session, NOW, furthest_days=30)
    close(approval_db)
    with approval_db.transaction() as session:
        question = AvailabilityQuestion(department="home", site="T1")
        found = places.availability(question, session, NOW, furthest_days=30)
    (closed,) = found.closed
    assert (found.limited, closed.day, closed.reason) == (limited, TUESDAY, "urgent_meeting")
    assert WORDS not in found.model_dump_json(), "everybody reads this, without a session"
    assert TUESDAY not in {one.day for one in found.days}
    assert {one.day for one in found.days} >= ({MONDAY, THURSDAY} if limited else set())


def test_the_directory_tells_of_closed_days_and_no_longer_of_lifted_ones(approval_db) -> None:
    first = close(approval_db, THURSDAY)
    close(approval_db, TUESDAY)
    lift(approval_db, first.id)
    with approval_db.transaction() as session:
        put_department(session, department(name={"en": "Home Affairs"}), NOW)
    records = [one.department for one in published(approval_db, DirectoryChanged)]
    assert [[one.day for one in record.closed_days] for record in records] == [
        [THURSDAY],
        [TUESDAY, THURSDAY],
        [TUESDAY],
        [TUESDAY],
    ]


def test_days_closed_at_once_are_all_told_of(approval_db, crowd) -> None:
    days = [TUESDAY + timedelta(days=ahead) for ahead in range(12)]
    ado = by(ADO)
    run_concurrently(*(lambda day=day: close(crowd, day, ado, department="home") for day in days))
    last = published(approval_db, DirectoryChanged)[-1].department
    assert [one.day for one in last.closed_days] == days


# ------------------------------------------------------- who is asked


def test_an_older_closing_of_which_nobody_is_found_is_looked_at_each_minute_only(approval_db) -> None:
    close(approval_db)
    later = NOW + timedelta(minutes=11)
    assert ask(approval_db, later) == 0
    deliver(approval_db, submitted())
    assert ask(approval_db, later + timedelta(seconds=5)) == 0
    assert ask(approval_db, later + timedelta(minutes=1)) == 1
    deliver(approval_db, submitted())
    assert ask(approval_db, later + timedelta(minutes=1, seconds=5)) == 1, "somebody was found lately"


def test_an_older_closing_is_looked_at_again_once_a_clock_that_was_ahead_is_right(approval_db) -> None:
    close(approval_db)
    execute(approval_db, update(ClosureRow).values(look_at=NOW + timedelta(days=36_500)))
    deliver(approval_db, submitted())
    assert ask(approval_db, NOW) == 1


def test_the_counts_of_a_list_cost_one_query_for_all_and_one_for_each_day_to_come(approval_db) -> None:
    approved(approval_db)
    for ahead in range(8):
        close(approval_db, TUESDAY + timedelta(days=ahead), by(ADO), department="home")
    statements = []
    with approval_db.transaction() as session:
        event.listen(session.connection(), "before_cursor_execute", lambda *given: statements.append(given))
        found = closures.list_closures(ClosureQuestion(), by(desk()), session, NOW)
    assert len(statements) == 1 + 1 + 8, "the closings, whom they told, who waits for each"
    assert {one.day: one.waiting for one in found.items if one.waiting} == {TUESDAY: 1}


# ------------------------------------------------------- whom it would affect


def test_the_question_counts_visits_and_people_and_lists_who_would_have_to_choose(approval_db) -> None:
    visits = [approved(approval_db, party=3), approved(approval_db, party=1)]
    alone = submitted()
    deliver(approval_db, alone)
    deliver(approval_db, submitted(preferred=(slot(), slot(THURSDAY))))
    found = affected(approval_db)
    assert (found.approved, found.approved_people) == (2, 4)
    assert (found.only_that_day, found.with_other_days) == (1, 1)
    references = {one.reference for one in (*visits, alone)}
    assert {one.reference for one in found.items} == references
    assert [one.slot for one in found.items] == [slot()] * 3
    pages, after = set(), None
    while True:
        page = affected(approval_db, limit=1, after=after)
        pages |= {one.reference for one in page.items}
        after = page.next
        if after is None:
            break
    assert pages == references
    assert everything(approval_db)["closures"] == []


def test_the_ado_branch_sees_how_many_and_nobodys_name(approval_db) -> None:
    approved(approval_db)
    found = affected(approval_db, call=by(ADO), department="home")
    assert (found.approved, found.items) == (1, ())


# ------------------------------------------------------- who may


def test_the_ado_branch_closes_and_lifts_a_day_of_a_department(approval_db) -> None:
    closed = close(approval_db, call=by(ADO), department="home")
    assert (closed.department, closed.closed_by) == ("home", "ADO-0001")
    assert lift(approval_db, closed.id, by(ADO)).lifted_by == "ADO-0001"
    with pytest.raises(InvalidInput):
        close(approval_db, call=by(ADO))
    with pytest.raises(InvalidInput):
        close(approval_db, call=by(ADO), department="nowhere")


def test_a_department_does_not_lift_what_the_ado_branch_closed(approval_db) -> None:
    closed = close(approval_db, call=by(ADO), department="home")
    before = everything(approval_db)
    with pytest.raises(Forbidden) as refusal:
        lift(approval_db, closed.id)
    assert refusal.value.body.code == "closed_by_ado"
    with pytest.raises(NotFound):
        lift(approval_db, closed.id, by(desk("finance", "FIN-0001")))
    assert everything(approval_db) == before
    assert view(approval_db, closed.id).closed_by_role == "ado"
    assert lift(approval_db, close(approval_db, THURSDAY).id, by(ADO)).lifted_by == "ADO-0001"


def test_an_assistant_an_auditor_and_another_department_close_and_lift_nothing(approval_db) -> None:
    closed = close(approval_db, THURSDAY)
    before = everything(approval_db)
    for principal, error in ((assistant(), Forbidden), (desk(site="T1"), Forbidden), (AUDITOR, Forbidden)):
        with pytest.raises(error):
            close(approval_db, call=by(principal))
        with pytest.raises(error):
            lift(approval_db, closed.id, by(principal))
    other = by(desk("finance", "FIN-0001"))
    with pytest.raises(Forbidden):
        close(approval_db, call=other, department="home")
    with pytest.raises(NotFound):
        lift(approval_db, closed.id, other)
    with pytest.raises(NotFound):
        view(approval_db, closed.id, other)
    with pytest.raises(Forbidden):
        affected(approval_db, call=by(AUDITOR), department="home")
    assert everything(approval_db) == before


def test_an_auditor_sees_the_closed_days_of_all_departments_or_of_one(approval_db) -> None:
    ours = close(approval_db, THURSDAY)
    theirs = close(approval_db, call=by(desk("finance", "FIN-0001")))

    def listed(call, department=None):
        with approval_db.transaction() as session:
            question = ClosureQuestion(department=department)
            return {one.id: one.note for one in closures.list_closures(question, call, session, NOW).items}

    assert listed(by(AUDITOR)) == {ours.id: "", theirs.id: ""}, "the words to the visitors are for others"
    assert listed(by(AUDITOR), "finance") == {theirs.id: ""}
    seen = view(approval_db, theirs.id, by(AUDITOR))
    assert (seen.department, seen.note) == ("finance", "")
    assert listed(by(desk())) == {ours.id: WORDS}
    with pytest.raises(Forbidden):
        listed(by(desk()), "finance")


def test_a_day_that_cannot_be_closed_changes_nothing(approval_db) -> None:
    before = everything(approval_db)
    for changes, field, code in (
        ({"day": MONDAY - timedelta(days=1)}, "day", "date_past"),
        ({"day": MONDAY + timedelta(days=31)}, "day", "date_too_far"),
        ({"reason": "other", "note": "  "}, "note", "required"),
        ({"note": "Pay your re-booking fee: https://epass-punjab.in/pay"}, "note", "link"),
        ({"note": "Come at \u202e01:11\u202c"}, "note", "control_character"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            close(approval_db, **changes)
        (problem,) = refusal.value.body.fields
        assert (problem.field, problem.code) == (field, code)
    assert everything(approval_db) == before


def test_a_day_is_closed_once_and_a_repeat_gets_the_same_answer(approval_db) -> None:
    call = by(desk(), "key-1")
    assert close(approval_db, call=call) == close(approval_db, call=call)
    with pytest.raises(Conflict) as refusal:
        close(approval_db)
    assert refusal.value.body.code == "already_closed"


def test_a_login_closes_five_days_in_24_hours_lifted_ones_too_and_the_ado_branch_closes_more(
    approval_db,
) -> None:
    for _ in range(4):
        lift(approval_db, close(approval_db).id)
    key = by(desk(), "key-5")
    fifth = close(approval_db, THURSDAY, key, NOW + timedelta(hours=1))
    before = everything(approval_db)
    with pytest.raises(TooManyAttempts) as refusal:
        close(approval_db, at=NOW + timedelta(hours=2))
    assert refusal.value.body.facts == {"retry_after": 22 * 3600}
    assert everything(approval_db) == before
    assert close(approval_db, THURSDAY, key, NOW + timedelta(hours=1)) == fifth, "a repeat is no sixth"
    assert close(approval_db, call=by(desk("home", "HOM-0002"))).closed_by == "HOM-0002"
    for day in range(7):
        close(approval_db, THURSDAY + timedelta(days=1 + day), by(ADO), department="home")
    assert close(approval_db, THURSDAY + timedelta(days=9), at=NOW + timedelta(hours=24)).closed_by


def test_days_closed_at_once_by_one_login_are_five(approval_db, crowd) -> None:
    days = [TUESDAY + timedelta(days=ahead) for ahead in range(12)]
    outcomes = run_concurrently(*(lambda day=day: close(crowd, day) for day in days))
    assert sum(isinstance(one, TooManyAttempts) for one in outcomes) == 7
    assert len(everything(approval_db)["closures"]) == 5


def test_a_lifted_day_is_offered_again_and_nobody_is_approved_again(approval_db) -> None:
    first = approved(approval_db)
    closed = close(approval_db)
    ask(approval_db)
    lifted = lift(approval_db, closed.id)
    assert (lifted.lifted_by, lifted.told) == ("HOM-0001", 1)
    assert status_of(approval_db, first) == "returned"
    assert approved(approval_db) is not None
    assert ask(approval_db) == 0
    again = close(approval_db)
    with approval_db.transaction() as session:
        found = closures.list_closures(ClosureQuestion(limit=1), by(desk()), session, NOW)
        rest = closures.list_closures(ClosureQuestion(after=found.next), by(desk()), session, NOW)
    assert {one.id for one in (*found.items, *rest.items)} == {again.id, closed.id}


def test_the_note_of_a_closing_is_emptied_180_days_after_its_day(approval_db) -> None:
    old, young = close(approval_db, TUESDAY), close(approval_db, TUESDAY + timedelta(days=1))
    with approval_db.transaction() as session:
        assert closures.forget_notes(session, ist(TUESDAY + timedelta(days=181), 0)) == 1
    with approval_db.transaction() as session:
        assert closures.forget_notes(session, ist(TUESDAY + timedelta(days=181), 0)) == 0
    assert (view(approval_db, old.id).note, view(approval_db, young.id).note) == ("", WORDS)


# ------------------------------------------------------- what the desk shows


def queue(database, call=None):
    with database.transaction() as session:
        return queries.list_reviews(ReviewQuestion(), call or by(desk()), session, NOW)


def test_the_desk_says_which_wishes_are_closed_by_whom_and_why_and_refuses_to_approve_them(
    approval_db,
) -> None:
    review_id = pending(approval_db, preferred=(slot(), slot(HOLI), slot(THURSDAY)))
    close(approval_db)
    (shown,) = queue(approval_db).items
    assert shown.closed == (TUESDAY, HOLI)
    by_whom = [(one.day, one.closed_by, one.reason) for one in shown.closed_wishes]
    assert by_whom == [(TUESDAY, "department", "urgent_meeting"), (HOLI, "site", "Holi")]
    for day, code in ((TUESDAY, "day_closed"), (HOLI, "closed_day")):
        with pytest.raises(InvalidInput) as refusal:
            approve(approval_db, review_id, slot=slot(day))
        assert [(one.field, one.code) for one in refusal.value.body.fields] == [("slot.date", code)]
    assert approve(approval_db, review_id, slot=slot(THURSDAY)).status == "approved"


def test_the_queue_of_a_department_names_its_closed_days_and_no_others(approval_db) -> None:
    close(approval_db)
    (closed,) = queue(approval_db).closed
    assert (closed.day, closed.reason) == (TUESDAY, "urgent_meeting")
    assert queue(approval_db, by(desk("finance", "FIN-0001"))).closed == ()


# ------------------------------------------------------- after a closing was lifted


def tell(database) -> int:
    with database.transaction() as session:
        return closed_visits.tell_of_lifted(session, NOW)


def test_who_was_asked_and_has_not_chosen_yet_is_told_once_that_the_day_is_open_again(approval_db) -> None:
    waits, chose, several = approved(approval_db), approved(approval_db), approved_for_days(approval_db)
    closed = close(approval_db)
    assert (ask(approval_db), tell(approval_db)) == (3, 0), "the closing holds"
    deliver(approval_db, amended(chose, preferred=(slot(THURSDAY),)), 2)
    lift(approval_db, closed.id, by(desk("home", "HOM-0002")))
    assert (tell(approval_db), tell(approval_db)) == (1, 0)
    (event,) = published(approval_db, VisitDayReopened)
    assert (event.application_id, event.day, event.revision) == (waits.application_id, TUESDAY, 1)
    assert (event.decided_by, event.personal.contact.mobile) == ("HOM-0002", "+919876543210")
    statuses = [status_of(approval_db, one) for one in (waits, chose, several)]
    assert statuses == ["returned", "pending", "approved"]
    reopened = {one.reference: one.decision.day_reopened for one in queue(approval_db).items if one.decision}
    assert [one for one, is_reopened in reopened.items() if is_reopened] == [waits.reference]


def test_nobody_is_told_of_a_lifted_day_that_has_passed(approval_db) -> None:
    approved(approval_db)
    closed = close(approval_db)
    ask(approval_db)
    lift(approval_db, closed.id)
    with approval_db.transaction() as session:
        assert closed_visits.tell_of_lifted(session, ist(THURSDAY, 9)) == 0

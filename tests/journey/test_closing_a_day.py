"""A day that is closed at short notice, through HTTP only, from the approval to the visit on another day."""

from datetime import date, timedelta

from contracts.model import Slot
from contracts.rpc.approval.closures import CloseDay
from epass_client import calls
from epass_client.errors import Problem
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Officer, Staff, issued, messages, slot, today

AHEAD = 12
"""Days from today to the one that is closed; other tests use nearer ones."""
WORDS = "The Secretary is called to the Assembly"


def on(day: date) -> dict[str, str]:
    return {**slot(), "date": day.isoformat(), "from": "10:00", "to": "12:00"}


def can_ask_for(applicant: Applicant, day: date) -> bool:
    """Apply for a day; return whether the department takes visitors on it."""
    try:
        applicant.apply(preferred=[on(day)])
    except Problem as refusal:
        if [one.code for one in refusal.fields] != ["day_closed"]:
            raise
        return False
    return True


def test_a_closed_day_revokes_tells_once_and_lets_the_visitor_choose_another_date(
    system, applicant: Applicant, department: Department, officer: Officer
) -> None:
    day = date.fromisoformat(today(AHEAD))
    other = day + timedelta(days=1)
    reference, first = issued(applicant, department, known_to=officer, preferred=[on(day)], decision=on(day))
    pending = applicant.apply(preferred=[on(day)])
    both = applicant.apply(preferred=[on(day), on(other)])
    for one in (pending, both):
        department.review_of(one)
    before = department.send(calls.list_affected(day))
    assert (before.approved, before.only_that_day, before.with_other_days) == (1, 1, 1)

    closed = department.send(calls.close_day(CloseDay(day=day, reason="urgent_meeting", note=WORDS)))
    try:
        for one in (reference, pending):
            view = applicant.wait_for(one, "returned")
            assert (view.closed_day, view.closure_reason, view.note) == (day, "urgent_meeting", WORDS)
        done = eventually(
            lambda: (seen := department.send(calls.view_closure(closed.id))).told == 2 and seen,
            "both are asked",
        )
        assert done.waiting == 0
        told = eventually(
            lambda: len(found := messages(system, applicant.mobile, "day_closed")) == 2 and found,
            "both messages arrive",
        )
        assert all(f"{day:%d-%m-%Y}" in one.text for one in told)
        eventually(
            lambda: officer.scan(pass_number=first.number).verdict == "revoked", "the gate hears of it"
        )
        assert messages(system, applicant.mobile, "pass_revoked") == []

        eventually(lambda: not can_ask_for(applicant, day), "nobody can ask for the day")
        review = department.review_of(both)
        assert (review.status, review.closed) == ("pending", (day,))

        applicant.send(calls.amend_application(reference, preferred=[Slot.model_validate(on(other))]))
        eventually(lambda: department.review_of(reference).status == "pending", "it is on the desk again")
        department.approve(reference, **on(other))
        second = applicant.wait_for_pass(reference)
        assert second.number != first.number
    finally:
        department.send(calls.lift_closure(closed.id))
    eventually(lambda: can_ask_for(applicant, day), "the day is offered again")
    eventually(
        lambda: (view := applicant.view(pending)).day_reopened and view.closed_day == day,
        "the page says that the day is open again",
    )
    assert applicant.view(pending).status == "returned"
    (again,) = eventually(
        lambda: messages(system, applicant.mobile, "day_reopened"), "who has not chosen is told, once"
    )
    assert (f"{day:%d-%m-%Y}" in again.text, pending in again.text) == (True, True)


def test_a_visit_of_several_days_loses_the_closed_one_and_keeps_its_pass_for_the_others(
    system, applicant: Applicant, department: Department, officer: Officer, ado: Staff
) -> None:
    """The ADO Branch closes the day: a login of a department closes so many within 24 hours only."""
    first = date.fromisoformat(today(AHEAD + 3))
    closed, last = first + timedelta(days=1), first + timedelta(days=2)
    reference = applicant.apply(preferred=[on(first)])
    approved = department.approve(reference, **on(first), last_day=last, days_reason="A long hearing")
    before = applicant.wait_for_pass(reference)
    assert before.further_days == (closed, last)
    officer.wait_to_know(applicant.token(before.number))
    (one,) = department.send(calls.list_affected(closed)).items
    assert (one.days, one.keeps_pass) == ((first, closed, last), True)

    wanted = CloseDay(day=closed, reason="urgent_meeting", note=WORDS, department=approved.department)
    closing = ado.send(calls.close_day(wanted))
    try:
        eventually(
            lambda: (seen := applicant.view(reference)).pass_ and seen.pass_.further_days == (last,),
            "the pass is shorter",
        )
        view = applicant.view(reference)
        assert (view.status, view.further_days, view.closed_day) == ("issued", (last,), closed)
        assert view.pass_ is not None
        assert (view.pass_.number, view.pass_.revoked) == (before.number, False)
        (told,) = eventually(
            lambda: messages(system, applicant.mobile, "day_dropped"), "the message about the day arrives"
        )
        assert f"{closed:%d-%m-%Y}" in told.text
        eventually(
            lambda: officer.scan(pass_number=before.number).days == (first, last), "the gate hears of it"
        )
        assert officer.scan(pass_number=before.number).verdict == "not_yet_valid"
        assert messages(system, applicant.mobile, "day_closed") == []
        assert len(messages(system, applicant.mobile, "pass_issued")) == 1
        review = department.review_of(reference)
        assert review.decision is not None
        assert (review.status, review.decision.further_days) == ("approved", (last,))
    finally:
        ado.send(calls.lift_closure(closing.id))

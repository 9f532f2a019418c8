"""A day that is closed at short notice, through HTTP only, from the approval to the visit on another day."""

from datetime import date, timedelta

from contracts.model import Slot
from contracts.rpc.approval import CloseDay
from epass_client import calls
from epass_client.errors import Problem
from tests.support.actors import Applicant, Department, Officer, issued, messages, slot, today
from tests.support.running import eventually

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

"""Applications for a day that the department has closed, and one that it has opened again."""

from datetime import date, datetime, timedelta
from itertools import permutations

import pytest

from contracts.crockford import new_pass_number
from contracts.errors import InvalidInput
from contracts.events import ClosedDay, DirectoryChanged
from contracts.rpc.application import Lookup, StatusQuestion
from contracts.rpc.call import Page
from services.application.handlers import queries, scheduled_jobs
from tests.integration.application.handlers.histories import (
    FRIDAY,
    LATER,
    THURSDAY,
    apply,
    one_of_three_days_closed,
)
from tests.support.factories.application import (
    MOBILE,
    NOW,
    TUESDAY,
    Desk,
    Elsewhere,
    applicant_call,
    department,
    form,
    reception_call,
    site,
    slot,
)


def test_an_applicant_whose_day_was_closed_chooses_another_and_everything_else_stays(desk: Desk) -> None:
    there, number = apply(desk), new_pass_number()
    before = desk.view(there.reference)
    for event in (there.approved(), there.issued(number), there.day_closed()):
        desk.receive(event)
    view = desk.view(there.reference)
    assert (view.status, view.closed_day, view.closure_reason, view.reason) == (
        "returned",
        TUESDAY,
        "officer_away",
        None,
    )
    assert view.note == "The Secretary is called away"
    desk.amend(there.reference, preferred=[slot(THURSDAY)])
    view = desk.view(there.reference)
    assert (view.status, view.timeline[-1].facts.get("changed")) == ("submitted", "dates")
    desk.receive(there.revoked(number, "day_closed"))
    view = desk.view(there.reference)
    assert (view.status, view.closed_day, view.note) == ("submitted", None, None)
    assert (view.purpose, view.companions, view.vehicle) == (
        before.purpose,
        before.companions,
        before.vehicle,
    )
    other = new_pass_number()
    for event in (there.approved(revision=2), there.issued(other)):
        desk.receive(event)
    assert desk.view(there.reference).status == "issued"


def test_the_page_of_a_visitor_is_true_again_after_a_closing_was_lifted(desk: Desk) -> None:
    for order in permutations(range(4)):
        there, number = apply(desk), new_pass_number()
        story = [
            desk.envelope(event)
            for event in (
                there.approved(),
                there.day_closed(),
                there.revoked(number, "day_closed"),
                there.day_reopened(),
            )
        ]
        for index in order:
            desk.deliver(story[index])
        view = desk.view(there.reference)
        assert (view.status, view.closed_day, view.closure_reason) == ("returned", TUESDAY, None)
        assert view.day_reopened
        assert "day_reopened" in [entry.what for entry in view.timeline]
        closed = ClosedDay(day=TUESDAY, reason="security")
        desk.receive(DirectoryChanged(department=department(closed_days=(closed,))))
        view = desk.view(there.reference)
        assert (view.closure_reason, view.day_reopened) == ("security", False), "closed anew"
        desk.receive(DirectoryChanged(department=department()))
        desk.amend(there.reference, preferred=[slot(TUESDAY)])
        view = desk.view(there.reference)
        assert (view.status, view.closed_day) == ("submitted", None)
        desk.cancel(there.reference)


def test_a_waiting_visitor_sees_which_of_their_dates_are_closed_by_whom_and_why(desk: Desk) -> None:
    there = Elsewhere.of(desk.row(desk.submit(form(preferred=[slot(TUESDAY), slot(THURSDAY)])).reference))
    assert desk.view(there.reference).closed_wishes == ()
    holiday, meeting = ClosedDay(day=TUESDAY, reason="Gurpurab"), ClosedDay(day=THURSDAY, reason="security")
    desk.receive(DirectoryChanged(site=site(closed_days=(holiday,))))
    desk.receive(DirectoryChanged(department=department(closed_days=(meeting,))))
    found = [(one.day, one.closed_by, one.reason) for one in desk.view(there.reference).closed_wishes]
    assert found == [(TUESDAY, "site", "Gurpurab"), (THURSDAY, "department", "security")]
    desk.receive(DirectoryChanged(department=department()))
    assert [one.day for one in desk.view(there.reference).closed_wishes] == [TUESDAY]
    desk.receive(there.approved())
    assert desk.view(there.reference).closed_wishes == ()


def test_a_visit_of_several_days_keeps_its_pass_without_a_closed_day_in_any_order(desk: Desk) -> None:
    for order in permutations(range(4)):
        there, number = apply(desk), new_pass_number()
        story = [desk.envelope(event) for event in one_of_three_days_closed(there, number, "")]
        for index in order:
            desk.deliver(story[index])
        view = desk.view(there.reference)
        assert (view.status, view.date, view.further_days) == ("issued", TUESDAY, (FRIDAY,))
        assert view.pass_ is not None
        assert (view.pass_.number, view.pass_.further_days) == (number, (FRIDAY,))
        assert (view.closed_day, view.closure_reason) == (THURSDAY, "officer_away")
        assert view.note == "The Secretary is called away"
        what = [entry.what for entry in view.timeline]
        assert sorted(what) == ["approved", "day_dropped", "pass_issued", "submitted"]


def test_a_visit_that_was_approved_anew_after_a_day_of_it_was_closed_can_be_cancelled(desk: Desk) -> None:
    there, number, other = apply(desk), new_pass_number(), new_pass_number()
    for event in (
        there.approved(further_days=(THURSDAY,)),
        there.issued(number, further_days=(THURSDAY,)),
        there.scanned(number),
        there.scanned(number, "exit", inside=0),
        there.day_closed(),
        there.revoked(number, "day_closed"),
    ):
        desk.receive(event)
    desk.amend(there.reference, preferred=[slot(THURSDAY)])
    desk.receive(there.approved(revision=2, day=THURSDAY))
    desk.receive(there.issued(other, day=THURSDAY))
    desk.cancel(there.reference)
    assert desk.view(there.reference).status == "cancelled"


def test_whose_day_was_closed_on_the_day_itself_has_two_weeks_to_choose_another(desk: Desk) -> None:
    there = apply(desk)
    desk.receive(there.day_closed())
    for days, expected in ((1, "returned"), (13, "returned"), (15, "expired")):
        with desk.database.transaction() as session:
            scheduled_jobs.expire_undecided(session, NOW + timedelta(days=days))
        assert desk.view(there.reference).status == expected


def test_a_closed_day_is_no_answer_to_an_application(desk: Desk) -> None:
    there = apply(desk)
    desk.receive(there.day_closed())
    assert desk.row(there.reference).answered_at is None
    desk.receive(there.rejected())
    assert desk.row(there.reference).answered_at is not None


def expire(desk: Desk, at: datetime) -> None:
    with desk.database.transaction() as session:
        scheduled_jobs.expire_undecided(session, at)


@pytest.mark.parametrize("first", ["the approval", "the expiry"])
def test_whose_day_was_closed_after_the_application_expired_can_choose_another(
    desk: Desk, first: str
) -> None:
    there = apply(desk)
    approved, closed = desk.envelope(there.approved()), desk.envelope(there.day_closed(), LATER)
    expire(desk, LATER)
    for envelope in (approved, closed) if first == "the approval" else (closed, approved):
        desk.deliver(envelope)
    assert desk.view(there.reference).status == "returned"
    desk.amend(there.reference, preferred=[slot(TUESDAY + timedelta(days=14))], at=LATER)
    assert desk.view(there.reference).status == "submitted"
    expire(desk, LATER + timedelta(days=30))
    assert desk.view(there.reference).status == "expired"


def test_who_asked_for_other_dates_before_the_day_was_closed_gets_no_more_time_for_a_decision(
    desk: Desk,
) -> None:
    there = apply(desk)
    desk.amend(there.reference, preferred=[slot(THURSDAY)])
    until = desk.row(there.reference).preferred_until
    desk.receive(there.day_closed(revision=1))
    assert desk.view(there.reference).status == "submitted"
    assert desk.row(there.reference).preferred_until == until


def test_a_day_that_the_department_has_closed_cannot_be_asked_for(desk: Desk) -> None:
    closed = ClosedDay(day=TUESDAY, reason="urgent_meeting")
    desk.receive(DirectoryChanged(department=department(closed_days=(closed,))))
    with pytest.raises(InvalidInput) as refusal:
        desk.submit()
    (problem,) = refusal.value.body.fields
    assert (problem.field, problem.code) == ("preferred.0.date", "day_closed")
    assert problem.message.endswith("urgent_meeting")
    desk.receive(DirectoryChanged(department=department()))
    assert desk.submit().status == "submitted"


def test_a_closed_day_is_known_to_every_list_until_another_is_chosen(desk: Desk) -> None:
    there, number = apply(desk), new_pass_number()
    for event in (there.approved(), there.issued(number), there.day_closed()):
        desk.receive(event)

    def listed() -> list[date | None]:
        with desk.database.transaction() as session:
            return [
                queries.list_applications(Page(), applicant_call(), session, NOW).items[0].closed_day,
                queries.lookup(Lookup(q=there.reference), reception_call(), session, NOW).items[0].closed_day,
                queries.status(
                    StatusQuestion(reference=there.reference, mobile_last4=MOBILE[-4:]),
                    applicant_call(),
                    session,
                ).closed_day,
            ]

    assert listed() == [TUESDAY] * 3
    desk.amend(there.reference, preferred=[slot(THURSDAY)])
    assert listed() == [None] * 3

"""Amendments and cancellations of an application."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest

from contracts.crockford import new_pass_number
from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import ApplicationAmended, ApplicationCancelled
from contracts.rpc.application import Acknowledged
from tests.integration.application.handlers.forms import refused
from tests.support.factories.application import (
    AADHAAR,
    MOBILE,
    NOW,
    OTHER_MOBILE,
    TUESDAY,
    WEDNESDAY,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    form,
    reception_call,
    slot,
)


@pytest.fixture
def elsewhere(desk: Desk) -> Callable[[str], Elsewhere]:
    return lambda reference: Elsewhere.of(desk.row(reference))


def test_a_returned_application_is_amended_and_published_as_the_next_revision(desk: Desk, elsewhere) -> None:
    reference = desk.submit().reference
    desk.receive(elsewhere(reference).returned(note="Which file?"))
    assert (desk.view(reference).status, desk.view(reference).note) == ("returned", "Which file?")
    changes = {"purpose": f"File 115 of {AADHAAR}", "preferred": [slot(start="14:00", end="15:00")]}
    answer = desk.amend(reference, applicant_call(key="a"), **changes)
    assert answer == Acknowledged(reference=reference, status="submitted", masked=("purpose",))
    desk.receive(elsewhere(reference).approved(revision=2))
    assert desk.amend(reference, applicant_call(key="a"), **changes) == answer
    _, published = desk.published()
    assert isinstance(published, ApplicationAmended)
    assert (published.revision, published.personal.purpose, published.preferred) == (
        2,
        "File 115 of XXXX XXXX 0124",
        desk.view(reference).preferred,
    )
    assert [entry.what for entry in desk.view(reference).timeline] == [
        "submitted",
        "returned",
        "amended",
        "approved",
    ]


def test_other_dates_can_be_asked_for_while_the_department_decides(desk: Desk) -> None:
    reference = desk.submit(form(companions=[companion()], vehicle="CH01AB1234")).reference
    answer = desk.amend(reference, applicant_call(key="a"), preferred=[slot(TUESDAY, "14:00", "15:00")])
    assert answer == Acknowledged(reference=reference, status="submitted")
    assert (
        desk.amend(reference, applicant_call(key="a"), preferred=[slot(TUESDAY, "14:00", "15:00")]) == answer
    )
    view = desk.view(reference)
    assert (view.status, view.revision, view.preferred[0].start.hour, view.vehicle, len(view.companions)) == (
        "submitted",
        2,
        14,
        "CH01AB1234",
        1,
    )
    assert view.timeline[-1].what == "amended"
    assert view.timeline[-1].facts == {"revision": 2, "changed": "dates"}
    published = desk.published()[-1]
    assert isinstance(published, ApplicationAmended)
    assert (published.revision, published.preferred) == (2, view.preferred)


def test_impossible_dates_are_refused_while_the_department_decides(desk: Desk) -> None:
    reference = desk.submit().reference
    refused(desk, InvalidInput, lambda: desk.amend(reference, preferred=[slot(WEDNESDAY)]))
    refused(
        desk,
        Conflict,
        lambda: desk.amend(reference, preferred=[slot()], vehicle="CH01AB1234"),
        "cannot_amend",
    )
    refused(desk, NotFound, lambda: desk.amend(reference, applicant_call(OTHER_MOBILE), preferred=[slot()]))


def test_other_dates_come_too_late_once_it_is_decided_or_over(desk: Desk, elsewhere) -> None:
    for ending in ("approved", "rejected", "cancelled"):
        reference = desk.submit().reference
        if ending == "cancelled":
            desk.cancel(reference)
        else:
            desk.receive(getattr(elsewhere(reference), ending)())
        for changes in ({"preferred": [slot()]}, {"purpose": "x"}):
            error = refused(desk, Conflict, partial(desk.amend, reference, None, **changes), "cannot_amend")
            assert error.body.facts == {"status": ending}


def test_an_amendment_can_remove_the_officer(desk: Desk, elsewhere) -> None:
    reference = desk.submit(form(officer="home-secretary")).reference
    desk.receive(elsewhere(reference).returned())
    desk.amend(reference, officer="")
    assert desk.view(reference).officer is None


def test_an_amendment_that_is_not_in_order_changes_nothing(desk: Desk, elsewhere) -> None:
    reference = desk.submit().reference
    desk.receive(elsewhere(reference).returned())
    refused(desk, InvalidInput, lambda: desk.amend(reference, preferred=[slot(WEDNESDAY)]))
    refused(desk, InvalidInput, lambda: desk.amend(reference, purpose="x", at=NOW + timedelta(days=3)))


def test_nobody_else_amends(desk: Desk, elsewhere) -> None:
    reference = desk.submit().reference
    desk.receive(elsewhere(reference).returned())
    for call, error in ((applicant_call(OTHER_MOBILE), NotFound), (reception_call(), Forbidden)):
        refused(desk, error, partial(desk.amend, reference, call, purpose="x"))


def test_twenty_amendments_at_once_make_one_revision(desk: Desk, elsewhere) -> None:
    reference = desk.submit().reference
    desk.receive(elsewhere(reference).returned())

    def amend(number: int) -> str:
        try:
            return desk.amend(reference, applicant_call(key=f"k{number}"), purpose=f"File {number}").status
        except Conflict as error:
            return error.body.code

    with ThreadPoolExecutor(20) as pool:
        outcomes = list(pool.map(amend, range(20)))
    assert sorted(outcomes) == ["cannot_amend"] * 19 + ["submitted"]
    assert (desk.row(reference).revision, desk.counts()) == (2, (1, 2))


def test_an_application_is_cancelled_once_and_the_event_is_published(desk: Desk) -> None:
    reference = desk.submit().reference
    answers = [desk.cancel(reference, applicant_call(key="c")) for _ in range(2)]
    assert answers == [Acknowledged(reference=reference, status="cancelled")] * 2
    _, published = desk.published()
    assert isinstance(published, ApplicationCancelled)
    assert (published.cancelled_by, published.personal.mobile, published.revision) == ("applicant", MOBILE, 1)
    assert [entry.what for entry in desk.view(reference).timeline] == ["submitted", "cancelled"]


def test_a_returned_approved_or_issued_application_can_be_cancelled_too(desk: Desk, elsewhere) -> None:
    for name in ("returned", "approved", "issued"):
        reference = desk.submit().reference
        desk.receive(getattr(elsewhere(reference), name)())
        assert desk.cancel(reference).status == "cancelled"


def test_an_ended_application_or_a_visit_that_began_cannot_be_cancelled(desk: Desk, elsewhere) -> None:
    for ending in ("rejected", "withdrawn", "entered", "left", "cancelled"):
        reference, number = desk.submit().reference, new_pass_number()
        there = elsewhere(reference)
        if ending in {"entered", "left"}:
            desk.receive(there.issued(number))
            desk.receive(there.scanned(number, inside=1))
            if ending == "left":
                desk.receive(there.scanned(number, "exit", inside=0))
        elif ending == "cancelled":
            desk.cancel(reference)
        else:
            desk.receive(getattr(there, ending)())
        error = refused(
            desk, Conflict, partial(desk.cancel, reference, applicant_call(key=ending)), "cannot_cancel"
        )
        assert error.body.facts == {"status": {"withdrawn": "revoked"}.get(ending, ending)}


def test_a_late_approval_leaves_a_cancelled_application_cancelled(desk: Desk, elsewhere) -> None:
    reference = desk.submit().reference
    there = elsewhere(reference)
    desk.cancel(reference)
    for event in (there.approved(), there.issued("12345678"), there.revoked("12345678", "cancelled")):
        desk.receive(event)
        assert desk.view(reference).status == "cancelled"


def test_the_reception_of_the_site_cancels_for_a_visitor(desk: Desk) -> None:
    reference = desk.submit().reference
    for stranger in (reception_call("S2"), applicant_call(OTHER_MOBILE), reception_call(role="department")):
        refused(desk, NotFound, lambda stranger=stranger: desk.cancel(reference, stranger))
    refused(desk, NotFound, lambda: desk.cancel("no reference"))
    assert desk.cancel(reference, reception_call()).status == "cancelled"
    assert desk.published()[-1].cancelled_by == "counter"

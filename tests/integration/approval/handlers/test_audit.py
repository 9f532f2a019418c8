"""Decisions for an auditor: all of a reference, or of a department on some days, and nobody is named."""

from datetime import date, timedelta

import pytest

from contracts.errors import Forbidden, InvalidInput
from contracts.rpc.approval.decisions import DecisionQuestion, RecordedDecisions, Withdraw
from services.approval.handlers import audit, decisions
from tests.integration.approval.handlers.decide import approve
from tests.support.factories.approval import AUDITOR, MONDAY, NOW, TUESDAY, approval, by, desk, pending


def decided(database, principal=AUDITOR, **question) -> RecordedDecisions:
    with database.transaction() as session:
        return audit.list_decisions(DecisionQuestion(**question), by(principal), session)


def on(day, last=None, **question) -> dict:
    return {"department": "home", "first": day, "last": last or day, **question}


@pytest.fixture
def reference(approval_db) -> str:
    """Return the reference of an application that was approved, and withdrawn ten minutes later."""
    review = pending(approval_db)
    with approval_db.transaction() as session:
        approved = decisions.approve(approval(review), by(desk()), session, NOW, furthest_days=30)
        later = NOW + timedelta(minutes=10)
        decisions.withdraw(Withdraw(review_id=review, reason="security"), by(desk()), session, later)
    return approved.reference


def test_every_decision_on_a_reference_is_listed_the_newest_first(approval_db, reference) -> None:
    found = decided(approval_db, reference=reference.lower().replace("-", " "))
    assert [(one.status, one.decided_by, one.reason) for one in found.items] == [
        ("withdrawn", "HOM-0001", "security"),
        ("approved", "HOM-0001", None),
    ]
    assert {one.reference for one in found.items} == {reference}
    assert "Gurpreet" not in found.model_dump_json()
    assert decided(approval_db, reference="PCS-7K3M-9QW3").items == ()


def test_the_decisions_of_a_department_on_the_chosen_days_alone_are_listed(approval_db, reference) -> None:
    elsewhere = pending(approval_db, department="finance")
    approve(approval_db, elsewhere, by(desk("finance")))
    assert [one.status for one in decided(approval_db, **on(MONDAY)).items] == ["withdrawn", "approved"]
    assert [one.status for one in decided(approval_db, **on(MONDAY, TUESDAY)).items] == [
        "withdrawn",
        "approved",
    ]
    assert decided(approval_db, **on(TUESDAY)).items == ()
    assert len(decided(approval_db, **on(MONDAY, department="finance")).items) == 1


def test_a_year_and_the_first_and_the_last_day_of_all_can_be_asked_for(approval_db, reference) -> None:
    assert len(decided(approval_db, **on(MONDAY, MONDAY + timedelta(days=365))).items) == 2
    for day in (date.min, date.max):
        assert decided(approval_db, **on(day)).items == ()


def test_pages_have_no_gap_and_no_repeat(approval_db) -> None:
    for _ in range(5):
        review = pending(approval_db)
        approve(approval_db, review)
    seen, after = [], None
    for _ in range(3):
        page = decided(approval_db, **on(MONDAY, limit=2, after=after))
        seen += [one.reference for one in page.items]
        after = page.next
    assert after is None
    assert len(set(seen)) == len(seen) == 5


def test_a_question_for_everything_is_refused(approval_db) -> None:
    for question in (
        {},
        {"department": "home"},
        {"first": MONDAY, "last": MONDAY},
        {"reference": "Kaur"},
        on(MONDAY, after="x"),
        on(MONDAY, date.max),
        on(date.min, MONDAY),
        on(MONDAY, MONDAY + timedelta(days=366)),
    ):
        with pytest.raises(InvalidInput):
            decided(approval_db, **question)


def test_nobody_but_an_auditor_asks(approval_db, reference) -> None:
    with pytest.raises(Forbidden):
        decided(approval_db, desk().model_copy(update={"role": "ops"}), reference=reference)

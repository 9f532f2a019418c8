"""Approvals of watched visits: by two officers, and what the gate is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from contracts.errors import Conflict
from contracts.events import ApplicationSubmitted, PassApproved
from contracts.rpc.approval.decisions import Forward, Withdraw
from services.approval.handlers import decisions
from services.approval.models.reviews import FirstApprovalRow, ReviewRow
from tests.integration.approval.handlers.watch import (
    FIRST,
    SECOND,
    advice,
    approve,
    end,
    matches,
    settle,
    stranger,
    view,
)
from tests.support.factories.approval import (
    HANDLERS,
    NOW,
    TUESDAY,
    active,
    amended,
    by,
    confirm,
    deliver,
    desk,
    erased,
    everything,
    invited,
    pending,
    propose,
    published,
    received,
    review_id_of,
    slot,
    submitted,
)
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.running import eventually


def test_a_watched_visit_is_approved_by_two_different_officers(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    waiting = approve(approval_db, review_id)
    assert (waiting.status, waiting.first_approval.approved_by) == ("pending", "HOM-0001")
    assert published(approval_db, PassApproved) == []
    with pytest.raises(Conflict) as refused:
        approve(approval_db, review_id)
    assert refused.value.body.code == "second_officer"
    approved = approve(approval_db, review_id, SECOND)
    assert (approved.status, approved.decision.decided_by) == ("approved", "HOM-0002")
    assert approved.first_approval.approved_by == "HOM-0001"
    assert len(published(approval_db, PassApproved)) == 1


def test_the_second_officer_approves_the_terms_of_the_first(approval_db) -> None:
    active(approval_db)
    for other in (
        {"slot": slot(start="11:00")},
        {"gate": "T1-G2"},
        {"entries": 2},
        {"vehicle_allowed": True},
    ):
        review_id = pending(approval_db)
        approve(approval_db, review_id)
        assert approve(approval_db, review_id, SECOND, **other).status == "pending"
        first = view(approval_db, review_id).first_approval
        assert first.approved_by == "HOM-0002"
        assert {name: getattr(first, name) for name in other} == other
        assert approve(approval_db, review_id, FIRST, **other).status == "approved"


def test_two_officers_approve_the_same_days_and_the_first_gives_the_reason(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    thursday, friday = TUESDAY + timedelta(days=2), TUESDAY + timedelta(days=3)
    approve(approval_db, review_id)
    several = {"last_day": friday, "days_reason": "a hearing"}
    assert approve(approval_db, review_id, SECOND, **several).status == "pending"
    first = view(approval_db, review_id).first_approval
    assert (first.approved_by, first.further_days) == ("HOM-0002", (thursday, friday))
    assert first.days_reason == "a hearing"
    decision = approve(approval_db, review_id, FIRST, last_day=friday).decision
    assert (decision.further_days, decision.days_reason) == ((thursday, friday), "a hearing")


def test_an_erasure_takes_the_reason_of_a_first_approval(approval_db) -> None:
    active(approval_db)
    event, friday = submitted(), TUESDAY + timedelta(days=3)
    deliver(approval_db, event)
    review_id = review_id_of(approval_db, event.application_id)
    approve(approval_db, review_id, last_day=friday, days_reason="a hearing on three days")
    deliver(approval_db, erased(event), seq=2)
    assert "a hearing" not in str(everything(approval_db))


def test_an_entry_marks_a_visit_until_its_last_day(approval_db) -> None:
    review_id, friday = pending(approval_db), TUESDAY + timedelta(days=3)
    approve(approval_db, review_id, last_day=friday, days_reason="a hearing")
    confirm(approval_db, propose(approval_db, valid_until=friday).id, at=NOW + timedelta(days=3))
    assert view(approval_db, review_id).second_officer
    assert len(matches(approval_db, now=NOW + timedelta(days=4))) == 1
    assert matches(approval_db, now=NOW + timedelta(days=5)) == ()


def test_a_first_approval_ends_when_another_department_gets_the_review(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    approve(approval_db, review_id)

    def forward(by_whom, **to):
        with approval_db.transaction() as session:
            decisions.forward(Forward(review_id=review_id, **to), by(by_whom), session, NOW)

    forward(FIRST, officer="home-secretary")
    assert view(approval_db, review_id).first_approval is not None
    forward(FIRST, department="finance")
    forward(desk("finance", "FIN-0001"), department="home")
    assert view(approval_db, review_id).first_approval is None
    assert approve(approval_db, review_id, SECOND).status == "pending"


def test_two_officers_who_approve_at_once_are_the_two_that_are_needed(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    outcomes = run_concurrently(
        lambda: approve(approval_db, review_id).status, lambda: approve(approval_db, review_id, SECOND).status
    )
    assert sorted(outcomes) == ["approved", "pending"]
    assert len(published(approval_db, PassApproved)) == 1


def test_one_officer_who_approves_many_times_at_once_is_one(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)

    def attempt():
        try:
            return approve(approval_db, review_id).status
        except Conflict as error:
            return error.body.code

    outcomes = run_concurrently(*[attempt] * 4)
    assert sorted(outcomes) == ["pending", "second_officer", "second_officer", "second_officer"]
    assert published(approval_db, PassApproved) == []


def test_a_match_that_appears_between_opening_and_approving_holds_the_approval(approval_db) -> None:
    review_id = pending(approval_db)
    opened = view(approval_db, review_id)
    assert not opened.second_officer
    active(approval_db)
    with approval_db.transaction() as session:
        session.execute(text("delete from watchlist_matches"))  # as if it had not been marked yet
    assert approve(approval_db, review_id).status == "pending"
    assert approve(approval_db, review_id, SECOND).status == "approved"


def test_an_entry_that_is_confirmed_while_a_visit_is_approved_holds_it_or_tells_the_gate(approval_db) -> None:
    for _ in range(8):
        review_id = pending(approval_db)
        entry_id = propose(approval_db).id
        run_concurrently(
            lambda review_id=review_id: approve(approval_db, review_id),
            lambda entry_id=entry_id: confirm(approval_db, entry_id),
        )
        with approval_db.transaction() as session:
            row = session.get_one(ReviewRow, review_id)
            assert row.is_watched
            assert row.status == "pending" or row.gate_told
        end(approval_db, entry_id)


def test_an_invitation_that_arrives_while_an_entry_is_confirmed_does_not_slip_past(approval_db) -> None:
    entry_id, event = propose(approval_db).id, invited()
    waiting = "select count(*) from pg_locks where not granted and locktype = 'advisory'"
    with ThreadPoolExecutor(1) as pool:
        with approval_db.transaction() as session:
            HANDLERS[ApplicationSubmitted](received(event), session)
            confirming = pool.submit(confirm, approval_db, entry_id)

            def has_met() -> bool:
                with approval_db.transaction() as other:
                    return confirming.done() or other.execute(text(waiting)).scalar_one() > 0

            eventually(has_met, "the confirmation waits, or is over")
        assert confirming.result().state == "active"
    with approval_db.transaction() as session:
        row = session.scalars(select(ReviewRow)).one()
        assert (row.status, row.is_watched, row.gate_told) == ("approved", True, True)


def test_a_new_revision_needs_two_approvals_again(approval_db) -> None:
    active(approval_db)
    event = submitted()
    deliver(approval_db, event)
    review_id = review_id_of(approval_db, event.application_id)
    approve(approval_db, review_id)
    deliver(approval_db, amended(event), seq=2)
    assert view(approval_db, review_id).first_approval is None
    with approval_db.transaction() as session:
        assert session.scalars(select(FirstApprovalRow)).all() == []
    assert approve(approval_db, review_id, SECOND).status == "pending"


def test_a_dismissed_match_needs_one_officer_and_a_confirmed_one_two(approval_db) -> None:
    active(approval_db)
    dismissed, confirmed = pending(approval_db), pending(approval_db)
    by_reference = {one.reference: one.id for one in matches(approval_db)}
    settled = settle(approval_db, by_reference[view(approval_db, dismissed).reference], "dismissed")
    assert (settled.settled_as, settled.settled_by, settled.note) == (
        "dismissed",
        "ADO-0001",
        "Looked at the ID card",
    )
    settle(approval_db, by_reference[view(approval_db, confirmed).reference], "confirmed")
    assert approve(approval_db, dismissed).status == "approved"
    assert approve(approval_db, confirmed).status == "pending"
    assert matches(approval_db) == ()
    with pytest.raises(Conflict) as refused:
        settle(approval_db, settled.id, "confirmed")
    assert refused.value.body.code == "already_settled"


def test_a_possible_match_that_is_confirmed_needs_two_officers(approval_db) -> None:
    active(approval_db, id_last4="9999")
    review_id = pending(approval_db)
    settle(approval_db, matches(approval_db)[0].id, "confirmed")
    assert approve(approval_db, review_id).status == "pending"


def test_the_gate_is_told_when_a_watched_visit_is_approved_and_when_the_match_is_dismissed(
    approval_db,
) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    assert advice(approval_db) == []
    approve(approval_db, review_id, SECOND)
    assert advice(approval_db) == [True]
    settle(approval_db, matches(approval_db)[0].id, "dismissed")
    assert advice(approval_db) == [True, False]


def test_the_gate_is_told_about_a_visit_that_was_approved_before_the_entry(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    assert advice(approval_db) == [False]
    entry = active(approval_db)
    assert advice(approval_db) == [False, True]
    end(approval_db, entry.id)
    assert advice(approval_db) == [False, True, False]
    with approval_db.transaction() as session:
        decisions.withdraw(Withdraw(review_id=review_id, reason="other"), by(FIRST), session, NOW)
    assert view(approval_db, review_id).status == "withdrawn"


def test_what_is_published_of_an_approval_does_not_betray_a_match(approval_db) -> None:
    active(approval_db)
    unwatched, watched = pending(approval_db, personal=stranger()), pending(approval_db)
    approve(approval_db, unwatched)
    approve(approval_db, watched)
    approve(approval_db, watched, SECOND)
    assert advice(approval_db) == [False, True]
    with approval_db.transaction() as session:
        rows = session.execute(text("select subject, type from outbox order by position")).all()
    kinds = [[kind for subject, kind in rows if subject == one] for one in {subject for subject, _ in rows}]
    assert kinds == [["PassApproved", "GateAdvised"]] * 2


def test_nothing_of_the_watchlist_is_in_clear_in_an_event(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    approve(approval_db, review_id, SECOND)
    with approval_db.transaction() as session:
        events = session.execute(text("select type, data from outbox order by position")).all()
    assert [kind for kind, _ in events] == ["PassApproved", "GateAdvised"]
    clear = str([data for _, data in events])
    for word in ("watch", "supervisor", "HOM-0001", "Threatened", "4821", "first"):
        assert word not in clear


def test_an_invitation_of_somebody_on_the_list_needs_another_officer_than_the_one_who_invited(
    approval_db,
) -> None:
    active(approval_db)
    first = invited()
    deliver(approval_db, first)
    assert published(approval_db, PassApproved) == []
    review_id = review_id_of(approval_db, first.application_id)
    with pytest.raises(Conflict) as refused:
        approve(approval_db, review_id, SECOND)
    assert refused.value.body.code == "second_officer"
    approve(approval_db, review_id, FIRST)
    assert len(published(approval_db, PassApproved)) == 1

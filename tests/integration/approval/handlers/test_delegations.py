"""Delegations on real rows: made, listed and ended by a department, and what they let a login decide."""

import threading
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import ApprovalWithdrawn, PassApproved, PassRejected, ReviewEscalated
from contracts.rpc.approval.capacity import SetCapacity
from contracts.rpc.approval.decisions import Delegate, DelegationId, Forward, Reject, Return, Withdraw
from contracts.rpc.approval.reviews import ReviewId, ReviewQuestion
from contracts.rpc.call import Page
from services.approval.handlers import capacity, decisions, delegations, queries, scheduled_jobs
from services.approval.models.reviews import ReviewRow
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    TUESDAY,
    amended,
    approval,
    assistant,
    by,
    deliver,
    desk,
    everything,
    ist,
    pending,
    published,
    review_id_of,
    slot,
    submitted,
)
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.extent import few_of

SECRETARY, UNDER_SECRETARY = "home-secretary", "home-under-secretary"
CLERK = desk(login="HOM-0002")


def delegate(database, call=None, at=NOW, **changes):
    usual = {"officer": SECRETARY, "login": "HOM-0002", "first_day": MONDAY, "last_day": TUESDAY}
    with database.transaction() as session:
        return delegations.delegate(Delegate(**{**usual, **changes}), call or by(desk()), session, at)


def end(database, made, call=None, at=NOW):
    with database.transaction() as session:
        return delegations.end_delegation(
            DelegationId(delegation_id=made.id), call or by(desk()), session, at
        )


def approve(database, review_id, principal=CLERK, at=NOW, key=None, **more):
    with database.transaction() as session:
        return decisions.approve(
            approval(review_id, **more), by(principal, key), session, at, furthest_days=30
        )


def seen(database, review_id, principal=CLERK, at=NOW):
    with database.transaction() as session:
        return queries.view_review(ReviewId(review_id=review_id), by(principal), session, at)


def test_a_department_makes_lists_and_ends_a_delegation_once_for_each_key(approval_db) -> None:
    first = delegate(approval_db, by(desk(), "key-1"), stand_in=UNDER_SECRETARY)
    assert delegate(approval_db, by(desk(), "key-1"), stand_in=UNDER_SECRETARY) == first
    second = delegate(approval_db, at=NOW + timedelta(minutes=1), login="HOM-0003")
    assert (first.starts, first.ends) == (ist(MONDAY, 0), ist(date(2026, 3, 4), 0))
    assert (first.made_by, first.ended_at) == ("HOM-0001", None)
    with approval_db.transaction() as session:
        page = delegations.list_delegations(Page(limit=1), by(desk()), session)
        rest = delegations.list_delegations(Page(after=page.next), by(desk()), session)
        assert (page.items, rest.items, rest.next) == ((second,), (first,), None)
        assert delegations.list_delegations(Page(), by(desk("finance", "FIN-0001")), session).items == ()
    ended = end(approval_db, first)
    assert (ended.ended_at, ended.ended_by) == (NOW, "HOM-0001")
    assert end(approval_db, first, by(CLERK), NOW + timedelta(hours=1)) == ended, "it stays as it is"


def test_who_may_not_delegate_changes_nothing(approval_db) -> None:
    made = delegate(approval_db)
    before = everything(approval_db)
    for call, error in (
        (by(assistant()), Forbidden),
        (by(desk(site="T1")), Forbidden),
        (by(desk("finance", "FIN-0001")), InvalidInput),
        (by(desk().model_copy(update={"role": "reception"})), Forbidden),
    ):
        with pytest.raises(error):
            delegate(approval_db, call)
    with pytest.raises(Forbidden), approval_db.transaction() as session:
        capacity.set_capacity(SetCapacity(capacity=None), by(assistant()), session, NOW, furthest_days=30)
    with pytest.raises(NotFound):
        end(approval_db, made, by(desk("finance", "FIN-0001")))
    with pytest.raises(Forbidden):
        end(approval_db, made, by(assistant(login="HOM-0002")))
    assert everything(approval_db) == before


def test_a_decision_by_delegation_is_recorded_and_published_under_both_names(approval_db) -> None:
    delegate(approval_db)
    review_id, other = pending(approval_db, officer=SECRETARY), pending(approval_db, officer=UNDER_SECRETARY)
    assert seen(approval_db, review_id).on_behalf_of == SECRETARY
    assert seen(approval_db, review_id, desk()).on_behalf_of is None
    decided = approve(approval_db, review_id, on_behalf_of=SECRETARY).decision
    assert (decided.decided_by, decided.on_behalf_of) == ("HOM-0002", SECRETARY)
    assert approve(approval_db, other).decision.on_behalf_of is None
    with approval_db.transaction() as session:
        request = Withdraw(review_id=review_id, reason="officer_unavailable")
        decisions.withdraw(request, by(CLERK), session, NOW)
        refusal = Reject(review_id=pending(approval_db, officer=SECRETARY), reason="duplicate")
        decisions.reject(refusal, by(CLERK), session, NOW)
    assert [event.on_behalf_of for event in published(approval_db, PassApproved)] == [SECRETARY, None]
    assert [event.on_behalf_of for event in published(approval_db, ApprovalWithdrawn)] == [SECRETARY]
    assert [event.on_behalf_of for event in published(approval_db, PassRejected)] == [SECRETARY]


def test_a_delegation_that_ended_between_the_page_and_the_click_decides_nothing(approval_db) -> None:
    made = delegate(approval_db)
    review_id = pending(approval_db, officer=SECRETARY)
    claimed = seen(approval_db, review_id).on_behalf_of
    end(approval_db, made)
    before = everything(approval_db)
    with pytest.raises(Conflict) as refused:
        approve(approval_db, review_id, on_behalf_of=claimed)
    assert refused.value.body.code == "delegation_ended"
    with pytest.raises(Conflict):
        approve(approval_db, review_id, on_behalf_of=claimed, at=ist(date(2026, 3, 4), 9))
    assert everything(approval_db) == before


@pytest.mark.parametrize("attempt", few_of(range(6)))
def test_of_an_approval_and_the_end_of_its_delegation_at_once_the_first_one_counts(
    approval_db, attempt
) -> None:
    made = delegate(approval_db)
    review_ids = [pending(approval_db, officer=SECRETARY, party=1) for _ in range(6)]
    run_concurrently(
        *(lambda one=one: approve(approval_db, one, on_behalf_of=SECRETARY) for one in review_ids),
        lambda: end(approval_db, made),
    )
    with approval_db.transaction() as session:
        decided = [row for row in session.scalars(select(ReviewRow)) if row.decisions]
        assert all(row.decisions[0].on_behalf_of == SECRETARY for row in decided)
    late = pending(approval_db, officer=SECRETARY)
    with pytest.raises(Conflict):
        approve(approval_db, late, on_behalf_of=SECRETARY)


def test_a_delegation_does_not_end_while_a_decision_by_it_is_being_stored(approval_db) -> None:
    made = delegate(approval_db)
    review_id = pending(approval_db, officer=SECRETARY)
    ended = threading.Event()

    def end_it() -> None:
        end(approval_db, made, at=NOW + timedelta(minutes=1))
        ended.set()

    with approval_db.transaction() as session:
        decisions.approve(
            approval(review_id, on_behalf_of=SECRETARY), by(CLERK), session, NOW, furthest_days=30
        )
        thread = threading.Thread(target=end_it)
        thread.start()
        assert not ended.wait(0.5)
    thread.join()
    assert ended.is_set()


def test_an_assistant_prepares_and_decides_only_where_a_delegation_says_so(approval_db) -> None:
    helper = assistant()
    review_id, other = pending(approval_db, officer=SECRETARY), pending(approval_db, officer=SECRETARY)
    shown = seen(approval_db, review_id, helper)
    assert (shown.may_decide, shown.on_behalf_of) == (False, None)
    before = everything(approval_db)
    for attempt in (
        lambda: approve(approval_db, review_id, helper),
        lambda: approve(approval_db, review_id, helper, on_behalf_of=SECRETARY),
    ):
        with pytest.raises((Forbidden, Conflict)):
            attempt()
    with pytest.raises(Forbidden) as refused, approval_db.transaction() as session:
        decisions.reject(Reject(review_id=review_id, reason="duplicate"), by(helper), session, NOW)
    assert refused.value.body.code == "no_delegation"
    assert everything(approval_db) == before
    with approval_db.transaction() as session:
        back = decisions.return_to_applicant(
            Return(review_id=review_id, note="Which file?"), by(helper), session, NOW
        )
        forwarded = decisions.forward(
            Forward(review_id=other, officer=UNDER_SECRETARY), by(helper), session, NOW
        )
    assert (back.decision.decided_by, back.decision.on_behalf_of) == ("HOM-0009", None)
    assert forwarded.officer == UNDER_SECRETARY
    delegate(approval_db, login="HOM-0009")
    third = pending(approval_db, officer=SECRETARY)
    assert (seen(approval_db, third, helper).may_decide, seen(approval_db, third, helper).on_behalf_of) == (
        True,
        SECRETARY,
    )
    assert approve(approval_db, third, helper).decision.on_behalf_of == SECRETARY


def test_a_delegation_to_a_login_of_another_department_decides_nothing(approval_db) -> None:
    delegate(approval_db, login="FIN-0001")
    with pytest.raises(NotFound):
        approve(approval_db, pending(approval_db, officer=SECRETARY), desk("finance", "FIN-0001"))
    with approval_db.transaction() as session:
        assert delegations.held_by(session, desk("finance", "FIN-0001"), NOW) == []


def test_the_queue_says_for_whom_the_reader_would_decide(approval_db) -> None:
    delegate(approval_db)
    pending(approval_db, officer=SECRETARY)
    pending(approval_db, officer=UNDER_SECRETARY)
    with approval_db.transaction() as session:
        found = queries.list_reviews(ReviewQuestion(), by(CLERK), session, NOW).items
    assert {one.officer: one.on_behalf_of for one in found} == {SECRETARY: SECRETARY, UNDER_SECRETARY: None}


def test_a_new_application_for_an_officer_who_is_away_goes_to_the_stand_in(approval_db) -> None:
    delegate(approval_db, stand_in=UNDER_SECRETARY)
    later = slot(date(2026, 3, 5))
    away, there = submitted(officer=SECRETARY), submitted(officer=SECRETARY, preferred=(later,))
    for event in (away, there):
        deliver(approval_db, event)
    shown = seen(approval_db, review_id_of(approval_db, away.application_id))
    assert (shown.officer, shown.instead_of, shown.on_behalf_of) == (UNDER_SECRETARY, SECRETARY, SECRETARY)
    other = seen(approval_db, review_id_of(approval_db, there.application_id))
    assert (other.officer, other.instead_of) == (SECRETARY, None)
    deliver(approval_db, amended(away, preferred=(later,)), 2)
    moved = seen(approval_db, review_id_of(approval_db, away.application_id))
    assert (moved.officer, moved.instead_of) == (SECRETARY, None), "back, once they are there"


def test_a_review_that_was_forwarded_stays_where_it_was_sent(approval_db) -> None:
    event = submitted(officer=SECRETARY)
    deliver(approval_db, event)
    review_id = review_id_of(approval_db, event.application_id)
    with approval_db.transaction() as session:
        decisions.forward(Forward(review_id=review_id, officer=UNDER_SECRETARY), by(desk()), session, NOW)
    delegate(approval_db, stand_in="home-under-secretary")
    deliver(approval_db, amended(event, purpose_kind="hearing"), 2)
    assert (seen(approval_db, review_id).officer, seen(approval_db, review_id).instead_of) == (
        UNDER_SECRETARY,
        None,
    )


def test_the_first_step_of_an_escalation_names_the_stand_in(approval_db) -> None:
    pending(approval_db, officer=SECRETARY)
    delegate(approval_db, stand_in=UNDER_SECRETARY)
    with approval_db.transaction() as session:
        scheduled_jobs.escalate_waiting(session, ist(MONDAY, 14))
    assert [(one.step, one.officer) for one in published(approval_db, ReviewEscalated)] == [
        ("stand_in", UNDER_SECRETARY)
    ]

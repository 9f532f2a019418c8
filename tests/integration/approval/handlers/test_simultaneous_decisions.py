"""Decisions that are made at once, or made again: one has an effect, and the others learn of it."""

import threading

import pytest

from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound
from tests.integration.approval.handlers.decide import COMMANDS, approve, forward, refused, reject, send_back
from tests.support.factories.approval import (
    NOW,
    by,
    cancelled,
    deliver,
    desk,
    everything,
    pending,
    published,
    review_id_of,
    submitted,
)
from tests.support.stack.extent import few_of


def test_a_repeat_with_the_same_key_has_no_second_effect_and_the_same_answer(approval_db) -> None:
    for name, command in COMMANDS.items():
        review_id, key = pending(approval_db), f"key-{name}"
        if name == "withdraw":
            approve(approval_db, review_id)
        answer = command(approval_db, review_id, by(desk(), key))
        before = everything(approval_db)
        assert command(approval_db, review_id, by(desk(), key)) == answer
        assert everything(approval_db) == before


def test_a_key_with_another_body_is_refused(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id, by(desk(), "key-1"))
    refused(approval_db, IdempotencyKeyReused, approve, review_id, by(desk(), "key-1"), entries=2)


def test_two_logins_may_use_the_same_key(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id, by(desk(), "key-1"))
    assert (
        refused(approval_db, Conflict, approve, review_id, by(desk(login="HOM-0002"), "key-1")).code
        == "already_decided"
    )


def test_a_refused_command_may_be_repeated_with_its_key_once_it_is_possible(approval_db) -> None:
    review_id = pending(approval_db)
    late = NOW.replace(day=4)
    refused(approval_db, InvalidInput, approve, review_id, by(desk(), "key-1"), at=late)
    assert approve(approval_db, review_id, by(desk(), "key-1")).status == "approved"


def at_once(*commands):
    """Run each on a thread; return what each answered or raised."""
    start, outcomes = threading.Barrier(len(commands)), [None] * len(commands)

    def run(index, command) -> None:
        start.wait()
        try:
            outcomes[index] = command()
        except Conflict as conflict:
            outcomes[index] = conflict

    threads = [threading.Thread(target=run, args=numbered) for numbered in enumerate(commands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("attempt", few_of(range(5)))
def test_of_many_decisions_at_once_one_wins_and_the_others_learn_by_whom(approval_db, attempt) -> None:
    review_id = pending(approval_db)
    calls = [by(desk(login=f"HOM-000{number}"), f"key-{number}") for number in range(8)]
    kinds = [approve, reject, send_back, approve]
    outcomes = at_once(
        *(
            lambda call=call, kind=kinds[at % 4]: kind(approval_db, review_id, call)
            for at, call in enumerate(calls)
        )
    )
    (winner,) = [outcome for outcome in outcomes if not isinstance(outcome, Conflict)]
    losers = [outcome.body for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(losers) == 7
    assert {(body.code, body.facts["decided_by"], body.facts["status"]) for body in losers} == {
        ("already_decided", winner.decision.decided_by, winner.status)
    }
    assert len(published(approval_db)) == 1
    assert len(everything(approval_db)["decisions"]) == 1


@pytest.mark.parametrize("attempt", few_of(range(3), 1))
def test_of_many_approved_at_once_only_those_that_another_officer_decided_fail(approval_db, attempt) -> None:
    ids = [pending(approval_db) for _ in range(8)]
    contested = ids[:3]
    first, second = desk(), desk(login="HOM-0002")
    outcomes = at_once(
        *(lambda one=one: approve(approval_db, one, by(first, f"many:{one}")) for one in ids),
        *(lambda one=one: reject(approval_db, one, by(second, f"other:{one}")) for one in contested),
    )
    approvals, rejections = outcomes[:8], outcomes[8:]
    for index in range(3):
        pair = (approvals[index], rejections[index])
        (lost,) = [outcome for outcome in pair if isinstance(outcome, Conflict)]
        assert lost.body.code == "already_decided"
    assert [outcome.status for outcome in approvals[3:]] == ["approved"] * 5
    assert len(everything(approval_db)["decisions"]) == len(published(approval_db)) == 8


def test_a_command_and_its_repeat_at_once_have_one_effect_and_one_answer(approval_db) -> None:
    review_id = pending(approval_db)
    outcomes = at_once(*[lambda: approve(approval_db, review_id, by(desk(), "key-1"))] * 6)
    assert all(outcome == outcomes[0] for outcome in outcomes)
    assert len(published(approval_db)) == 1


def test_a_decision_and_a_cancellation_at_once_end_closed_and_are_published_in_order(approval_db) -> None:
    first = submitted()
    deliver(approval_db, first)
    review_id = review_id_of(approval_db, first.application_id)
    decided, _ = at_once(
        lambda: approve(approval_db, review_id), lambda: deliver(approval_db, cancelled(first), 2)
    )
    assert everything(approval_db)["reviews"][0]["status"] == "closed"
    assert len(published(approval_db)) == (0 if isinstance(decided, Conflict) else 1)
    if isinstance(decided, Conflict):
        assert decided.body.code == "application_closed"


def test_a_review_forwarded_while_another_login_decides_is_decided_by_one_department(approval_db) -> None:
    review_id = pending(approval_db)

    def decide():
        try:
            return approve(approval_db, review_id, by(desk(login="HOM-0002")))
        except NotFound as gone:
            return gone

    decided, forwarded = at_once(decide, lambda: forward(approval_db, review_id))
    if isinstance(decided, NotFound):
        assert forwarded.department == "finance"
        assert published(approval_db) == []
    else:
        assert forwarded.body.code == "already_decided"
        assert everything(approval_db)["forwardings"] == []

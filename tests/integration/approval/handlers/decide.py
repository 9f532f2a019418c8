"""Decide about a review, as the department of a review does."""

import pytest

from contracts.rpc.approval.decisions import Forward, Reject, Return, Withdraw
from services.approval.handlers import decisions
from tests.support.factories.approval import NOW, approval, by, desk, everything


def approve(database, review_id, call=None, at=NOW, **terms):
    with database.transaction() as session:
        return decisions.approve(
            approval(review_id, **terms), call or by(desk()), session, at, furthest_days=30
        )


def reject(database, review_id, call=None, **refusal):
    with database.transaction() as session:
        return decisions.reject(
            Reject(**{"review_id": review_id, "reason": "duplicate", **refusal}),
            call or by(desk()),
            session,
            NOW,
        )


def send_back(database, review_id, call=None, note="Which file?", **more):
    with database.transaction() as session:
        return decisions.return_to_applicant(
            Return(review_id=review_id, note=note, **more), call or by(desk()), session, NOW
        )


def forward(database, review_id, call=None, **to):
    with database.transaction() as session:
        return decisions.forward(
            Forward(review_id=review_id, **(to or {"department": "finance"})),
            call or by(desk()),
            session,
            NOW,
        )


def withdraw(database, review_id, call=None, reason="officer_unavailable", note=""):
    with database.transaction() as session:
        return decisions.withdraw(
            Withdraw(review_id=review_id, reason=reason, note=note), call or by(desk()), session, NOW
        )


COMMANDS = {
    "approve": approve,
    "reject": reject,
    "return": send_back,
    "forward": forward,
    "withdraw": withdraw,
}


def refused(database, kind, command, *arguments, **more):
    """Return the refusal, after a check that nothing has changed."""
    before = everything(database)
    with pytest.raises(kind) as refusal:
        command(database, *arguments, **more)
    assert everything(database) == before
    return refusal.value.body

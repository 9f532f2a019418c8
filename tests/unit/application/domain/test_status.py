"""The status is a function of the facts."""

from typing import Any

import pytest

from services.application.domain.status import (
    Decision,
    Facts,
    Pass,
    current_pass,
    decision_in_force,
    status_of,
)

VALID = Pass("A", issued=True)
REVOKED = Pass("A", issued=True, revoked=True)
REPLACED = Pass("A", issued=True, revoked=True, replaced=True)
REPLACEMENT = Pass("B", issued=True, replaces="A")
SET_ASIDE = Pass("A", issued=True, revoked=True, day_closed=True)
REISSUED_SET_ASIDE = Pass("B", issued=True, revoked=True, replaces="A", day_closed=True)
ANOTHER = Pass("B", issued=True)
CLOSED = Decision("returned", 1, day_closed=True)


def decided(kind: Any, revision: int = 1) -> Decision:
    return Decision(kind, revision)


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        (Facts(1), "submitted"),
        (Facts(1, decision=decided("approved")), "approved"),
        (Facts(1, decision=decided("rejected")), "rejected"),
        (Facts(1, decision=decided("returned")), "returned"),
        (Facts(2, decision=decided("returned")), "submitted"),
        (Facts(2, decision=decided("rejected", 2)), "rejected"),
        (Facts(1, decision=decided("withdrawn")), "revoked"),
        (Facts(1, expired=True), "expired"),
        (Facts(1, expired=True, decision=decided("returned")), "expired"),
        (Facts(1, expired=True, decision=decided("approved")), "approved"),
        (Facts(1, expired=True, decision=decided("rejected")), "rejected"),
        (Facts(1, decision=decided("approved"), passes=(VALID,)), "issued"),
        (Facts(1, passes=(VALID,)), "issued"),
        (Facts(1, decision=decided("withdrawn"), passes=(VALID,)), "revoked"),
        (Facts(1, decision=decided("approved"), passes=(REVOKED,)), "revoked"),
        (Facts(1, decision=decided("approved"), passes=(Pass("A", revoked=True),)), "revoked"),
        (Facts(1, decision=decided("approved"), passes=(REPLACED,)), "issued"),
        (Facts(1, decision=decided("approved"), passes=(REPLACED, REPLACEMENT)), "issued"),
        (Facts(1, passes=(VALID,), inside=2), "entered"),
        (Facts(1, passes=(VALID,), inside=0), "left"),
        (Facts(1, passes=(REVOKED,), inside=1), "entered"),
        (Facts(1, inside=0), "left"),
        (Facts(1, decision=CLOSED, passes=(VALID,)), "returned"),
        (Facts(1, decision=CLOSED, passes=(SET_ASIDE,)), "returned"),
        (Facts(2, decision=CLOSED, passes=(VALID,)), "submitted"),
        (Facts(2, decision=CLOSED, passes=(SET_ASIDE,)), "submitted"),
        (Facts(1, decision=CLOSED, passes=(SET_ASIDE,), expired=True), "expired"),
        (Facts(2, decision=decided("rejected", 2), passes=(SET_ASIDE,)), "rejected"),
        (Facts(2, decision=decided("approved", 2), passes=(SET_ASIDE,)), "approved"),
        (Facts(2, decision=decided("approved", 2), passes=(SET_ASIDE, ANOTHER)), "issued"),
        (Facts(2, decision=decided("withdrawn", 2), passes=(SET_ASIDE, ANOTHER)), "revoked"),
        (Facts(1, decision=CLOSED, passes=(SET_ASIDE,), inside=1), "entered"),
        (Facts(1, decision=CLOSED, passes=(SET_ASIDE,), inside=0), "returned"),
        (Facts(2, decision=decided("approved", 2), passes=(SET_ASIDE,), inside=0, scanned="A"), "approved"),
        (Facts(2, decision=decided("rejected", 2), passes=(SET_ASIDE,), inside=0, scanned="A"), "rejected"),
        (
            Facts(2, decision=decided("approved", 2), passes=(SET_ASIDE, ANOTHER), inside=0, scanned="A"),
            "issued",
        ),
        (
            Facts(2, decision=decided("approved", 2), passes=(SET_ASIDE, ANOTHER), inside=1, scanned="A"),
            "entered",
        ),
        (
            Facts(2, decision=decided("approved", 2), passes=(SET_ASIDE, ANOTHER), inside=0, scanned="B"),
            "left",
        ),
        (
            Facts(
                2,
                decision=decided("approved", 2),
                passes=(REPLACED, REISSUED_SET_ASIDE),
                inside=0,
                scanned="A",
            ),
            "approved",
        ),
        (
            Facts(1, decision=decided("approved"), passes=(REPLACED, REPLACEMENT), inside=0, scanned="A"),
            "left",
        ),
        (Facts(1, cancelled=True, decision=decided("approved"), passes=(VALID,)), "cancelled"),
        (Facts(1, cancelled=True, passes=(REVOKED,)), "cancelled"),
    ],
)
def test_the_status_follows_from_the_facts(facts: Facts, status: str) -> None:
    assert status_of(facts) == status


def test_a_decision_about_an_older_revision_is_not_in_force() -> None:
    assert decision_in_force(Facts(2, decision=decided("rejected", 1))) is None
    assert decision_in_force(Facts(2, decision=decided("rejected", 2))) == decided("rejected", 2)
    assert decision_in_force(Facts(2, decision=decided("approved", 1))) == decided("approved", 1), (
        "there is a pass"
    )


def test_the_current_pass_is_the_one_that_no_other_replaced() -> None:
    assert current_pass(()) is None
    assert current_pass((Pass("A", revoked=True),)) is None
    assert current_pass((VALID, REPLACEMENT)) == REPLACEMENT
    assert current_pass((REPLACED, REPLACEMENT)) == REPLACEMENT
    assert current_pass((REVOKED,)) == REVOKED

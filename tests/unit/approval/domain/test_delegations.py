"""Delegation: who decides for whom, and whom a visit goes to while an officer is away."""

from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest

from contracts.errors import Conflict, Forbidden, InvalidInput
from services.approval.domain.delegations import (
    Decider,
    Delegation,
    check,
    decides_for,
    period,
    stand_in_of,
)
from tests.support.factories.approval import MONDAY, NOW, SATURDAY, TUESDAY, department, ist, officer, slot

SECRETARY, UNDER_SECRETARY = "home-secretary", "home-under-secretary"
CLERK, ASSISTANT = Decider("HOM-0002"), Decider("HOM-0009", assistant_of=SECRETARY)


def delegation(officer: str = SECRETARY, first: date = MONDAY, last: date = TUESDAY, **facts) -> Delegation:
    starts, ends = period(first, last)
    usual = {"id": uuid4(), "login": "HOM-0002", "stand_in": None, "starts": starts, "ends": ends}
    return Delegation(officer=officer, **{**usual, **facts})


def test_a_period_is_whole_days_in_india() -> None:
    assert period(MONDAY, TUESDAY) == (ist(MONDAY, 0), ist(date(2026, 3, 4), 0))


@pytest.mark.parametrize(
    ("at", "officer"),
    [
        (ist(MONDAY, 0) - timedelta(seconds=1), None),
        (ist(MONDAY, 0), SECRETARY),
        (ist(TUESDAY, 23, 59), SECRETARY),
        (ist(date(2026, 3, 4), 0), None),
    ],
)
def test_a_login_decides_for_an_officer_within_the_period_and_else_in_its_own_name(
    at: datetime, officer: str | None
) -> None:
    assert decides_for(CLERK, (SECRETARY, None), [delegation()], at) == officer


def test_a_delegation_is_about_visits_to_its_officer_alone() -> None:
    assert decides_for(CLERK, (UNDER_SECRETARY, None), [delegation()], NOW) is None
    assert decides_for(CLERK, (None, None), [delegation()], NOW) is None
    assert decides_for(CLERK, (UNDER_SECRETARY, SECRETARY), [delegation()], NOW) == SECRETARY, "stands in"


def test_whoever_means_to_decide_for_an_officer_is_refused_once_the_delegation_has_ended() -> None:
    ended = delegation(ends=NOW)
    assert decides_for(CLERK, (SECRETARY, None), [ended], NOW) is None
    with pytest.raises(Conflict) as refused:
        decides_for(CLERK, (SECRETARY, None), [ended], NOW, claimed=SECRETARY)
    assert refused.value.body.code == "delegation_ended"


def test_an_assistant_decides_only_by_a_delegation_also_about_visits_that_name_nobody() -> None:
    held = [delegation(login="HOM-0009")]
    assert decides_for(ASSISTANT, (SECRETARY, None), held, NOW) == SECRETARY
    assert decides_for(ASSISTANT, (None, None), held, NOW) == SECRETARY
    for officers, delegations in (((SECRETARY, None), []), ((UNDER_SECRETARY, None), held)):
        with pytest.raises(Forbidden) as refused:
            decides_for(ASSISTANT, officers, delegations, NOW)
        assert refused.value.body.code == "no_delegation"
        assert decides_for(ASSISTANT, officers, delegations, NOW, prepares=True) is None


def test_a_visit_goes_to_the_stand_in_if_its_first_choice_falls_into_the_absence() -> None:
    away = [delegation(stand_in=UNDER_SECRETARY)]
    assert stand_in_of(SECRETARY, (slot(TUESDAY),), away) == UNDER_SECRETARY
    assert stand_in_of(SECRETARY, (slot(date(2026, 3, 6)), slot(TUESDAY)), away) is None
    assert stand_in_of(UNDER_SECRETARY, (slot(TUESDAY),), away) is None
    assert stand_in_of(SECRETARY, (slot(TUESDAY),), [delegation()]) is None, "nobody is away"
    assert stand_in_of(None, (slot(TUESDAY),), away) is None


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({}, []),
        ({"officer": "nobody"}, [("officer", "unknown_officer")]),
        ({"stand_in": "nobody"}, [("stand_in", "unknown_officer")]),
        ({"stand_in": SECRETARY}, [("stand_in", "same_officer")]),
        (
            {"department": department(officers=(officer(SECRETARY), officer(UNDER_SECRETARY, closed=True)))},
            [("stand_in", "closed_officer")],
        ),
        ({"first_day": SATURDAY}, [("last_day", "ends_before_it_begins")]),
        ({"first_day": date(2026, 2, 1), "last_day": date(2026, 2, 2)}, [("last_day", "date_past")]),
        ({"last_day": date(2027, 3, 4)}, [("last_day", "too_long_a_time")]),
    ],
)
def test_a_delegation_that_makes_no_sense_is_refused_with_every_reason(changes, problems) -> None:
    facts = {
        "officer": SECRETARY,
        "stand_in": UNDER_SECRETARY,
        "first_day": MONDAY,
        "last_day": TUESDAY,
        "department": department(),
        "today": MONDAY,
        **changes,
    }
    if not problems:
        check(**facts)
        return
    with pytest.raises(InvalidInput) as refused:
        check(**facts)
    assert [(one.field, one.code) for one in refused.value.body.fields] == problems

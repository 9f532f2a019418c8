"""Departments for which a login can decide: published when it changes, and again each hour."""

from datetime import datetime, timedelta

import pytest

from contracts.events import DecidersChanged
from services.accounts.handlers import deciders
from tests.integration.accounts.handlers.managed import MIDNIGHT, NOON, TODAY, extend
from tests.support.factories.accounts import Accounts, given_login
from tests.support.stack.databases import execute


def told(accounts: Accounts, at: datetime = NOON) -> list[tuple[str, bool]]:
    """Return what one more look publishes, by department."""
    before = len(accounts.published(DecidersChanged))
    with accounts.db.transaction() as session:
        deciders.tell(session, at)
    events = [one.event for one in accounts.published(DecidersChanged)[before:]]
    return [(event.department, event.can_decide) for event in events]


def test_a_department_is_told_of_when_its_first_login_is_issued_and_when_its_last_one_ends(accounts) -> None:
    assert told(accounts) == [], "the ADO Branch decides for no department"
    first, second = accounts.issue().login_id, accounts.issue().login_id
    assert told(accounts) == [("home", True)]
    assert told(accounts) == []
    accounts.disable(first)
    assert told(accounts) == [], "the other one still decides"
    accounts.disable(second)
    assert told(accounts) == [("home", False)]
    accounts.issue()
    assert told(accounts) == [("home", True)]


def test_nobody_decides_any_more_after_the_last_day_of_the_last_login(accounts) -> None:
    login = accounts.issue(valid_until=TODAY, at=NOON).login_id
    assert told(accounts, MIDNIGHT - timedelta(seconds=1)) == [("home", True)]
    assert told(accounts, MIDNIGHT) == [("home", False)]
    extend(accounts, None, login, at=MIDNIGHT)
    assert told(accounts, MIDNIGHT) == [("home", True)]


def test_an_assistant_alone_decides_nothing(accounts) -> None:
    accounts.issue(assistant_of="home-secretary")
    assert told(accounts) == [("home", False)]


def test_logins_of_before_the_upgrade_are_told_of_at_the_first_look(accounts) -> None:
    given_login(accounts.db)  # its row alone: nothing was published of it
    assert told(accounts) == [("home", True)]


@pytest.mark.parametrize("told_at", [NOON - timedelta(hours=1), NOON + timedelta(days=400)])
def test_what_was_lost_on_the_way_or_told_by_a_wrong_clock_is_told_again(accounts, told_at) -> None:
    given_login(accounts.db)
    assert told(accounts) == [("home", True)]
    execute(accounts.db, "update told_departments set told_at = :at", at=told_at)
    assert told(accounts) == [("home", True)]

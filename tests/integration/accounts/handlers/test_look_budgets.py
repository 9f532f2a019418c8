"""Of how many people a login may see data in an hour, as the ADO Branch decides."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from contracts.errors import Forbidden, InvalidInput
from contracts.events import AccessChanged
from contracts.rpc.accounts.look_budgets import DEFAULTS, LookBudget, LookBudgets, SetLookBudgets
from contracts.second_factor import FRESH
from services.accounts.handlers import look_budgets
from services.accounts.models import LookBudgetRow
from tests.support.factories.accounts import ADO, Accounts, given_login, refusal_of

COLLEAGUE = "+919812300099"
OPS = {**DEFAULTS, "ops": LookBudget(warn=30, refuse=90)}


def decide(accounts: Accounts, roles, by=ADO, at=None) -> LookBudgets:
    return accounts._send(look_budgets.change, SetLookBudgets(roles=roles), by, at)


def decided(accounts: Accounts) -> LookBudgets:
    with accounts.db.queries() as session:
        return look_budgets.view(session)


def test_the_ado_branch_decides_and_a_role_that_it_never_heard_of_keeps_its_default(accounts) -> None:
    assert decided(accounts) == LookBudgets()
    decide(accounts, OPS)
    assert (decided(accounts).roles["ops"].warn, decided(accounts).changed_by) == (30, "ADO-0001")
    with accounts.db.transaction() as session:
        session.get_one(LookBudgetRow, 1).roles = {"ops": {"warn": 30, "refuse": None}}
    assert decided(accounts).roles == {**DEFAULTS, "ops": LookBudget(warn=30)}


def test_limits_are_not_lifted_unseen(accounts, monkeypatch) -> None:
    """The log has the numbers, the rest of the ADO Branch is told, and operations hear of it."""

    def raised(role: str) -> float:
        return REGISTRY.get_sample_value("epass_look_budgets_raised_total", {"role": role}) or 0

    accounts.issue(role="ado", department=None, mobile=COLLEAGUE)
    noted, before = [], {role: raised(role) for role in DEFAULTS}
    monkeypatch.setattr(look_budgets, "note_object", noted.append)
    decide(accounts, {**OPS, "auditor": LookBudget(warn=1_000_000)})
    assert sorted(noted) == ["auditor: 1000000, never", "ops: 30, 90"]
    assert {role for role in DEFAULTS if raised(role) != before[role]} == {"auditor"}
    told = accounts.published(AccessChanged)[-1].event
    assert (told.what, told.changed_by) == ("look_budgets_changed", "ADO-0001")
    assert told.personal.mobile == COLLEAGUE


def test_nobody_else_decides_and_a_stale_factor_does_not(accounts, start) -> None:
    given_login(accounts.db)
    officer = accounts.principal(accounts.log_in())
    assert isinstance(refusal_of(lambda: decide(accounts, OPS, officer)), Forbidden)
    _, enrolled = accounts.given_app("ADO-0001", at=start)
    ado = accounts.proven(enrolled.session)
    stale = refusal_of(lambda: decide(accounts, OPS, ado, start + FRESH + timedelta(seconds=1)))
    assert stale.body.code == "second_factor_stale"
    assert decided(accounts).changed_by is None


@pytest.mark.parametrize(
    "roles",
    [
        {"ops": LookBudget(warn=30)},
        {**DEFAULTS, "kiosk": LookBudget(warn=30)},
        {**DEFAULTS, "ops": LookBudget(warn=30, refuse=30)},
        {**DEFAULTS, "security": LookBudget(warn=30, refuse=90)},
    ],
    ids=["a role is missing", "a device", "refused before it is warned", "a gate is refused"],
)
def test_a_rule_that_nobody_could_mean_changes_nothing(accounts, roles) -> None:
    assert isinstance(refusal_of(lambda: decide(accounts, roles)), InvalidInput)
    assert decided(accounts).changed_by is None

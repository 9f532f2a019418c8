"""What operations hear of: access of the ADO Branch that somebody gets, and passwords that are wrong."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from contracts.events import AccessChanged
from contracts.model import Role
from services.accounts.metrics import SIGN_IN_FAILURES
from tests.support.factories.accounts import Accounts, given_ado, given_login, refusal_of


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_ado(accounts.db)
    given_ado(accounts.db, "ADO-0002")
    given_login(accounts.db)
    return accounts


def given(what: str) -> float:
    return REGISTRY.get_sample_value("epass_ado_access_given_total", {"what": what}) or 0


ACTS: dict[str, Callable[[Accounts, bool], object]] = {
    "issued": lambda accounts, of_ado: accounts.issue(
        **({"role": "ado", "department": None} if of_ado else {})
    ),
    "password_reset": lambda accounts, of_ado: accounts.reset("ADO-0002" if of_ado else "HOM-0001"),
    "factor_reset": lambda accounts, of_ado: accounts.reset_factor("ADO-0002" if of_ado else "HOM-0001"),
}


@pytest.mark.parametrize("what", ACTS)
def test_access_of_the_ado_branch_is_counted_and_that_of_others_is_not(accounts, what: str) -> None:
    before = given(what)
    ACTS[what](accounts, False)
    assert given(what) == before
    ACTS[what](accounts, True)
    assert given(what) == before + 1


@pytest.mark.parametrize("role", ["grievance", "privacy"])
def test_a_login_that_the_ado_branch_gives_to_an_officer_is_counted_and_its_colleagues_are_told(
    accounts: Accounts, role: Role
) -> None:
    """One of them could issue it to themselves, and read what nobody else reads."""

    def counted(what: str) -> float:
        return (
            REGISTRY.get_sample_value("epass_officer_access_given_total", {"role": role, "what": what}) or 0
        )

    whats = ("issued", "password_reset", "factor_reset")
    before = [counted(one) for one in whats]
    accounts.set_mobile("ADO-0002", "9812300013")
    login = accounts.issue(role=role, department=None).login_id
    accounts.reset(login)
    accounts.reset_factor(login)
    assert [counted(one) for one in whats] == [one + 1 for one in before]
    told = {(one.event.what, one.event.login_id) for one in accounts.published(AccessChanged)}
    assert told >= {("login_issued", login), ("password_reset", login), ("factor_reset", login)}


def test_a_wrong_password_is_counted_and_a_right_one_is_not(accounts) -> None:
    before = SIGN_IN_FAILURES._value.get()
    accounts.log_in()
    refusal_of(lambda: accounts.log_in(password="wrong"))
    assert SIGN_IN_FAILURES._value.get() == before + 1

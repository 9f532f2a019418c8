"""What operations hear of: access of the ADO Branch that somebody gets, and passwords that are wrong."""

from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

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


def test_a_wrong_password_is_counted_and_a_right_one_is_not(accounts) -> None:
    before = SIGN_IN_FAILURES._value.get()
    accounts.log_in()
    refusal_of(lambda: accounts.log_in(password="wrong"))
    assert SIGN_IN_FAILURES._value.get() == before + 1

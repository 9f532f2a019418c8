"""Accounts with a login of the ADO Branch, and an instant."""

from datetime import datetime

import pytest

from services.chassis.runtime.clock import now
from tests.support.factories.accounts import Accounts, given_ado


@pytest.fixture
def accounts(databases) -> Accounts:
    accounts = Accounts(databases["accounts"])
    given_ado(accounts.db)
    return accounts


@pytest.fixture
def start() -> datetime:
    """Return an instant in the middle of a time step."""
    return now().replace(second=15, microsecond=0)

"""Logins as the ADO Branch manages them."""

from datetime import date, datetime

from contracts.model import IST
from contracts.rpc.accounts.logins import ExtendLogin, LoginView
from contracts.rpc.call import Principal
from services.accounts.handlers import logins
from services.accounts.models import LoginRow
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import ADO, Accounts, a_call


def login_row(accounts: Accounts, login_id: str) -> LoginRow:
    with accounts.db.transaction() as session:
        return session.get_one(LoginRow, login_id)


def extend(
    accounts: Accounts,
    last_day: date | None,
    login_id: str = "HOM-0001",
    at: datetime | None = None,
    key: str | None = None,
    by: Principal = ADO,
) -> LoginView:
    request = ExtendLogin(login_id=login_id, valid_until=last_day)
    with accounts.db.transaction() as session:
        return logins.extend(request, a_call(by, key), session, at or now(), accounts.settings)


NOON = datetime(2026, 12, 1, 12, tzinfo=IST)


TODAY = NOON.date()


MIDNIGHT = datetime(2026, 12, 2, tzinfo=IST)

"""Logins with an app of theirs."""

from datetime import datetime

import pyotp

from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.call import Principal
from services.accounts.domain.second_factor import STEP
from tests.support.factories.accounts import Accounts


def again(
    accounts: Accounts, app: pyotp.TOTP, session: StaffSession, at: datetime
) -> tuple[Principal, datetime]:
    """Show the factor again a step later; return the principal of the new token, and that instant."""
    later = at + STEP
    return accounts.proven(accounts.confirm(accounts.proven(session), app.at(later), at=later)), later


HOLDER, COLLEAGUE = "+919812300011", "+919812300012"

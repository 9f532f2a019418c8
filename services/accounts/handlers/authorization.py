"""Who manages logins: an enabled login of the ADO Branch."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.rpc.call import Call
from services.accounts.domain import logins
from services.accounts.handlers import second_factor
from services.accounts.models import LoginRow
from services.accounts.settings import AccountsSettings


def acting_ado(session: Session, call: Call, now: datetime) -> str:
    """Return the login id of the caller.

    Raises:
        Forbidden: the caller is not an ``ado``, is disabled or expired, or still has a one-time password.
    """
    if call.principal.role != "ado":
        raise Forbidden("only the ADO Branch manages logins")
    manages = (LoginRow.role == "ado") & LoginRow.is_usable(logins.today_of(now))
    own = (LoginRow.login_id == call.principal.login_id) & LoginRow.must_change_password.is_(False)
    login_id = session.scalar(select(LoginRow.login_id).where(own, manages))
    if login_id is None:
        raise Forbidden("only an enabled login of the ADO Branch manages logins")
    return login_id


def fresh_ado(session: Session, call: Call, now: datetime, settings: AccountsSettings) -> str:
    """Return the login id of the caller, by whose rows the second factor was shown just now, too.

    Raises:
        Forbidden: as `acting_ado`, or as `second_factor.require_fresh`.
    """
    by = acting_ado(session, call, now)
    second_factor.require_fresh(session, call, now, settings)
    return by

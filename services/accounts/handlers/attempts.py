"""Wrong passwords, counted per account and per address.

After too many of them, the next attempt has to wait; nobody is locked out for ever.
"""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.accounts.adapters.digests import account_digest
from services.accounts.domain.limits import (
    FAILURES_COUNT_FOR,
    FAILURES_OF_ADDRESS,
    account_wait,
    refuse_while,
)
from services.accounts.models import LoginFailureRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.locks import lock


def check(session: Session, login_id: str, address: str, now: datetime, settings: AccountsSettings) -> None:
    """Raise an error if this account or this address has to wait before the next attempt.

    Raises:
        TooManyAttempts: with ``retry_after``. It makes no difference whether the login exists.
    """
    row, account = LoginFailureRow, account_digest(login_id, settings.password_secret)
    of_account = (row.account == account) & (row.at > now - FAILURES_COUNT_FOR)
    failures, last = session.execute(select(func.count(), func.max(row.at)).where(of_account)).one()
    refuse_while(account_wait(failures, last, now))
    if address and settings.rate_limits:
        newest = select(row.at).where(row.address == address).order_by(row.at.desc())
        nth = session.scalar(newest.offset(FAILURES_OF_ADDRESS.times - 1).limit(1))
        refuse_while(FAILURES_OF_ADDRESS.wait(nth, now))


def check_again(
    session: Session, login_id: str, address: str, now: datetime, settings: AccountsSettings
) -> None:
    """Check once more, after the password was hashed and before anybody learns the result.

    From here on, guesses on one account run one after another. So a burst of guesses learns no more than one
    guesser who waits for each answer.

    Raises:
        TooManyAttempts: as for :func:`check`.
    """
    lock(session, f"attempts {account_digest(login_id, settings.password_secret)}")
    check(session, login_id, address, now, settings)


def record_failure(
    session: Session, login_id: str, address: str, now: datetime, settings: AccountsSettings
) -> None:
    """Record a wrong password."""
    account = account_digest(login_id, settings.password_secret)
    session.add(LoginFailureRow(account=account, address=address, at=now))


def forget_failures(session: Session, login_id: str, settings: AccountsSettings) -> None:
    """Forget the wrong passwords of an account, because the right one came.

    Failures of an address on others stay.
    """
    account = account_digest(login_id, settings.password_secret)
    session.execute(delete(LoginFailureRow).where(LoginFailureRow.account == account))

"""Wrong passwords are counted per account and per address; who has too many waits, and nobody is locked out for ever."""

import hashlib
import hmac
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.accounts.domain.logins import (
    FAILURES_COUNT_FOR,
    FAILURES_OF_ADDRESS,
    account_wait,
    refuse_while,
)
from services.accounts.locks import take_turns
from services.accounts.models import LoginFailure
from services.chassis.runtime.settings import settings


def refuse_impatient(session: Session, login_id: str, address: str, at: datetime) -> None:
    """Lets an attempt through, or not.

    Raises:
        TooManyAttempts: with ``retry_after``; whether the login exists makes no difference.
    """
    of_account = (LoginFailure.account == _account(login_id)) & (LoginFailure.at > at - FAILURES_COUNT_FOR)
    failures, last = session.execute(select(func.count(), func.max(LoginFailure.at)).where(of_account)).one()
    refuse_while(account_wait(failures, last, at))
    if address and settings().rate_limits:
        newest = (
            select(LoginFailure.at).where(LoginFailure.address == address).order_by(LoginFailure.at.desc())
        )
        nth = session.scalar(newest.offset(FAILURES_OF_ADDRESS.times - 1).limit(1))
        refuse_while(FAILURES_OF_ADDRESS.wait(nth, at))


def refuse_impatient_again(session: Session, login_id: str, address: str, at: datetime) -> None:
    """The same once the password was checked and before anybody learns the result.

    Guesses on one account take turns from here on, so a burst of them learns no more than one guesser after another.
    """
    take_turns(session, f"attempts {_account(login_id)}")
    refuse_impatient(session, login_id, address, at)


def record_failure(session: Session, login_id: str, address: str, at: datetime) -> None:
    """One more wrong password."""
    session.add(LoginFailure(account=_account(login_id), address=address, at=at))


def forget_failures(session: Session, login_id: str) -> None:
    """The right password came: the account starts afresh. What the address did to other accounts stays."""
    session.execute(delete(LoginFailure).where(LoginFailure.account == _account(login_id)))


def _account(login_id: str) -> str:
    secret = settings().password_secret.get_secret_value().encode()
    return hmac.new(secret, f"account:{login_id}".encode(), hashlib.sha256).hexdigest()

"""Wrong passwords, counted by login and source: a device that the login knows, or else an address.

After too many of them, the next attempt of that source has to wait. Strangers cannot make a known device
wait. All strangers together have a slow limit for each login, so that many addresses guess no more than a
few. Nobody is locked out for ever.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from contracts.errors import ContractError, InvalidInput
from services.accounts.adapters.digests import account_digest
from services.accounts.domain.limits import (
    FAILURES_COUNT_FOR,
    FAILURES_OF_ADDRESS,
    FAILURES_OF_DEVICES,
    FAILURES_OF_STRANGERS,
    Limit,
    Limits,
    refuse_while,
    source_wait,
)
from services.accounts.metrics import SIGN_IN_FAILURES
from services.accounts.models import LoginFailureRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.database import after_commit
from services.chassis.db.locks import lock

R = TypeVar("R")


@dataclass(frozen=True)
class Source:
    """Where an attempt comes from.

    Args:
        address: keyed hash of the network address; empty if it is not known.
        device: the device that the login knows, the enrolled one of a gate of its site, or the session that
            tries; None for a stranger.
        guessed: whether the password may be a guess. The right one-time password of the ADO Branch is too
            long to be one, so that strangers cannot keep its holder out. A wrong one gets the answer that any
            login gets: nobody learns whose first password waits.
    """

    address: str
    device: str | None = None
    guessed: bool = True

    def of(self, account: str) -> ColumnElement[bool]:
        """Return the condition of failures of an account from this source."""
        row = LoginFailureRow
        here = row.address == self.address if self.device is None else row.device == self.device
        return (row.account == account) & here & (row.device.is_(None) == (self.device is None))


def check(session: Session, login_id: str, source: Source, now: datetime, settings: AccountsSettings) -> None:
    """Raise an error if this source has to wait before the next attempt on this login.

    Raises:
        TooManyAttempts: with ``retry_after``, and ``limit`` (``here``, ``strangers`` or ``address``).
    """
    row, account = LoginFailureRow, account_digest(login_id, settings.password_secret)
    of_source = source.of(account) & (row.at > now - FAILURES_COUNT_FOR)
    failures, last = session.execute(select(func.count(), func.max(row.at)).where(of_source)).one()
    waits = {"here": source_wait(failures, last, now)}
    wait = partial(wait_for, session, row.at, now)
    if source.device is not None:
        of_devices = (row.account == account) & row.device.is_not(None)
        waits["here"] = max(waits["here"], wait(FAILURES_OF_DEVICES, of_devices))
    else:
        strangers = row.device.is_(None)
        if source.guessed:
            of_account = (row.account == account) & strangers
            waits["strangers"] = wait(FAILURES_OF_STRANGERS, of_account)
        if source.address and settings.rate_limits:
            of_address = (row.address == source.address) & strangers
            waits["address"] = wait(FAILURES_OF_ADDRESS, of_address)
    refuse_while(waits)


def wait_for(
    session: Session,
    at: InstrumentedAttribute[datetime],
    now: datetime,
    limits: Limits,
    which: ColumnElement[bool],
) -> int:
    """Return the seconds until some limits allow one more.

    Args:
        at: the column that says when each row happened.
        limits: how many rows there may be.
        which: the condition of the rows that count.
    """

    def nth_newest(limit: Limit) -> datetime | None:
        newest = select(at).where(which, at > now - limit.within).order_by(at.desc())
        return session.scalar(newest.offset(limit.times - 1).limit(1))

    return max(limit.wait(nth_newest(limit), now) for limit in limits)


def check_again(
    session: Session, login_id: str, source: Source, now: datetime, settings: AccountsSettings
) -> None:
    """Check once more, after the password was hashed and before anybody learns the result.

    From here on, guesses on one account run one after another. So a burst of guesses learns no more than one
    guesser who waits for each answer.

    Raises:
        TooManyAttempts: as for :func:`check`.
    """
    lock(session, f"attempts {account_digest(login_id, settings.password_secret)}")
    check(session, login_id, source, now, settings)


def count(
    session: Session,
    login_id: str,
    source: Source,
    now: datetime,
    settings: AccountsSettings,
    attempt: Callable[[], R],
) -> R | ContractError:
    """Return what an attempt gives, or its refusal, which is counted and must be stored.

    Raises:
        TooManyAttempts: as for :func:`check`.
    """
    check_again(session, login_id, source, now, settings)
    try:
        with session.begin_nested():
            return attempt()
    except InvalidInput as refused:
        record_failure(session, login_id, source, now, settings)
        return refused


def raised(outcome: R | ContractError) -> R:
    """Return the outcome of an attempt that is stored, or raise its refusal."""
    if isinstance(outcome, ContractError):
        raise outcome
    return outcome


def record_failure(
    session: Session, login_id: str, source: Source, now: datetime, settings: AccountsSettings
) -> None:
    """Record a wrong password."""
    account = account_digest(login_id, settings.password_secret)
    row = LoginFailureRow(account=account, address=source.address, device=source.device, at=now)
    session.add(row)
    after_commit(session, SIGN_IN_FAILURES.inc)


def forget_failures(
    session: Session, login_id: str, settings: AccountsSettings, source: Source | None = None
) -> None:
    """Forget the wrong passwords of a login.

    Args:
        source: whose right password came: those of other sources stay, so that strangers gain nothing when
            the holder signs in. None for a password that nobody has guessed at yet.
    """
    account = account_digest(login_id, settings.password_secret)
    which = LoginFailureRow.account == account if source is None else source.of(account)
    session.execute(delete(LoginFailureRow).where(which))

"""Guessing pass numbers at a gate: after ten that are none in five minutes, numbers are not looked up there for a while."""

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from contracts.errors import TooManyAttempts
from services.verify.models import NumberTry

LIMIT = 10
WINDOW = timedelta(minutes=5)


def check(session: Session, gate: str, now: datetime) -> None:
    """Lets a number be looked up.

    Raises:
        TooManyAttempts: the gate's limit is reached; ``retry_after`` in seconds.
    """
    recent = select(func.count(), func.min(NumberTry.at)).where(
        NumberTry.gate == gate, NumberTry.at > now - WINDOW
    )
    tries, oldest = session.execute(recent).one()
    if tries >= LIMIT:
        wait = ceil((oldest + WINDOW - now).total_seconds())
        raise TooManyAttempts("too many unknown pass numbers at this gate", retry_after=max(1, wait))


def count(session: Session, gate: str, now: datetime) -> None:
    """A number was none."""
    session.execute(insert(NumberTry).values(gate=gate, at=now))


def forget_tries(session: Session, now: datetime) -> None:
    """Forgets tries that count no longer."""
    session.execute(delete(NumberTry).where(NumberTry.at <= now - WINDOW))

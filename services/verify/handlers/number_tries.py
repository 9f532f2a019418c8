"""The limit on guessing pass numbers: ten unknown numbers within five minutes at one gate.

Entries and exits are counted apart, so that who guesses at the way out does not close the way in.
"""

from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from contracts.errors import TooManyAttempts
from contracts.model import Direction
from services.chassis.db.batches import delete_batch
from services.verify.models import NumberTryRow

LIMIT = 10
WINDOW = timedelta(minutes=5)


def check(session: Session, gate: str, direction: Direction, now: datetime) -> None:
    """Raise `TooManyAttempts` if the gate has reached its limit in this direction.

    Raises:
        TooManyAttempts: with ``retry_after`` in seconds.
    """
    recent = select(func.count(), func.min(NumberTryRow.at)).where(
        NumberTryRow.gate == gate, NumberTryRow.direction == direction, NumberTryRow.at > now - WINDOW
    )
    tries, oldest = session.execute(recent).one()
    if tries >= LIMIT:
        wait = ceil((oldest + WINDOW - now).total_seconds())
        raise TooManyAttempts("too many unknown pass numbers at this gate", retry_after=max(1, wait))


def record(session: Session, gate: str, direction: Direction, now: datetime) -> None:
    """Record that an unknown number was tried at a gate."""
    session.execute(insert(NumberTryRow).values(gate=gate, direction=direction, at=now))


def delete_old(session: Session, now: datetime) -> int:
    """Delete a batch of tries that no longer count; return how many."""
    return delete_batch(session, NumberTryRow, NumberTryRow.at <= now - WINDOW)

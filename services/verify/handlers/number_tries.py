"""The limits on guessing pass numbers: ten unknown numbers within five minutes at one gate.

Entries and exits are counted apart, so that who guesses at the way out does not close the way in. What a gate
sends of a time without a network is counted by the device that sends it, so that it closes no gate.
"""

from datetime import datetime, timedelta
from math import ceil
from typing import Final, Literal

from sqlalchemy import func, insert, or_, select
from sqlalchemy.orm import Session

from contracts.errors import TooManyAttempts
from contracts.model import Direction
from services.chassis.db.batches import delete_batch
from services.verify.models import NumberTryRow

LIMIT = 10
WINDOW = timedelta(minutes=5)
SENT: Final = "sent"
"""In the place of a direction: of scans that a gate decided without a network."""
SENT_LIMIT = 60
"""A number has a check character, and a gate lets nobody in by a number that is not on its list. What is left
are people who leave with one: few in hours."""
SENT_WINDOW = timedelta(hours=1)


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


def count_sent(session: Session, source: str, now: datetime) -> tuple[int, int]:
    """Return how many unknown numbers a device may still send, and for how many seconds it waits after that.

    Args:
        session: the transaction; it has the lock of the source.
        source: the device, or the login where there is none.
        now: the time of the server.
    """
    recent = select(func.count(), func.min(NumberTryRow.at)).where(
        NumberTryRow.gate == source, NumberTryRow.direction == SENT, NumberTryRow.at > now - SENT_WINDOW
    )
    tries, oldest = session.execute(recent).one()
    wait = ceil(((oldest or now) + SENT_WINDOW - now).total_seconds())
    return max(SENT_LIMIT - tries, 0), max(wait, 1)


def record(session: Session, gate: str, direction: Direction | Literal["sent"], now: datetime) -> None:
    """Record that an unknown number was tried at a gate."""
    session.execute(insert(NumberTryRow).values(gate=gate, direction=direction, at=now))


def delete_old(session: Session, now: datetime) -> int:
    """Delete a batch of tries that no longer count; return how many."""
    is_sent = NumberTryRow.direction == SENT
    is_old = or_(
        ~is_sent & (NumberTryRow.at <= now - WINDOW), is_sent & (NumberTryRow.at <= now - SENT_WINDOW)
    )
    return delete_batch(session, NumberTryRow, is_old)

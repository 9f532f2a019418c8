"""The limit on looking at people: 300 previews that name them within five minutes, by one login at one gate.

A gate in a hurry looks at ten passes a minute. The limit stops who reads a list of passes to learn names.
Beyond it an exit that is only looked at goes on and names nobody: nobody is kept from leaving.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import TooManyAttempts
from services.chassis.db.batches import delete_batch
from services.verify.models import PreviewsRow

LIMIT = 300
WINDOW = timedelta(minutes=5)


def count(session: Session, login: str, gate: str, now: datetime) -> None:
    """Count one preview.

    Raises:
        TooManyAttempts: there were too many, with ``retry_after`` in seconds; this one is not counted.
    """
    row, minute = PreviewsRow, now.replace(second=0, microsecond=0)
    one = insert(row).values(login=login, gate=gate, minute=minute, count=1)
    session.execute(
        one.on_conflict_do_update(
            index_elements=[row.login, row.gate, row.minute], set_={"count": row.count + 1}
        )
    )
    recent = select(func.sum(row.count), func.min(row.minute)).where(
        row.login == login, row.gate == gate, row.minute > now - WINDOW
    )
    seen, oldest = session.execute(recent).one()
    if seen > LIMIT:
        wait = int((oldest + WINDOW - now).total_seconds()) + 1
        raise TooManyAttempts("too many passes were looked at", retry_after=max(wait, 1))


def delete_old(session: Session, now: datetime) -> int:
    """Delete a batch of counts that no longer matter; return how many."""
    return delete_batch(session, PreviewsRow, PreviewsRow.minute <= now - WINDOW)

"""Passes with a genuine token that nobody has issued: somebody else has the signing key.

A pass may be scanned before its PassIssued arrives. So its token is believed for some minutes. A status list
that was signed after them, and of which every revocation is known here, proves that events of issuance
arrive: then the event of that pass would be here too.
"""

from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from services.chassis.db.server import is_future, latest
from services.verify.metrics import NOT_ISSUED
from services.verify.models import PassRow, StatusListRow
from services.verify.settings import VerifySettings

COUNTED = timedelta(days=1)
"""For so long such a pass is counted, so that the alert ends."""


def is_overdue(row: PassRow | None, complete_at: datetime | None, after: timedelta) -> bool:
    """Return whether a pass was known by its token alone for so long that nobody has issued it.

    Args:
        row: of the pass; None where only its token is known.
        complete_at: when the newest complete status list was signed.
        after: how long its event may be under way.
    """
    if row is None or row.known_since is None or row.issued_seq > 0 or row.revoked_seq > 0:
        return False
    return complete_at is not None and row.known_since + after <= complete_at


def count(session: Session, now: datetime, after: timedelta) -> int:
    """Return how many passes of the last day nobody has issued."""
    is_past = ~is_future(StatusListRow.complete_at, now)
    complete_at = select(StatusListRow.complete_at).where(StatusListRow.id == 1, is_past).scalar_subquery()
    overdue = PassRow.known_since <= complete_at - after
    found = select(func.count()).where(
        PassRow.issued_seq == 0, PassRow.revoked_seq == 0, overdue, PassRow.known_since > now - COUNTED
    )
    return session.scalar(found) or 0


def show(session: Session, now: datetime, settings: VerifySettings) -> None:
    """Show how many passes were let in by a genuine token and never issued."""
    begin_anew(session, now)
    NOT_ISSUED.set(count(session, now, settings.not_issued_after))


def begin_anew(session: Session, now: datetime) -> None:
    """Let the grace of a pass begin now where it was first scanned in the future: by a wrong clock."""
    which = PassRow.issued_seq == 0, PassRow.revoked_seq == 0, is_future(PassRow.known_since, now)
    session.execute(
        update(PassRow).where(*which).values(known_since=latest(now)),
        execution_options={"synchronize_session": False},
    )

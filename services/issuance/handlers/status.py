"""The status list: the passes that are revoked and would else still be good, signed, so that a gate may keep a copy."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.rpc.issuance import StatusList
from contracts.tokens import STATUS_TYP
from services.issuance.keys import current_key
from services.issuance.models import PassRow, StatusListRow

GOOD_FOR = timedelta(minutes=10)
"""From ``iat`` to ``exp``. Far longer than the 10 s between two lists, so that a gate that loses its network for a short
while still has a good one; a gate that is offline for longer goes on with it and shows its age (``list_age_s``)."""
_NEVER = datetime.fromtimestamp(0, UTC)


def sign_again(session: Session, now: datetime, every: timedelta) -> None:
    """Signs the list anew when its time has come. Of several replicas whose clocks tick at once, one does.

    Args:
        session: the transaction.
        now: this instant.
        every: time between two lists; a tick that comes a fifth too early counts as on time.
    """
    row = _row_to_sign(session, now - every * 0.8, others_may_win=True)
    if row is not None:
        _sign(session, row, now)


def status_list(session: Session, now: datetime) -> StatusList:
    """The list as it was last signed. It is signed here only where there is none, or the clock that does it stands still."""
    stored = session.get(StatusListRow, 1)
    if stored is None or stored.signed_at <= now - GOOD_FOR / 2:
        overdue = _row_to_sign(session, now - GOOD_FOR / 2, others_may_win=False)
        if overdue is not None:
            _sign(session, overdue, now)
        stored = session.get_one(StatusListRow, 1, populate_existing=True)
    return StatusList(jws=stored.jws)


def _row_to_sign(session: Session, signed_until: datetime, *, others_may_win: bool) -> StatusListRow | None:
    """The list's row, locked, where it was signed at ``signed_until`` or before; the first call makes it."""
    session.execute(
        insert(StatusListRow).values(id=1, seq=0, signed_at=_NEVER, jws="").on_conflict_do_nothing()
    )
    due = select(StatusListRow).where(StatusListRow.signed_at <= signed_until)
    return session.scalars(
        due.with_for_update(skip_locked=others_may_win).execution_options(populate_existing=True)
    ).one_or_none()


def _sign(session: Session, row: StatusListRow, now: datetime) -> None:
    row.seq += 1
    payload = {
        "iat": int(now.timestamp()),
        "exp": int((now + GOOD_FOR).timestamp()),
        "seq": row.seq,
        "revoked": _revoked_and_unexpired(session, now),
    }
    row.jws, row.signed_at = current_key(session, now).sign(payload, STATUS_TYP), now
    session.flush()


def _revoked_and_unexpired(session: Session, now: datetime) -> list[str]:
    revoked = select(PassRow.number).where(PassRow.revoked_at.is_not(None), PassRow.valid_to > now)
    return list(session.scalars(revoked.order_by(PassRow.number)))

"""Who has just passed the gates of a site, so that its other gates know it before their network is gone."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, all_, func, literal_column, select
from sqlalchemy.orm import Session

from contracts.rpc.call import Call
from contracts.rpc.verify.presence import Movement, MovementQuestion, Movements
from services.chassis.db.server import TIMELINE
from services.verify.handlers import help_calls, pass_ledgers
from services.verify.handlers.authorization import require_may_list_inside
from services.verify.models import ScanRow

MOST = 1_000
OVERLAP = 200
"""So many places are read again: a scan may be stored after one that has a later place."""
_NEWEST = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_TIMELINE: ColumnElement[int] = literal_column(TIMELINE)
_TRANSACTION: ColumnElement[int] = literal_column(
    f"{_NEWEST} - (({_NEWEST} - scans.xmin::text::bigint) & {2**32 - 1})"
)
"""The number of the transaction that stored a scan; ``xmin`` has its last 32 bits."""
_RECENT = timedelta(hours=1)
"""Whoever asks for what is older has to fetch a manifest; and only the newest month is read."""


def list_movements(request: MovementQuestion, call: Call, session: Session, now: datetime) -> Movements:
    """Return the movements at a site after a place among all scans, a few before it included.

    After a promotion that has lost scans, places are used again. Then the newest place is before the one of
    the question, nobody knows from where on they are new, and those of the last hour are told again.

    Raises:
        Forbidden: the principal may not know who is inside this site.
    """
    require_may_list_inside(call.principal, request.site)
    recent = ScanRow.recorded_at > now - _RECENT
    newest = session.scalar(select(func.max(ScanRow.position))) or 0  # by no clock: replicas have several
    after = newest if request.after is None else request.after
    if 0 < newest < after:
        after = 0
    query = (
        select(ScanRow, _TIMELINE, _TRANSACTION)
        .where(
            recent,
            ScanRow.position > after - OVERLAP,
            ScanRow.site == request.site,
            ScanRow.verdict.in_(("admit", "exit")),
            ScanRow.pass_number.is_not(None),
            all_(ScanRow.marks) != pass_ledgers.RECOUNTED,
        )
        .order_by(ScanRow.position)
        .limit(MOST)
    )
    rows = session.execute(query).all()
    is_whole = len(rows) < MOST
    return Movements(
        items=tuple(_movement(*row) for row in rows),
        last=max(newest, after) if is_whole else rows[-1][0].position,
        calls=help_calls.of_site(session, request.site, now),
    )


def _movement(row: ScanRow, timeline: int, transaction: int) -> Movement:
    return Movement.from_attributes(
        row,
        nonce=row.nonce.removesuffix(pass_ledgers.AGAIN),
        pass_=row.pass_number,
        at=row.scanned_at,
        timeline=timeline,
        transaction=transaction,
    )

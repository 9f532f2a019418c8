"""Who is inside a site, who is presumed gone without a recorded exit, and whether a pass is used up."""

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from contracts.model import site_of
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify.presence import Inside, InsideList, InsideQuestion
from contracts.rpc.verify.scans import PassUse
from services.chassis.db import cursors, locks
from services.chassis.messaging import outbox
from services.verify.domain.passes import Terms, presumed_gone_at
from services.verify.handlers.authorization import require_may_list_inside
from services.verify.handlers.scan_records import Scan, pass_scanned
from services.verify.models import PassRow, ScanRow

SYSTEM = "system"
"""``scanned_by`` of the exit that is recorded for a party presumed gone."""
_LOCK = "close_overdue"
BATCH = 100


def list_inside(request: InsideQuestion, call: Call, session: Session) -> InsideList:
    """Return a page of the parties inside a site, the longest inside first.

    Raises:
        Forbidden: the principal may not know who is inside.
        InvalidInput: ``after`` is not the ``next`` of an earlier page.
    """
    require_may_list_inside(call.principal, request.site)
    here = (PassRow.inside_site == request.site, PassRow.inside > 0)
    query = (
        select(PassRow).where(*here).order_by(PassRow.inside_since, PassRow.number).limit(request.limit + 1)
    )
    if request.after is not None:
        query = query.where(tuple_(PassRow.inside_since, PassRow.number) > cursors.decode(request.after))
    rows = session.scalars(query).all()
    page = rows[: request.limit]
    more = cursors.encode(_since(page[-1]), page[-1].number) if len(rows) > request.limit else None
    persons = session.scalar(select(func.coalesce(func.sum(PassRow.inside), 0)).where(*here)) or 0
    return InsideList(items=tuple(_party(row) for row in page), next=more, persons=persons)


def get_pass_use(request: PassNumber, session: Session) -> PassUse:
    """Return whether a pass is used up; a pass that is not known here yet is not."""
    row = session.get(PassRow, request.number)
    return PassUse(used=row is not None and row.standing.used)


def close_overdue(session: Session, now: datetime) -> int:
    """Record an exit for parties that are presumed gone; return how many, at most a hundred per call.

    Runs in every replica: one works, the others return at once. A party whose pass is being scanned is
    skipped.
    """
    if not locks.try_lock(session, _LOCK):
        return 0
    overdue = (
        select(PassRow)
        .where(PassRow.inside > 0, PassRow.presumed_gone_at <= now)
        .order_by(PassRow.presumed_gone_at)
        .limit(BATCH)
    )
    rows = session.scalars(overdue.with_for_update(skip_locked=True)).all()
    for row in rows:
        _record_presumed_exit(session, row, now)
    return len(rows)


def close_if_overdue(session: Session, row: PassRow, at: datetime, now: datetime) -> None:
    """Record an exit for the party of a locked pass if it is presumed gone at its next scan.

    The exit comes a moment before that scan, so that they are in this order wherever they are sorted by time.
    """
    if row.standing.is_overdue(at):
        _record_presumed_exit(session, row, min(at, now) - timedelta(microseconds=1))


def presumed_exit(row: PassRow, gate: str, count: int, at: datetime, now: datetime) -> Scan:
    """Return the exit of persons who are presumed gone, as it is to be recorded."""
    scan_id = uuid4()
    return Scan(
        id=scan_id,
        pass_number=row.number,
        site=site_of(gate),
        gate=gate,
        direction="exit",
        verdict="exit",
        count=count,
        inside=0,
        marks=["assumed_left"],
        list_age_s=None,
        scanned_at=at,
        claimed_at=None,
        recorded_at=now,
        scanned_by=SYSTEM,
        nonce=str(scan_id),
        body_hmac="",
        id_kind=None,
        id_type=None,
        reason=None,
        published=row.application_id is not None,
    )


def _record_presumed_exit(session: Session, row: PassRow, now: datetime) -> None:
    scan = presumed_exit(row, row.last_gate or "", row.inside, now, now)
    session.add(ScanRow(**vars(scan)))
    row.inside, row.inside_since, row.inside_site, row.presumed_gone_at = 0, None, None, None
    if scan.published:
        outbox.add(session, pass_scanned(scan, row), at=now)


def _party(row: PassRow) -> Inside:
    people, terms = row.people, row.terms
    assert terms is not None  # a pass without terms admits nobody
    return Inside(
        pass_=row.number,
        reference=row.reference or "",
        name=people.applicant.name if people else "",
        name_latin=people.applicant.name_latin if people else "",
        inside=row.inside,
        party=terms.party,
        since=_since(row),
        gate=row.last_gate or "",
        department=row.department or "",
        valid_to=_time_is_over_at(row, terms),
    )


def _time_is_over_at(row: PassRow, terms: Terms) -> datetime:
    """Return when the hours of the pass end; if a supervisor let somebody in later, when they are gone.

    Those who came in before them are then shown with that time, too.
    """
    end, gone = terms.window_of(row.day).end, row.presumed_gone_at
    is_within = _since(row) < end and gone == presumed_gone_at(end)
    return end if gone is None or is_within else gone


def _since(row: PassRow) -> datetime:
    assert row.inside_since is not None  # set with the first person inside
    return row.inside_since

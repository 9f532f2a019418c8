"""Who is inside a site, who is taken to have left it without being scanned, and whether a pass is used up."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from contracts.errors import InvalidInput
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify import Inside, InsideList, InsideQuestion, PassUse
from services.chassis.messaging import outbox
from services.verify.domain import site_of
from services.verify.handlers.authority import may_see_inside
from services.verify.handlers.recording import scanned
from services.verify.models import Pass, Scan

SYSTEM = "system"
"""Who "scans" a party that is taken to have left."""
_CLOSING = 0x67617465
_BATCH = 100


def inside(request: InsideQuestion, call: Call, session: Session) -> InsideList:
    """Parties inside a site, the longest first.

    Raises:
        Forbidden: not for this principal.
        InvalidInput: ``after`` is not what an earlier page gave.
    """
    may_see_inside(call.principal, request.site)
    here = (Pass.inside_site == request.site, Pass.inside > 0)
    query = select(Pass).where(*here).order_by(Pass.inside_since, Pass.number).limit(request.limit + 1)
    if request.after is not None:
        query = query.where(tuple_(Pass.inside_since, Pass.number) > _position(request.after))
    rows = session.scalars(query).all()
    page = rows[: request.limit]
    more = f"{_since(page[-1]).isoformat()}~{page[-1].number}" if len(rows) > request.limit else None
    persons = session.scalar(select(func.coalesce(func.sum(Pass.inside), 0)).where(*here)) or 0
    return InsideList(items=tuple(_party(row) for row in page), next=more, persons=persons)


def pass_use(request: PassNumber, session: Session) -> PassUse:
    """Whether a pass is used up; one that is not known here yet is not."""
    row = session.get(Pass, request.number)
    return PassUse(used=row is not None and row.standing.used)


def close_overdue(session: Session, now: datetime) -> int:
    """Takes parties to have left whose time is up by hours; returns how many, at most a hundred at a time.

    Runs in every replica: one works, the others return at once. A party that is just being scanned is left alone.
    """
    if not session.scalar(select(func.pg_try_advisory_xact_lock(_CLOSING))):
        return 0
    overdue = (
        select(Pass)
        .where(Pass.inside > 0, Pass.presumed_gone_at <= now)
        .order_by(Pass.presumed_gone_at)
        .limit(_BATCH)
    )
    rows = session.scalars(overdue.with_for_update(skip_locked=True)).all()
    for row in rows:
        _assume_left(session, row, now)
    return len(rows)


def _assume_left(session: Session, row: Pass, now: datetime) -> None:
    gate, scan_id = row.last_gate or "", uuid4()
    scan = Scan(
        id=scan_id,
        pass_number=row.number,
        site=site_of(gate),
        gate=gate,
        direction="exit",
        verdict="exit",
        count=row.inside,
        inside=0,
        marks=["assumed_left"],
        scanned_at=now,
        recorded_at=now,
        scanned_by=SYSTEM,
        nonce=str(scan_id),
        body_hmac="",
        told=row.application_id is not None,
    )
    session.add(scan)
    row.inside, row.inside_since, row.inside_site, row.presumed_gone_at = 0, None, None, None
    if scan.told:
        outbox.add(session, scanned(scan, row), at=now)


def _party(row: Pass) -> Inside:
    people, terms = row.people, row.terms
    assert terms is not None  # nobody enters without
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
        valid_to=terms.valid_to,
    )


def _since(row: Pass) -> datetime:
    assert row.inside_since is not None  # set with the first person inside
    return row.inside_since


def _position(after: str) -> tuple[datetime, str]:
    since, _, number = after.partition("~")
    try:
        instant = datetime.fromisoformat(since)
    except ValueError:
        raise InvalidInput.of("after", "not_a_page") from None
    if instant.tzinfo is None or not number:
        raise InvalidInput.of("after", "not_a_page")
    return instant, number

"""What a scan leaves behind: its row, the presence of the party, the event. And the first answer to a nonce that comes again."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import IdempotencyKeyReused
from contracts.events import PassScanned
from contracts.identity import mask_aadhaar
from contracts.rpc.verify import OtherId, ScanPass
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import body_hmac
from services.verify.domain import Decision, Terms, presumed_gone_at, site_of
from services.verify.handlers.finding import Found
from services.verify.models import Pass, Scan

_SCANS = Scan.metadata.tables["scans"]
_INSERT = insert(_SCANS).on_conflict_do_nothing(constraint="scans_once").returning(_SCANS.c.id)
"""Built once, and past the ORM: this is the gate's most frequent write."""
_FOR_THE_GATE_ONLY = {"reason_masked"}
"""Marks that answer the officer and tell nothing of the visit."""


def record(
    session: Session,
    request: ScanPass,
    login: str,
    found: Found | None,
    decision: Decision,
    at: datetime,
    now: datetime,
) -> Scan | None:
    """Stores a scan with all that follows from it; None where this login's nonce was used before, and then does nothing.

    ``found`` is the pass, its row locked, and None for a forged token or an unknown number; ``at`` is when it happened.
    """
    row = found.row if found is not None else None
    scan = _insert(session, request, login, row, decision, at, now)
    if scan is None or found is None or row is None:
        return scan
    if decision.moves:
        _move(row, found.standing.terms, scan)
    if scan.told:
        outbox.add(session, scanned(scan, row), at=now)
    return scan


def earlier(session: Session, request: ScanPass, login: str) -> Scan | None:
    """The scan that used this nonce of this login.

    Raises:
        IdempotencyKeyReused: it was a scan of something else.
    """
    scan = session.scalars(
        select(Scan).where(Scan.scanned_by == login, Scan.nonce == request.nonce)
    ).one_or_none()
    if scan is not None and scan.body_hmac != _digest(request):
        raise IdempotencyKeyReused("this nonce was used for another scan")
    return scan


def scanned(scan: Scan, row: Pass) -> PassScanned:
    """The event of a scan of a pass whose application is known."""
    return PassScanned.model_validate(
        {
            "pass_number": row.number,
            "application_id": row.application_id,
            "reference": row.reference,
            "scan_id": scan.id,
            "site": scan.site,
            "gate": scan.gate,
            "direction": scan.direction,
            "verdict": scan.verdict,
            "count": scan.count,
            "inside": scan.inside,
            "scanned_at": scan.scanned_at,
            "marks": [mark for mark in scan.marks if mark not in _FOR_THE_GATE_ONLY],
            "scanned_by": scan.scanned_by,
        }
    )


def _insert(
    session: Session,
    request: ScanPass,
    login: str,
    row: Pass | None,
    decision: Decision,
    at: datetime,
    now: datetime,
) -> Scan | None:
    columns = _what_was_seen(request) | {
        "id": uuid4(),
        "pass_number": row.number if row is not None else None,
        "verdict": decision.verdict,
        "count": decision.count,
        "inside": decision.inside,
        "marks": list(decision.marks),
        "scanned_at": at,
        "recorded_at": now,
        "scanned_by": login,
        "told": row is not None and row.application_id is not None,
    }
    return Scan(**columns) if session.execute(_INSERT, columns).first() is not None else None


def _what_was_seen(request: ScanPass) -> dict[str, str | datetime | UUID | None]:
    check = request.id_check
    return {
        "site": site_of(request.gate),
        "gate": request.gate,
        "direction": request.direction,
        "claimed_at": request.scanned_at,
        "nonce": request.nonce,
        "body_hmac": _digest(request),
        "id_kind": check.kind if check is not None else None,
        "id_type": check.id_type if check is not None else None,
        "reason": mask_aadhaar(check.reason)[0] if isinstance(check, OtherId) else None,
    }


def _digest(request: ScanPass) -> str:
    """Of what was scanned; a gate that repeats a scan may stamp it with the time of the repeat."""
    return body_hmac(request.model_copy(update={"scanned_at": None}))


def _move(row: Pass, terms: Terms | None, scan: Scan) -> None:
    """The party comes in or leaves."""
    row.last_gate = scan.gate
    if scan.direction == "entry" and terms is not None:
        row.admitted += scan.count
        row.presumed_gone_at = presumed_gone_at(terms.valid_to)
        if row.inside == 0:
            row.inside_since, row.inside_site = scan.scanned_at, scan.site
    row.inside = scan.inside
    if row.inside == 0:
        row.inside_since = row.inside_site = row.presumed_gone_at = None

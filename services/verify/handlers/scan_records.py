"""The record of a scan: its row, the party's presence, its event; and the first scan of a repeated nonce."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contracts.errors import IdempotencyKeyReused
from contracts.events import PassScanned
from contracts.identity import mask_aadhaar
from contracts.model import Verdict, site_of
from contracts.rpc.verify import OtherId, ScanPass
from services.chassis.db import bulk, deferred_writes
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import idempotency_secret_of
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import body_hmac
from services.verify.domain.passes import Terms, presumed_gone_at
from services.verify.domain.verdicts import Decision
from services.verify.handlers.pass_lookup import FoundPass
from services.verify.models import NonceRow, PassRow, ScanRow

_SCANS = ScanRow.metadata.tables["scans"]
_PASSES = PassRow.metadata.tables["passes"]
_PRESENCE = (
    "number",
    "inside",
    "admitted",
    "day",
    "admitted_before",
    "inside_site",
    "inside_since",
    "last_gate",
    "presumed_gone_at",
)
"""The number of a pass, and what `_move` changes."""
_USED = text("""
  select scanned_by, nonce from scan_nonces
  join unnest(cast(:logins as text[]), cast(:nonces as text[])) as asked (scanned_by, nonce)
    using (scanned_by, nonce)
""")
NONCES_STAY = timedelta(days=40)
"""A gate may be offline, and an event a dead letter, for 30 days."""
_NOT_PUBLISHED = {"reason_masked"}
"""Marks that inform the officer and say nothing about the visit."""


class NonceUsed(Exception):
    """Another transaction has used one of the nonces meanwhile."""


@dataclass(frozen=True)
class Scan:
    """A scan that is to be recorded: the columns of its `ScanRow`."""

    id: UUID
    pass_number: str | None
    site: str
    gate: str
    direction: str
    verdict: Verdict
    count: int
    inside: int
    marks: list[str]
    list_age_s: int | None
    scanned_at: datetime
    claimed_at: datetime | None
    recorded_at: datetime
    scanned_by: str
    nonce: str
    body_hmac: str
    id_kind: str | None
    id_type: str | None
    reason: str | None
    published: bool


def record(session: Session, scan: Scan, found: FoundPass | None, decision: Decision, now: datetime) -> bool:
    """Store a scan, the new presence and the event.

    Return False and change nothing if the login used the nonce before.
    """
    if not _insert(session, [scan]):
        return False
    for event in apply(scan, found, decision):
        outbox.add(session, event, at=now)
    return True


def new_scan(
    session: Session,
    request: ScanPass,
    login: str,
    found: FoundPass | None,
    decision: Decision,
    list_age_s: int | None,
    at: datetime,
    now: datetime,
) -> Scan:
    """Return a scan as it is to be recorded.

    ``found`` is the pass with its row locked, or None for a forged token or an unknown number. ``at`` is when
    it happened.
    """
    row = found.row if found is not None else None
    check = request.id_check
    return Scan(
        id=uuid4(),
        pass_number=row.number if row is not None else None,
        site=site_of(request.gate),
        gate=request.gate,
        direction=request.direction,
        verdict=decision.verdict,
        count=decision.count,
        inside=decision.inside,
        marks=list(decision.marks),
        scanned_at=at,
        list_age_s=list_age_s,
        claimed_at=request.scanned_at,
        recorded_at=now,
        scanned_by=login,
        nonce=request.nonce,
        body_hmac=_digest(session, request),
        id_kind=check.kind if check is not None else None,
        id_type=check.id_type if check is not None else None,
        reason=mask_aadhaar(check.reason)[0] if isinstance(check, OtherId) else None,
        published=row is not None and row.application_id is not None,
    )


def apply(scan: Scan, found: FoundPass | None, decision: Decision) -> list[PassScanned]:
    """Update the presence in the row of the pass; return the event, if its application is known."""
    row = found.row if found is not None else None
    if found is None or row is None:
        return []
    if decision.moves:
        _move(row, found.standing.terms, scan, decision.day)
    return [pass_scanned(scan, row)] if scan.published else []


def record_all(session: Session, scans: Sequence[Scan], passes: Collection[PassRow]) -> None:
    """Store several scans, and the presence of their passes, whose rows `apply` has changed.

    The nonces are in order, so that two transactions which use the same ones do not wait for each other.

    Raises:
        NonceUsed: a login used one of their nonces before; the transaction must be rolled back.
    """
    in_order = sorted(scans, key=lambda scan: (scan.scanned_by, scan.nonce))
    if _insert(session, in_order) != len(scans):
        raise NonceUsed
    deferred_writes.update_from(session, _PASSES, _PRESENCE, passes)


def _insert(session: Session, scans: Sequence[Scan]) -> int:
    """Store scans, and return how many: a trigger leaves out one whose nonce was used (`NonceRow`)."""
    return bulk.insert_rows(session, _SCANS, [vars(scan) for scan in scans])


def used_nonces(session: Session, nonces: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return those pairs of a login and a nonce that were used before."""
    logins, own = [login for login, _ in nonces], [nonce for _, nonce in nonces]
    found = session.execute(_USED, {"logins": logins, "nonces": own})
    return {(login, nonce) for login, nonce in found}


def find_earlier(session: Session, request: ScanPass, login: str) -> ScanRow | None:
    """Return the scan in which this login used this nonce, or None.

    Raises:
        IdempotencyKeyReused: it was a scan of something else.
    """
    scan = session.scalars(
        select(ScanRow)
        .where(ScanRow.scanned_by == login, ScanRow.nonce == request.nonce)
        .order_by(ScanRow.recorded_at.desc())
        .limit(1)
    ).one_or_none()
    if scan is not None and scan.body_hmac != _digest(session, request):
        raise IdempotencyKeyReused("this nonce was used for another scan")
    return scan


def pass_scanned(scan: Scan | ScanRow, row: PassRow) -> PassScanned:
    """Return the event of a scan of a pass whose application is known."""
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
            "marks": [mark for mark in scan.marks if mark not in _NOT_PUBLISHED],
            "scanned_by": scan.scanned_by,
        }
    )


def delete_old_nonces(session: Session, now: datetime) -> int:
    """Delete a batch of nonces that nobody repeats any more; return how many."""
    return delete_batch(session, NonceRow, NonceRow.recorded_at < now - NONCES_STAY)


def _digest(session: Session, request: ScanPass) -> str:
    """Return the digest of what was scanned, without its time: a gate may send a repeat with another time."""
    return body_hmac(request.model_copy(update={"scanned_at": None}), idempotency_secret_of(session))


def _move(row: PassRow, terms: Terms | None, scan: Scan, day: int) -> None:
    """Update the presence of the party that comes in, on a day of its pass, or leaves."""
    row.last_gate = scan.gate
    if scan.direction == "entry" and terms is not None:
        if day != row.day:
            row.day, row.admitted_before = day, row.admitted
        row.admitted += scan.count
        row.presumed_gone_at = presumed_gone_at(terms.window_of(day).end)
        if row.inside == 0:
            row.inside_since, row.inside_site = scan.scanned_at, scan.site
    row.inside = scan.inside
    if row.inside == 0:
        row.inside_since = row.inside_site = row.presumed_gone_at = None

"""The ledgers of passes: the movements that their recorded scans come to (`domain/ledger.py`)."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.events import ContradictingScan, GateConflictFound
from contracts.model import IST, Direction, Verdict
from contracts.rpc.verify.incidents import IncidentScan
from services.chassis.messaging import outbox
from services.chassis.runtime.logs import logger
from services.verify.domain.ledger import Contradiction, Ledger, Movement
from services.verify.domain.passes import Terms
from services.verify.domain.verdicts import set_aside
from services.verify.handlers import incidents, scan_records
from services.verify.handlers.pass_lookup import Nonce
from services.verify.handlers.scan_records import Scan
from services.verify.models import PassRow, ScanRow

log = logger(__name__)

OFFLINE, CONFLICT, RECOUNTED = "offline", "conflict", "recounted"
AGAIN = "/offline"
"""Ends the nonce of what a gate did after the answer to the same scan online was lost.

Where both let the party in and only the counts differ, that record is marked `RECOUNTED`, and its count is
how many more came in than the first one says, or fewer.
"""


def ledger_of(session: Session, row: PassRow) -> Ledger | None:
    """Return the movements of a locked pass; None where its terms are not known."""
    return ledgers_of(session, {row.number: row}).get(row.number)


def ledgers_of(session: Session, rows: dict[str, PassRow]) -> dict[str, Ledger]:
    """Return the movements of each pass since the morning of its first day; see `_first_morning`."""
    terms = {number: found for number, row in rows.items() if (found := row.terms) is not None}
    if not terms:
        return {}
    mornings = {number: _first_morning(rows[number], one) for number, one in terms.items()}
    known: dict[str, dict[Nonce, Movement]] = defaultdict(dict)
    query = (
        select(ScanRow)
        .where(
            ScanRow.pass_number.in_(terms),
            ScanRow.verdict.in_(("admit", "exit")),
            ScanRow.recorded_at >= min(mornings.values()) - timedelta(hours=1),
        )
        .order_by(ScanRow.scanned_at, ScanRow.recorded_at, ScanRow.position)
    )
    scans = [one for one in session.scalars(query) if one.scanned_at >= mornings[str(one.pass_number)]]
    for scan in scans:
        if RECOUNTED not in scan.marks:
            known[str(scan.pass_number)][scan.scanned_by, scan.nonce] = movement_of(scan)
    for scan in scans:  # a recount may be sorted before its first scan: clocks of replicas differ
        if RECOUNTED not in scan.marks:
            continue
        movements, of = known[str(scan.pass_number)], (scan.scanned_by, scan.nonce.removesuffix(AGAIN))
        if of not in movements:
            log.warning("recount without its first scan", scan=str(scan.id))
            continue
        movements[of] = replace(movements[of], count=movements[of].count + scan.count)
    ledgers = {}
    for number, one in terms.items():
        row, all_of_pass = rows[number], list(known[number].values())
        let_in = sum(movement.count for movement in all_of_pass if movement.direction == "entry")
        ledgers[number] = Ledger(one, all_of_pass, max(row.admitted - let_in, 0), row.revoked_at)
    return ledgers


def _first_morning(row: PassRow, terms: Terms) -> datetime:
    """Return from when on the movements of a pass are gone through.

    A day that was closed may be before the first. Somebody may have come in on it, before it was closed or by
    a supervisor. Whoever is inside came in on a day that is gone through, too.
    """
    start = terms.window_of(min((0, *terms.closed_days))).start
    start = min(start, row.inside_since or start).astimezone(IST)
    return start.replace(hour=0, minute=0, second=0, microsecond=0)


def movement_of(scan: ScanRow | Scan) -> Movement:
    """Return the movement that a scan with the verdict ``admit`` or ``exit`` records."""
    is_online = OFFLINE not in scan.marks and "assumed_left" not in scan.marks
    return Movement(
        scan.id,
        scan.gate,
        scan.scanned_at,
        cast(Direction, scan.direction),
        scan.count,
        offline=OFFLINE in scan.marks,
        assumed="assumed_left" in scan.marks,
        uncounted=scan_records.ALL in scan.marks,
        overrides=overrides_of(scan),
        recorded_at=scan.recorded_at if is_online else None,
        logins=logins_of(scan),
    )


def overrides_of(scan: ScanRow | Scan) -> tuple[Verdict, ...]:
    """Return the refusals that a supervisor has set aside; none where nobody has proven that."""
    return () if scan_records.UNPROVEN in scan.marks else set_aside(scan.marks)


def logins_of(scan: ScanRow | Scan) -> tuple[str, ...]:
    """Return who scanned, and who sent it if that was somebody else."""
    return (scan.scanned_by,) if scan.sent_by is None else (scan.scanned_by, scan.sent_by)


def publish_conflict(
    session: Session, contradiction: Contradiction, site: str, row: PassRow | None, now: datetime
) -> None:
    """Publish that more persons came in than the pass allowed."""
    event = GateConflictFound(
        pass_number=row.number if row is not None else None,
        application_id=row.application_id if row is not None else None,
        reference=row.reference if row is not None else None,
        site=site,
        kind=contradiction.kind,
        scans=tuple(
            ContradictingScan(
                scan_id=one.scan, gate=one.gate, scanned_at=one.at, count=one.count, offline=one.offline
            )
            for one in contradiction.movements
        ),
        exposure=contradiction.exposure,
    )
    outbox.add(session, event, at=now)
    incidents.add(
        session,
        "conflict",
        contradiction.movements[-1].gate,
        now,
        site=site,
        detail=event.kind,
        pass_number=event.pass_number,
        reference=event.reference,
        exposure=event.exposure,
        involved=sorted({login for one in contradiction.movements for login in one.logins}),
        scans=[IncidentScan.from_attributes(one) for one in event.scans],
    )

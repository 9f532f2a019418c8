"""Recorded scans for an auditor: when, where, by whom, with which verdict; nobody is named."""

from datetime import datetime

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from contracts.errors import NotFound
from contracts.rpc.audit import AuditEntries, AuditEntry, AuditQuestion
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify.scans import RecordedScan, ScanHistory
from services.chassis.audit import entries
from services.verify.handlers.authorization import require_auditor
from services.verify.models import PassRow, ScanRow

MOST = 200


def list_scans(request: PassNumber, call: Call, session: Session) -> ScanHistory:
    """Return the newest scans of a pass.

    Raises:
        Forbidden: the principal is no auditor.
        NotFound: no gate has heard of the pass.
    """
    require_auditor(call.principal)
    known = session.get(PassRow, request.number)
    if known is None:
        raise NotFound("there is no such pass")
    rows = session.scalars(
        select(ScanRow)
        .where(ScanRow.pass_number == request.number)
        .order_by(ScanRow.recorded_at.desc(), ScanRow.id)
        .limit(MOST)
    )
    scans = tuple(RecordedScan.from_attributes(row) for row in rows)
    return ScanHistory(pass_number=request.number, reference=known.reference, items=scans)


def list_entries(request: AuditQuestion, call: Call, session: Session, now: datetime) -> AuditEntries:
    """Return a page of who did what here: rows of the audit log, and recorded scans.

    Raises:
        Forbidden: the principal is no auditor.
        InvalidInput: ``after`` is not one of our cursors.
    """
    require_auditor(call.principal)
    wanted = entries.between(request, ScanRow.recorded_at, ScanRow.id)
    if request.actor is not None:
        wanted.append(or_(ScanRow.scanned_by == request.actor, ScanRow.sent_by == request.actor))
    if request.object is not None:
        wanted.append(ScanRow.pass_number == request.object)
    if request.actions and "scan" not in request.actions:
        wanted.append(false())
    if request.refused:
        wanted.append(ScanRow.verdict.not_in(("admit", "exit")))
    query = select(ScanRow).where(*wanted).order_by(ScanRow.recorded_at.desc(), ScanRow.id.desc())
    scans = [
        AuditEntry(
            id=row.id,
            service="verify",
            at=row.recorded_at,
            actor=row.scanned_by,
            role="security",
            action="scan",
            objects=tuple(one for one in (row.pass_number, row.sent_by) if one is not None),
            result=row.verdict,
            address="",
        )
        for row in session.scalars(query.limit(request.limit + 1))
    ]
    return entries.list_entries(request, call, session, now, "verify", scans)

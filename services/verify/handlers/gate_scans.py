"""How a gate's scans are carried out, and what is counted of them once they are recorded.

Repeated answers count, too. A token that cannot be read at an entry counts as a preview, because nothing is
recorded.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from contracts.errors import Forbidden, InvalidInput
from contracts.model import site_of
from contracts.rpc.call import Call
from contracts.rpc.verify import OfflineScan, ScanPass, ScanResult, SyncedScans, SyncScans
from services.chassis.db.database import Database
from services.chassis.runtime.logs import logger
from services.verify.handlers import offline_scans, scan_groups, scans, supervisors
from services.verify.handlers.pass_lookup import UNREADABLE
from services.verify.handlers.scan_records import MISSING
from services.verify.metrics import (
    GATE_CONFLICTS,
    OFFLINE_DEFERRED,
    OFFLINE_REFUSED,
    PREVIEWS,
    SCANS,
    SUPERVISORS_REFUSED,
    gate_label,
)
from services.verify.settings import VerifySettings

log = logger(__name__)


def scan(request: ScanPass, call: Call, db: Database, now: datetime, settings: VerifySettings) -> ScanResult:
    """Decide and record a scan, as one of a group; with the pass locked where it changed meanwhile.

    Raises:
        ContractError: as `scans.scan` and `supervisors.check`.
    """
    try:
        result = _scan(request, call, db, now, settings)
    except InvalidInput as error:
        if error.body.code == UNREADABLE and request.direction == "entry":
            PREVIEWS.labels(*_place(request), "unreadable").inc()
        raise
    _count(request, result)
    return result


def _scan(request: ScanPass, call: Call, db: Database, now: datetime, settings: VerifySettings) -> ScanResult:
    if request.supervisor is not None and request.direction == "entry":
        _check_supervisor(request, call, db, now)
    with db.queries() as session:
        (result,) = scan_groups.scan_many([(request, call)], session, now, **_rules(settings))
    if result is not None:
        return result
    try:
        with db.transaction() as session:
            return scans.scan(request, call, session, now, **_rules(settings))
    except Forbidden as refused:
        if refused.body.code == MISSING:
            SUPERVISORS_REFUSED.labels("missing").inc()
        raise


def _check_supervisor(request: ScanPass, call: Call, db: Database, now: datetime) -> None:
    refusal = supervisors.check(request, call, db, now)
    if refusal is not None:
        SUPERVISORS_REFUSED.labels(refusal.body.code).inc()
        log.warning("supervisor refused", code=refusal.body.code, gate=request.gate)
        raise refusal


def scan_together(
    asked: Sequence[tuple[ScanPass, Call]], session: Session, now: datetime, settings: VerifySettings
) -> Sequence[ScanResult | None]:
    """Decide and record scans that came in one message. None stands for one that is to be handled alone."""
    results = scan_groups.scan_many(asked, session, now, **_rules(settings))
    for (request, _), result in zip(asked, results, strict=True):
        if result is not None:
            _count(request, result)
    return results


def sync(
    request: SyncScans, call: Call, db: Database, now: datetime, settings: VerifySettings
) -> SyncedScans:
    """Record what a gate scanned without a network.

    Raises:
        ContractError: as `offline_scans.sync`.
    """
    with db.transaction() as session:
        synced = offline_scans.sync(
            request, call, session, now, offline_then=settings.offline_then, **_rules(settings)
        )
    for one, item in zip(request.scans, synced.answer.items, strict=True):
        if isinstance(one, OfflineScan) and item.recorded and item.verdict is not None:
            SCANS.labels(*_place(one), one.direction, item.verdict).inc()
        if item.problem is not None:
            OFFLINE_REFUSED.labels(item.problem).inc()
            log.warning("offline scan refused", problem=item.problem, gate=request.gate)
    for kind in synced.conflicts:
        GATE_CONFLICTS.labels(kind).inc()
    if synced.deferred:
        OFFLINE_DEFERRED.inc(synced.deferred)
        log.warning("offline scans deferred", count=synced.deferred, gate=request.gate)
    if synced.unproven:
        SUPERVISORS_REFUSED.labels("unproven").inc(synced.unproven)
        log.warning("supervisors unproven", count=synced.unproven, gate=request.gate)
    return synced.answer


def _rules(settings: VerifySettings) -> dict[str, Any]:
    return {
        "issuer": settings.issuer,
        "commitment_master": settings.commitment_master.get_secret_value(),
        "not_issued_after": settings.not_issued_after,
    }


def _count(request: ScanPass, result: ScanResult) -> None:
    if result.preview:
        PREVIEWS.labels(*_place(request), result.verdict).inc()
    else:
        SCANS.labels(*_place(request), request.direction, result.verdict).inc()


def _place(request: ScanPass) -> tuple[str, str]:
    """Return the labels of site and gate."""
    return site_of(request.gate), gate_label(request.gate)

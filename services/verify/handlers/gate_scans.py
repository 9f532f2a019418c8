"""What a gate sends of a time without a network, and what is counted of it once it is recorded."""

from datetime import datetime

from contracts.model import site_of
from contracts.rpc.call import Call
from contracts.rpc.verify.offline_scans import OfflineScan, SyncedScans, SyncScans
from services.chassis.db.database import Database
from services.chassis.runtime.logs import logger
from services.verify.handlers import offline_scans
from services.verify.metrics import (
    GATE_CONFLICTS,
    OFFLINE_DEFERRED,
    OFFLINE_REFUSED,
    SCANS,
    SUPERVISORS_REFUSED,
    gate_label,
)
from services.verify.settings import VerifySettings

log = logger(__name__)


def sync(
    request: SyncScans, call: Call, db: Database, now: datetime, settings: VerifySettings
) -> SyncedScans:
    """Record what a gate scanned without a network.

    Raises:
        ContractError: as `offline_scans.sync`.
    """
    with db.transaction() as session:
        synced = offline_scans.sync(
            request,
            call,
            session,
            now,
            issuer=settings.issuer,
            commitment_master=settings.commitment_master.get_secret_value(),
            not_issued_after=settings.not_issued_after,
            offline_then=settings.offline_then,
        )
    for one, item in zip(request.scans, synced.answer.items, strict=True):
        if isinstance(one, OfflineScan) and item.recorded and item.verdict is not None:
            SCANS.labels(site_of(one.gate), gate_label(one.gate), one.direction, item.verdict).inc()
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

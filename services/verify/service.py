"""RPC entrypoints of verify: parse, call one handler, return.

Scans are counted here, repeated answers included, so that handlers know no metric. A token that cannot be
read at an entry counts as a preview, because nothing is recorded.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from contracts.errors import Forbidden, InvalidInput
from contracts.model import site_of
from contracts.rpc import verify as contract
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Call, Nothing
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify import (
    CallForHelp,
    HelpCall,
    HelpCallId,
    HelpCalls,
    HelpQuestion,
    IncidentId,
    IncidentList,
    IncidentQuestion,
    IncidentView,
    InsideList,
    InsideQuestion,
    Manifest,
    ManifestQuestion,
    MovementQuestion,
    Movements,
    NameSupervisor,
    OfflineScan,
    OwnPin,
    PassUse,
    ScanHistory,
    ScanPass,
    ScanResult,
    SetPin,
    SiteId,
    SiteSupervision,
    SupervisorId,
    SupervisorList,
    SupervisorView,
    SyncedScans,
    SyncScans,
)
from services.chassis.audit import heads
from services.chassis.db.providers import DatabaseProvider, SettingsProvider
from services.chassis.rpc.server import rpc, rpc_together
from services.chassis.runtime.clock import now
from services.chassis.runtime.logs import logger
from services.verify.handlers import (
    help_calls,
    incidents,
    manifests,
    movements,
    offline_scans,
    presence,
    scan_groups,
    scan_history,
    scans,
    supervisors,
)
from services.verify.handlers.pass_lookup import UNREADABLE
from services.verify.handlers.scan_records import MISSING, ChangedMeanwhile
from services.verify.metrics import (
    GATE_CONFLICTS,
    OFFLINE_DEFERRED,
    OFFLINE_REFUSED,
    PREVIEWS,
    SCANS,
    SUPERVISORS_REFUSED,
    gate_label,
)

log = logger(__name__)


class Service:
    """Scans, who is inside, and how far a pass is used."""

    name = "verify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    @rpc(contract.SCAN)
    def scan(self, request: ScanPass, call: Call) -> ScanResult:
        try:
            result = self._scan(request, call)
        except InvalidInput as error:
            if error.body.code == UNREADABLE and request.direction == "entry":
                PREVIEWS.labels(*_place(request), "unreadable").inc()
            raise
        _count(request, result)
        return result

    @rpc_together(contract.SCAN)
    def _scan_many(self, asked: Sequence[tuple[ScanPass, Call]]) -> Sequence[ScanResult | None]:
        with self.db.queries() as session:
            results = scan_groups.scan_many(asked, session, now(), **self._rules)
        for (request, _), result in zip(asked, results, strict=True):
            if result is not None:
                _count(request, result)
        return results

    def _scan(self, request: ScanPass, call: Call) -> ScanResult:
        if request.supervisor is not None and request.direction == "entry":
            self._check_supervisor(request, call)
        with suppress(ChangedMeanwhile), self.db.queries() as session:
            (result,) = scan_groups.scan_many([(request, call)], session, now(), **self._rules)
            if result is not None:
                return result
        try:
            with self.db.transaction() as session:
                return scans.scan(request, call, session, now(), **self._rules)
        except Forbidden as refused:
            if refused.body.code == MISSING:
                SUPERVISORS_REFUSED.labels("missing").inc()
            raise

    def _check_supervisor(self, request: ScanPass, call: Call) -> None:
        refusal = supervisors.check(request, call, self.db, now())
        if refusal is not None:
            SUPERVISORS_REFUSED.labels(refusal.body.code).inc()
            log.warning("supervisor refused", code=refusal.body.code, gate=request.gate)
            raise refusal

    @rpc(contract.SYNC)
    def sync(self, request: SyncScans, call: Call) -> SyncedScans:
        with self.db.transaction() as session:
            synced = offline_scans.sync(
                request, call, session, now(), offline_then=self.settings.offline_then, **self._rules
            )
        for scan, item in zip(request.scans, synced.answer.items, strict=True):
            if isinstance(scan, OfflineScan) and item.recorded and item.verdict is not None:
                SCANS.labels(*_place(scan), scan.direction, item.verdict).inc()
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

    @property
    def _rules(self) -> dict[str, Any]:
        return {
            "issuer": self.settings.issuer,
            "commitment_master": self.settings.commitment_master.get_secret_value(),
            "not_issued_after": self.settings.not_issued_after,
        }

    @rpc(contract.INSIDE)
    def inside(self, request: InsideQuestion, call: Call) -> InsideList:
        with self.db.transaction() as session:
            return presence.list_inside(request, call, session)

    @rpc(contract.MANIFEST)
    def manifest(self, request: ManifestQuestion, call: Call) -> Manifest:
        with self.db.transaction() as session:
            return manifests.make_manifest(
                request,
                call,
                session,
                now(),
                issuer=self.settings.issuer,
                commitment_master=self.settings.commitment_master.get_secret_value(),
                offline_then=self.settings.offline_then,
            )

    @rpc(contract.MOVEMENTS)
    def movements(self, request: MovementQuestion, call: Call) -> Movements:
        with self.db.queries() as session:
            return movements.list_movements(request, call, session, now())

    @rpc(contract.PASS_USE)
    def pass_use(self, request: PassNumber, call: Call) -> PassUse:  # noqa: ARG002  the answer names nobody
        with self.db.transaction() as session:
            return presence.get_pass_use(request, session)

    @rpc(contract.SCAN_HISTORY)
    def scan_history(self, request: PassNumber, call: Call) -> ScanHistory:
        with self.db.transaction() as session:
            return scan_history.list_scans(request, call, session)

    @rpc(contract.NAME_SUPERVISOR)
    def name_supervisor(self, request: NameSupervisor, call: Call) -> SupervisorView:
        with self.db.transaction() as session:
            return supervisors.name(request, call, session, now())

    @rpc(contract.END_SUPERVISOR)
    def end_supervisor(self, request: SupervisorId, call: Call) -> Nothing:
        with self.db.transaction() as session:
            return supervisors.end(request, call, session, now())

    @rpc(contract.DEMAND_SUPERVISORS)
    def demand_supervisors(self, request: SiteId, call: Call) -> SiteSupervision:
        with self.db.transaction() as session:
            return supervisors.decide(request, call, session, now(), demanded=True)

    @rpc(contract.LIFT_SUPERVISORS)
    def lift_supervisors(self, request: SiteId, call: Call) -> SiteSupervision:
        with self.db.transaction() as session:
            return supervisors.decide(request, call, session, now(), demanded=False)

    @rpc(contract.SUPERVISORS)
    def supervisors(self, _request: Nothing, call: Call) -> SupervisorList:
        with self.db.queries() as session:
            return supervisors.list_all(call, session, now())

    @rpc(contract.OWN_PIN)
    def own_pin(self, _request: Nothing, call: Call) -> OwnPin:
        with self.db.queries() as session:
            return supervisors.own_pin(call, session, now())

    @rpc(contract.SET_PIN)
    def set_pin(self, request: SetPin, call: Call) -> OwnPin:
        return supervisors.set_pin(request, call, self.db, now())

    @rpc(contract.CALL_HELP)
    def call_help(self, request: CallForHelp, call: Call) -> HelpCall:
        with self.db.transaction() as session:
            return help_calls.call_help(request, call, session, now())

    @rpc(contract.ANSWER_HELP)
    def answer_help(self, request: HelpCallId, call: Call) -> HelpCall:
        with self.db.transaction() as session:
            return help_calls.answer(request, call, session, now())

    @rpc(contract.HELP_CALLS)
    def help_calls(self, request: HelpQuestion, call: Call) -> HelpCalls:
        with self.db.queries() as session:
            return help_calls.list_calls(request, call, session, now())

    @rpc(contract.INCIDENTS)
    def incidents(self, request: IncidentQuestion, call: Call) -> IncidentList:
        with self.db.queries() as session:
            return incidents.list_incidents(request, call, session)

    @rpc(contract.NOTE_INCIDENT)
    def note_incident(self, request: IncidentId, call: Call) -> IncidentView:
        with self.db.transaction() as session:
            return incidents.note_seen(request, call, session, now())

    @rpc(contract.AUDIT_ENTRIES)
    def audit_entries(self, request: AuditQuestion, call: Call) -> AuditEntries:
        with self.db.queries() as session:
            return scan_history.list_entries(request, call, session)

    @rpc(contract.AUDIT_HEADS)
    def audit_heads(self, request: HeadQuestion, _call: Call) -> AuditHeads:
        with self.db.queries() as session:
            return heads.list_heads(request, session, self.name)


def _count(request: ScanPass, result: ScanResult) -> None:
    if result.preview:
        PREVIEWS.labels(*_place(request), result.verdict).inc()
    else:
        SCANS.labels(*_place(request), request.direction, result.verdict).inc()


def _place(request: ScanPass) -> tuple[str, str]:
    """Return the labels of site and gate."""
    return site_of(request.gate), gate_label(request.gate)

"""RPC of verify: parse, call one handler, return. Scans are counted here (a repeated answer again), so that handlers know no metric."""

from contracts.rpc import verify as contract
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify import InsideList, InsideQuestion, PassUse, ScanPass, ScanResult
from services.chassis.rpc.server import rpc
from services.chassis.runtime.clock import now
from services.chassis.runtime.metrics import PREVIEWS, SCANS
from services.chassis.runtime.providers import OwnDatabase
from services.verify import handlers
from services.verify.domain import site_of


class Service:
    """The gate."""

    name = "verify"
    db = OwnDatabase()

    @rpc(contract.SCAN)
    def scan(self, request: ScanPass, call: Call) -> ScanResult:
        with self.db.transaction() as session:
            result = handlers.scan(request, call, session, now())
        if result.preview:
            PREVIEWS.labels(site_of(request.gate), request.gate, result.verdict).inc()
        else:
            SCANS.labels(site_of(request.gate), request.gate, request.direction, result.verdict).inc()
        return result

    @rpc(contract.INSIDE)
    def inside(self, request: InsideQuestion, call: Call) -> InsideList:
        with self.db.transaction() as session:
            return handlers.inside(request, call, session)

    @rpc(contract.PASS_USE)
    def pass_use(self, request: PassNumber, call: Call) -> PassUse:  # noqa: ARG002  it tells nothing of anybody
        with self.db.transaction() as session:
            return handlers.pass_use(request, session)

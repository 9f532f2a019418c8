"""The gate: scans, and who is inside."""

from fastapi import APIRouter

from contracts import rpc
from contracts.model import Code
from contracts.rpc.verify import InsideList, InsideQuestion, ScanPass, ScanResult
from services.gateway.access import IdempotencyKey, Security
from services.gateway.api.parameters import After, Limit

router = APIRouter(prefix="/api/v1", tags=["security"])


def site_of(gate: str) -> str:
    """The site of a gate: ``PCS1`` of ``PCS1-G1``."""
    return gate.rpartition("-")[0]


@router.post("/scans")
async def scan_pass(caller: Security, body: ScanPass, key: IdempotencyKey) -> ScanResult:
    """Checks a pass. Without an ID check an entry is a preview and nothing is recorded; a refusal is a verdict, not an error."""
    caller.must_act_for(site_of(body.gate))
    return await caller.command(rpc.verify.SCAN, body, key)


@router.get("/gate/inside")
async def list_inside(caller: Security, site: Code, after: After = None, limit: Limit = 50) -> InsideList:
    """Who is inside a site, the longest first."""
    caller.must_act_for(site)
    return await caller.ask(rpc.verify.INSIDE, InsideQuestion(site=site, after=after, limit=limit))

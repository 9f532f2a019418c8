"""Routes of the gate: scan a pass, and list who is inside."""

from fastapi import APIRouter

from contracts import rpc
from contracts.model import Code
from contracts.rpc.verify import InsideList, InsideQuestion, ScanPass, ScanResult
from services.gateway.access import Security
from services.gateway.api.parameters import After, Limit

router = APIRouter(prefix="/api/v1", tags=["security"])


@router.post("/scans")
async def scan_pass(caller: Security, body: ScanPass) -> ScanResult:
    """Check a pass.

    Without an ID check an entry is a preview and nothing is recorded; a refusal is a verdict, not an error.
    A token that a scanner did not read whole is the problem `unreadable_token`: scan it again. Nothing is
    recorded, and the nonce is still free.

    `nonce` is the key of the scan, so there is no `Idempotency-Key`: a repeat with the same nonce has one
    effect and one answer.
    """
    caller.require_site(body.gate.rpartition("-")[0])  # the site of PCS1-G1 is PCS1
    return await caller.command(rpc.verify.SCAN, body)


@router.get("/gate/inside")
async def list_inside(caller: Security, site: Code, after: After = None, limit: Limit = 50) -> InsideList:
    """List who is inside a site, the longest first."""
    caller.require_site(site)
    return await caller.query(rpc.verify.INSIDE, InsideQuestion(site=site, after=after, limit=limit))

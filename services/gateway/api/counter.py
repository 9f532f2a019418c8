"""Routes of the reception counter: apply for visitors who stand there, and find what they applied for."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.application import Acknowledged, Lookup, LookupHits, SubmitAtCounter
from contracts.rpc.call import Nothing
from services.gateway import visit_requests
from services.gateway.access import IdempotencyKey, Reception

router = APIRouter(prefix="/api/v1/counter", tags=["reception"])


@router.post("/applications", status_code=201)
async def submit_at_counter(caller: Reception, body: SubmitAtCounter, key: IdempotencyKey) -> Acknowledged:
    """Apply for a visitor for whom the operator vouches; the mobile may be null."""
    caller.require_site(body.site)
    return await visit_requests.apply(caller, rpc.application.SUBMIT_AT_COUNTER, body, key)


@router.get("/applications")
async def list_waiting_here(caller: Reception) -> LookupHits:
    """List who applied today at the counters and kiosks of this site and has not entered yet.

    These are the fifty newest, the newest last.
    """
    return await caller.query(rpc.application.WAITING_HERE, Nothing())


@router.post("/lookup")
async def look_up_at_counter(caller: Reception, body: Lookup) -> LookupHits:
    """Find applications by mobile, reference or name."""
    return await caller.query(rpc.application.COUNTER_LOOKUP, body)

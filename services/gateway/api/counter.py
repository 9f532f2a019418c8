"""The reception counter: applications for people who stand there, and finding what they applied for."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.application import Acknowledged, Lookup, LookupHits, SubmitAtCounter
from contracts.rpc.call import Nothing
from services.gateway.access import IdempotencyKey, Reception

router = APIRouter(prefix="/api/v1/counter", tags=["reception"])


@router.post("/applications", status_code=201)
async def submit_at_counter(caller: Reception, body: SubmitAtCounter, key: IdempotencyKey) -> Acknowledged:
    """Applies for a visitor for whom the operator vouches; the mobile may be null."""
    caller.must_act_for(body.site)
    return await caller.command(rpc.application.SUBMIT_AT_COUNTER, body, key)


@router.get("/applications")
async def list_waiting_here(caller: Reception) -> LookupHits:
    """Who applied today at the counters and kiosks of this site and has not gone in yet: the fifty newest, the newest last."""
    return await caller.ask(rpc.application.WAITING_HERE, Nothing())


@router.post("/lookup")
async def look_up_at_counter(caller: Reception, body: Lookup) -> LookupHits:
    """Applications by mobile, reference or name."""
    return await caller.ask(rpc.application.COUNTER_LOOKUP, body)

"""Routes of the reception counter: apply for visitors who stand there, and find what they applied for."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.application import Acknowledged, Lookup, LookupHits, NewMobileAtCounter, SubmitAtCounter
from contracts.rpc.call import Nothing
from contracts.rpc.notify import UndeliveredPasses
from services.gateway import mobile_changes, visit_requests
from services.gateway.access import IdempotencyKey, Reception, rate_limited
from services.gateway.api.parameters import Reference

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


@router.get("/undelivered")
async def list_undelivered(caller: Reception) -> UndeliveredPasses:
    """List the passes of this site that no message has brought to anybody, the newest first, at most fifty.

    A pass leaves the list when it is printed, delivered after all, sent to another number, revoked or over.
    """
    return await caller.query(rpc.notify.UNDELIVERED_HERE, Nothing())


@router.post("/applications/{reference}/mobile", dependencies=[rate_limited("otp_verify")])
async def change_mobile_at_counter(
    caller: Reception, reference: Reference, body: NewMobileAtCounter, key: IdempotencyKey
) -> Acknowledged:
    """Give an application of this site another mobile, for a visitor whose number was wrong or is lost.

    The operator has seen the ID card, and the visitor has entered the code that came to the new number
    (`POST /otp`). It is a code that signs in, so nobody asks the visitor to say it.
    """
    return await mobile_changes.change_at_counter(caller, reference, body, key)

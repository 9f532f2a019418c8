"""Routes of a department for how many visitors it takes."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.approval import CapacityView, SetCapacity
from contracts.rpc.call import Nothing
from services.gateway.access import Department, IdempotencyKey

router = APIRouter(prefix="/api/v1/capacity", tags=["department"])


@router.get("")
async def view_capacity(caller: Department) -> CapacityView:
    """Return how many visitors the department takes, and who set it."""
    return await caller.query(rpc.approval.CAPACITY, Nothing())


@router.post("")
async def set_capacity(caller: Department, body: SetCapacity, key: IdempotencyKey) -> CapacityView:
    """Set how many visitors the department takes from now on. Visits approved before stay approved."""
    return await caller.command(rpc.approval.SET_CAPACITY, body, key)

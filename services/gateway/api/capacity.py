"""Routes of a department for how many visitors it takes, and for its numbers."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.approval import CapacityView, DeskNumbers, SetCapacity
from contracts.rpc.call import Nothing
from services.gateway.access import Department, IdempotencyKey

router = APIRouter(prefix="/api/v1", tags=["department"])


@router.get("/capacity")
async def view_capacity(caller: Department) -> CapacityView:
    """Return how many visitors the department takes, and who set it."""
    return await caller.query(rpc.approval.CAPACITY, Nothing())


@router.post("/capacity")
async def set_capacity(caller: Department, body: SetCapacity, key: IdempotencyKey) -> CapacityView:
    """Set how many visitors the department takes from now on. Visits approved before stay approved."""
    return await caller.command(rpc.approval.SET_CAPACITY, body, key)


@router.get("/numbers")
async def view_numbers(caller: Department) -> DeskNumbers:
    """Return how many decisions the login and its department made, in what time, and what waits."""
    return await caller.query(rpc.approval.NUMBERS, Nothing())

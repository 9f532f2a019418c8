"""Routes for closing a day at short notice, for a department and for the ADO Branch."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from contracts import rpc
from contracts.rpc.approval import (
    Affected,
    CloseDay,
    ClosingDepartment,
    ClosingQuestion,
    ClosureId,
    ClosureList,
    ClosureQuestion,
    ClosureView,
)
from services.gateway.access import Closer, ClosureReader, IdempotencyKey
from services.gateway.api.parameters import After, Limit

router = APIRouter(prefix="/api/v1/closures", tags=["department"])
Department = Annotated[ClosingDepartment, Query()]


@router.get("")
async def list_closures(
    caller: ClosureReader, department: Department = None, after: After = None, limit: Limit = 50
) -> ClosureList:
    """List the days that a department closed at short notice, the newest closing first.

    The ADO Branch and auditors may see those of all departments.
    """
    question = ClosureQuestion(department=department, after=after, limit=limit)
    return await caller.query(rpc.approval.LIST_CLOSURES, question)


@router.get("/affected")
async def list_affected(
    caller: Closer, day: date, department: Department = None, after: After = None, limit: Limit = 50
) -> Affected:
    """List whom the closing of a day would affect; the ADO Branch sees how many they are."""
    question = ClosingQuestion(day=day, department=department, after=after, limit=limit)
    return await caller.query(rpc.approval.AFFECTED, question)


@router.post("", status_code=201)
async def close_day(caller: Closer, body: CloseDay, key: IdempotencyKey) -> ClosureView:
    """Close a day. Passes for it are revoked, and its visitors are asked to choose another date."""
    return await caller.command(rpc.approval.CLOSE_DAY, body, key)


@router.get("/{closure_id}")
async def view_closure(caller: ClosureReader, closure_id: UUID) -> ClosureView:
    """Show a closed day, and how many visitors were asked to choose another date."""
    return await caller.query(rpc.approval.VIEW_CLOSURE, ClosureId(closure_id=closure_id))


@router.post("/{closure_id}/lift")
async def lift_closure(caller: Closer, closure_id: UUID, key: IdempotencyKey) -> ClosureView:
    """Offer a closed day again. Nobody is approved again by this."""
    return await caller.command(rpc.approval.LIFT_CLOSURE, ClosureId(closure_id=closure_id), key)

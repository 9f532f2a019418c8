"""Routes of a department that invites visitors."""

from fastapi import APIRouter

from contracts import rpc
from contracts.rpc.application import Invite, Invited
from services.gateway.access import Department, IdempotencyKey

router = APIRouter(prefix="/api/v1/invitations", tags=["department"])


@router.post("", status_code=201)
async def invite_visitors(caller: Department, body: Invite, key: IdempotencyKey) -> Invited:
    """Invite visitors of the login's own department; each pass follows by itself."""
    return await caller.command(rpc.application.INVITE, body, key)

"""Routes of a department that invites visitors."""

from fastapi import APIRouter

from contracts.rpc.application import Invite, Invited
from services.gateway import visit_requests
from services.gateway.access import Department, IdempotencyKey

router = APIRouter(prefix="/api/v1/invitations", tags=["department"])


@router.post("", status_code=201)
async def invite_visitors(caller: Department, body: Invite, key: IdempotencyKey) -> Invited:
    """Invite visitors of the login's own department; each pass follows by itself."""
    return await visit_requests.invite(caller, body, key)

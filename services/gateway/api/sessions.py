"""The route that ends a session, for anybody who has one."""

from fastapi import APIRouter, Request, Response

from contracts import rpc
from contracts.rpc.call import Nothing
from services.gateway.access.admission import COOKIE
from services.gateway.access.callers import SignedIn
from services.gateway.access.cookie_names import session_cookie
from services.gateway.access.idempotency_keys import IdempotencyKey

router = APIRouter()


@router.delete("/api/v1/sessions/current", tags=["staff"], status_code=204, response_class=Response)
async def log_out(caller: SignedIn, request: Request, key: IdempotencyKey) -> Response:
    """End the session, here at once and everywhere within two seconds."""
    await caller.command(rpc.accounts.sessions.LOG_OUT, Nothing(), key)
    if caller.principal.sid is not None:
        caller.state.revoked_sessions.end_session(caller.principal.sid)
    response = Response(status_code=204)
    name = session_cookie(caller.state.settings.public_url)
    if name in request.cookies:
        response.delete_cookie(name, secure=name.startswith("__Host-"), **COOKIE)
    return response

"""Routes of staff sessions and passwords; and to end a session, for anybody who has one."""

from fastapi import APIRouter, Request, Response

from contracts import rpc
from contracts.rpc.accounts import ChangePassword, LogIn, StaffSession
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.access import (
    Anyone,
    IdempotencyKey,
    SignedIn,
    Staff,
    rate_limited,
    session_cookie,
)
from services.gateway.revoked_sessions import LONGEST_SESSION

router = APIRouter(prefix="/api/v1", tags=["staff"])


@router.post("/sessions", dependencies=[rate_limited("login")])
async def log_in(caller: Anyone, body: LogIn, key: IdempotencyKey) -> StaffSession:
    """Return a session for a login that the ADO Branch issued."""
    return await caller.command(rpc.accounts.LOG_IN, body, key)


@router.delete("/sessions/current", status_code=204, response_class=Response)
async def log_out(caller: SignedIn, request: Request, key: IdempotencyKey) -> Response:
    """End the session, here at once and everywhere within two seconds."""
    await caller.command(rpc.accounts.LOG_OUT, Nothing(), key)
    if caller.principal.sid is not None:
        caller.state.revoked_sessions.revoke_session(caller.principal.sid, now() + LONGEST_SESSION)
    response = Response(status_code=204)
    name = session_cookie(caller.state.settings.public_url)
    if name in request.cookies:
        response.delete_cookie(name, secure=name.startswith("__Host-"), httponly=True, samesite="lax")
    return response


@router.post("/password")
async def change_password(caller: Staff, body: ChangePassword, key: IdempotencyKey) -> StaffSession:
    """Change the password; the answer is a new session."""
    return await caller.command(rpc.accounts.CHANGE_PASSWORD, body, key)

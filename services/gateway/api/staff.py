"""Routes of staff sessions, passwords and second factors; and to end a session, for anybody who has one."""

from fastapi import APIRouter, Request, Response

from contracts import rpc
from contracts.rpc.accounts import (
    ChangePassword,
    Enrolled,
    Enrolment,
    EnterCode,
    FactorCode,
    LogIn,
    OwnFactor,
    RecoveryCodes,
    SignInToken,
    StaffSession,
    StartEnrolment,
    WaitingSignIn,
)
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
    """Return a session for a login that the ADO Branch issued.

    `401` with `second_factor_required`: send the fact `sign_in` with a code to `/sessions/code`. With
    `second_factor_missing`: send it to `/sessions/enrolment` first, and the app's code to
    `/sessions/enrolment/code`. Both have a quarter of an hour.
    """
    return await caller.command(rpc.accounts.LOG_IN, body, key)


@router.post("/sessions/code", dependencies=[rate_limited("login")])
async def enter_code(caller: Anyone, body: EnterCode, key: IdempotencyKey) -> StaffSession:
    """Return a session for a sign-in that waits for the second factor, and its code."""
    return await caller.command(rpc.accounts.ENTER_CODE, body, key)


@router.post("/sessions/enrolment", dependencies=[rate_limited("login")])
async def show_enrolment(caller: Anyone, body: SignInToken) -> Enrolment:
    """Return what an authenticator app needs to know, for a sign-in that has to set up one."""
    return await caller.query(rpc.accounts.SHOW_ENROLMENT, body)


@router.post("/sessions/enrolment/code", dependencies=[rate_limited("login")])
async def enrol_factor(caller: Anyone, body: EnterCode, key: IdempotencyKey) -> Enrolled:
    """Set up an app by its first code; the answer has a session, and recovery codes that are shown once."""
    return await caller.command(rpc.accounts.ENROL_FACTOR, body, key)


@router.post("/sessions/current/code")
async def confirm_factor(caller: Staff, body: FactorCode, key: IdempotencyKey) -> StaffSession:
    """Show the second factor again, where `403` with `second_factor_stale` asks for it.

    The answer is the same session with a new token, which counts for five minutes.
    """
    return await caller.command(rpc.accounts.CONFIRM_FACTOR, body, key)


@router.get("/second-factor")
async def view_own_factor(caller: Staff) -> OwnFactor:
    """Show what the caller has as a second factor."""
    return await caller.query(rpc.accounts.OWN_FACTOR, Nothing())


@router.post("/second-factor/enrolment")
async def start_enrolment(caller: Staff, body: StartEnrolment, key: IdempotencyKey) -> WaitingSignIn:
    """Begin to set up an app; go on with `sign_in` at `/sessions/enrolment`."""
    return await caller.command(rpc.accounts.START_ENROLMENT, body, key)


@router.post("/second-factor/recovery-codes")
async def renew_recovery_codes(caller: Staff, key: IdempotencyKey) -> RecoveryCodes:
    """Replace the recovery codes; the new ones are shown once."""
    return await caller.command(rpc.accounts.RENEW_RECOVERY_CODES, Nothing(), key)


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

"""Another mobile for an application: the code that was sent to it, and the command that moves it.

accounts knows whether the code is right, and application whose application it is. The gateway takes the
session that the code opens from one to the other, as the proof of the number.
"""

from contextlib import suppress
from uuid import NAMESPACE_URL, uuid4, uuid5

from contracts import rpc
from contracts.errors import ContractError, NotAuthenticated, Unavailable
from contracts.mobile import parse_mobile
from contracts.rpc.accounts.sessions import ApplicantSession, VerifyOtp
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.access.admission import Caller


def is_limited(shown: rpc.application.ApplicationView) -> bool:
    """Return whether who sees an application has changed its number too often; no code is sent then."""
    return shown.mobile_change_after is not None and shown.mobile_change_after > now()


def problem_of(mobile: str, shown: rpc.application.ApplicationView) -> str:
    """Return the code of what is wrong with a new number, or nothing. The service checks it again."""
    if not mobile:
        return "new_mobile_missing"
    try:
        return "same_mobile" if parse_mobile(mobile) == shown.applicant.mobile else ""
    except ValueError:
        return "not_a_mobile"


async def change(
    caller: Caller, reference: str, code: rpc.application.NewMobile, key: str
) -> ApplicantSession:
    """Give an application of the caller the number to which a code went; return the session of that number.

    A repeat with the same key has one effect and gets the same answer. If the application keeps its number,
    the session ends, and a repeat needs another code: accounts answers it with the session that has ended.

    Raises:
        NotAuthenticated: the code is wrong, or not good any more (``code_used``: its session has ended).
        ContractError: as `application.change_mobile`.
    """
    session = await _session_of(caller, code, key)
    try:
        await caller.state.sessions.verify(session.access_token)
    except NotAuthenticated:
        raise NotAuthenticated("this code was used, ask for a new one", code="code_used") from None
    try:
        await _change(caller, reference, session, key)
    except Unavailable:
        raise  # it is not known what became of it, and a repeat needs the session
    except ContractError:
        await _end(caller, session)
        raise
    return session


async def change_at_counter(
    caller: Caller, reference: str, code: rpc.application.NewMobileAtCounter, key: str
) -> rpc.application.Acknowledged:
    """Give an application the number of a visitor who stands at the reception with their phone and ID card.

    The visitor's session ends: nobody uses it there.

    Raises:
        ContractError: as :func:`change`.
    """
    session = await _session_of(caller, code, key)
    try:
        return await _change(caller, reference, session, key, code.id_last4)
    finally:
        await _end(caller, session)


async def _session_of(caller: Caller, code: rpc.application.NewMobile, key: str) -> ApplicantSession:
    """Return the session that the code opens; each code that is typed has a key of its own."""
    question = VerifyOtp(request_id=code.request_id, code=code.code)
    once = str(uuid5(NAMESPACE_URL, f"{key} {code.code}"))
    return await caller.command(rpc.accounts.sessions.VERIFY_OTP, question, once)


async def _change(
    caller: Caller, reference: str, session: ApplicantSession, key: str, id_last4: str | None = None
) -> rpc.application.Acknowledged:
    proof = await caller.state.sessions.prove_new(session.access_token)
    if proof is None:
        raise Unavailable("accounts has not certified its key yet")
    request = rpc.application.ChangeMobile(reference=reference, proof=proof, id_last4=id_last4)
    return await caller.command(rpc.application.CHANGE_MOBILE, request, key)


async def _end(caller: Caller, session: ApplicantSession) -> None:
    """End the session of the new number, here at once."""
    state = caller.state
    with suppress(ContractError):
        claims = await state.sessions.verify(session.access_token)
        state.revoked_sessions.end_session(claims.sid)
        holder = caller.with_session(claims, session.access_token)
        await holder.command(rpc.accounts.sessions.LOG_OUT, Nothing(), str(uuid4()))

"""Signing out from a page. The session ends here at once, and at every other gateway within two seconds."""

from contextlib import suppress
from uuid import uuid4

from fastapi import Response

from contracts import rpc
from contracts.errors import ContractError
from contracts.rpc.call import Nothing
from services.gateway.access.admission import Caller
from services.gateway.access.callers import leaving, leaving_applicant, operator
from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.view import View


async def end_session(caller: Caller) -> None:
    """Revoke a session here and end it in accounts.

    While accounts is unavailable, signing out succeeds all the same: the browser deletes the session anyway.
    """
    if caller.principal.sid is not None:
        caller.state.revoked_sessions.end_session(caller.principal.sid)
    with suppress(ContractError):
        await caller.command(rpc.accounts.sessions.LOG_OUT, Nothing(), str(uuid4()))


async def end_replaced(view: View, token: str, *, of_operator: bool = False) -> None:
    """End what a browser had until somebody signed in with another session, whose token this is.

    Args:
        view: the request that signed in.
        token: of the new session; a form that is sent twice comes with it.
        of_operator: whether an operator's session is replaced, too.
    """
    for access in (leaving, operator) if of_operator else (leaving,):
        with suppress(ContractError):  # nobody was signed in, or not any more
            before = await access.caller_of(view.request)
            if before.principal.sid != (await before.state.sessions.verify(token)).sid:
                await end_session(before)


async def sign_out_applicant(view: View, response: Response) -> None:
    """Delete what the browser has of an applicant, and end the session."""
    cookies.answers_cookie(view.request).clear(response)
    cookies.result_cookie(view.request).clear(response)
    cookies.sign_out(response, view.request)
    cookies.forget_devices(response, view.request, "mobiles")
    with suppress(ContractError):  # nobody was signed in, or not any more
        await end_session(await leaving_applicant.caller_of(view.request))

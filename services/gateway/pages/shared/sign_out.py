"""The end of a session, from a page: here at once, everywhere within two seconds, and out of the browser in any case."""

from contextlib import suppress
from uuid import uuid4

from fastapi import Response

from contracts import rpc
from contracts.errors import ContractError
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.access import Caller, applicant
from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.view import View
from services.gateway.revoked_sessions import LONGEST_SESSION


async def end_session(caller: Caller) -> None:
    """Denies a session here and has accounts end it. While accounts is away nobody is kept from leaving: the browser forgets it anyway."""
    if caller.principal.sid is not None:
        caller.state.revoked_sessions.revoke_session(caller.principal.sid, now() + LONGEST_SESSION)
    with suppress(ContractError):
        await caller.command(rpc.accounts.LOG_OUT, Nothing(), str(uuid4()))


async def forget(view: View, response: Response) -> None:
    """Take answers and session of an applicant out of the browser, and end the session."""
    cookies.answers_cookie(view.request).clear(response)
    cookies.sign_out(response, view.request)
    with suppress(ContractError):  # nobody was signed in, or not any more
        await end_session(await applicant.caller_of(view.request))

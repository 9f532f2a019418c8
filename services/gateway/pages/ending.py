"""The end of a session, from a page: here at once, everywhere within two seconds, and out of the browser in any case."""

from contextlib import suppress
from uuid import uuid4

from contracts import rpc
from contracts.errors import ContractError
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.access import Caller
from services.gateway.revoked_sessions import LONGEST_SESSION


async def end_session(caller: Caller) -> None:
    """Denies a session here and has accounts end it. While accounts is away nobody is kept from leaving: the browser forgets it anyway."""
    if caller.principal.sid is not None:
        caller.state.revoked_sessions.revoke_session(caller.principal.sid, now() + LONGEST_SESSION)
    with suppress(ContractError):
        await caller.command(rpc.accounts.LOG_OUT, Nothing(), str(uuid4()))

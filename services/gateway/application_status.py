"""The status of an application for whoever knows its reference and the end of its mobile, asked by a page or by the interface.

Four digits protect it, so guesses at one reference are counted wherever they come from and however the reference is written.
"""

from contracts import rpc
from contracts.crockford import parse_reference
from contracts.rpc.application import StatusQuestion, StatusView
from services.gateway.access import Caller
from services.gateway.origin import keyed_hash


async def status_of(caller: Caller, question: StatusQuestion) -> StatusView:
    """Where it stands.

    Raises:
        NotFound: there is no such application, or the mobile ends otherwise; the two are not told apart.
        TooManyAttempts: this reference was asked for too often, with ``retry_after`` in seconds.
    """
    try:
        reference = parse_reference(question.reference)
    except ValueError:
        reference = ""  # the service finds nothing under what is no reference
    if reference:
        caller.state.rate_limits.hit("status_reference", keyed_hash(caller.state.address_secret, reference))
    return await caller.ask(rpc.application.STATUS, question)

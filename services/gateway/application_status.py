"""The status of an application for anybody who knows its reference and the end of its mobile number. A page and the API use it.

Only four digits protect it. So attempts are counted by reference too, wherever they come from and however it is written.
"""

from contracts import rpc
from contracts.crockford import parse_reference
from contracts.rpc.application import StatusQuestion, StatusView
from services.gateway.access import Caller


async def look_up(caller: Caller, question: StatusQuestion) -> StatusView:
    """Return the status and timeline.

    Raises:
        NotFound: there is no such application, or its mobile ends otherwise; the caller cannot tell which.
        TooManyAttempts: this reference was looked up too often, with ``retry_after`` in seconds.
    """
    try:
        reference = parse_reference(question.reference)
    except ValueError:
        pass  # the service raises NotFound for what is no reference
    else:
        caller.state.rate_limits.hit("status_reference", caller.state.keyed_hash(reference))
    return await caller.query(rpc.application.STATUS, question)

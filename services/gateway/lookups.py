"""Lookups that a page and the JSON interface share."""

from contracts import rpc
from contracts.crockford import parse_reference
from contracts.errors import InvalidInput
from contracts.mobile import parse_mobile
from contracts.rpc.application import StatusQuestion, StatusView
from contracts.rpc.notify import PhoneQuestion, SentMessage
from services.gateway.access import Caller


async def application_status(caller: Caller, question: StatusQuestion) -> StatusView:
    """Return status and timeline of an application, without a session.

    The reference and the last four digits of the mobile number are all that protects it. So attempts are
    counted by reference too, wherever they come from and however it is written.

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


async def local_messages(caller: Caller, field: str, mobile: str) -> tuple[SentMessage, ...]:
    """Return what the ``local`` channel has "sent" to a mobile, oldest first.

    The number may be written in any form.

    Raises:
        InvalidInput: it is no mobile number; ``field`` names it.
    """
    try:
        to = parse_mobile(mobile)
    except ValueError:
        raise InvalidInput.of(field, "not_a_mobile") from None
    return (await caller.query(rpc.notify.LOCAL_PHONE, PhoneQuestion(to=to))).items

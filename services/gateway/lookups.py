"""Lookups that a page and the JSON interface share."""

from collections.abc import Mapping

from contracts import rpc
from contracts.crockford import parse_reference
from contracts.errors import ContractError, InvalidInput, NotFound
from contracts.mobile import parse_mobile
from contracts.rpc.application import StatusQuestion, StatusView
from contracts.rpc.notify import PhoneQuestion, SentMessage
from services.gateway.access import Caller


async def application_status(caller: Caller, question: StatusQuestion) -> StatusView:
    """Return status and timeline of an application, without a session.

    The reference and the last four digits of the mobile number are all that protects it. So wrong attempts
    are counted by reference and address, and those from everywhere by reference, however it is written.
    Right ones do not count: a reader may look as often as they like. Whoever signs in needs no lookup.

    Raises:
        NotFound: there is no such application, or its mobile ends otherwise; the caller cannot tell which.
        TooManyAttempts: this reference was tried too often, with ``retry_after`` in seconds.
    """
    try:
        reference = parse_reference(question.reference)
    except ValueError:
        return await caller.query(rpc.application.STATUS, question)  # it raises NotFound
    counted = {"status_reference": (reference, caller.address), "status_anywhere": (reference,)}
    for limit, key in counted.items():
        await caller.hit(limit, *key)
    try:
        found = await caller.query(rpc.application.STATUS, question)
    except NotFound:
        raise
    except ContractError:
        await _forgive(caller, counted)
        raise
    await _forgive(caller, counted)
    return found


async def _forgive(caller: Caller, counted: Mapping[str, tuple[str, ...]]) -> None:
    for limit, key in counted.items():
        await caller.forgive(limit, *key)


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

"""Route of local mode only: what the ``local`` channel has "sent", as JSON. ``pages/phone.py`` shows the same as a page."""

from typing import Annotated

from fastapi import APIRouter, Query

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.mobile import parse_mobile
from contracts.rpc.notify import PhoneQuestion, SentMessage
from services.gateway.access import Anyone, Caller

router = APIRouter(prefix="/dev", include_in_schema=False)


async def messages_to(caller: Caller, field: str, mobile: str) -> tuple[SentMessage, ...]:
    """Return the messages to a mobile, oldest first. The number may be written in any form.

    Raises:
        InvalidInput: it is no mobile number.
    """
    try:
        to = parse_mobile(mobile)
    except ValueError:
        raise InvalidInput.of(field, "not_a_mobile") from None
    return (await caller.query(rpc.notify.LOCAL_PHONE, PhoneQuestion(to=to))).items


@router.get("/messages")
async def list_messages(caller: Anyone, to: Annotated[str, Query(max_length=40)]) -> tuple[SentMessage, ...]:
    """Return what a phone received."""
    return await messages_to(caller, "to", to)

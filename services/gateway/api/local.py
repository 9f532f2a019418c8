"""Local mode only: what the ``local`` channel has "sent", as JSON. The phone page is in ``pages/phone.py``."""

from typing import Annotated

from fastapi import APIRouter, Query

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.mobile import parse_mobile
from contracts.rpc.notify import PhoneQuestion, SentMessage
from services.gateway.access import Anyone, Caller

router = APIRouter(prefix="/dev", include_in_schema=False)


async def messages_to(caller: Caller, field: str, mobile: str) -> tuple[SentMessage, ...]:
    """Messages to a mobile however it is written, oldest first.

    Raises:
        InvalidInput: it is no mobile.
    """
    try:
        to = parse_mobile(mobile)
    except ValueError:
        raise InvalidInput.of(field, "not_a_mobile") from None
    return (await caller.ask(rpc.notify.LOCAL_PHONE, PhoneQuestion(to=to))).items


@router.get("/messages")
async def list_messages(caller: Anyone, to: Annotated[str, Query(max_length=40)]) -> tuple[SentMessage, ...]:
    """What a phone received."""
    return await messages_to(caller, "to", to)

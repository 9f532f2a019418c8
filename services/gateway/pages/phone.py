"""A phone on a page, in local mode only, with the messages that the ``local`` channel has "sent" to it."""

import base64
import re
from typing import Annotated

from fastapi import APIRouter, Query, Response
from markupsafe import Markup, escape

from contracts.errors import ContractError, InvalidInput, NotFound
from contracts.rpc.notify import SentMessage
from services.chassis.runtime.clock import IST
from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.handlers.lookups import local_messages
from services.gateway.pages.shared.render import page

router = APIRouter(include_in_schema=False)
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)।]")


def linked(text: str) -> Markup:
    """Return the text of a message with its addresses as links."""
    shown, position = Markup(""), 0
    for found in _LINK.finditer(text):
        shown += escape(text[position : found.start()]) + Markup('<a href="{0}">{0}</a>').format(
            found.group()
        )
        position = found.end()
    return shown + escape(text[position:])


def _shown(message: SentMessage) -> dict[str, object]:
    at = message.at.astimezone(IST)
    link = message.link if message.link and message.link not in message.text else None
    return {
        "time": f"{at:%H:%M}",
        "day": f"{at:%d-%m-%Y}",
        "text": linked(message.text),
        "link": link,
        "message": message,
    }


@router.get("/dev/phone", dependencies=[rate_limited("read")])
async def show_phone(caller: Anyone, mobile: Annotated[str, Query(max_length=40)] = "") -> Response:
    if not mobile:
        return page("phone.html", mobile="", messages=(), trouble="")
    try:
        messages = await local_messages(caller, "mobile", mobile, with_pictures=True)
    except ContractError as error:
        trouble = (
            "That is no mobile number."
            if isinstance(error, InvalidInput)
            else "The messages cannot be read just now."
        )
        return page("phone.html", mobile=mobile, messages=(), trouble=trouble)
    return page("phone.html", mobile=mobile, messages=[_shown(message) for message in messages], trouble="")


@router.get("/dev/phone/picture", dependencies=[rate_limited("read")])
async def show_picture(
    caller: Anyone, mobile: Annotated[str, Query(max_length=40)], place: Annotated[int, Query(ge=0)]
) -> Response:
    """Return the picture of the message at a place in the list: pages load pictures from an address alone.

    Raises:
        NotFound: there is no such picture.
    """
    messages = await local_messages(caller, "mobile", mobile, with_pictures=True)
    picture = messages[place].picture if place < len(messages) else None
    if picture is None:
        raise NotFound("there is no such picture")
    return Response(base64.b64decode(picture), media_type="image/png", headers={"Cache-Control": "no-store"})

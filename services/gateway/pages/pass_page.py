"""A pass behind the link of its message. Whoever has the link sees it; it is kept by no cache and found by no search."""

import asyncio
import base64
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from markupsafe import Markup

from contracts import rpc
from contracts.errors import ContractError, NotFound, Unavailable
from contracts.model import Language
from contracts.rpc import LinkCode, PassView, QrPicture
from services.gateway.access import Anyone, Caller
from services.gateway.pages.render import page
from services.gateway.pages.words import WORDS, long_date
from services.gateway.problems import RETRY_SECONDS

router = APIRouter(include_in_schema=False)
HIDDEN = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}


@router.get("/p/{code}")
async def show_pass(caller: Anyone, code: Annotated[str, Path(max_length=40)]) -> Response:
    """The pass with its QR, or why it admits nobody any more."""
    try:
        shown = await caller.ask(rpc.PASS_BY_LINK, LinkCode(code=code))
        drawing = await _drawing(caller, code) if shown.state == "issued" else None
        site = await _site_name(caller, shown.site, shown.language)
    except NotFound:
        return page("no_pass.html", 404, HIDDEN, sentence="not_found", words=WORDS)
    except Unavailable:
        return page("no_pass.html", 503, HIDDEN | {"Retry-After": str(RETRY_SECONDS)}, sentence="unavailable", words=WORDS)
    return page("pass.html", 200, HIDDEN, shown=shown, drawing=drawing, site=site, **_texts(shown))


async def _drawing(caller: Caller, code: str) -> Markup:
    """The QR as an SVG element that scales with the page."""
    picture: QrPicture = await caller.ask(rpc.QR_BY_LINK, LinkCode(code=code))
    text = base64.b64decode(picture.base64).decode()
    return Markup(text[text.index("<svg") :])  # noqa: S704  drawn by issuance from its own token


async def _site_name(caller: Caller, code: str, language: Language) -> str:
    try:
        async with asyncio.timeout(1):
            sites = await caller.replica.sites.get()
    except (ContractError, TimeoutError):
        return code
    return next((site.name.get(language, code) for site in sites.items if site.code == code), code)


def _texts(shown: PassView) -> dict[str, Any]:
    slot = shown.slot
    return {
        "words": WORDS[shown.language],
        "day": long_date(slot.day, shown.language),
        "window": f"{slot.start:%H:%M} – {slot.end:%H:%M}",
        "number": f"{shown.number[:4]} {shown.number[4:]}",
    }

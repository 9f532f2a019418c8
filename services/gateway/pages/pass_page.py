"""A pass behind the link of its message. Whoever has the link sees it; it is kept by no cache and found by no search."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from markupsafe import Markup

from contracts import rpc
from contracts.errors import ContractError, NotFound, Unavailable
from contracts.model import Language
from contracts.rpc import LinkCode, PassView
from services.gateway.access import Anyone, Caller
from services.gateway.pages.drawing import inline
from services.gateway.pages.languages import LANGUAGES, _, day_in_words, texts
from services.gateway.pages.render import page
from services.gateway.problems import RETRY_SECONDS

router = APIRouter(include_in_schema=False)
HIDDEN = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}
NOT_FOUND = _("There is no pass behind this link. Open the whole link of the message.")
UNAVAILABLE = _("The pass cannot be shown just now. Try again in a moment. The pass number in the message works at the gate too.")


@router.get("/p/{code}")
async def show_pass(caller: Anyone, code: Annotated[str, Path(max_length=40)]) -> Response:
    """The pass with its QR, or why it admits nobody any more."""
    try:
        shown = await caller.ask(rpc.PASS_BY_LINK, LinkCode(code=code))
        drawing = await _drawing(caller, code) if shown.state == "issued" else None
        site = await _site_name(caller, shown.site, shown.language)
    except NotFound:
        return _no_pass(404, NOT_FOUND)
    except Unavailable:
        return _no_pass(503, UNAVAILABLE, {"Retry-After": str(RETRY_SECONDS)})
    return page("pass.html", 200, HIDDEN, shown.language, shown=shown, drawing=drawing, site=site, **_texts(shown))


def _no_pass(status: int, sentence: str, headers: dict[str, str] | None = None) -> Response:
    """A sentence in all languages: nobody knows which one its reader speaks."""
    said = {language: texts(language).gettext(sentence) for language in LANGUAGES}
    return page("no_pass.html", status, HIDDEN | (headers or {}), said=said)


async def _drawing(caller: Caller, code: str) -> Markup:
    return inline(await caller.ask(rpc.QR_BY_LINK, LinkCode(code=code)))


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
        "day": day_in_words(slot.day, shown.language),
        "window": f"{slot.start:%H:%M} – {slot.end:%H:%M}",
        "number": f"{shown.number[:4]} {shown.number[4:]}",
    }

"""The landing page, and the pages whose texts a site's administrator writes, such as help and contact."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from contracts import rpc
from contracts.errors import ContractError, NotFound
from contracts.events import SiteRecord
from contracts.model import IST
from services.chassis.runtime.clock import now
from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.pages.shared import directory, privacy
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.languages import hours_in_words, preferred, texts, week_in_words
from services.gateway.pages.shared.navigation import FOOTER, MAP
from services.gateway.pages.shared.site_text import PAGES, SiteTexts, page_of, rendered
from services.gateway.pages.shared.view import PUBLIC, OpenPage, View

FIRST_SECONDS = 0.5
"""A page waits no longer than this for the texts of the ADO Branch, and only for the first copy of them."""
router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/", dependencies=[rate_limited("read")])
async def choose_language(_caller: Anyone, request: Request) -> Response:
    """Redirect to the landing page in the language that the browser asks for."""
    language = preferred(request.headers.get("accept-language", ""))
    return RedirectResponse(f"/{language}", 303, {"Vary": "Accept-Language", "Cache-Control": "no-store"})


@router.get("/{language:lang}", dependencies=[rate_limited("read")])
async def show_landing(view: OpenPage) -> Response:
    """Show the landing page; a kiosk has a start page of its own."""
    if view.kiosk:
        return view.to("/kiosk")
    settings = view.caller.state.settings
    files = cast(SiteTexts, view.request.app.state.site_texts)
    pages = (page_of(files, view.caller.state, name) or files[name] for name in PAGES)
    return view.html(
        "landing.html",
        200,
        PUBLIC,
        local_mode=settings.local_mode,
        shows_docs=settings.shows_docs,
        reviewed=max((day for one in pages if (day := one[view.language].reviewed)), default=None),
    )


@router.get("/{language:lang}/site-map", dependencies=[rate_limited("read")])
async def show_site_map(view: OpenPage, q: str = "") -> Response:
    """List the pages that anybody may open; with words to search for, those that have all of them."""
    files = cast(SiteTexts, view.request.app.state.site_texts)
    await view.caller.state.site_texts.get_at_once(FIRST_SECONDS)
    translate = texts(view.language).gettext
    entries = [(address, translate(title), "") for address, title in MAP]
    for name, title in FOOTER.items():
        known = page_of(files, view.caller.state, name) or files[name]
        text = known[view.language]
        entries.append((f"/about/{name}", translate(title), f"{text.title} {text.body.striptags()}"))
    words = q.casefold().split()
    found = [
        (address, title)
        for address, title, body in entries
        if all(word in f"{title} {body}".casefold() for word in words)
    ]
    return view.html("site_map.html", 200, PUBLIC, entries=found, q=q)


@router.get("/{language:lang}/about/{name}", dependencies=[rate_limited("read")])
async def show_site_text(view: OpenPage, name: str) -> Response:
    """Show a page; in another language, with a notice, where the reader's is missing."""
    files = cast(SiteTexts, view.request.app.state.site_texts)
    await view.caller.state.site_texts.get_at_once(FIRST_SECONDS)
    found = page_of(files, view.caller.state, name)
    if found is None:
        raise NotFound("no such page")
    places = await _places(view) if name == "contact" else ()
    kept, law = privacy.facts(view.caller.state, view.language) if name == "privacy" else ((), ())
    shown = {"text": found[view.language], "name": name, "places": places, "kept": kept, "law": law}
    return view.html("about.html", 200, PUBLIC, **shown)


@router.get("/{language:lang}/about/privacy/versions/{version}", dependencies=[rate_limited("read")])
async def show_version(view: OpenPage, version: str) -> Response:
    """Show what a version of the privacy notice said, to whoever has agreed to it or was shown it."""
    try:
        found = await view.query(rpc.notices.VIEW_NOTICE, rpc.notices.NoticeQuestion(version=version[:40]))
    except NotFound:
        return view.html("notice.html", 404, version=version[:40], found=None)
    said = found.texts[view.language]
    return view.html("notice.html", version=version, found=found, said=said, body=rendered(said.body))


@router.get("/{language:lang}/about/privacy/print", dependencies=[rate_limited("read")])
async def print_notice(view: OpenPage) -> Response:
    """Show the notice as a sheet that prints itself: for a visitor at a counter, or at a kiosk."""
    await view.caller.state.site_texts.get_at_once(FIRST_SECONDS)
    files = cast(SiteTexts, view.request.app.state.site_texts)
    found = page_of(files, view.caller.state, "privacy") or files["privacy"]
    kept, law = privacy.facts(view.caller.state, view.language)
    paper, back = ("receipt", "/sign-in") if view.kiosk else ("a4", "/about/privacy")
    shown = {"text": found[view.language], "kept": kept, "law": law}
    return view.html("privacy_sheet.html", paper=paper, back=back, **shown)


async def _places(view: View) -> list[tuple[SiteRecord, list[tuple[str, Sequence[str]]]]]:
    """Return each site with its hours of today's week in words; none while the directory does not answer."""
    today, places = now().astimezone(IST).date(), []
    with suppress(ContractError):
        for site in await directory.sites(view):
            valid = [one for one in site.hours if one.valid_from <= today <= (one.valid_to or date.max)]
            opened = [
                [hours_in_words(one.opens, one.closes, view.language) for one in valid if one.weekday == day]
                for day in range(7)
            ]
            places.append((site, week_in_words(opened, view.language) if valid else []))
    return places

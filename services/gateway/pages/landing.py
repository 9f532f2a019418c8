"""The landing page in each language."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.languages import preferred
from services.gateway.pages.shared.view import PUBLIC, OpenPage

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
    return view.html(
        "landing.html", 200, PUBLIC, local_mode=settings.local_mode, shows_docs=settings.shows_docs
    )

"""What is said about a breach of personal data, for whoever was told of it."""

from fastapi import Response

from contracts.rpc.breaches import VIEW_BREACH, BreachName
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared.view import OpenPage, page_router

router = page_router("")


@router.get("/breaches/{name}", dependencies=[rate_limited("read")])
async def show_breach(view: OpenPage, name: str) -> Response:
    """Show the words of the site, in the language of the page."""
    breach = await view.query(VIEW_BREACH, BreachName(name=name[:40]))
    return view.html("breach.html", breach=breach, words=getattr(breach.texts, view.language))

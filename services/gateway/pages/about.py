"""Help, contact, privacy notice and the other pages whose texts a site's administrator writes."""

from typing import cast

from fastapi import Response

from contracts.errors import NotFound
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared.site_text import SiteTexts
from services.gateway.pages.shared.view import PUBLIC, OpenPage, page_router

router = page_router("/about")


@router.get("/{name}", dependencies=[rate_limited("read")])
async def show_site_text(view: OpenPage, name: str) -> Response:
    """Show a page; in another language, with a notice, where the reader's is missing."""
    texts = cast(SiteTexts, view.request.app.state.site_texts).get(name)
    if texts is None:
        raise NotFound("no such page")
    return view.html("about.html", 200, PUBLIC, text=texts[view.language])

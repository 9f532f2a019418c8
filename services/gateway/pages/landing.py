"""The first page: what this is, and where to go."""

from fastapi import APIRouter, Response

from services.gateway.access import Anyone
from services.gateway.pages.render import page

router = APIRouter(include_in_schema=False)


@router.get("/")
async def show_landing(caller: Anyone) -> Response:
    """The landing page."""
    return page("landing.html", local_mode=caller.replica.options.local_mode)

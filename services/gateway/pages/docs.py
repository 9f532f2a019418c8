"""The documentation of the API: the OpenAPI document, and Swagger UI over it, served from this host.

It lists every route, so production shows it to nobody unless ``EPASS_API_DOCS`` opens it.
"""

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from contracts.errors import NotFound
from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.edge.response_headers import SECURITY_HEADERS
from services.gateway.pages.shared.render import page
from services.gateway.state import state_of


async def _require_open(request: Request) -> None:
    if not state_of(request).settings.shows_docs:
        raise NotFound("the documentation of this interface is closed")


router = APIRouter(include_in_schema=False, dependencies=[Depends(_require_open)])
_POLICY = {"Content-Security-Policy": f"{SECURITY_HEADERS['Content-Security-Policy']}; img-src 'self' data:"}
"""Swagger UI draws its icons from data: addresses."""


@router.get("/openapi.json", dependencies=[rate_limited("read")])
async def show_openapi(_caller: Anyone, request: Request) -> Response:
    return JSONResponse(request.app.openapi())


@router.get("/docs", dependencies=[rate_limited("read")])
async def show_docs(_caller: Anyone) -> Response:
    return page("docs.html", 200, _POLICY)

"""The documentation of the API: the OpenAPI document, and Swagger UI over it, served from this host."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from services.gateway.access import Anyone, rate_limited
from services.gateway.middleware.response_headers import SECURITY_HEADERS
from services.gateway.pages.shared.render import page

router = APIRouter(include_in_schema=False)
_POLICY = {"Content-Security-Policy": f"{SECURITY_HEADERS['Content-Security-Policy']}; img-src 'self' data:"}
"""Swagger UI draws its icons from data: addresses."""


@router.get("/openapi.json", dependencies=[rate_limited("read")])
async def show_openapi(_caller: Anyone, request: Request) -> Response:
    """Return the OpenAPI 3.1 document."""
    return JSONResponse(request.app.openapi())


@router.get("/docs", dependencies=[rate_limited("read")])
async def show_docs(_caller: Anyone) -> Response:
    """Show Swagger UI."""
    return page("docs.html", 200, _POLICY)

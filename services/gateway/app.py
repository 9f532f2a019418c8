"""The HTTP application, put together. It can be made without a broker: the OpenAPI document comes from here too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.exceptions import ExceptionMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from services.chassis.runtime.settings import Settings, settings
from services.gateway import api, openapi, pages, problems
from services.gateway.middleware.body_limit import BodyLimit
from services.gateway.middleware.compression import Compression
from services.gateway.middleware.request_log import RequestLog
from services.gateway.middleware.response_headers import ResponseHeaders
from services.gateway.pages.shared import error_pages
from services.gateway.pages.shared.answers import AnswersCookie
from services.gateway.rpc.client import RpcClient
from services.gateway.state import GatewayState


def _operation_id(route: APIRoute) -> str:
    first, *rest = route.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def create_app(
    options: Settings | None = None, client: RpcClient | None = None, ready_seconds: float = 0.0
) -> FastAPI:
    """The application.

    Args:
        options: the settings, those of this process where left out.
        client: the way to the services; one of its own where left out. It connects when the application starts.
        ready_seconds: how long at most the start waits until requests can be served.
    """
    options = options or settings()
    state = GatewayState(options, client or RpcClient(options))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with state.running():
            await state.wait_ready(ready_seconds)
            yield

    app = FastAPI(
        title="e-Pass",
        version=version("epass"),
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.gateway = state
    app.state.answers = AnswersCookie(options.answers_keys, options.public_url.startswith("https://"))
    for kind, handler in problems.HANDLERS.items():
        app.add_exception_handler(kind, handler)
    for router in (*api.routers(options.local_mode), *pages.routers(options.local_mode)):
        # taken over one by one: an included router is matched twice for each request
        app.router.routes.extend(router.routes)
    pages.mount_static(app)
    _surround(app, options)

    def document() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or openapi.document(app, _operation_id)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app


def _surround(app: FastAPI, options: Settings) -> None:
    """Middlewares; the last one added is the outermost."""
    app.add_middleware(BodyLimit)
    app.add_middleware(ExceptionMiddleware, handlers=problems.HANDLERS | {Exception: error_pages.on_fault})
    app.add_middleware(Compression, compresslevel=6)
    app.add_middleware(ResponseHeaders, https=options.public_url.startswith("https://"))
    app.add_middleware(RequestLog)
    if options.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(options.trusted_proxies))

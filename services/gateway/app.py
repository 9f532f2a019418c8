"""The HTTP application: state, error handlers, routes and middleware put together.

It can be made without a broker.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from services.gateway import api, pages
from services.gateway.api import openapi
from services.gateway.edge import problems
from services.gateway.edge.body_limit import BodyLimit
from services.gateway.edge.compression import Compression
from services.gateway.edge.head import HeadAsGet
from services.gateway.edge.request_log import RequestLog
from services.gateway.edge.response_headers import ResponseHeaders
from services.gateway.pages.shared import cookies, error_pages, privacy, site_text
from services.gateway.pages.shared.answers import AnswersCookie
from services.gateway.rpc.client import RpcClient
from services.gateway.settings import GatewaySettings
from services.gateway.state import GatewayState


def create_app(
    settings: GatewaySettings, client: RpcClient | None = None, ready_seconds: float = 0.0
) -> FastAPI:
    """Return the application.

    Args:
        settings: of this process.
        client: calls the services; a new one where left out. It connects when the application starts.
        ready_seconds: how long at most the start waits until requests can be served.
    """
    client = client or RpcClient(settings.broker_urls, settings.rpc_timeout, settings.broker_heartbeat)
    state = GatewayState(settings, client)

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
        # FastAPI's own spans have raw paths; ours are made by the request log
        telemetry={"auto_configure": False, "tracing": False, "metrics": False, "logs": False},
    )
    https = settings.public_url.startswith("https://")
    app.state.gateway = state
    app.state.site_texts = site_text.load(settings.site_texts)
    state.record_notice = partial(privacy.record, app.state.site_texts, state)
    app.state.answers = AnswersCookie(settings.answers_keys, https)
    app.state.result = AnswersCookie(settings.answers_keys, https, cookies.RESULT, cookies.RESULT_SECONDS)
    handlers = problems.HANDLERS | {HTTPException: error_pages.on_http_error}
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    for router in (*api.routers(settings.local_mode), *pages.routers(settings.local_mode)):
        # taken over one by one, because FastAPI matches an included router twice for each request
        app.router.routes.extend(router.routes)
    pages.mount_static(app)

    # the middleware added last is the outermost
    app.add_middleware(BodyLimit)
    app.add_middleware(ExceptionMiddleware, handlers=handlers | {Exception: error_pages.on_fault})
    app.add_middleware(Compression, compresslevel=6)
    app.add_middleware(ResponseHeaders, https=https)
    app.add_middleware(HeadAsGet)
    if settings.trusted_proxies:
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    # it asks who really sends a request, so it stands outside of what believes the proxies
    app.add_middleware(RequestLog, trusted_proxies=settings.trusted_proxies or ())

    def document() -> dict[str, Any]:
        app.openapi_schema = app.openapi_schema or openapi.document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to replace it
    return app

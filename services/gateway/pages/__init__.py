"""The pages of e-Pass, one module or package per feature; what several features use is in ``shared``.

A module with a ``router`` is found by itself. ``docs/pages.md`` maps each URL to its module, its template and
its RPCs.
"""

import mimetypes
from functools import cache
from importlib import import_module, resources
from pkgutil import walk_packages
from types import ModuleType

import fastapi_offline
from fastapi import APIRouter, FastAPI, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.types import Scope

ONLY_LOCAL = f"{__name__}.phone"
"""The stand-in for phones, which no installation serves."""


class CompressedFiles(StaticFiles):
    """Files, some of which lie there compressed by Brotli too, which is a fifth smaller than by gzip."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file; the compressed one where the browser takes it."""
        _, compressed = self.lookup_path(f"{path}.br")
        if compressed is None:
            return await super().get_response(path, scope)
        accepted = Headers(scope=scope).get("accept-encoding", "")
        if "br" not in {one.partition(";")[0].strip() for one in accepted.split(",")}:
            return await super().get_response(path, scope)  # by gzip, which also says that it varies
        response = await super().get_response(f"{path}.br", scope)
        response.headers["Content-Encoding"] = "br"
        response.headers["Content-Type"] = mimetypes.guess_type(path)[0] or "application/octet-stream"
        response.headers["Vary"] = "Accept-Encoding"
        return response


@cache
def features() -> tuple[ModuleType, ...]:
    """Return the modules that have a ``router``."""
    found = (import_module(one.name) for one in walk_packages(__path__, f"{__name__}."))
    return tuple(one for one in found if hasattr(one, "router"))


def routers(local_mode: bool) -> tuple[APIRouter, ...]:
    """Return a router of all pages; the phone's only in local mode.

    ``/apply/check`` is matched before ``/apply/{name}``, in whichever modules they are.
    """
    served = APIRouter()
    routes: list[APIRoute] = [
        route
        for feature in features()
        if local_mode or feature.__name__ != ONLY_LOCAL
        for route in feature.router.routes
        if isinstance(route, APIRoute)
    ]
    routes.sort(key=lambda route: ["{" in segment for segment in route.path.split("/")])
    served.routes.extend(routes)
    return (served,)


def mount_static(app: FastAPI) -> None:
    """Serve styles and scripts from this host: no page loads anything from elsewhere."""
    app.mount("/static/docs", StaticFiles(directory=str(resources.files(fastapi_offline) / "static")))
    app.mount("/static", CompressedFiles(directory=str(resources.files("services.gateway") / "static")))

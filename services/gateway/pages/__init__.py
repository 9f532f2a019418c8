"""The pages of e-Pass, one module or package per feature; what several features use is in ``shared``.

``docs/pages.md`` maps each URL to its module, its template and its RPCs.
"""

import mimetypes
from importlib import resources

import fastapi_offline
from fastapi import APIRouter, FastAPI, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.types import Scope

from services.gateway.pages import (
    about,
    assist,
    audit,
    closures,
    docs,
    gate,
    gate_devices,
    gate_incidents,
    gate_supervisors,
    invitations,
    kiosk,
    kiosks,
    landing,
    logins,
    own_sessions,
    phone,
    second_factor,
    sign_in,
    site_files,
    staff,
    transparency,
    watchlist,
)
from services.gateway.pages.applications import routes as applications
from services.gateway.pages.apply import routes as apply
from services.gateway.pages.counter import routes as counter
from services.gateway.pages.desk import routes as desk
from services.gateway.pages.directory import contacts, files, lines
from services.gateway.pages.gate_app import routes as gate_app
from services.gateway.pages.ops import routes as ops
from services.gateway.pages.passes import routes as passes

FEATURES = (
    landing,
    sign_in,
    apply,
    applications,
    assist,
    staff,
    second_factor,
    logins,
    contacts,
    files,
    lines,
    desk,
    invitations,
    closures,
    gate_incidents,
    gate_supervisors,
    gate,
    gate_app,
    gate_devices,
    counter,
    kiosk,
    kiosks,
    passes,
    docs,
    about,
    transparency,
    site_files,
    watchlist,
    ops,
    audit,
    own_sessions,
)
"""Modules with a ``router``, in the order in which their routes are matched."""


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


def routers(local_mode: bool) -> tuple[APIRouter, ...]:
    """Return the routers of all pages; the phone's only in local mode."""
    return (*(feature.router for feature in FEATURES), *((phone.router,) if local_mode else ()))


def mount_static(app: FastAPI) -> None:
    """Serve styles and scripts from this host: no page loads anything from elsewhere."""
    app.mount("/static/docs", StaticFiles(directory=str(resources.files(fastapi_offline) / "static")))
    app.mount("/static", CompressedFiles(directory=str(resources.files("services.gateway") / "static")))

"""The pages of e-Pass, one module or package per feature; what several features use is in ``shared``.

``docs/pages.md`` maps each URL to its module, its template and its RPCs.
"""

from importlib import resources

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from services.gateway.pages import (
    about,
    assist,
    audit,
    closures,
    docs,
    gate,
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
    gate,
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


def routers(local_mode: bool) -> tuple[APIRouter, ...]:
    """Return the routers of all pages; the phone's only in local mode."""
    return (*(feature.router for feature in FEATURES), *((phone.router,) if local_mode else ()))


def mount_static(app: FastAPI) -> None:
    """Serve styles and scripts from this host: no page loads anything from elsewhere."""
    app.mount("/static/docs", StaticFiles(directory=str(resources.files(fastapi_offline) / "static")))
    app.mount("/static", StaticFiles(directory=str(resources.files("services.gateway") / "static")))

"""What people see in a browser: the landing page, a pass behind its link, the interface's documentation, the local phone."""

from importlib.resources import files

import fastapi_offline
from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from services.gateway.pages import (
    assist,
    desk,
    docs,
    gate,
    kiosk,
    kiosks,
    landing,
    logins,
    pass_page,
    phone,
    sign_in,
    staff,
)
from services.gateway.pages.applications import changing, reading
from services.gateway.pages.apply import routes as apply
from services.gateway.pages.counter import routes as counter


def routers(local_mode: bool) -> tuple[APIRouter, ...]:
    """All pages; the phone only where it is allowed."""
    applicant = (sign_in.router, apply.router, reading.router, changing.router, assist.router)
    pages = (
        *applicant,
        staff.router,
        logins.router,
        desk.router,
        gate.router,
        counter.router,
        kiosk.router,
        kiosks.router,
    )
    return (landing.router, *pages, pass_page.router, docs.router, *((phone.router,) if local_mode else ()))


def mount_static(app: FastAPI) -> None:
    """Styles and scripts, all served from here: no page loads anything from elsewhere."""
    app.mount("/static/docs", StaticFiles(directory=str(files(fastapi_offline) / "static")))
    app.mount("/static", StaticFiles(directory=str(files("services.gateway") / "static")))

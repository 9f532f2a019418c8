"""The shell of the gate's app, its service worker and its decoder.

The shell is the same for everybody and holds no personal data, so that the browser may store it: the app
opens from it when the network is gone. Its address has no language, because the guard chooses one in the app.
"""

import hashlib
import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone, Security
from services.gateway.edge.response_headers import SECURITY_HEADERS
from services.gateway.pages.gate_app.texts import texts_of_app
from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.error_pages import PageRoute, language_of, redirect
from services.gateway.pages.shared.languages import _, texts
from services.gateway.pages.shared.render import ICONS_TO_INSTALL, asset, text
from services.gateway.settings import GatewaySettings
from services.gateway.state import state_of

START = "/gate"
DECODER = "/gate/decoder.js"
ASSETS = ("gate.js", "gate-style.css", "decoder.wasm", "latin.woff2", "devanagari.woff2",
          "gurmukhi.woff2", "devanagari-name.woff2", "gurmukhi-name.woff2")  # fmt: skip
"""Built files that the app needs when the network is gone."""
ICONS = ("/static/icon.svg", "/static/icons/icon-192.png")
WEBASSEMBLY = {
    "Content-Security-Policy": SECURITY_HEADERS["Content-Security-Policy"]
    + "; script-src 'self' 'wasm-unsafe-eval'"
}
"""The decoder is WebAssembly, which a browser compiles only where this is allowed."""
_NAME = _("e-Pass at the gate")
_FRESH = {"Cache-Control": "no-cache"}


class GateAppRoute(PageRoute):
    """Route of the app, whose address names neither a language nor that it is for staff."""

    async def signed_out(self, request: Request) -> Response:
        """Redirect to the sign-in of staff, in the language of the browser; it leads back to the app."""
        response = redirect(f"/{language_of(request)}/staff/sign-in")
        cookies.prefer_gate_app(response, request)
        return response


router = APIRouter(prefix=START, include_in_schema=False, route_class=GateAppRoute)


@router.get("")
async def show_app(_caller: Security, request: Request) -> Response:
    """Return the shell of the app, and remember that the guard works with it on this device."""
    headers = _FRESH | WEBASSEMBLY | {"X-Robots-Tag": "noindex, nofollow"}
    response = HTMLResponse(_shell(state_of(request).settings), headers=headers)
    cookies.prefer_gate_app(response, request)
    return response


@router.get("/worker.js", dependencies=[rate_limited("read")])
async def show_worker(_caller: Anyone, request: Request) -> Response:
    """Return the service worker, with the list of what it stores.

    The list has digests of everything in it, also of the shell. So a browser takes a changed worker for a new
    version exactly where something changed.
    """
    shell = _shell(state_of(request).settings)
    stored = {
        "version": hashlib.sha256(f"{shell}{asset('gate-decoder.js')}".encode()).hexdigest()[:16],
        "shell": START,
        "files": [DECODER, *(asset(name) for name in ASSETS), *ICONS],
    }
    script = f"const STORED = {json.dumps(stored)};\n{_built('gate-worker.js').decode()}"
    return Response(script, headers=_FRESH | {"Service-Worker-Allowed": START}, media_type="text/javascript")


@router.get("/decoder.js", dependencies=[rate_limited("read")])
async def show_decoder(_caller: Anyone) -> Response:
    """Return the script of the worker that decodes frames.

    It is served from here because WebAssembly is allowed to it by the headers of its own response.
    """
    return Response(_built("gate-decoder.js"), headers=_FRESH | WEBASSEMBLY, media_type="text/javascript")


@router.get("/site.webmanifest", dependencies=[rate_limited("read")])
async def show_manifest(_caller: Anyone) -> Response:
    """Return name and icons with which a device installs the app."""
    manifest = {
        "name": texts("en").gettext(_NAME),
        "short_name": "e-Pass",
        "lang": "en",
        "id": START,
        "start_url": START,
        "scope": START,
        "display": "standalone",
        "orientation": "any",
        "theme_color": "#14532d",
        "background_color": "#0b0c0c",
        "icons": ICONS_TO_INSTALL,
    }
    return JSONResponse(manifest, headers=_FRESH, media_type="application/manifest+json")


def _shell(settings: GatewaySettings) -> str:
    return _shell_of(settings.gate_lock_minutes, settings.gate_keep_hours)


@cache
def _shell_of(lock_minutes: int, keep_hours: int) -> str:
    """Return the page of the app. What it says in each language stands in it as JSON, with its settings."""
    addresses = {"decoder": DECODER, "wasm": asset("decoder.wasm"), "worker": f"{START}/worker.js"}
    embedded = {
        "texts": texts_of_app(),
        "addresses": addresses,
        "version": version("epass"),
        "lock_minutes": lock_minutes,
        "keep_hours": keep_hours,
    }
    return text("gate_app/shell.html", "hi", embedded=embedded)


def _built(name: str) -> bytes:
    return files("services.gateway").joinpath(asset(name).removeprefix("/")).read_bytes()

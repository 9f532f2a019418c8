"""What browsers, search engines and researchers look for at fixed addresses, made from the settings."""

from base64 import b64decode
from datetime import timedelta
from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from contracts.errors import NotFound
from contracts.model import Language
from services.chassis.runtime.clock import now
from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Anyone
from services.gateway.pages.shared.languages import LANGUAGES, _, texts
from services.gateway.pages.shared.render import ICONS_TO_INSTALL, text
from services.gateway.pages.shared.site_text import PAGES, emblem_address

router = APIRouter(include_in_schema=False)
FOUND_BY_SEARCH = ("", "/transparency", "/site-map", *(f"/about/{name}" for name in PAGES))
"""Pages that search engines may list, without their language."""
SECURITY_TXT_DAYS = 180
"""RFC 9116 asks for less than a year."""
_A_DAY = {"Cache-Control": "public, max-age=86400"}
_ROBOTS = """\
User-agent: *
Disallow: /api/
Disallow: /p/
Disallow: /dev/

Sitemap: {url}/sitemap.xml
"""
_SECURITY = """\
Contact: {contact}
Expires: {expires:%Y-%m-%dT%H:%M:%SZ}
Preferred-Languages: en, pa, hi
Canonical: {url}/.well-known/security.txt
"""
_COLOUR = "#14532d"
_NAME = _("e-Pass · Punjab Civil Secretariat")


@router.get("/robots.txt", dependencies=[rate_limited("read")])
async def show_robots(caller: Anyone) -> Response:
    """Tell search engines where to find the pages, and where not to look."""
    return PlainTextResponse(_ROBOTS.format(url=caller.state.public_url), headers=_A_DAY)


@router.get("/sitemap.xml", dependencies=[rate_limited("read")])
async def show_sitemap(caller: Anyone) -> Response:
    """List the pages that anybody may find, each in three languages."""
    content = text(
        "sitemap.xml", "en", url=caller.state.public_url, paths=FOUND_BY_SEARCH, languages=LANGUAGES
    )
    return Response(content, headers=_A_DAY, media_type="application/xml")


@router.get("/.well-known/security.txt", dependencies=[rate_limited("read")])
async def show_security_contact(caller: Anyone) -> Response:
    """Say to whom a weakness can be reported (RFC 9116)."""
    url = caller.state.public_url
    expires = now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=SECURITY_TXT_DAYS)
    contact = caller.state.settings.security_contact or f"{url}/en/about/contact"
    return PlainTextResponse(_SECURITY.format(contact=contact, expires=expires, url=url), headers=_A_DAY)


@router.get("/favicon.ico", dependencies=[rate_limited("read")])
async def show_icon(_caller: Anyone) -> Response:
    """Return the icon at the address where browsers look on pages that name none."""
    icon = files("services.gateway").joinpath("static/icons/favicon.ico").read_bytes()
    return Response(icon, headers=_A_DAY, media_type="image/x-icon")


@router.get("/emblem/{name}", dependencies=[rate_limited("read")])
async def show_emblem(caller: Anyone, name: str) -> Response:
    """Return the emblem of the site, for ever under an address of its content.

    A replica that has not heard of the newest one yet returns its own, to be stored nowhere.

    Raises:
        NotFound: the site has none.
    """
    emblem = await caller.state.emblem.get()
    if not emblem.png:
        raise NotFound("there is no emblem")
    is_this_one = emblem_address(emblem.png) == f"/emblem/{name}"
    cached = "public, max-age=31536000, immutable" if is_this_one else "no-store"
    return Response(b64decode(emblem.png), headers={"Cache-Control": cached}, media_type="image/png")


@router.get("/{language:lang}/site.webmanifest", dependencies=[rate_limited("read")])
async def show_manifest(_caller: Anyone, language: Language) -> Response:
    """Return the name and the icons under which a phone puts the portal on its first screen."""
    manifest = {
        "name": texts(language).gettext(_NAME),
        "short_name": "e-Pass",
        "lang": language,
        "start_url": f"/{language}",
        "scope": "/",
        "display": "minimal-ui",
        "theme_color": _COLOUR,
        "background_color": "#ffffff",
        "icons": ICONS_TO_INSTALL,
    }
    return JSONResponse(manifest, headers=_A_DAY, media_type="application/manifest+json")

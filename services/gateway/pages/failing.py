"""What a page shows when its request cannot be served: a calm page in the reader's language, and the same status as the interface."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from contracts.errors import (
    Conflict,
    ContractError,
    Forbidden,
    IdempotencyKeyReused,
    InternalError,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    TooManyAttempts,
    Unavailable,
)
from contracts.model import Language
from services.gateway import problems
from services.gateway.access import KIOSK_COOKIES
from services.gateway.pages.languages import LANGUAGES, preferred
from services.gateway.pages.render import page
from services.gateway.problems import RETRY_SECONDS, TABLE

_HIDDEN = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_TEMPLATES: dict[type[ContractError], str] = {
    Unavailable: "errors/unavailable.html",
    NotFound: "errors/not_found.html",
    Forbidden: "errors/forbidden.html",
    TooManyAttempts: "errors/too_many.html",
    Conflict: "errors/conflict.html",
    InvalidInput: "errors/refused.html",
    IdempotencyKeyReused: "errors/conflict.html",
}


class PageRoute(APIRoute):
    """A route whose errors are pages. Without a session, it leads to where one signs in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        serve = super().get_route_handler()

        async def serve_calmly(request: Request) -> Response:
            try:
                return await serve(request)
            except ContractError as error:
                return _shown(request, error)
            except RequestValidationError:
                return _shown(request, NotFound("no such page"))
            except ValidationError:
                return _shown(request, InvalidInput("no such form"))
            except HTTPException as error:  # a body that is no form, or too large
                return _shown(request, NotFound("no such page") if error.status_code == 404 else InvalidInput(error.detail))

        return serve_calmly


def language_of(request: Request) -> Language:
    """The language of an address, or the one that the browser asks for."""
    first = request.url.path.split("/")[1]
    return next((one for one in LANGUAGES if one == first), preferred(request.headers.get("accept-language", "")))


def _shown(request: Request, error: ContractError) -> Response:
    language = language_of(request)
    if isinstance(error, NotAuthenticated):
        return RedirectResponse(f"/{language}{sign_in_of(request)}", 303, {"Cache-Control": "no-store"})
    if error.body.code == "must_change_password":
        return RedirectResponse(f"/{language}/staff/password", 303, {"Cache-Control": "no-store"})
    status = next(TABLE[kind].status for kind in type(error).__mro__ if kind in TABLE)
    template = next((name for kind, name in _TEMPLATES.items() if isinstance(error, kind)), "errors/fault.html")
    headers = dict(_HIDDEN)
    facts: dict[str, Any] = dict(error.body.facts)
    kiosk = any(name in request.cookies for name in KIOSK_COOKIES)
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_SECONDS)
    elif "retry_after" in facts:
        headers["Retry-After"] = str(facts["retry_after"])
    return page(template, status, headers, language, view=None, kiosk=kiosk, elsewhere={}, code=error.body.code, facts=facts)


async def on_fault(request: Request, error: Exception) -> Response:
    """What nobody expected: logged as everywhere, and told on a page where a page was asked for."""
    problem = await problems.on_fault(request, error)
    return _shown(request, InternalError("a page failed")) if isinstance(request.scope.get("route"), PageRoute) else problem


def too_many(request: Request, error: TooManyAttempts) -> Response:
    """The page of a limit that was reached."""
    return _shown(request, error)


def sign_in_of(request: Request) -> str:
    """Where the people of a page sign in, and which page they come back to: for a form, the page that shows it."""
    inner = request.url.path.partition("/")[2].partition("/")[2]
    if inner.startswith(("desk", "gate", "counter", "staff")):
        return "/staff/sign-in"
    return f"/sign-in?to={quote('/'.join(inner.split('/')[:2]))}"

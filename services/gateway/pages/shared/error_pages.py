"""Error pages in the reader's language, with the status that the API returns for the same error."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.routing import Match

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
from services.gateway.access.admission import ANSWER_SECONDS, SAFE_METHODS, is_at_kiosk
from services.gateway.edge import problems
from services.gateway.edge.problems import RETRY_SECONDS, STATUS_TABLE
from services.gateway.pages.shared import cookies, navigation, site_text
from services.gateway.pages.shared.languages import LANGUAGES, preferred
from services.gateway.pages.shared.render import page
from services.gateway.state import state_of

RETRY = {"Retry-After": str(RETRY_SECONDS)}
PAGE_SECONDS = ANSWER_SECONDS + 0.5
"""A whole page takes no longer than this, whatever it waits for.

A call to a service ends a little earlier, so that a page can answer in its own way.
"""
MOST_FIELDS = 400
"""A delegation of fifty has six fields for each of its people."""
LARGEST_FIELD = 32 * 1024
"""Bytes of one field: a pasted list of fifty people, with room to spare."""
Fields = list[tuple[str, str]]
"""Names and values of a form's fields; a name may stand there several times."""
FORM_ADDRESS, FORM_CODE, FORM_IS_PAGE = "confirmed_form", "confirmed_code", "confirmed_page"
"""Fields beside those of a form that waits for the second factor: its address, the code, and whether it is no
form but a page."""
FORM_KEY = "confirmed_key"
"""The key of the confirmation itself: if its answer is lost, the same form burns no second recovery code."""
WORK_REQUIRED = "work_required"
"""The code of a refusal that a browser answers with a proof of work, together with the same form."""
SECRET_FIELDS = {"password", "current", "new", "again", "pin", "supervisor_pin", FORM_CODE}
"""Names of the fields whose characters a browser hides: no page has their values. A test finds them all."""
STAFF_PATHS = (
    "desk", "gate", "counter", "hall", "assist", "staff", "watchlist", "ops", "audit", "gate-devices",
)  # fmt: skip
_HIDDEN = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"}
_HTTP_TEMPLATES = {404: "shared/errors/not_found.html", 405: "shared/errors/not_by_itself.html"}
_TEMPLATES: dict[type[ContractError], str] = {
    Unavailable: "shared/errors/unavailable.html",
    NotFound: "shared/errors/not_found.html",
    Forbidden: "shared/errors/forbidden.html",
    TooManyAttempts: "shared/errors/too_many.html",
    Conflict: "shared/errors/conflict.html",
    InvalidInput: "shared/errors/refused.html",
    IdempotencyKeyReused: "shared/errors/conflict.html",
}


class PageRoute(APIRoute):
    """Route whose errors are pages."""

    async def _error_page(self, request: Request, error: ContractError) -> Response:
        if isinstance(error, NotAuthenticated) and is_at_kiosk(request) and not is_for_staff(request):
            # the next visitor begins anew, and what was posted is not saved for them
            return redirect(f"/{language_of(request)}/kiosk")
        if isinstance(error, NotAuthenticated):
            return await self.signed_out(request)
        if error.body.code == "second_factor_stale":
            is_page = request.method in SAFE_METHODS or await _has_file(request)
            posted = [(FORM_IS_PAGE, "1")] if is_page else await posted_fields(request)
            fields_again = [(FORM_IS_PAGE, "1")] if has_secret(posted) else posted  # which is typed again
            query = f"?{request.url.query}" if request.url.query else ""
            form = {"to": request.url.path + query, "fields_again": fields_again, "errors": {}}
            return _page(request, "second_factor/confirm.html", 403, {}, base=_own_factor(request), **form)
        repeated = await self.repeated(request) if isinstance(error, Unavailable) else None
        if error.body.code == WORK_REQUIRED:
            repeated = [field for field in await posted_fields(request) if field[0] != "work"]
        return error_page(request, error, repeated)

    async def signed_out(self, request: Request) -> Response:
        """Redirect a request without a session to the sign-in page."""
        return redirect(f"/{language_of(request)}{sign_in_of(request)}")

    async def repeated(self, request: Request) -> Fields | None:
        """Return the fields that the error page of an outage sends again.

        It returns None where the page does not offer that: a form without a key might count twice, and a
        password or a code of staff is in no page.
        """
        if request.method in SAFE_METHODS:
            return None
        with suppress(HTTPException):  # a form that nobody has read yet, and that is too large
            fields = await posted_fields(request)
            if is_for_staff_sign_in(request) or has_secret(fields):
                return None
            return fields if _counts_once(fields) else None
        return None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        serve = super().get_route_handler()

        async def serve_with_error_pages(request: Request) -> Response:
            try:
                if request.method not in SAFE_METHODS:
                    await request.body()  # how long it takes to arrive is the sender's affair
                async with asyncio.timeout(PAGE_SECONDS):
                    return await serve(request)
            except TimeoutError:
                return await self._error_page(request, Unavailable("the page took too long"))
            except ContractError as error:
                return await self._error_page(request, error)
            except RequestValidationError:
                return error_page(request, NotFound("no such page"))
            except ValidationError:
                return error_page(request, InvalidInput("no such form"))
            except HTTPException as error:  # a body that is no form, or too large
                return error_page(
                    request,
                    NotFound("no such page") if error.status_code == 404 else InvalidInput(error.detail),
                )

        return serve_with_error_pages


def redirect(address: str, status: int = 303) -> RedirectResponse:
    """Redirect to an address; no cache stores that."""
    return RedirectResponse(address, status, {"Cache-Control": "no-store"})


def language_of(request: Request) -> Language:
    """Return the language of the address, or the one that the browser asks for."""
    first = request.url.path.split("/")[1]
    return next(
        (one for one in LANGUAGES if one == first), preferred(request.headers.get("accept-language", ""))
    )


async def posted_fields(request: Request) -> Fields:
    """Return the fields that were posted, without files."""
    form = await request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD)
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


async def _has_file(request: Request) -> bool:
    """Return whether a form came with a file, which no page can send again: it has to be chosen once more."""
    form = await request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD)
    return any(isinstance(value, UploadFile) and value.filename for _, value in form.multi_items())


def has_secret(fields: Fields) -> bool:
    """Return whether somebody has typed a password or a PIN into one of the fields."""
    return any(name in SECRET_FIELDS and value for name, value in fields)


def is_for_staff_sign_in(request: Request) -> bool:
    """Return whether a form signs staff in."""
    return "/staff/sign-in" in request.url.path


def _counts_once(fields: Fields) -> bool:
    """Return whether a form has an idempotency key."""
    return any(name == "key" and value for name, value in fields)


def error_page(request: Request, error: ContractError, repeated: Fields | None = None) -> Response:
    """Return the page of an error; ``repeated`` are the fields that it offers to send again."""
    language = language_of(request)
    if error.body.code == "must_change_password":
        return redirect(f"/{language}/staff/password")
    if error.body.code == "only_in_app":
        return redirect("/gate")
    if error.body.code == "second_factor_missing":
        return redirect(f"/{language}{_own_factor(request)}")
    if error.body.code == "operator_signed_out":
        response = redirect(f"/{language}/staff/sign-in")
        cookies.sign_out_operator(response, request)
        return response
    status = next(STATUS_TABLE[kind].status for kind in type(error).__mro__ if kind in STATUS_TABLE)
    template = next(
        (name for kind, name in _TEMPLATES.items() if isinstance(error, kind)), "shared/errors/fault.html"
    )
    if error.body.code == WORK_REQUIRED:
        template = "shared/errors/work.html"
    headers: dict[str, str] = {}
    facts: dict[str, Any] = dict(error.body.facts)
    if isinstance(error, Unavailable):
        headers |= RETRY
    elif "retry_after" in facts:
        headers["Retry-After"] = str(facts["retry_after"])
    path = request.url.path if repeated is not None else _path_again(request)
    again = {"path": path, "fields": repeated, "counts_once": _counts_once(repeated or [])}
    return _page(request, template, status, headers, code=error.body.code, facts=facts, again=again)


def _own_factor(request: Request) -> str:
    """Return the page of the second factor of whoever opens this page."""
    inner = request.url.path.removeprefix(f"/{language_of(request)}")
    return f"{'/assist' if inner.startswith('/assist/') else '/staff'}/second-factor"


def _path_again(request: Request) -> str:
    """Return the address that shows the page again: of a form, the page above it."""
    if request.method not in SAFE_METHODS:
        route = request.scope["route"]
        same = any(
            isinstance(one, APIRoute) and one.path == route.path and "GET" in (one.methods or ())
            for one in request.app.router.routes
        )
        return request.url.path if same else _page_above(request) or request.url.path
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _page(request: Request, template: str, status: int, headers: Mapping[str, str], **shown: Any) -> Response:
    """Render an error page, whose links lead on to where its reader can begin."""
    kiosk = is_at_kiosk(request)
    staff = is_for_staff(request)
    language = language_of(request)
    reader = getattr(request.state, "principal", None)  # whose session was accepted before the error
    inner = request.url.path.removeprefix(f"/{language}")
    return page(
        template,
        status,
        {**_HIDDEN, **headers},
        language,
        view=None,
        elsewhere={},
        kiosk=kiosk,
        clearable=not staff,
        identity=site_text.lines(state_of(request), language),
        navigation=navigation.links(reader, language, inner) if reader else [],
        onward=navigation.onward(language, is_staff=staff, at_kiosk=kiosk),
        **shown,
    )


async def on_fault(request: Request, error: Exception) -> Response:
    """Handle an unexpected error: log it, and return an error page where a page was requested."""
    problem = await problems.on_fault(request, error)
    return (
        error_page(request, InternalError("a page failed"))
        if isinstance(request.scope.get("route"), PageRoute)
        else problem
    )


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer an error of HTTP itself: with a page where a person asked for one, else with a problem.

    Who opens the address of a form by itself is led to the page above it. Who leaves out the language of a
    page is led to it in the language that their browser asks for.
    """
    assert isinstance(error, HTTPException)
    if not is_for_people(request):
        return problems.http_error_response(error.status_code, error.detail, error.headers)
    query = f"?{request.url.query}" if request.url.query else ""
    whole = f"/{language_of(request)}{request.url.path}"  # such as ``/en/ops`` for ``/ops``
    if error.status_code == 404 and request.method in SAFE_METHODS and _leads_somewhere(request, whole):
        return RedirectResponse(whole + query, 303, {"Vary": "Accept-Language", "Cache-Control": "no-store"})
    if error.status_code == 405 and request.method == "GET" and (above := _page_above(request)):
        return redirect(above)
    template = _HTTP_TEMPLATES.get(error.status_code, "shared/errors/refused.html")
    return _page(request, template, error.status_code, dict(error.headers or {}))


def _page_above(request: Request) -> str | None:
    """Return the nearest page above an address that takes only a form, where the form came from.

    A change of the language on the answer to a form leads there. None if only the first page is above it.
    """
    parts = request.url.path.split("/")
    for end in range(len(parts) - 1, 2, -1):
        path = "/".join(parts[:end])
        if _leads_somewhere(request, path):
            return path
    return None


def _leads_somewhere(request: Request, path: str) -> bool:
    """Return whether a request of the same method is served at another path."""
    return any(
        route.matches({**request.scope, "path": path})[0] is Match.FULL for route in request.app.router.routes
    )


def is_for_people(request: Request) -> bool:
    """Return whether an address that leads nowhere was opened in a browser, or is one of a page."""
    accepted = request.headers.get("accept", "")
    if "text/html" in accepted:
        return True
    return request.url.path.split("/")[1] in LANGUAGES and "json" not in accepted


def inner_path(request: Request) -> str:
    """Return the address of a page behind its language, such as ``desk/logins``."""
    return request.url.path.partition("/")[2].partition("/")[2]


def is_for_staff(request: Request) -> bool:
    """Return whether a page is for people with a login."""
    return inner_path(request).startswith(STAFF_PATHS)


def sign_in_of(request: Request) -> str:
    """Return the address of the sign-in page, with the page that it returns to."""
    if is_for_staff(request):
        return "/staff/sign-in"
    return f"/sign-in?to={quote('/'.join(inner_path(request).split('/')[:2]))}"

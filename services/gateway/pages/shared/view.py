"""The view of one page request: its language, who is signed in, and how it responds."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Request, Response
from fastapi.datastructures import FormData
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.convertors import Convertor, register_url_convertor

from contracts.errors import ContractError, Forbidden, NotAuthenticated
from contracts.model import Language, Wire
from contracts.rpc.call import Method, Principal
from contracts.tokens import SessionClaims
from services.gateway.access import callers
from services.gateway.access.admission import SAFE_METHODS, Access, Caller, kiosk_of, operator_of
from services.gateway.edge.origin import is_same_origin
from services.gateway.pages.shared import kiosk_visit, navigation, privacy, site_text
from services.gateway.pages.shared.answers import POSTED, VISIT, Answers, owner
from services.gateway.pages.shared.cookies import answers_cookie, result_cookie
from services.gateway.pages.shared.error_pages import (
    LARGEST_FIELD,
    MOST_FIELDS,
    RETRY,
    PageRoute,
    is_for_staff,
    redirect,
)
from services.gateway.pages.shared.forms import key_of
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.pages.shared.render import page
from services.gateway.pages.shared.vocabulary import gate_name_of
from services.gateway.state import state_of

Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
NOTICE = "notice"
"""Query parameter with which a redirect names the notice that the next page shows."""
SEEN = {"initial_password": ""}
"""What is stored of an initial password once its page was shown."""
SEARCHED = {"q"}
"""Query parameters that a search form of a page adds to its address."""
PUBLIC = {"X-Robots-Tag": "all"}
"""Headers of a page that search engines may list."""
PRIVATE = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}


class LanguageConvertor(Convertor[str]):
    """Convertor for ``{language:lang}`` in a path: only one of the three languages matches."""

    regex = "|".join(LANGUAGES)

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("lang", LanguageConvertor())


class View:
    """One request for a page.

    Args:
        request: as it came.
        language: of the page, from its address.
        caller: who makes the request, and calls the services in their name.
        kiosk: the enrolled device on which it is shown, if it is one.
        notice: which notice the page shows; a template ignores one that it does not know.
    """

    def __init__(
        self,
        request: Request,
        language: Language,
        caller: Caller,
        kiosk: SessionClaims | None = None,
        notice: str = "",
    ) -> None:
        self.request = request
        self.language = language
        self.caller = caller
        self.kiosk = kiosk
        self.notice = notice if request.method in SAFE_METHODS else ""
        self.operator: str | None = None
        """The login of an operator who types for the visitor."""

    @property
    def principal(self) -> Principal:
        """Return who is signed in."""
        return self.caller.principal

    @property
    def is_applicant(self) -> bool:
        """Return whether a verified mobile is signed in."""
        return self.principal.kind == "applicant"

    @property
    def offers_email(self) -> bool:
        """Return whether forms ask for email addresses: not at a kiosk, where people type in public."""
        return self.kiosk is None and self.caller.state.settings.sends_email

    def short_notice(self, language: Language | None = None) -> str:
        """Return what is said of privacy before the first field, in this language or in another one."""
        return privacy.short(self.caller.state, language or self.language)

    @property
    def notice_version(self) -> str:
        """Return the version of the privacy notice that is in force; a new one is stored at once."""
        shown = privacy.notice(self.request.app.state.site_texts, self.caller.state).version
        known = self.caller.state.notice.value
        if known and shown.startswith(known):
            return known
        self.caller.state.notice.wake()
        return shown

    @property
    def asks_consent(self) -> bool:
        """Return whether this site uses personal data by consent, so that forms ask for it."""
        return self.caller.state.settings.basis == "consent"

    @property
    def consents(self) -> Mapping[str, str]:
        """Return what forms have people agree to, in English, by the form."""
        return privacy.CONSENTS

    @property
    def visit(self) -> str:
        """Return the mark of the visit to the kiosk; empty in every other browser."""
        return str(self.read_answers().get(VISIT, "")) if self.kiosk else ""

    def path(self, inner: str, language: Language | None = None) -> str:
        """Return the address of a page in this language, or in another one."""
        return f"/{language or self.language}{inner}"

    def html(
        self, template: str, status: int = 200, headers: Mapping[str, str] | None = None, /, **values: Any
    ) -> HTMLResponse:
        """Render a page in this language, which no cache stores.

        With status 503 the page says that a service is unavailable, and when to try again.
        """
        inner = self.request.url.path.removeprefix(f"/{self.language}")
        declared = {
            parameter.alias for parameter in self.request.scope["route"].dependant.query_params
        } | SEARCHED
        query_items = [
            (name, value)
            for name, value in self.request.query_params.multi_items()
            if name in declared and name != NOTICE
        ]
        query = f"?{urlencode(query_items)}" if query_items and self.request.method == "GET" else ""
        is_visitors = self.kiosk is not None and not is_for_staff(self.request)
        other = "/kiosk" if is_visitors else inner + query  # who changes the language may be somebody else
        elsewhere = {language: self.path(other, language) for language in LANGUAGES}
        unavailable = status == 503
        shown = {
            "view": self,
            "elsewhere": elsewhere,
            "clearable": not is_for_staff(self.request),
            "unavailable": unavailable,
            "notice": self.notice,
            "gate_name": self._gate_name,
            "navigation": navigation.links(self.principal, self.language, inner),
            "identity": site_text.lines(self.caller.state, self.language),
        }
        all_headers = {**PRIVATE, **(RETRY if unavailable else {}), **(headers or {})}
        return page(template, status, all_headers, self.language, **{**shown, **values})

    def _gate_name(self, code: str) -> str:
        """Return the name of a gate, by what this gateway knows already of the sites."""
        known = self.caller.state.sites.value
        return gate_name_of(known.items if known else (), code, self.language)

    def to(self, inner: str, notice: str = "") -> RedirectResponse:
        """Redirect to another page, which shows the notice, if any."""
        query = f"{'&' if '?' in inner else '?'}{NOTICE}={quote(notice, safe='')}" if notice else ""
        return redirect(self.path(inner) + query)

    def read_answers(self) -> Answers:
        """Return the half-filled answers of this browser; empty where there are none."""
        return answers_cookie(self.request).read(self.request)

    def save_answers(self, response: Response, answers: Answers) -> Response:
        """Store the answers in the browser for the applicant who is signed in; return the response."""
        saved = {name: value for name, value in answers.items() if name != POSTED}
        owned = saved | {"whose": owner(self.principal.mobile or "")}
        answers_cookie(self.request).write(response, owned)
        return response

    def save_result(self, response: Response, inner: str, result: Answers) -> Response:
        """Store in the browser, for ten minutes, what the page ``inner`` shows; return the response.

        A form is answered by a redirect to the page of its result (post/redirect/get), so that another
        language, a reload or Back shows that page and repeats nothing. A result that can be asked for again,
        such as a search, is stored as its question.

        Raises:
            TooLong: it does not fit into cookies.
        """
        kept = {"page": inner, "reader": self._reader, "result": result}
        result_cookie(self.request).write(response, kept)
        return response

    def read_result(self) -> Answers:
        """Return what was stored for this page and its reader; empty if there is nothing, or no more."""
        kept = result_cookie(self.request).read(self.request)
        inner = self.request.url.path.removeprefix(f"/{self.language}")
        is_mine = kept.get("page") == inner and kept.get("reader") == self._reader
        return dict(kept["result"]) if is_mine else {}

    @property
    def _reader(self) -> str:
        """Return who may see a stored result: people share phones, counters and kiosks."""
        return f"{self.principal.kind} {self.principal.id} {self.visit}"

    async def query(self, method: Method[Q, R], request: Q) -> R:
        """Return a service's reply to the reader, as `Caller.query`."""
        return await self.caller.query(method, request)

    async def try_query(self, method: Method[Q, R], request: Q, *, soon: bool = False) -> R | None:
        """Return a reply that the page can do without; None where the service gives none."""
        with suppress(ContractError):
            return await (self.caller.query_soon if soon else self.caller.query)(method, request)
        return None

    async def command(self, method: Method[Q, R], request: Q, key: str | None = None) -> R:
        """Have a service change something for the reader, as `Caller.command`."""
        return await self.caller.command(method, request, key)

    async def carry_out(self, method: Method[Q, R], request: Q) -> R:
        """Send a command of a form that has no field but its key."""
        return await self.command(method, request, key_of(await self.form()))

    async def form(self) -> FormData:
        """Return the fields of a POST."""
        return await self.request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LARGEST_FIELD)

    async def upload(self, largest: int) -> FormData:
        """Return the fields of a POST with a file, each of at most ``largest`` bytes.

        Only for a route of `middleware.body_limit.UPLOADS`: every other one refuses files.
        """
        return await self.request.form(max_files=1, max_fields=MOST_FIELDS, max_part_size=largest)

    async def refresh_directory(self) -> None:
        """Fetch what a command has just changed in the directory, so that this process shows it at once.

        Other processes of the gateway learn it within a minute.
        """
        state = self.caller.state
        with suppress(ContractError):
            await asyncio.gather(
                state.sites.refresh(),
                state.departments.refresh(),
                state.site_texts.refresh(),
                state.emblem.refresh(),
            )


def page_router(prefix: str, route: type[PageRoute] = PageRoute) -> APIRouter:
    """Return a router for the pages below an address, in each language."""
    return APIRouter(prefix=f"/{{language:lang}}{prefix}", include_in_schema=False, route_class=route)


class Pages:
    """Dependency that returns the view of a request whose caller may see the page.

    Args:
        access: who may see the page.
        notice_session: whether a page for everybody recognises an applicant who is signed in.
    """

    def __init__(self, access: Access, *, notice_session: bool = False) -> None:
        self.access = access
        self._notice_session = notice_session

    async def __call__(self, request: Request, language: Language = "en", notice: str = "") -> View:
        """Return the view.

        Raises:
            Forbidden: a form of another site, or a role that may not see the page.
            NotAuthenticated: nobody is signed in.
        """
        if request.method not in SAFE_METHODS and not is_same_origin(
            request, state_of(request).settings.public_url
        ):
            raise Forbidden("a page of another site made this request", code="cross_site")
        device = None
        with suppress(ContractError):  # only the look of a page depends on it here
            device = await kiosk_of(request)
        view = View(request, language, await self._caller(request), device, notice)
        request.state.principal = view.principal  # an error page shows their navigation too
        if view.kiosk is not None:
            answers = view.read_answers()
            if not kiosk_visit.goes_on(request, answers):
                raise NotAuthenticated("this visit is over", code="session_ended")
            if request.method not in SAFE_METHODS and kiosk_visit.is_of_another_visit(
                await view.form(), answers
            ):
                raise NotAuthenticated("this form belongs to another visit", code="session_ended")
        helper = await operator_of(request)
        view.operator = helper.sub if helper is not None else None
        return view

    async def _caller(self, request: Request) -> Caller:
        if self._notice_session:
            try:
                return await callers.noticed.caller_of(request)
            except ContractError:
                pass  # a page for everybody works without a session, or with one of another kind
        return await self.access.caller_of(request)


OpenPage = Annotated[View, Depends(Pages(callers.anyone, notice_session=True))]
"""For everybody; it recognises an applicant who is signed in."""
SignInPage = Annotated[View, Depends(Pages(callers.signing_in))]
"""For staff who have no session yet."""
ApplicantPage = Annotated[View, Depends(Pages(callers.applicant))]
StaffPage = Annotated[View, Depends(Pages(callers.staff))]
AnyStaffPage = Annotated[View, Depends(Pages(callers.any_staff))]
DepartmentPage = Annotated[View, Depends(Pages(callers.department))]
SecurityPage = Annotated[View, Depends(Pages(callers.guard_on_page))]
ReceptionPage = Annotated[View, Depends(Pages(callers.reception))]
HallPage = Annotated[View, Depends(Pages(callers.hall_screen))]
WatcherPage = Annotated[View, Depends(Pages(callers.watcher))]
ClosureReaderPage = Annotated[View, Depends(Pages(callers.closure_reader))]
CloserPage = Annotated[View, Depends(Pages(callers.closer))]
OpsPage = Annotated[View, Depends(Pages(callers.ops))]
AuditorPage = Annotated[View, Depends(Pages(callers.auditor))]
PrivacyPage = Annotated[View, Depends(Pages(callers.privacy))]
RequestAnswererPage = Annotated[View, Depends(Pages(callers.request_answerer))]
RequestReaderPage = Annotated[View, Depends(Pages(callers.request_reader))]
AdoPage = Annotated[View, Depends(Pages(callers.ado))]
DeviceReaderPage = Annotated[View, Depends(Pages(callers.device_reader))]
OperatorPage = Annotated[View, Depends(Pages(callers.operator))]

"""Who may call a route. Every route declares it, as a dependency that also hands the route its caller.

``Depends(anyone)``, ``Depends(applicant)``, ``Depends(role("department"))``. The role is checked here; what depends on
rows (whose application, which department's review) is checked again by the service that has the rows.
"""

import asyncio
import secrets
from collections.abc import Callable
from time import monotonic
from typing import Annotated, Literal, TypeVar

from fastapi import Depends, Header, Request
from fastapi.exceptions import HTTPException
from fastapi.params import Depends as Dependency

from contracts.errors import Forbidden, NotAuthenticated, Unavailable
from contracts.model import Role, Wire
from contracts.rpc.call import Method, Principal
from contracts.tokens import SessionClaims
from services.gateway.origin import address, is_same_origin, keyed_hash
from services.gateway.rate_limits import LIMITS
from services.gateway.sessions import principal_of
from services.gateway.state import GatewayState, state_of

Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
SECURE_COOKIE, PLAIN_COOKIE = "__Host-session", "session"
KIOSK_COOKIES = ("__Host-kiosk", "kiosk")
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
ANSWER_SECONDS = 4.0
"""A request is answered so long after its last byte, however many services it asks in turn; outside, 5 s are promised."""


def session_cookie(public_url: str) -> str:
    """The cookie of a session. Over HTTPS only the one that no other host and no plain connection can have set."""
    return SECURE_COOKIE if public_url.startswith("https://") else PLAIN_COOKIE


def operator_cookie(public_url: str) -> str:
    """That of an operator who applies for others: it lies beside the session of the visitor whose mobile is proved."""
    return session_cookie(public_url).replace("session", "operator")


class Caller:
    """Who asks, and the way to the services in his name.

    Args:
        replica: what this gateway shares.
        principal: who the session speaks for.
        address: keyed hash of the network address.
        until: when it must have its answer, on the monotonic clock.
    """

    def __init__(self, state: GatewayState, principal: Principal, address: str, until: float) -> None:
        self.state = state
        self.principal = principal
        self._address = address
        self._until = until

    async def ask(self, method: Method[Q, R], request: Q) -> R:
        """Asks a service; changes nothing."""
        return await self._call(method, request, None)

    async def command(self, method: Method[Q, R], request: Q, key: str) -> R:
        """Has a service do something, once for each key."""
        return await self._call(method, request, key)

    async def _call(self, method: Method[Q, R], request: Q, key: str | None) -> R:
        return await self.state.client.call(
            method,
            request,
            principal=self.principal,
            idempotency_key=key,
            address=self._address,
            until=self._until,
        )

    def is_helped_by(self, login_id: str) -> None:
        """An applicant beside whom an operator types: services record who it was."""
        self.principal = self.principal.model_copy(update={"login_id": login_id})

    def must_act_for(self, site: str) -> None:
        """A login for one site acts for that site only.

        Raises:
            Forbidden: it is another site.
        """
        if self.principal.site != site:
            raise Forbidden("this login is for another site", code="wrong_site")


class Access:
    """Who may call a route.

    Args:
        roles: of staff.
        applicants: whether applicants may.
        everybody: whether no session is needed; one that is sent is not even looked at.
        initial_password: whether staff may who still must change the password that they were given.
        cookie: in which the session lies, by the public address.
    """

    def __init__(
        self,
        *roles: Role,
        applicants: bool = False,
        everybody: bool = False,
        initial_password: bool = False,
        cookie: Callable[[str], str] = session_cookie,
    ) -> None:
        self.roles = roles
        self.applicants = applicants
        self.everybody = everybody
        self._initial_password = initial_password
        self._cookie = cookie

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request.

        Raises:
            NotAuthenticated: no session, or one that ended.
            Forbidden: a session that may not do this.
            Unavailable: the session's key is not known yet and accounts does not answer.
        """
        _must_be_json(request)
        return await self.of_page(request)

    async def of_page(self, request: Request) -> Caller:
        """The same for a page, whose bodies are forms.

        Raises:
            NotAuthenticated: no session, or one that ended.
            Forbidden: a session that may not do this.
            Unavailable: see above.
        """
        until = monotonic() + ANSWER_SECONDS
        state = state_of(request)
        place = keyed_hash(state.address_secret, address(request))
        if self.everybody:
            return Caller(state, Principal(id=f"address:{place}"), place, until)
        public_url = state.settings.public_url
        claims = await _claims(state, _token(request, public_url, self._cookie(public_url)))
        if claims.must_change_password and not self._initial_password:
            raise Forbidden("the initial password must be changed first", code="must_change_password")
        principal = principal_of(claims)
        if not self._admits(principal):
            raise Forbidden("this login may not do this")
        if principal.kind == "applicant" and (kiosk := await kiosk_of(request)):
            principal = principal.model_copy(update={"kiosk": kiosk.sub, "site": kiosk.site})
        return Caller(state, principal, place, until)

    def _admits(self, principal: Principal) -> bool:
        return principal.role in self.roles if principal.kind == "staff" else self.applicants


async def _claims(state: GatewayState, token: str) -> SessionClaims:
    try:
        async with asyncio.timeout(state.settings.rpc_timeout):
            return await state.sessions.verify(token)
    except TimeoutError:
        raise Unavailable("the session could not be checked in time") from None


async def kiosk_of(request: Request) -> SessionClaims | None:
    """The enrolled device that asks, if it is one.

    Raises:
        Forbidden: its enrolment has ended; it does not turn into an ordinary browser, which would show more.
        Unavailable: as for a session.
    """
    token = next((request.cookies[name] for name in KIOSK_COOKIES if name in request.cookies), None)
    if token is None:
        return None
    try:
        claims = await _claims(state_of(request), token)
    except NotAuthenticated:
        raise Forbidden("this kiosk is not enrolled any more", code="kiosk_ended") from None
    if claims.role != "kiosk":
        raise Forbidden("this is no enrolment of a kiosk", code="kiosk_ended")
    return claims


def _must_be_json(request: Request) -> None:
    """A body must say that it is JSON: no form of another site can send that."""
    headers = request.headers
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if has_body and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "the body must be application/json")


def _token(request: Request, public_url: str, cookie: str) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("the Authorization header is no bearer token")
        return token.strip()
    if cookie not in request.cookies:
        raise NotAuthenticated("this needs a session")
    if request.method not in SAFE_METHODS and not is_same_origin(request, public_url):
        raise Forbidden("a page of another site made this request", code="cross_site")
    return request.cookies[cookie]


EVERY_ROLE: tuple[Role, ...] = ("ado", "department", "reception", "assisted", "security", "ops", "auditor")
anyone = Access(everybody=True)
applicant = Access(applicants=True)
signed_in = Access(*EVERY_ROLE, applicants=True, initial_password=True)
staff = Access(*EVERY_ROLE, initial_password=True)
operator = Access("assisted", cookie=operator_cookie)


def role(*names: Role, or_applicant: bool = False) -> Access:
    """Staff of one of these roles."""
    return Access(*names, applicants=or_applicant)


Anyone = Annotated[Caller, Depends(anyone)]
Applicant = Annotated[Caller, Depends(applicant)]
SignedIn = Annotated[Caller, Depends(signed_in)]
Staff = Annotated[Caller, Depends(staff)]
Ado = Annotated[Caller, Depends(role("ado"))]
Reception = Annotated[Caller, Depends(role("reception"))]
Department = Annotated[Caller, Depends(role("department"))]
Security = Annotated[Caller, Depends(role("security"))]
PassHolder = Annotated[Caller, Depends(role("reception", or_applicant=True))]
"""The applicant whose pass it is (issuance checks that), or the reception."""


async def _idempotency_key(  # a plain function would be sent to a thread
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=200,
            pattern=r"^[\x20-\x7e]+$",
            description="Any text of yours that is new for each command. Repeating a command with the same key has one effect and gives one answer.",
        ),
    ] = None,
) -> str:
    """The caller's key; without one a random key, so that our own repetition at least is safe."""
    return idempotency_key or secrets.token_urlsafe(16)


IdempotencyKey = Annotated[str, Depends(_idempotency_key)]


def limited(what: Literal["otp", "otp_verify", "login", "status"]) -> Dependency:
    """Counts the request against the limit of its address, before anything else is looked at."""
    assert what in LIMITS

    async def count(request: Request) -> None:
        state = state_of(request)
        state.rate_limits.hit(what, keyed_hash(state.address_secret, address(request)))

    return Dependency(count)

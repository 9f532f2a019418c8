"""How the caller of a route is found and admitted: session, role, device, limits.

`callers` names who may call. Session and role are checked here, before the route runs. What depends on
rows (whose application, which department's review) is checked by the service that owns the rows.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import HTTPException
from fastapi.params import Depends as Dependency

from contracts import rpc
from contracts.errors import FieldError, Forbidden, NotAuthenticated, TooManyAttempts, Unavailable
from contracts.model import Role, Wire
from contracts.rpc.call import Method, Principal
from contracts.rpc.imports import CsvFile
from contracts.tokens import SessionClaims
from services.chassis.rpc.principals import principal_of
from services.chassis.runtime.clock import monotonic
from services.chassis.runtime.logs import logger
from services.gateway.access.cookie_names import (
    gate_device_cookie,
    kiosk_cookie,
    operator_cookie,
    session_cookie,
)
from services.gateway.edge.look_budgets import is_look, shown
from services.gateway.edge.origin import (
    client_block,
    client_network,
    is_fetched_by_page,
    is_from,
    is_same_origin,
)
from services.gateway.edge.rate_limits import CLASSES
from services.gateway.metrics import EXPORTS, STAFF_REFUSED
from services.gateway.state import GatewayState, state_of

Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)
log = logger(__name__)
COOKIE: dict[str, Any] = {"path": "/", "httponly": True, "samesite": "lax"}
"""Options of every cookie; over HTTPS they are also Secure."""
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
ANSWER_SECONDS = 4.0
"""Every request is answered within this time after its last byte, however many services it calls.

Clients are promised 5 s.
"""
NEXT_STEPS = {"must_change_password", "second_factor_stale", "second_factor_missing"}
SOON_SECONDS = 1.0
"""For so long a page waits for what it can do without."""


class Caller:
    """The authenticated caller of one request, who calls the services in their own name.

    Args:
        state: of this gateway process.
        principal: whose session it is.
        address: keyed hash of the network address.
        until: when the request must be answered, on the monotonic clock.
        session_ends: when the session's token expires; None without a session.
        by_itself: whether an open page asks again, and no person does.
        block: the same of `client_block`, for codes and the log of refusals; empty for `address`.
    """

    def __init__(
        self,
        state: GatewayState,
        principal: Principal,
        address: str,
        until: float,
        session_ends: datetime | None = None,
        *,
        by_itself: bool = False,
        block: str = "",
    ) -> None:
        self.state = state
        self.principal = principal
        self.address = address
        self.session_ends = session_ends
        self.block = block or address
        self.gate_device: SessionClaims | None = None
        """The enrolled device of a gate that a guard uses."""
        self.is_warned = False
        """Whether the login has seen more people within an hour than its role is meant to."""
        self._until, self._by_itself = until, by_itself
        self._goes_on = False

    async def query(self, method: Method[Q, R], request: Q) -> R:
        """Return a service's reply to a method that changes nothing.

        Raises:
            ContractError: what the service raised, or `Unavailable`.
        """
        return await self._call(method, request, None)

    async def query_soon(self, method: Method[Q, R], request: Q) -> R:
        """Return a reply that a page can do without, as `query`, but `Unavailable` after a second.

        That is the deadline of the call, too: no service works on what nobody waits for.
        """
        return await self._call(method, request, None, within=SOON_SECONDS)

    async def command(
        self, method: Method[Q, R], request: Q, key: str | None = None, problems: tuple[FieldError, ...] = ()
    ) -> R:
        """Have a service change something, once for each key, and return its reply.

        Args:
            method: of ``contracts/rpc/``.
            request: the method's argument.
            key: the Idempotency-Key; None only for a method whose request carries its own key.
            problems: of the request, found elsewhere; the service refuses a new command with them.

        Raises:
            ContractError: what the service raised, or `Unavailable`.
        """
        assert key is not None or method.carries_key
        return await self._call(method, request, key, problems)

    async def _call(
        self,
        method: Method[Q, R],
        request: Q,
        key: str | None,
        problems: tuple[FieldError, ...] = (),
        within: float = inf,
    ) -> R:
        try:
            if not self._goes_on:
                self.state.looks.require(method, self.principal)
            reply = await self.state.client.call(
                method,
                request,
                principal=self.principal,
                idempotency_key=key,
                problems=problems,
                # a rented server has 65,536 networks of IPv6, and would ask for all codes alone
                address=self.block if method is rpc.accounts.sessions.REQUEST_OTP else self.address,
                block=self.block,
                until=min(self._until, monotonic() + within),
                by_itself=self._by_itself,
            )
            if is_look(method, self.principal):
                names, may_end = shown(request, reply), not self._goes_on
                self.is_warned |= await self.state.looks.count(method, self.principal, names, refuses=may_end)
        except (Forbidden, TooManyAttempts) as refusal:
            count_refusal(self.principal.role, refusal.body.code)
            raise
        if method.reply is CsvFile:
            EXPORTS.labels(method.name).inc()
        return reply

    async def hit(self, limit: str, *key: str) -> None:
        """Count an attempt at something that can be guessed.

        Args:
            limit: of `rate_limits.LIMITS`.
            key: what is guessed at; nothing of it is stored in clear.

        Raises:
            TooManyAttempts: there were too many.
            Unavailable: attempts cannot be counted now.
        """
        await self.state.rate_limits.hit(limit, self.state.keyed_hash(" ".join(key)))

    async def forgive(self, limit: str, *key: str) -> None:
        """Take back an attempt, because it was right."""
        await self.state.rate_limits.forgive(limit, self.state.keyed_hash(" ".join(key)))

    def going_on(self) -> "Caller":
        """Return the same caller for the next part of a streamed answer, which no budget cuts off."""
        until = monotonic() + ANSWER_SECONDS
        caller = Caller(self.state, self.principal, self.address, until, self.session_ends, by_itself=True)
        caller._goes_on = True
        return caller

    def with_session(self, claims: SessionClaims, token: str) -> "Caller":
        """Return the caller of the same request with another session of its browser, which was checked."""
        principal = principal_of(claims).model_copy(update={"proof": self.state.sessions.prove(token)})
        return Caller(self.state, principal, self.address, self._until)

    def at_gate_device(self, device: SessionClaims, token: str) -> "Caller":
        """Return the same guard with the device that they use, which was checked."""
        proof = self.principal.proof
        proved = proof and self.state.sessions.prove(proof.session, token)
        principal = self.principal.model_copy(update={"gate_device": device.sub, "proof": proved})
        caller = Caller(
            self.state, principal, self.address, self._until, self.session_ends, by_itself=self._by_itself
        )
        caller.gate_device = device
        return caller

    def require_site(self, site: str) -> None:
        """Raise `Forbidden` if the login is for another site."""
        if self.principal.site != site:
            raise Forbidden("this login is for another site", code="wrong_site")


class Access:
    """A FastAPI dependency that admits certain callers to a route and hands it the `Caller`.

    Args:
        roles: staff with one of these roles.
        applicants: whether applicants are admitted.
        everybody: whether no session is needed; one that is sent is ignored.
        initial_password: whether staff are admitted who still have to change their initial password.
        cookie: returns the name of the session's cookie for a public URL.
        wherever: whether the device does not matter, because the session only ends.
        any_body: whether the body may be something else than JSON; only where no session counts.
        of_staff: whether only staff come without a session, to sign in.
    """

    def __init__(
        self,
        *roles: Role,
        applicants: bool = False,
        everybody: bool = False,
        initial_password: bool = False,
        cookie: Callable[[str], str] = session_cookie,
        wherever: bool = False,
        any_body: bool = False,
        of_staff: bool = False,
    ) -> None:
        self.roles = roles
        self.applicants = applicants
        self.everybody = everybody
        self._initial_password = initial_password
        self._cookie = cookie
        self._wherever = wherever
        self._any_body = any_body
        self._of_staff = of_staff

    async def __call__(self, request: Request) -> Caller:
        """Return the caller of a JSON request.

        Raises:
            HTTPException: 415, the body is not declared as JSON. No form of another site can declare that.
            ContractError: see `caller_of`.
        """
        headers = request.headers
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if has_body and content_type != "application/json" and not self._any_body:
            raise HTTPException(415, "the body must be application/json")
        return await self.caller_of(request)

    async def caller_of(self, request: Request) -> Caller:
        """Return the caller of any request; a page's body is a form.

        Raises:
            NotAuthenticated: no session, or one that ended.
            Forbidden: the session is not admitted here; or as `kiosk_of`, `operator_of` and
                `require_staff_network`.
            TooManyAttempts: this login or mobile has made too many requests.
            Unavailable: the session's key is not known yet and accounts does not answer.
        """
        until = monotonic() + ANSWER_SECONDS
        state = state_of(request)
        address, block = (state.keyed_hash(of(request)) for of in (client_network, client_block))
        if self.everybody:
            if self._of_staff:
                await require_staff_network(request)
            return Caller(state, Principal(id=f"address:{address}"), address, until, block=block)
        public_url = state.settings.public_url
        token = session_token(request, public_url, self._cookie(public_url))
        claims = await claims_of(state, token)
        if claims.must_change_password and not self._initial_password:
            _log_refusal(claims, "must_change_password")
            raise Forbidden("the initial password must be changed first", code="must_change_password")
        principal = principal_of(claims)
        # each login or mobile counts alone
        limit = "gate" if principal.role == "security" else principal.kind
        await state.rate_limits.hit(limit, principal.id)
        if not (principal.role in self.roles if principal.kind == "staff" else self.applicants):
            _log_refusal(claims, "forbidden")
            raise Forbidden("this login may not do this")
        if principal.kind == "staff" and not self._wherever:
            await require_staff_network(request, claims)
        device = helper = None
        if principal.kind == "applicant" and not self._wherever:
            device, helper = await kiosk_of(request), await operator_of(request)
            principal = principal_of(claims, device, helper)  # services record who typed for the applicant
        by_itself = is_fetched_by_page(request)
        if not by_itself:
            state.active_sessions |= {one.sid for one in (claims, helper) if one is not None}
        proof = state.sessions.prove(
            token,
            kiosk_token(request) if device is not None else None,
            _operator_token(request) if helper is not None else None,
        )
        ends = datetime.fromtimestamp(claims.exp, UTC)
        principal = principal.model_copy(update={"proof": proof})
        return Caller(state, principal, address, until, ends, by_itself=by_itself, block=block)


def count_refusal(role: Role | None, code: str) -> None:
    """Count what staff may not do; what they can do as soon as they have done something else is none."""
    if role is not None and code not in NEXT_STEPS:
        STAFF_REFUSED.labels(role).inc()


def _log_refusal(claims: SessionClaims, code: str) -> None:
    """Log who was refused, beside the line of the request; a service records what it refuses itself."""
    count_refusal(claims.role, code)
    login_id = claims.sub if claims.kind == "staff" else None  # an applicant is known by the session alone
    log.warning("refused", code=code, role=claims.role or claims.kind, login_id=login_id, sid=str(claims.sid))


def is_at_kiosk(request: Request) -> bool:
    """Return whether the browser was enrolled as a kiosk, also if its enrolment has ended since."""
    return kiosk_cookie(state_of(request).settings.public_url) in request.cookies


async def kiosk_of(request: Request) -> SessionClaims | None:
    """Return the claims of the enrolled device that sends the request, or None for an ordinary browser.

    Raises:
        Forbidden: its enrolment has ended. It does not turn into an ordinary browser, which would show more.
        Unavailable: as for a session.
    """
    token = kiosk_token(request)
    if token is None:
        return None
    try:
        claims = await claims_of(state_of(request), token)
    except NotAuthenticated:
        raise Forbidden("this kiosk is not enrolled any more", code="kiosk_ended") from None
    if claims.role != "kiosk":
        raise Forbidden("this is no enrolment of a kiosk", code="kiosk_ended")
    return claims


def kiosk_token(request: Request) -> str | None:
    """Return the token of the enrolled device, as the browser sends it."""
    return request.cookies.get(kiosk_cookie(state_of(request).settings.public_url))


async def operator_of(request: Request) -> SessionClaims | None:
    """Return the claims of the operator who applies for others in this browser, or None in any other one.

    Raises:
        Forbidden: their session has ended, or is none of an operator. Nobody applies there unrecorded.
        Unavailable: as for a session.
    """
    token = _operator_token(request)
    if token is None:
        return None
    with suppress(NotAuthenticated):
        claims = await claims_of(state_of(request), token)
        if claims.role == "assisted" and not claims.must_change_password:
            await require_staff_network(request, claims)
            return claims
    raise Forbidden("the operator's session has ended", code="operator_signed_out")


async def require_staff_network(request: Request, claims: SessionClaims | None = None) -> None:
    """Raise an error unless staff may work where the request comes from.

    Guards may at an enrolled device of a gate, which goes on by a mobile network when the one of the building
    is down: to have it proves more than an address does. Who signs in there is not known yet.

    Args:
        request: of staff.
        claims: whose session it is; None at a sign-in.

    Raises:
        Forbidden: ``staff_network``.
        Unavailable: as for a session.
    """
    state = state_of(request)
    if not state.settings.staff_networks or is_from(state.settings.staff_networks, request):
        return
    token = request.cookies.get(gate_device_cookie(state.settings.public_url))
    if token is not None and (claims is None or claims.role == "security"):
        with suppress(NotAuthenticated):
            if (await claims_of(state, token)).role == "gate_device":
                return
    if claims is None:
        log.warning("refused", code="staff_network")
    else:
        _log_refusal(claims, "staff_network")
    raise Forbidden("staff sign in and work from the State's network", code="staff_network")


def _operator_token(request: Request) -> str | None:
    return request.cookies.get(operator_cookie(state_of(request).settings.public_url))


async def claims_of(state: GatewayState, token: str) -> SessionClaims:
    """Return the claims of a session that is open.

    Raises:
        NotAuthenticated: it has ended, or is none of ours.
        Unavailable: its key is not known yet and accounts does not answer.
    """
    try:
        async with asyncio.timeout(state.settings.rpc_timeout):
            return await state.sessions.verify(token)
    except TimeoutError:
        raise Unavailable("the session could not be checked in time") from None


def session_token(request: Request, public_url: str, cookie: str) -> str:
    """Return the token of the Authorization header, else of the cookie.

    Raises:
        NotAuthenticated: there is none.
        Forbidden: a page of another site makes the browser send the cookie with a request that may change
            something.
    """
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


class RateLimited:
    """A FastAPI dependency that counts a request before anything else is checked.

    Every route that needs no session has one; a test finds the routes.
    """

    def __init__(self, limit: str) -> None:
        assert limit in CLASSES
        self.limit = limit

    async def __call__(self, request: Request) -> None:
        """Raise `TooManyAttempts` if this address has made too many requests of the class."""
        state = state_of(request)
        await state.rate_limits.hit(self.limit, state.keyed_hash(client_block(request)))


def rate_limited(limit: str) -> Dependency:
    """Return the dependency for the declaration of a route."""
    return Dependency(RateLimited(limit))

"""The enrolled device of a gate: its cookie, who needs one, and its half of the key of what it stores.

A device has the session of a login of its own, in a cookie beside the guard's session, as a kiosk has. Both
are checked with each request, so either of them ends what the app gets, within two seconds.
"""

from contextlib import suppress
from datetime import timedelta

from fastapi import Request, Response

from contracts import rpc
from contracts.errors import ContractError, Forbidden, NotAuthenticated, Unavailable
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.call import Nothing
from contracts.second_factor import require_fresh
from contracts.tokens import SessionClaims
from services.chassis.runtime.clock import now
from services.chassis.runtime.logs import logger
from services.gateway.access.admission import COOKIE, Access, Caller, claims_of, session_token
from services.gateway.access.cookie_names import gate_device_cookie, session_cookie
from services.gateway.state import GatewayState, state_of

log = logger(__name__)
_REFUSALS = ("device_missing", "device_revoked", "device_of_other_gate", "only_in_app")
SILENT_AFTER = timedelta(minutes=3)
"""A device reports each minute; without a report for so long it has no network, or its app is closed."""
RENEW_BEFORE = timedelta(days=30)
"""So long before its end an enrolment is renewed; accounts allows it a month earlier."""


def enrol(response: Response, state: GatewayState, device: StaffSession) -> None:
    """Make the browser the device of a gate, until its enrolment ends."""
    url = state.settings.public_url
    seconds = max(int((device.expires_at - now()).total_seconds()), 0)
    secure = url.startswith("https://")
    response.set_cookie(gate_device_cookie(url), device.access_token, seconds, secure=secure, **COOKIE)


async def renew(response: Response, request: Request, caller: Caller) -> None:
    """Give the browser the enrolment of the next year, if this one ends soon; else try with a later report.

    The key makes all attempts lead to one session.
    """
    device, token = caller.gate_device, _token(request)
    if device is None or token is None or device.exp > (now() + RENEW_BEFORE).timestamp():
        return
    own = caller.with_session(device, token)
    with suppress(ContractError):
        renewed = await own.command(rpc.accounts.sessions.RENEW_KIOSK, Nothing(), f"renew {device.sid}")
        enrol(response, caller.state, renewed)


async def offline_gates(caller: Caller, site: str) -> tuple[str, ...] | None:
    """Return the gates of a site of whose scans the server may lack some; None where accounts does not say.

    Whatever accounts answers, who is inside is shown. A gate without an enrolled device is not among them,
    since nobody knows.
    """
    try:
        devices = (await caller.query(rpc.accounts.gate_devices.GATE_DEVICES, Nothing())).items
    except ContractError:
        return None
    enrolled = [one for one in devices if one.site == site and one.state == "enrolled"]
    heard = {one.gate for one in enrolled if one.reported_at and one.reported_at > now() - SILENT_AFTER}
    return tuple(sorted({one.gate for one in enrolled if one.unsent > 0 or one.gate not in heard}))


async def forget_ended(response: Response, request: Request) -> None:
    """Make the browser an ordinary one, if its device has ended: a guard has signed in on it.

    The session that was open on it when it was revoked, or when its code was replaced, gets nothing there.
    One that begins later is as good as in any other browser: it gets the plain pages.
    """
    state, token = state_of(request), _token(request)
    if token is None:
        return
    try:
        await _device_of(state, token)
    except Forbidden:
        url = state.settings.public_url
        response.delete_cookie(gate_device_cookie(url), secure=url.startswith("https://"), **COOKIE)
    except Unavailable:
        return  # with the next sign-in


def storage_half_of(device: SessionClaims | None, state: GatewayState) -> str | None:
    """Return the server's half of the key under which a device stores visitors; None without a device.

    It is of one enrolment: a device that is enrolled again gets another one.
    """
    return None if device is None else state.keyed_hash(f"gate storage {device.sub} {device.sid}")


class AtGate(Access):
    """Admit guards who use an enrolled device.

    A device that was sent counts, whatever the setting: one of another site or one that was revoked is
    refused.

    Args:
        programs: whether a program with a token of its own needs no device; the app always does.
        any_gate: whether the device may be of another gate of the site than the guard.
    """

    def __init__(self, *, programs: bool = False, any_gate: bool = False) -> None:
        super().__init__("security")
        self._programs = programs
        self._any_gate = any_gate

    async def __call__(self, request: Request) -> Caller:
        """Return the guard with their device.

        Raises:
            Forbidden: ``device_missing``, ``device_revoked`` or ``device_of_other_gate``; ``only_in_app``:
                somebody has opened the address of the interface in the browser of a device that locks.
            ContractError: as `Access`.
        """
        try:
            return await self._admit(request)
        except Forbidden as refused:
            if refused.body.code in _REFUSALS:
                await _log_refusal(request, refused.body.code)
            raise

    async def _admit(self, request: Request) -> Caller:
        token = _token(request)
        # The device first: a revoked one has to hear of it, and not only that the session on it ended.
        device = None if token is None else await _device_of(state_of(request), token)
        caller = await super().__call__(request)
        if token is None or device is None:
            is_program = self._programs and "authorization" in request.headers
            if caller.state.settings.gate_devices == "required" and not is_program:
                raise Forbidden("this device is not enrolled for a gate", code="device_missing")
            return caller
        is_of_gate = self._any_gate or caller.principal.gate in (None, device.gate)
        if device.site != caller.principal.site or not is_of_gate:
            raise _of_other_gate()
        if request.headers.get("sec-fetch-mode") == "navigate":
            _require_no_lock(caller)
        return caller.at_gate_device(device, token)


class OnPlainPage(Access):
    """Admit guards to pages beside the app, which need no device, in any browser but the device of a gate.

    Their session outlives the lock of the app. So on a device they are led to the app, unless it never locks;
    whoever has an app for codes is asked for one instead, and goes on if the gate's app does not start.
    """

    async def caller_of(self, request: Request) -> Caller:
        """Return the guard.

        Raises:
            Forbidden: ``device_revoked``; ``only_in_app``, which a page answers by leading to the app;
                ``second_factor_stale``.
            ContractError: as `Access`.
        """
        if (token := _token(request)) is not None:
            try:
                await _device_of(state_of(request), token)
            except Forbidden as refused:
                await _log_refusal(request, refused.body.code)
                raise
        caller = await super().caller_of(request)
        if token is not None and caller.principal.role == "security":
            if caller.principal.factor_at is None:
                _require_no_lock(caller)
            elif caller.state.settings.gate_lock_minutes:
                require_fresh(caller.principal, now())
        return caller


async def _log_refusal(request: Request, code: str) -> None:
    """Log which device was refused and who used it, beside the line of the request."""
    state, device = state_of(request), _token(request)
    guard = None
    with suppress(ContractError):
        url = state.settings.public_url
        guard = await state.sessions.login_of(session_token(request, url, session_cookie(url)))
    device_id = None if device is None else await state.sessions.login_of(device)
    _log(code, guard, device_id)


def _log(code: str, guard: str | None, device: str | None) -> None:
    log.warning("refused", code=code, role="security", login_id=guard, device=device)


def require_gate(caller: Caller, gate: str) -> None:
    """Raise `Forbidden` if the device is of another gate."""
    device = caller.gate_device
    if device is not None and device.gate != gate:
        _log("device_of_other_gate", caller.principal.login_id, device.sub)
        raise _of_other_gate()


async def is_still_admitted(request: Request, caller: Caller) -> bool:
    """Return whether neither the guard's session nor the device has ended since the request began."""
    state, token = caller.state, _token(request)
    url = state.settings.public_url
    try:
        await claims_of(state, session_token(request, url, session_cookie(url)))
        if token is not None:
            await _device_of(state, token)
    except (NotAuthenticated, Forbidden):
        return False
    return True


def _require_no_lock(caller: Caller) -> None:
    """Raise `Forbidden` if the app of a gate locks: beside it, nothing would ask for the PIN."""
    if caller.state.settings.gate_lock_minutes:
        raise Forbidden("on this device the gate works in its app only", code="only_in_app")


def _token(request: Request) -> str | None:
    return request.cookies.get(gate_device_cookie(state_of(request).settings.public_url))


async def _device_of(state: GatewayState, token: str) -> SessionClaims:
    try:
        claims = await claims_of(state, token)
    except NotAuthenticated:
        raise _revoked() from None
    if claims.role != "gate_device":
        raise _revoked()
    return claims


def _revoked() -> Forbidden:
    return Forbidden("this device is not enrolled any more", code="device_revoked")


def _of_other_gate() -> Forbidden:
    return Forbidden("this device is enrolled for another gate", code="device_of_other_gate")

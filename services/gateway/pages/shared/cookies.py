"""The cookies of the pages.

They hold the session, the operator's session, a sign-in that waits for the second factor, the half-filled
answers, the result of the last form, the enrolment of a kiosk, the language of the last visitor at a counter,
whether guards use the app of the gate here, and the tokens that show which logins signed in here before and
which mobiles were proved here.
All are HttpOnly and SameSite; over HTTPS also Secure.
"""

import re
from datetime import datetime, timedelta
from typing import Literal, TypeVar, cast

from fastapi import Request, Response

from contracts.model import Language, Wire
from services.chassis.runtime.clock import now
from services.gateway.access.admission import COOKIE
from services.gateway.access.cookie_names import cookie_name, gate_device_cookie
from services.gateway.pages.shared.answers import AnswersCookie
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.state import state_of

VISITOR_LANGUAGE = "visitor_language"
GATE_APP = "gate_app"
RESULT = "result"
RESULT_SECONDS = 10 * 60
A = TypeVar("A", bound=Wire)
DeviceCookie = Literal["logins", "mobiles"]
MOST_DEVICES = 24
"""Guards share a tablet, families a phone. So many tokens take a third of the 4 kB that a cookie may have."""
DEVICE_LIFETIME = timedelta(days=180)
GATE_APP_LIFETIME = timedelta(days=365)
SIGN_IN_LIFETIME = timedelta(minutes=15)
LONGEST_TOKEN = 100
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,100}")


def is_secure(request: Request) -> bool:
    """Return whether the site is served over HTTPS."""
    return state_of(request).settings.public_url.startswith("https://")


def answers_cookie(request: Request) -> AnswersCookie:
    """Return the cookie of the half-filled answers."""
    return cast(AnswersCookie, request.app.state.answers)


def result_cookie(request: Request) -> AnswersCookie:
    """Return the cookie of what the last form led to, from which its page can be shown again."""
    return cast(AnswersCookie, request.app.state.result)


def _name(request: Request, name: str) -> str:
    return cookie_name(state_of(request).settings.public_url, name)


def _set(response: Response, request: Request, name: str, token: str, expires_at: datetime) -> None:
    seconds = max(int((expires_at - now()).total_seconds()), 0)
    response.set_cookie(_name(request, name), token, seconds, secure=is_secure(request), **COOKIE)


def _delete(response: Response, request: Request, name: str) -> None:
    response.delete_cookie(_name(request, name), secure=is_secure(request), **COOKIE)


def sign_in(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Store a session in the browser until it ends."""
    _set(response, request, "session", token, expires_at)


def enrol(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Make the browser a kiosk."""
    _set(response, request, "kiosk", token, expires_at)


def sign_out(response: Response, request: Request) -> None:
    """Delete the session from the browser."""
    _delete(response, request, "session")


def sign_in_token(request: Request) -> str:
    """Return the token of a sign-in that waits for the second factor; empty if none does."""
    return request.cookies.get(_name(request, "sign_in"), "")[:LONGEST_TOKEN]


def sign_in_waits(response: Response, request: Request, token: str) -> None:
    """Store the token of a sign-in that waits for the second factor. Accounts ends it in time."""
    _set(response, request, "sign_in", token, now() + SIGN_IN_LIFETIME)


def sign_in_ended(response: Response, request: Request) -> None:
    """Delete the token of a sign-in from the browser, if it has one."""
    if _name(request, "sign_in") in request.cookies:
        _delete(response, request, "sign_in")


def sign_in_operator(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Store the session of an operator who applies for others."""
    _set(response, request, "operator", token, expires_at)


def sign_out_operator(response: Response, request: Request) -> None:
    """Delete the session of the operator from the browser."""
    _delete(response, request, "operator")


def store_visitor_language(response: Response, request: Request, language: Language) -> None:
    """Store in which language the last visitor at this counter was spoken to; it is nothing personal."""
    response.set_cookie(VISITOR_LANGUAGE, language, secure=is_secure(request), **COOKIE)


def visitor_language(request: Request, default: Language) -> Language:
    """Return the language of the last visitor at this counter; the default before the first one."""
    stored = request.cookies.get(VISITOR_LANGUAGE)
    return next((one for one in LANGUAGES if one == stored), default)


def prefer_gate_app(response: Response, request: Request) -> None:
    """Store that guards work with the app on this device, so that their sign-in leads to it."""
    seconds = int(GATE_APP_LIFETIME.total_seconds())
    response.set_cookie(GATE_APP, "1", seconds, secure=is_secure(request), **COOKIE)


def prefers_gate_app(request: Request) -> bool:
    """Return whether guards work with the app on this device."""
    return GATE_APP in request.cookies


def known_devices(request: Request, name: DeviceCookie) -> tuple[str, ...]:
    """Return the tokens that earlier sessions on this device have left, the newest first."""
    tokens = request.cookies.get(_name(request, name), "").split(".")
    return tuple(token for token in tokens if _TOKEN.fullmatch(token))[:MOST_DEVICES]


def with_devices(asked: A, request: Request, name: DeviceCookie) -> A:
    """Return a request with the tokens of this device, if it has any; of staff also that it is a gate's."""
    devices = known_devices(request, name)
    gate = request.cookies.get(gate_device_cookie(state_of(request).settings.public_url))
    if name == "logins" and gate:
        devices = (*devices, gate)
    return asked.model_copy(update={"devices": devices}) if devices else asked


def remember_device(response: Response, request: Request, name: DeviceCookie, token: str | None) -> None:
    """Store the token of the session that was opened here, so that strangers do not make its owner wait."""
    if token is not None:
        tokens = dict.fromkeys((token, *known_devices(request, name)))
        _set(response, request, name, ".".join(list(tokens)[:MOST_DEVICES]), now() + DEVICE_LIFETIME)


def forget_devices(response: Response, request: Request, name: DeviceCookie) -> None:
    """Delete these tokens from the browser, if it has any."""
    if _name(request, name) in request.cookies:
        _delete(response, request, name)

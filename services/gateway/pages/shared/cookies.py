"""The cookies: the session, the operator's beside it, the half-filled answers, and the enrolment of a kiosk.

All HttpOnly and SameSite; over HTTPS also Secure.
"""

from datetime import datetime
from typing import cast

from fastapi import Request, Response

from services.chassis.runtime.clock import now
from services.gateway.access import KIOSK_COOKIES, operator_cookie, session_cookie
from services.gateway.pages.shared.answers import AnswersCookie
from services.gateway.state import state_of


def is_secure(request: Request) -> bool:
    """Whether the site is served over HTTPS."""
    return state_of(request).settings.public_url.startswith("https://")


def answers_cookie(request: Request) -> AnswersCookie:
    """The cookie of the half-filled answers."""
    return cast(AnswersCookie, request.app.state.answers)


def _session_name(request: Request) -> str:
    return session_cookie(state_of(request).settings.public_url)


def sign_in(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Keeps a session in the browser until it ends."""
    _keep(response, request, _session_name(request), token, expires_at)


def enrol(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Makes the browser a kiosk."""
    secure_name, plain_name = KIOSK_COOKIES
    _keep(response, request, secure_name if is_secure(request) else plain_name, token, expires_at)


def _keep(response: Response, request: Request, name: str, token: str, expires_at: datetime) -> None:
    secure = is_secure(request)
    seconds = max(int((expires_at - now()).total_seconds()), 0)
    response.set_cookie(name, token, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def sign_out(response: Response, request: Request) -> None:
    """Forgets the session."""
    secure = is_secure(request)
    response.delete_cookie(_session_name(request), path="/", secure=secure, httponly=True, samesite="lax")


def _operator_name(request: Request) -> str:
    return operator_cookie(state_of(request).settings.public_url)


def keep_operator(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Keeps the session of an operator who applies for others."""
    _keep(response, request, _operator_name(request), token, expires_at)


def forget_operator(response: Response, request: Request) -> None:
    """Forgets it."""
    response.delete_cookie(
        _operator_name(request), path="/", secure=is_secure(request), httponly=True, samesite="lax"
    )


def has_operator(request: Request) -> bool:
    """Whether there is one."""
    return _operator_name(request) in request.cookies

"""The cookies of the pages.

They hold the session, the operator's session, the half-filled answers, the result of the last form, the
enrolment of a kiosk, and the language of the last visitor at a counter.
All are HttpOnly and SameSite; over HTTPS also Secure.
"""

from datetime import datetime
from typing import cast

from fastapi import Request, Response

from contracts.model import Language
from services.chassis.runtime.clock import now
from services.gateway.access import KIOSK_COOKIES, operator_cookie, session_cookie
from services.gateway.pages.shared.answers import AnswersCookie
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.state import state_of

VISITOR_LANGUAGE = "visitor_language"
RESULT = "result"
RESULT_SECONDS = 10 * 60


def is_secure(request: Request) -> bool:
    """Return whether the site is served over HTTPS."""
    return state_of(request).settings.public_url.startswith("https://")


def answers_cookie(request: Request) -> AnswersCookie:
    """Return the cookie of the half-filled answers."""
    return cast(AnswersCookie, request.app.state.answers)


def result_cookie(request: Request) -> AnswersCookie:
    """Return the cookie of what the last form led to, from which its page can be shown again."""
    return cast(AnswersCookie, request.app.state.result)


def _session_name(request: Request) -> str:
    return session_cookie(state_of(request).settings.public_url)


def sign_in(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Store a session in the browser until it ends."""
    _set(response, request, _session_name(request), token, expires_at)


def enrol(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Make the browser a kiosk."""
    secure_name, plain_name = KIOSK_COOKIES
    _set(response, request, secure_name if is_secure(request) else plain_name, token, expires_at)


def _set(response: Response, request: Request, name: str, token: str, expires_at: datetime) -> None:
    secure = is_secure(request)
    seconds = max(int((expires_at - now()).total_seconds()), 0)
    response.set_cookie(name, token, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def sign_out(response: Response, request: Request) -> None:
    """Delete the session from the browser."""
    secure = is_secure(request)
    response.delete_cookie(_session_name(request), path="/", secure=secure, httponly=True, samesite="lax")


def _operator_name(request: Request) -> str:
    return operator_cookie(state_of(request).settings.public_url)


def sign_in_operator(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Store the session of an operator who applies for others."""
    _set(response, request, _operator_name(request), token, expires_at)


def sign_out_operator(response: Response, request: Request) -> None:
    """Delete the session of the operator from the browser."""
    response.delete_cookie(
        _operator_name(request), path="/", secure=is_secure(request), httponly=True, samesite="lax"
    )


def has_operator(request: Request) -> bool:
    """Return whether the browser has the session of an operator."""
    return _operator_name(request) in request.cookies


def store_visitor_language(response: Response, request: Request, language: Language) -> None:
    """Store in which language the last visitor at this counter was spoken to; it is nothing personal."""
    response.set_cookie(
        VISITOR_LANGUAGE, language, path="/", secure=is_secure(request), httponly=True, samesite="lax"
    )


def visitor_language(request: Request, default: Language) -> Language:
    """Return the language of the last visitor at this counter; the default before the first one."""
    stored = request.cookies.get(VISITOR_LANGUAGE)
    return next((one for one in LANGUAGES if one == stored), default)

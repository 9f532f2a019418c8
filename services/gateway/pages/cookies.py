"""The two cookies: the session, and the half-filled answers. Both HttpOnly and SameSite; over HTTPS also Secure."""

from datetime import datetime
from typing import cast

from fastapi import Request, Response

from services.chassis.clock import now
from services.gateway.access import session_cookie
from services.gateway.pages.answers import AnswersCookie
from services.gateway.replica import replica_of


def is_secure(request: Request) -> bool:
    """Whether the site is served over HTTPS."""
    return replica_of(request).options.public_url.startswith("https://")


def answers_cookie(request: Request) -> AnswersCookie:
    """The cookie of the half-filled answers."""
    return cast(AnswersCookie, request.app.state.answers)


def _session_name(request: Request) -> str:
    return session_cookie(replica_of(request).options.public_url)


def sign_in(response: Response, request: Request, token: str, expires_at: datetime) -> None:
    """Keeps a session in the browser until it ends."""
    secure = is_secure(request)
    seconds = max(int((expires_at - now()).total_seconds()), 0)
    response.set_cookie(_session_name(request), token, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def sign_out(response: Response, request: Request) -> None:
    """Forgets the session."""
    secure = is_secure(request)
    response.delete_cookie(_session_name(request), path="/", secure=secure, httponly=True, samesite="lax")

"""How a session of staff begins in a browser, and where each role begins its work."""

from fastapi import Response

from contracts.model import Role
from contracts.rpc.accounts.sessions import StaffSession
from services.gateway.access.gate_devices import forget_ended
from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.error_pages import redirect
from services.gateway.pages.shared.sign_out import end_replaced
from services.gateway.pages.shared.view import View

HOMES: dict[Role, str] = {
    "department": "/desk",
    "ado": "/desk/logins",
    "security": "/gate",
    "reception": "/counter",
    "assisted": "/assist",
    "ops": "/ops",
    "auditor": "/audit",
    "grievance": "/desk/requests",
    "privacy": "/desk/privacy",
}
"""Where a role begins; the others begin at their start page."""


def home_of(session: StaffSession) -> str:
    """Return the page with which somebody begins who has just signed in."""
    return "/staff/password" if session.must_change_password else HOMES.get(session.role, "/staff")


async def sign_in(view: View, session: StaffSession, page: str = "") -> Response:
    """Store a session in the browser, and lead to a page; else to where its holder begins.

    What the browser had before ends.
    """
    await end_replaced(view, session.access_token, of_operator=_is_for_operators(session))
    home = home_of(session)
    if home == HOMES["security"] and not page and cookies.prefers_gate_app(view.request):
        response: Response = redirect("/gate")
    else:
        response = view.to(page or home)
    response = store(view, session, response)
    cookies.sign_in_ended(response, view.request)
    cookies.remember_device(response, view.request, "logins", session.device)
    if session.role == "security":
        await forget_ended(response, view.request)
    return response


def _is_for_operators(session: StaffSession) -> bool:
    return session.role == "assisted" and not session.must_change_password


def store(view: View, session: StaffSession, response: Response) -> Response:
    """Store a session, or its newer token, in the browser; return the response."""
    if _is_for_operators(session):
        cookies.sign_out(response, view.request)  # this cookie is for the session of a visitor
        cookies.sign_in_operator(response, view.request, session.access_token, session.expires_at)
    else:
        cookies.sign_in(response, view.request, session.access_token, session.expires_at)
    return response

"""Where somebody is signed in, and how they sign out elsewhere. Each sees their own sessions alone."""

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.rpc.accounts.sessions import EndOwnSessions
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.caches.revoked_sessions import LONGEST_SESSION
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.view import ApplicantPage, OperatorPage, StaffPage, View, key_of, text_of

router = APIRouter(prefix="/{language:lang}", include_in_schema=False, route_class=PageRoute)
OTHERS = "others"
"""Stands for all sessions but the one of this browser."""


@router.get("/staff/sessions")
async def show_of_staff(view: StaffPage) -> Response:
    """Show the sessions of a login."""
    return await _show(view)


@router.post("/staff/sessions")
async def end_of_staff(view: StaffPage) -> Response:
    """End another session of a login, or all others."""
    return await _end(view, "/staff/sessions")


@router.get("/assist/sessions")
async def show_of_operator(view: OperatorPage) -> Response:
    """Show the sessions of an operator who applies for others."""
    return await _show(view)


@router.post("/assist/sessions")
async def end_of_operator(view: OperatorPage) -> Response:
    """End another session of an operator, or all others."""
    return await _end(view, "/assist/sessions")


@router.get("/sessions")
async def show_of_applicant(view: ApplicantPage) -> Response:
    """Show the sessions of a mobile. At a kiosk nobody sees where else a visitor is signed in."""
    return view.to("/kiosk") if view.kiosk else await _show(view)


@router.post("/sessions")
async def end_of_applicant(view: ApplicantPage) -> Response:
    """End another session of a mobile, or all others."""
    return view.to("/kiosk") if view.kiosk else await _end(view, "/sessions")


async def _show(view: View) -> Response:
    found = await view.caller.query(rpc.accounts.sessions.OWN_SESSIONS, Nothing())
    return view.html("sessions.html", sessions=found.items, others=OTHERS)


async def _end(view: View, back: str) -> Response:
    form = await view.form()
    sid = text_of(form, "sid")
    wanted = EndOwnSessions.model_validate({"sid": None if sid == OTHERS else sid})
    ended = await view.caller.command(rpc.accounts.sessions.END_OWN_SESSIONS, wanted, key_of(form))
    for one in ended.sids:  # other gateways learn of it within two seconds
        view.caller.state.revoked_sessions.revoke_session(one, now() + LONGEST_SESSION)
    return view.to(back)

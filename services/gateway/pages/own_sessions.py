"""Where somebody is signed in, and how they sign out elsewhere. Each sees their own sessions alone."""

from typing import Annotated

from fastapi import Depends, Response

from contracts import rpc
from contracts.rpc.accounts.sessions import EndOwnSessions
from contracts.rpc.call import Nothing
from services.gateway.access import callers
from services.gateway.access.admission import Access
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.view import Pages, View, page_router

router = page_router("")
OTHERS = "others"
"""Stands for all sessions but the one of this browser."""


def _add(path: str, reader: Access) -> None:
    """Add the page of some readers. At a kiosk nobody sees where else a visitor is signed in."""

    @router.get(path)
    async def show_sessions(view: Annotated[View, Depends(Pages(reader))]) -> Response:
        if view.kiosk and view.is_applicant:
            return view.to("/kiosk")
        found = await view.query(rpc.accounts.sessions.OWN_SESSIONS, Nothing())
        return view.html("sessions.html", sessions=found.items, most=found.most, others=OTHERS)

    @router.post(path)
    async def end_sessions(view: Annotated[View, Depends(Pages(reader))]) -> Response:
        if view.kiosk and view.is_applicant:
            return view.to("/kiosk")
        form = await view.form()
        sid = text_of(form, "sid")
        wanted = EndOwnSessions.model_validate({"sid": None if sid == OTHERS else sid})
        ended = await view.command(rpc.accounts.sessions.END_OWN_SESSIONS, wanted, key_of(form))
        for one in ended.sids:  # other gateways learn of it within two seconds
            view.caller.state.revoked_sessions.end_session(one)
        return view.to(path)


_add("/staff/sessions", callers.staff)
_add("/assist/sessions", callers.operator)
_add("/sessions", callers.applicant)

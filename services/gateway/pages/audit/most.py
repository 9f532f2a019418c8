"""The ten logins that have looked at most people, for auditors: of the last day, or of the last week."""

from datetime import timedelta
from typing import Literal

from fastapi import Response

from contracts import rpc
from contracts.model import IST
from contracts.rpc.accounts.logins import LoginIds
from services.chassis.runtime.clock import now
from services.gateway.handlers import lookups
from services.gateway.pages.audit import acts
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.view import AuditorPage, page_router

router = page_router("/audit")
SHOWN = 10


@router.get("/most")
async def show_most(view: AuditorPage, days: Literal["1", "7"] = "1") -> Response:
    """Show who has looked at most people, with where they work and a way to what it was."""
    since = now() - timedelta(days=int(days))
    found = (await lookups.most_looks(view.caller, since, acts.LOOKS_AT_PEOPLE))[:SHOWN]
    asked = LoginIds(login_ids=tuple(one.actor for one in found))
    places = await view.try_query(rpc.accounts.logins.LOGIN_PLACES, asked)
    return view.html(
        "audit/most.html",
        found=found,
        days=days,
        first=since.astimezone(IST).date(),
        places={one.login_id: one for one in places.items} if places else {},
        names=await directory.place_names(view),
    )

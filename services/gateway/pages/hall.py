"""The screen of a waiting hall: whom offices call, by reference and never by name.

Whoever is signed in at the reception opens it once; it goes on by itself, shows all three languages, and
speaks where the browser can.
"""

from fastapi import Response

from contracts import rpc
from contracts.rpc.approval.visits import CalledQuestion
from services.chassis.runtime.clock import IST
from services.chassis.runtime.time_words import time_of_day
from services.gateway.pages.shared.languages import LANGUAGES, _, texts
from services.gateway.pages.shared.view import ReceptionPage, page_router

TITLE = _("Please come now")
router = page_router("/hall")


@router.get("")
async def show_hall(view: ReceptionPage) -> Response:
    found = await view.query(rpc.approval.visits.LIST_CALLED, CalledQuestion(site=view.principal.site))
    return view.html(
        "hall.html",
        found=found,
        titles=[texts(one).gettext(TITLE) for one in LANGUAGES],
        state=" ".join(f"{one.reference}@{one.called_at:%H%M%S}" for one in found.items),
        clock=lambda instant: time_of_day(instant.astimezone(IST).time(), view.language),
    )

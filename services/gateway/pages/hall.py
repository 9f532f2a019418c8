"""The screen of a waiting hall: whom offices call, by reference and never by name.

A device that is enrolled as a kiosk opens it for its site, so that nobody is signed in on a computer in a
hall; the reception may, too. It goes on by itself, shows all three languages, and speaks them one after the
other where the browser can.
"""

from fastapi import Response

from contracts import rpc
from contracts.model import Language
from contracts.rpc.approval.visits import CalledQuestion
from services.chassis.runtime.clock import IST
from services.gateway.pages.shared.kiosk_renewal import renew
from services.gateway.pages.shared.languages import LANGUAGES, _, texts
from services.gateway.pages.shared.view import HallPage, page_router

TITLE = _("Please come now")
HEADINGS = (_("Reference"), _("Room"), _("Called"))
NOBODY = _("Nobody is called just now.")
TO_ROOM = _("%(reference)s, room %(room)s")
LOST = _("This screen gets no news now. Please ask at the reception.")
router = page_router("/hall")


@router.get("")
async def show_hall(view: HallPage) -> Response:
    found = await view.query(rpc.approval.visits.LIST_CALLED, CalledQuestion(site=view.principal.site))
    calls = [
        {
            "reference": one.reference,
            "room": one.room,
            "called_at": one.called_at,
            "clock": f"{one.called_at.astimezone(IST):%I:%M}".removeprefix("0"),
            "spoken": _spoken(one.reference, one.room),
        }
        for one in found.items
    ]
    response = view.html(
        "hall.html",
        calls=calls,
        title=_in_all(TITLE),
        headings=[_in_all(one) for one in HEADINGS],
        nobody=_in_all(NOBODY),
        lost=_in_all(LOST),
        state=" ".join(f"{one.reference}@{one.called_at:%H%M%S}" for one in found.items),
    )
    await renew(view, response)
    return response


def _in_all(text: str) -> dict[Language, str]:
    return {one: texts(one).gettext(text) for one in LANGUAGES}


def _spoken(reference: str, room: str) -> dict[Language, str]:
    """Return what is said of a call in each language."""
    where = _in_all(TO_ROOM if room else "%(reference)s")
    values = {"reference": reference, "room": room}
    return {one: f"{title}: {where[one] % values}" for one, title in _in_all(TITLE).items()}

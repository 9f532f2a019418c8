"""Which messages somebody gets: all, or those alone by which they get in, or learn that they do not."""

from fastapi import Response

from contracts import rpc
from contracts.rpc.call import Nothing
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.view import ApplicantPage, page_router

router = page_router("/my-data/messages")
PLACE = "/my-data/messages"


@router.get("")
async def ask_messages(view: ApplicantPage) -> Response:
    chosen = await view.query(rpc.notify.OWN_MESSAGES, Nothing())
    return view.html("my_data/messages.html", chosen=chosen)


@router.post("")
async def choose_messages(view: ApplicantPage) -> Response:
    """Stop the messages to the number that is signed in, or send them again."""
    form = await view.form()
    wanted = rpc.notify.ChooseMessages(stop=text_of(form, "choice") == "stop")
    await view.command(rpc.notify.CHOOSE_MESSAGES, wanted, key_of(form))
    return view.to(PLACE, notice="saved")

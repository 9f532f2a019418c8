"""What whoever has the link of a pass says on its page: whether they come, or whether they were met.

The link is what proves them, as for the page itself, and issuance alone takes the word: what follows from it
follows by events.
"""

from contextlib import suppress

from fastapi import Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict
from contracts.rpc.issuance import AnswerByLink
from services.gateway.access.admission import rate_limited
from services.gateway.pages.passes.routes import HIDDEN, Code
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.view import OpenPage, page_router

router = page_router("/p")


@router.post("/{code}", dependencies=[rate_limited("link")])
async def answer(view: OpenPage, code: Code) -> Response:
    """Store what whoever has the link says: whether they come, or whether they were met."""
    form, said = await view.form(), "too_late"
    with suppress(ValidationError, Conflict):
        request = AnswerByLink.model_validate({"code": code, "answer": text_of(form, "answer")})
        await view.command(rpc.issuance.ANSWER_BY_LINK, request, key_of(form))
        said = request.answer
    return RedirectResponse(f"/p/{code}?in={view.language}&said={said}", 303, HIDDEN)


@router.get("/{code}", dependencies=[rate_limited("read")])
async def return_to_pass(view: OpenPage, code: Code) -> Response:
    """Return to the page of the pass from the address of its form."""
    return RedirectResponse(f"/p/{code}?in={view.language}", 303, HIDDEN)

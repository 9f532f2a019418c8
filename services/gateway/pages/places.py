"""The page of a wait for a place, behind the link of its message: a place that is offered is taken here.

Whoever has the link sees it and may answer. It names nobody. Looking takes nothing: phones and messengers
open links by themselves.
"""

from typing import Annotated

from fastapi import Path, Response

from contracts.errors import Conflict
from contracts.model import LINK_CODE
from contracts.rpc.approval.places import ANSWER_OFFER, VIEW_WAIT, AnswerOffer, WaitCode
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.view import OpenPage, page_router

router = page_router("")
Code = Annotated[str, Path(pattern=LINK_CODE)]


@router.get("/w/{code}", dependencies=[rate_limited("link")])
async def show_wait(view: OpenPage, code: Code) -> Response:
    return await _page(view, code)


async def _page(view: OpenPage, code: str, status: int = 200) -> Response:
    shown = await view.query(VIEW_WAIT, WaitCode(code=code))
    names = await directory.department_names(view)
    return view.html(
        "place.html",
        status,
        shown=shown,
        slot=shown.slot.model_dump(mode="json", by_alias=True),
        department=names.get(shown.department, shown.department),
        site=await directory.site(view, shown.site),
        is_late=view.notice == "too_late",
    )


@router.post("/w/{code}", dependencies=[rate_limited("link")])
async def answer_offer(view: OpenPage, code: Code) -> Response:
    """Take the place that is offered, or wait no longer; who says neither sees the page again."""
    form, notice = await view.form(), ""
    said = text_of(form, "answer")
    if said not in ("take", "leave"):
        return await _page(view, code, 422)
    try:
        answer = AnswerOffer(code=code, accepts=said == "take")
        await view.command(ANSWER_OFFER, answer, key_of(form))
    except Conflict:
        notice = "too_late"
    return view.to(f"/w/{code}", notice=notice)

"""The page behind the link of a message to an office: it answers one visit, and nobody signs in for it.

Opening it does nothing, as whatever shows a preview of a message opens its links.
"""

from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.model import LINK_CODE
from contracts.rpc.approval.visits import AnswerByLink, VisitLink
from services.chassis.runtime.clock import IST, now
from services.chassis.runtime.time_words import time_of_day
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of, today_at
from services.gateway.pages.shared.view import OpenPage, View, page_router

router = page_router("/v")
Code = Annotated[str, Path(pattern=LINK_CODE)]


@router.get("/{code}", dependencies=[rate_limited("link")])
async def show_visit(view: OpenPage, code: Code) -> Response:
    return await _page(view, code)


@router.post("/{code}", dependencies=[rate_limited("link")])
async def answer_visit(view: OpenPage, code: Code) -> Response:
    """Tell the visitor to come, to wait, or that it is not possible today."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("answer", "wait_until", "room")}
    try:
        until = today_at(typed["wait_until"])
        wanted = AnswerByLink.model_validate({**typed, "code": code, "wait_until": until})
        await view.command(rpc.approval.visits.ANSWER_BY_LINK, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _page(view, code, typed, problems_of(error), 422)
    except NotFound:
        return view.html("visit_link.html", 404, visit=None)
    except Conflict as error:
        return view.html("visit_link.html", 409, visit=None, notice=error.body.code)
    if typed["answer"] == "not_today":
        return view.html("visit_link.html", visit=None, notice="told")
    return view.to(f"/v/{wanted.code}", notice="told")


async def _page(
    view: View,
    code: str,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    try:
        found = await view.query(rpc.approval.visits.VISIT_BY_LINK, VisitLink(code=code))
    except NotFound:
        return view.html("visit_link.html", 404, visit=None)
    officers = {one.code: one for one in await directory.officers(view, found.department)}
    values: dict[str, Any] = {
        "visit": found,
        "department": (await directory.department_names(view)).get(found.department, found.department),
        "officer": officers.get(found.officer or ""),
        "rooms": sorted({one.room.strip() for one in officers.values()} - {""}),
        "clock": lambda instant: time_of_day(instant.astimezone(IST).time(), view.language),
        "typed": typed or {},
        "errors": errors or {},
        "at": now(),
    }
    return view.html("visit_link.html", status, **values)

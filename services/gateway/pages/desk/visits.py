"""The visitors of today at a department's desk, from expected to gone. One tap answers each."""

from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.model import IST, Slot
from contracts.rpc.approval.reviews import ReviewId
from contracts.rpc.approval.visits import AnswerVisit, EndVisit, VisitPart, VisitQuestion
from services.chassis.runtime.clock import now
from services.chassis.runtime.time_words import time_of_day
from services.gateway.pages.shared import directory, visit_times
from services.gateway.pages.shared.forms import key_of, problems_of, text_of, today_at
from services.gateway.pages.shared.languages import _
from services.gateway.pages.shared.view import DepartmentPage, View, page_router
from services.gateway.pages.shared.vocabulary import NOT_MET

PARTS: dict[VisitPart, str] = {
    "expected": _("Expected"),
    "late": _("Late"),
    "reception": _("At reception"),
    "here": _("Waiting to be called"),
    "called": _("Called"),
    "met": _("Met"),
    "not_met": _("Not met"),
    "gone": _("Left: met or not?"),
    "differ": _("The visitor says otherwise"),
}
NO_OTHER_DAY = {"not_approved", "comes_again", "second_officer", "window_full"}
"""Why a visit cannot be given another day, which the page says."""
MOST_CHOICES = 10
"""Of other days and hours that the page offers."""
NOT_READABLE = {"reason": "choose_one"}
"""Field → code of its problem where its value cannot be read."""
router = page_router("/desk/visits")


@router.get("")
async def show_visits(
    view: DepartmentPage,
    part: VisitPart = "here",
    after: str | None = None,
    opened: Annotated[UUID | None, Query(alias="open")] = None,
) -> Response:
    """Show one part of the day, who has waited longest first, and the other answers to one of them.

    The page follows what happens by itself, while none is open.
    """
    return await _page(view, part, after, opened=opened)


@router.post("/{review_id}/answer")
async def answer_visit(view: DepartmentPage, review_id: UUID) -> Response:
    """Tell a visitor to come, to wait, or that it is not possible today."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("answer", "wait_until", "room")}
    try:
        until = today_at(typed["wait_until"])
        wanted = AnswerVisit.model_validate({**typed, "review_id": review_id, "wait_until": until})
        await view.command(rpc.approval.visits.ANSWER_VISIT, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        problems = problems_of(error, NOT_READABLE)
        return await _page(view, "here", None, opened=review_id, typed=typed, errors=problems, status=422)
    except (Conflict, NotFound) as error:
        return _over(view, error)
    return view.to("/desk/visits", notice="told")


@router.get("/{review_id}/day")
async def offer_days(view: DepartmentPage, review_id: UUID) -> Response:
    """Show the next days and hours with places for a visitor who cannot be received today."""
    return await _days(view, review_id, {})


@router.post("/{review_id}/day")
async def give_day(view: DepartmentPage, review_id: UUID) -> Response:
    """Tell a visitor that it is not possible today, and give them a pass for another day."""
    form = await view.form()
    try:
        day, start, end = text_of(form, "slot").split()
        slot = Slot.model_validate({"date": day, "from": start, "to": end})
        wanted = AnswerVisit(review_id=review_id, answer="not_today", come_back=slot)
    except ValueError:  # nothing was chosen
        return await _days(view, review_id, {"slot": "choose_one"}, 422)
    try:
        await view.command(rpc.approval.visits.ANSWER_VISIT, wanted, key_of(form))
    except InvalidInput as error:
        return await _days(view, review_id, {"slot": next(iter(problems_of(error).values()))}, 422)
    except Conflict as error:
        if error.body.code not in NO_OTHER_DAY:
            return _over(view, error)
        return await _days(view, review_id, {"slot": error.body.code}, 409)
    except NotFound as error:
        return _over(view, error)
    return view.to("/desk/visits", notice="moved")


def _over(view: View, error: Conflict | NotFound) -> Response:
    """Lead back to the list, which says why nobody was told."""
    if error.body.code == "has_left":
        return view.to("/desk/visits?part=gone", notice="has_left")
    return view.to("/desk/visits", notice="over")


async def _days(view: View, review_id: UUID, errors: dict[str, str], status: int = 200) -> Response:
    review = await view.query(rpc.approval.reviews.VIEW_REVIEW, ReviewId(review_id=review_id))
    found = await visit_times.offered(view, review.site, review.department, review.party)
    choices = [
        Slot(day=one.day, start=hours[0], end=hours[1])
        for one in found["free_days"]
        if not one.is_today
        for half in visit_times.HALVES
        if (hours := visit_times.half_of(one.windows, half))
    ][:MOST_CHOICES]
    return view.html("desk/visit_day.html", status, review=review, choices=choices, errors=errors)


@router.post("/{review_id}/end")
async def end_visit(view: DepartmentPage, review_id: UUID) -> Response:
    """Say whether a visitor was met, and go on with the part of the day in which they were."""
    form = await view.form()
    part: VisitPart = next((one for one in PARTS if one == text_of(form, "part")), "called")
    typed = {name: text_of(form, name) for name in ("outcome", "reason")}
    try:
        wanted = EndVisit.model_validate(
            {"review_id": review_id, "outcome": typed["outcome"], "reason": typed["reason"] or None}
        )
        await view.command(rpc.approval.visits.END_VISIT, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        problems = problems_of(error, NOT_READABLE)
        return await _page(view, part, None, opened=review_id, typed=typed, errors=problems, status=422)
    except NotFound:
        return view.to("/desk/visits", notice="over")
    return view.to(f"/desk/visits?part={part}", notice="ended")


async def _page(
    view: View,
    part: VisitPart,
    after: str | None,
    *,
    opened: UUID | None = None,
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    at = now()
    found = await view.query(
        rpc.approval.visits.LIST_VISITS, VisitQuestion(part=part, after=after, site=view.principal.site)
    )
    state = f"{sha256(found.model_dump_json().encode()).hexdigest()[:16]}-{at:%H-%M}"
    if view.request.headers.get("If-None-Match") == f'"{state}"':
        return Response(status_code=304)  # many desks are open all day, and nothing has changed
    officers = await directory.officers(view, view.principal.department or "")
    values: dict[str, Any] = {
        "found": found,
        "part": part,
        "after": after,
        "parts": PARTS,
        "officers": {one.code: one for one in officers},
        "rooms": {one.code: one.room for one in officers},
        "not_met": NOT_MET,
        "clock": lambda instant: time_of_day(instant.astimezone(IST).time(), view.language),
        "at": at,
        "opened": opened,
        "typed": typed or {},
        "wrong": {f"{name}-{opened}": code for name, code in (errors or {}).items()},
        "state": state,
        "follows": after is None and all(one.review_id != opened for one in found.items),
    }
    return view.html("desk/visits.html", status, **values)

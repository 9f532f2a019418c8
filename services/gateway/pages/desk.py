"""The department's desk: its queue, one application on a page, and what may be done with it."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.model import ReviewStatus, Slot, Wire
from contracts.rpc import Approve, Forward, Method, Reject, Return, ReviewId, ReviewQuestion, ReviewSearch, ReviewView, Withdraw
from services.gateway.pages.apply import choices
from services.gateway.pages.failing import PageRoute
from services.gateway.pages.view import DepartmentPage, View, text_of

router = APIRouter(prefix="/{language:lang}/desk", include_in_schema=False, route_class=PageRoute)
Q = TypeVar("Q", bound=Wire)
TABS: tuple[ReviewStatus, ...] = ("pending", "approved", "rejected", "returned", "withdrawn", "closed")


@router.get("")
async def show_queue(view: DepartmentPage, status: ReviewStatus = "pending", after: str | None = None) -> Response:
    """The queue, the longest waiting first."""
    found = await view.caller.ask(rpc.LIST_REVIEWS, ReviewQuestion(status=status, after=after, limit=50))
    return view.html("desk/queue.html", found=found, status=status, tabs=TABS, q="")


@router.post("/search")
async def search(view: DepartmentPage) -> Response:
    """Reviews by reference or name; a POST, so that no name stands in an address."""
    q = text_of(await view.form(), "q")
    found = await view.caller.ask(rpc.SEARCH_REVIEWS, ReviewSearch(q=q[:100])) if len(q) >= 2 else rpc.ReviewList(items=())
    return view.html("desk/queue.html", found=found, status=None, tabs=TABS, q=q)


@router.get("/reviews/{review_id}")
async def show_review(view: DepartmentPage, review_id: UUID, told: str = "") -> Response:
    """One application."""
    return await _review_page(view, review_id, told=told if told in {"done", "late"} else "")


@router.get("/reviews/{review_id}/{verb}")
async def ask_decision(view: DepartmentPage, review_id: UUID, verb: str) -> Response:
    """What a decision needs to say."""
    if verb not in DECISIONS:
        raise NotFound("no such page")
    return await _decision_page(view, review_id, verb, {}, {})


@router.post("/reviews/{review_id}/{verb}")
async def decide(view: DepartmentPage, review_id: UUID, verb: str) -> Response:
    """Decides, once for each key. Who is too late is shown how it stands."""
    if verb not in DECISIONS:
        raise NotFound("no such page")
    form = await view.form()
    method, read = DECISIONS[verb]
    try:
        await view.caller.command(method, read(review_id, form), text_of(form, "key") or f"{verb} {review_id}")
    except ValidationError as error:
        problems = {str(one["loc"][-1]): "choose_one" for one in error.errors(include_input=False)}
        return await _decision_page(view, review_id, verb, dict(form), problems, 422)
    except InvalidInput as error:
        problems = {one.field.rpartition(".")[2]: one.code for one in error.body.fields}
        return await _decision_page(view, review_id, verb, dict(form), problems, 422)
    except Conflict:
        return view.to(f"/desk/reviews/{review_id}", told="late")
    return view.to(f"/desk/reviews/{review_id}", told="done")


def _approve(review_id: UUID, form: FormData) -> Approve:
    slot = Slot.model_validate({name: text_of(form, name) for name in ("date", "from", "to")})
    return Approve(
        review_id=review_id,
        slot=slot,
        gate=text_of(form, "gate") or None,
        entries=int(text_of(form, "entries") or "1"),
        vehicle_allowed=text_of(form, "vehicle_allowed") == "yes",
        revision=_revision(form),
    )


def _reject(review_id: UUID, form: FormData) -> Reject:
    said = {"reason": text_of(form, "reason"), "note": text_of(form, "note")}
    return Reject.model_validate({"review_id": review_id, "revision": _revision(form), **said})


def _return(review_id: UUID, form: FormData) -> Return:
    return Return(review_id=review_id, note=text_of(form, "note"), revision=_revision(form))


def _forward(review_id: UUID, form: FormData) -> Forward:
    return Forward(review_id=review_id, department=text_of(form, "department") or None, officer=text_of(form, "officer") or None)


def _withdraw(review_id: UUID, form: FormData) -> Withdraw:
    return Withdraw.model_validate({"review_id": review_id, "reason": text_of(form, "reason")})


def _revision(form: FormData) -> int | None:
    text = text_of(form, "revision")
    return int(text) if text.isascii() and text.isdecimal() else None


DECISIONS: dict[str, tuple[Method[Any, ReviewView], Callable[[UUID, FormData], Any]]] = {
    "approve": (rpc.APPROVE, _approve),
    "reject": (rpc.REJECT, _reject),
    "return": (rpc.RETURN, _return),
    "forward": (rpc.FORWARD, _forward),
    "withdraw": (rpc.WITHDRAW, _withdraw),
}


async def _review_page(view: View, review_id: UUID, **values: Any) -> Response:
    review = await view.caller.ask(rpc.VIEW_REVIEW, ReviewId(review_id=review_id))
    return view.html("desk/review.html", review=review, officers=await _officers(view, review), **values)


async def _decision_page(
    view: View, review_id: UUID, verb: str, typed: dict[str, Any], errors: dict[str, str], status: int = 200
) -> Response:
    review = await view.caller.ask(rpc.VIEW_REVIEW, ReviewId(review_id=review_id))
    site = await choices.site(view, review.site)
    officers = await _officers(view, review)
    departments = await choices.departments(view, review.site) if verb == "forward" else []
    return view.html(
        f"desk/{verb}.html", status, review=review, site=site, officers=officers, departments=departments, typed=typed, errors=errors
    )


async def _officers(view: View, review: ReviewView) -> dict[str, Any]:
    return {one.code: one for one in await choices.officers(view, review.department, "")}

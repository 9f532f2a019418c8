"""The department's desk: its queue, one application on a page, and what may be done with it.

A form is read into the request's own fields, so that whatever is typed or left out is a problem beside its field.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.model import ReviewStatus
from contracts.rpc.approval import ReviewId, ReviewQuestion, ReviewSearch, ReviewView
from contracts.rpc.call import Method
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.view import DepartmentPage, View, key_of, text_of

router = APIRouter(prefix="/{language:lang}/desk", include_in_schema=False, route_class=PageRoute)
TABS: tuple[ReviewStatus, ...] = ("pending", "approved", "rejected", "returned", "withdrawn", "closed")
TOLD = {"done", "already_decided", "application_closed", "not_approved"}
"""What a review's page may say of what was just tried: it is done, or why it could not be."""
SLOT = ("date", "from", "to")
NOT_READABLE = {
    "entries": "entries_range",
    "date": "date_missing",
    "from": "from_missing",
    "to": "to_missing",
    "note": "required",
}
"""Codes of fields that cannot be read at all; any other field is a choice."""


@router.get("")
async def show_queue(
    view: DepartmentPage, status: ReviewStatus = "pending", after: str | None = None, told: str = ""
) -> Response:
    """The queue, the longest waiting first."""
    found = await view.caller.query(
        rpc.approval.LIST_REVIEWS, ReviewQuestion(status=status, after=after, limit=50)
    )
    return view.html(
        "desk/queue.html",
        found=found,
        status=status,
        tabs=TABS,
        q="",
        forwarded=told == "forwarded",
        errors={},
    )


@router.post("/search")
async def search(view: DepartmentPage) -> Response:
    """Reviews by reference or name; a POST, so that no name stands in an address."""
    q = text_of(await view.form(), "q")[:100]
    values: dict[str, Any] = {"status": None, "tabs": TABS, "q": q, "forwarded": False}
    if len(q) < 2:
        return view.html(
            "desk/queue.html",
            422,
            found=rpc.approval.ReviewList(items=()),
            errors={"q": "too_short"},
            **values,
        )
    found = await view.caller.query(rpc.approval.SEARCH_REVIEWS, ReviewSearch(q=q))
    return view.html("desk/queue.html", found=found, errors={}, **values)


@router.get("/reviews/{review_id}")
async def show_review(view: DepartmentPage, review_id: UUID, told: str = "") -> Response:
    """One application."""
    review = await view.caller.query(rpc.approval.VIEW_REVIEW, ReviewId(review_id=review_id))
    return view.html(
        "desk/review.html",
        review=review,
        officers=await _officers(view, review),
        told=told if told in TOLD else "",
    )


@router.get("/reviews/{review_id}/{verb}")
async def ask_decision(view: DepartmentPage, review_id: UUID, verb: str) -> Response:
    """What a decision needs to say."""
    _must_be_known(verb)
    return await _decision_page(view, review_id, verb, {}, {})


@router.post("/reviews/{review_id}/{verb}")
async def decide(view: DepartmentPage, review_id: UUID, verb: str) -> Response:
    """Decides, once for each key. Who is too late is shown how it stands; who read an older application reads it again."""
    _must_be_known(verb)
    form = await view.form()
    method, read = DECISIONS[verb]
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        wanted = method.request.model_validate({"review_id": review_id, **read(form)})
        await view.caller.command(method, wanted, key_of(form))
    except ValidationError as error:
        return await _decision_page(view, review_id, verb, typed, _beside(typed, _not_readable(error)), 422)
    except InvalidInput as error:
        problems = {one.field.rpartition(".")[2]: one.code for one in error.body.fields}
        return await _decision_page(view, review_id, verb, typed, _beside(typed, problems), 422)
    except Conflict as error:
        if error.body.code == "application_changed":
            return await _decision_page(view, review_id, verb, typed, {}, 409, changed=True)
        return view.to(
            f"/desk/reviews/{review_id}",
            told=error.body.code if error.body.code in TOLD else "already_decided",
        )
    if typed.get("department"):
        return view.to("/desk", told="forwarded")  # it is on another desk now
    return view.to(f"/desk/reviews/{review_id}", told="done")


def _must_be_known(verb: str) -> None:
    if verb not in DECISIONS:
        raise NotFound("no such page")


def _not_readable(error: ValidationError) -> dict[str, str]:
    return {
        str(one["loc"][-1]): "too_long"
        if one["type"] == "string_too_long"
        else NOT_READABLE.get(str(one["loc"][-1]), "choose_one")
        for one in error.errors(include_input=False)
    }


def _beside(typed: dict[str, str], problems: dict[str, str]) -> dict[str, str]:
    """Problems at the fields that were used: those of a preferred slot at the choice, not at the fields of one's own time."""
    preferred = typed.get("slot", "") not in {"", "own"}
    return {"slot" if preferred and name in SLOT else name: code for name, code in problems.items()}


def _slot(form: FormData) -> dict[str, str]:
    """One of the preferred slots as its value says it, or a time of one's own."""
    own = {name: text_of(form, name) for name in SLOT}
    chosen = text_of(form, "slot").split()
    if len(chosen) == len(SLOT):
        return dict(zip(SLOT, chosen, strict=True))
    if not text_of(form, "slot") and not any(own.values()):
        raise InvalidInput.of("slot", "choose_one")
    return own


def _approve(form: FormData) -> dict[str, Any]:
    return {
        "slot": _slot(form),
        "gate": text_of(form, "gate") or None,
        "entries": text_of(form, "entries") or "1",
        "vehicle_allowed": text_of(form, "vehicle_allowed") == "yes",
        "revision": _revision(form),
    }


def _reject(form: FormData) -> dict[str, Any]:
    return {"reason": text_of(form, "reason"), "note": text_of(form, "note"), "revision": _revision(form)}


def _return(form: FormData) -> dict[str, Any]:
    return {"note": text_of(form, "note"), "revision": _revision(form)}


def _forward(form: FormData) -> dict[str, Any]:
    return {name: text_of(form, name) or None for name in ("department", "officer")}


def _withdraw(form: FormData) -> dict[str, Any]:
    return {"reason": text_of(form, "reason")}


def _revision(form: FormData) -> int | None:
    text = text_of(form, "revision")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None


DECISIONS: dict[str, tuple[Method[Any, ReviewView], Callable[[FormData], dict[str, Any]]]] = {
    "approve": (rpc.approval.APPROVE, _approve),
    "reject": (rpc.approval.REJECT, _reject),
    "return": (rpc.approval.RETURN, _return),
    "forward": (rpc.approval.FORWARD, _forward),
    "withdraw": (rpc.approval.WITHDRAW, _withdraw),
}


async def _decision_page(
    view: View,
    review_id: UUID,
    verb: str,
    typed: dict[str, str],
    errors: dict[str, str],
    status: int = 200,
    *,
    changed: bool = False,
) -> Response:
    review = await view.caller.query(rpc.approval.VIEW_REVIEW, ReviewId(review_id=review_id))
    values: dict[str, Any] = {
        "site": await directory.site(view, review.site),
        "officers": await _officers(view, review),
        "departments": await directory.departments(view, review.site) if verb == "forward" else [],
    }
    return view.html(
        f"desk/{verb}.html", status, review=review, typed=typed, errors=errors, changed=changed, **values
    )


async def _officers(view: View, review: ReviewView) -> dict[str, Any]:
    return {one.code: one for one in await directory.officers(view, review.department, "")}

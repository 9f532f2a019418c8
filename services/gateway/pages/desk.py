"""The desk of a department: its queue, one application, and the decisions on it.

A form is read into the fields of the request, so that each wrong or missing value is a problem beside its
field.
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
from services.gateway.pages.shared.view import DepartmentPage, Notice, View, key_of, text_of

router = APIRouter(prefix="/{language:lang}/desk", include_in_schema=False, route_class=PageRoute)
TABS: tuple[ReviewStatus, ...] = ("pending", "approved", "rejected", "returned", "withdrawn", "closed")
NOTICES = {"done", "already_decided", "application_closed", "not_approved"}
"""Notices that the page of a review shows after an action: it succeeded, or why it failed."""
SLOT = ("date", "from", "to")
NOT_READABLE = {
    "entries": "entries_range",
    "date": "date_missing",
    "from": "from_missing",
    "to": "to_missing",
    "note": "required",
}
"""Field → code of its problem where its value cannot be read; any other field is a choice."""


@router.get("")
async def show_queue(
    view: DepartmentPage, status: ReviewStatus = "pending", after: str | None = None, notice: Notice = ""
) -> Response:
    """Show the queue, the longest waiting first."""
    found = await view.caller.query(
        rpc.approval.LIST_REVIEWS, ReviewQuestion(status=status, after=after, limit=50)
    )
    return view.html(
        "desk/queue.html",
        found=found,
        status=status,
        tabs=TABS,
        q="",
        forwarded=notice == "forwarded",
        errors={},
    )


@router.post("/search")
async def search(view: DepartmentPage) -> Response:
    """Find reviews by reference or name. It is a POST, so that no name stands in an address."""
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
async def show_review(view: DepartmentPage, review_id: UUID, notice: Notice = "") -> Response:
    """Show one application."""
    review = await view.caller.query(rpc.approval.VIEW_REVIEW, ReviewId(review_id=review_id))
    return view.html(
        "desk/review.html",
        review=review,
        officers=await _officers(view, review),
        notice=notice if notice in NOTICES else "",
    )


@router.get("/reviews/{review_id}/{verb}")
async def ask_decision(view: DepartmentPage, review_id: UUID, verb: str) -> Response:
    """Show the form of a decision."""
    _check_verb(verb)
    return await _decision_page(view, review_id, verb, {}, {})


@router.post("/reviews/{review_id}/{verb}")
async def decide(view: DepartmentPage, review_id: UUID, verb: str) -> Response:
    """Carry out a decision, once for each key.

    An officer who is too late sees the present state; one who read an older revision of the application
    reads it again.
    """
    _check_verb(verb)
    form = await view.form()
    method, read = DECISIONS[verb]
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    try:
        wanted = method.request.model_validate({"review_id": review_id, **read(form)})
        await view.caller.command(method, wanted, key_of(form))
    except ValidationError as error:
        return await _decision_page(view, review_id, verb, typed, _beside(typed, _unreadable(error)), 422)
    except InvalidInput as error:
        problems = {one.field.rpartition(".")[2]: one.code for one in error.body.fields}
        return await _decision_page(view, review_id, verb, typed, _beside(typed, problems), 422)
    except Conflict as error:
        if error.body.code == "application_changed":
            return await _decision_page(view, review_id, verb, typed, {}, 409, changed=True)
        return view.to(
            f"/desk/reviews/{review_id}",
            notice=error.body.code if error.body.code in NOTICES else "already_decided",
        )
    if typed.get("department"):
        return view.to("/desk", notice="forwarded")  # it is on another desk now
    return view.to(f"/desk/reviews/{review_id}", notice="done")


def _check_verb(verb: str) -> None:
    if verb not in DECISIONS:
        raise NotFound("no such page")


def _unreadable(error: ValidationError) -> dict[str, str]:
    return {
        str(one["loc"][-1]): "too_long"
        if one["type"] == "string_too_long"
        else NOT_READABLE.get(str(one["loc"][-1]), "choose_one")
        for one in error.errors(include_input=False)
    }


def _beside(typed: dict[str, str], problems: dict[str, str]) -> dict[str, str]:
    """Return the problems at the fields that were used.

    A problem of a preferred slot is shown at the choice, not at the fields of another time.
    """
    preferred = typed.get("slot", "") not in {"", "own"}
    return {"slot" if preferred and name in SLOT else name: code for name, code in problems.items()}


def _slot(form: FormData) -> dict[str, str]:
    """Return the chosen slot: one of the preferred ones, or another day and time."""
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

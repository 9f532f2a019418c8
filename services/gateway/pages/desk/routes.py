"""The queue of a department, its search, and approving many at once. Decisions have a module of their own."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from fastapi.datastructures import FormData
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import ContractError, NotFound, Unavailable
from contracts.model import IST
from contracts.rpc.approval.decisions import Approve
from services.chassis.runtime.clock import now
from services.gateway.caches.changes import event_stream
from services.gateway.pages.desk import decisions, queue
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.view import DepartmentPage, View, page_router

router = page_router("/desk")
FAILURES = {
    "already_decided", "application_changed", "application_closed", "unavailable", "closed_day",
    "window_over", "outside_hours", "date_past", "window_full", "day_closed", "department_closed",
    "department_hours", "delegation_ended", "no_delegation",
    "second_officer", "standing_waits",
}  # fmt: skip
"""Reasons why one of many was not approved that have a sentence of their own."""
UNDONE = ("undone", "too_late", "not_known")
"""What becomes of an undo, the worst last; each is a notice of the queue."""
SEARCH = "/desk/search"
FIRST = "first"
"""Value of ``open`` for the first review of the list, whichever it is."""


@router.get("")
async def show_queue(
    view: DepartmentPage,
    status: queue.Tab = "pending",
    order: str = "",
    site: str = "",
    officer: str = "",
    channel: str = "",
    day: str = "",
    waiting: str = "",
    escalated: str = "",
    after: str | None = None,
    opened: Annotated[str, Query(alias="open", max_length=40)] = "",
    asks: Literal["", "reject", "return", "forward"] = "",
    about: UUID | None = None,
    done: int = 0,
    tick: str = "",
    row: str = "",
    failed: Annotated[list[str] | None, Query(max_length=queue.PAGE)] = None,
) -> Response:
    """Show the queue, and beside it the application that is open, or the form that ``asks`` about it."""
    filters = queue.Filters(status, order, site, officer, channel, day, waiting, escalated)
    today = now().astimezone(IST).date()
    found = await view.query(rpc.approval.reviews.LIST_REVIEWS, filters.question(after, today))
    shown, kept = await _opened(view, opened, found), view.read_result()
    values: dict[str, Any] = {
        "about": about,
        "decided": kept if kept.get("about") == str(about or view.notice) else None,
        "held": kept.get("held", ()) if kept.get("until", "") > now().isoformat() else (),
        "coming": shown or next((one for one in found.items if str(one.id) == row), None),
        "done": done,
        "tick": tick,
        "places": await _places(view, found),
        "failed": await _failed(view, failed or []) if view.notice == "many" else [],
        "opened": shown,
        "following": _following(shown, found),
    }
    if shown is None or shown.status != "pending" or (asks == "reject" and not shown.may_decide):
        asks = ""
    pages = decisions.page_values(view, shown), decisions.form_values(view, shown, asks)
    for found_values in await asyncio.gather(*pages):
        values |= found_values
    if asks:
        back = filters.address().partition("?")[2]
        values |= {"asks": asks, "typed": {"back": back, "next": values["following"], "onward": "yes"}}
    return await _queue_page(view, filters, found, values, await _people(view))


@router.post("/search")
async def search(view: DepartmentPage) -> Response:
    """Read what is looked for: a reference or a name. It is a POST, so that neither stands in an address."""
    q = text_of(await view.form(), "q")[:100]
    if len(q) < 2:
        values = {"q": q, "errors": {"q": "too_short"}}
        nothing = rpc.approval.reviews.ReviewList(items=(), counts=await _counts(view))
        return await _queue_page(view, queue.Filters(), nothing, values, {}, 422, searched=True)
    return view.save_result(view.to(SEARCH), SEARCH, {"q": q})


@router.get("/search")
async def show_found(view: DepartmentPage) -> Response:
    kept = view.read_result()
    if not kept:
        return view.to("/desk")
    found, counts = await asyncio.gather(
        view.query(rpc.approval.reviews.SEARCH_REVIEWS, rpc.approval.reviews.ReviewSearch(q=kept["q"])),
        _counts(view),
    )
    found = found.model_copy(update={"counts": counts})
    return await _queue_page(
        view, queue.Filters(), found, {"q": kept["q"]}, await _people(view), searched=True
    )


@router.get("/changes")
async def stream_changes(view: DepartmentPage) -> Response:
    return event_stream(view.caller.state.queue_changes.of(view.principal))


@router.post("/approve")
async def approve_many(view: DepartmentPage) -> Response:
    """Approve several applications for the same day, each for its own nearest time.

    Each is a command of its own, so that one can fail while the others are approved.
    """
    form = await view.form()
    filters = queue.read_filters(text_of(form, "back"))
    wanted = _chosen(form)
    if not wanted:
        return queue.back_to_queue(view, filters, "none_chosen")
    if len({one.slot.day for one in wanted}) > 1:
        return queue.back_to_queue(view, filters, "different_days")
    key = key_of(form)
    outcomes = await asyncio.gather(*(_approve(view, one, f"{key}:{one.review_id}"[:200]) for one in wanted))
    failures = [
        f"{one.review_id}.{code}" for one, code in zip(wanted, outcomes, strict=True) if isinstance(code, str)
    ]
    approved = [one for one in outcomes if not isinstance(one, str)]
    response = queue.back_to_queue(view, filters, "many", done=str(len(approved)))
    response.headers["location"] += "".join(f"&failed={one}" for one in failures)
    return view.save_result(response, "/desk", decisions.shown_after("many", approved))


@router.post("/undo")
async def undo(view: DepartmentPage) -> Response:
    """Take back what was decided last, one application or several, as far as it has not left."""
    form = await view.form()
    filters, key = queue.read_filters(text_of(form, "back")), key_of(form)
    wanted = [str(one)[:40] for one in form.getlist("review")[: queue.PAGE]]
    outcomes = await asyncio.gather(*(_undo(view, one, f"{key}:{one}"[:200]) for one in wanted))
    notice = max(outcomes, key=UNDONE.index, default="too_late")
    opened = {"open": wanted[0]} if outcomes == ["undone"] else {}
    return queue.back_to_queue(view, filters, notice, done=str(outcomes.count("undone")), **opened)


async def _undo(view: View, review: str, key: str) -> str:
    """Take back one decision; return one of `UNDONE`."""
    try:
        wanted = rpc.approval.reviews.ReviewId.model_validate({"review_id": review})
        await view.command(rpc.approval.decisions.UNDO, wanted, key)
    except Unavailable:
        return "not_known"
    except (ValidationError, ContractError):
        return "too_late"
    return "undone"


def _chosen(form: FormData) -> list[Approve]:
    """Return the approvals that a form asks for; what cannot be read is left out."""
    wanted = []
    for text in form.getlist("review")[: queue.PAGE]:
        review_id, revision, day, start, end, officer, *_more = [*str(text).split("|"), *[""] * 6]
        slot = {"date": day, "from": start, "to": end}
        try:
            wanted.append(
                Approve.model_validate(
                    {
                        "review_id": review_id,
                        "revision": revision,
                        "slot": slot,
                        "on_behalf_of": officer or None,
                    }
                )
            )
        except ValidationError:
            continue  # a forged value chooses nothing
    return wanted


async def _approve(view: View, wanted: Approve, key: str) -> rpc.approval.reviews.ReviewView | str:
    """Approve one review and return it, or the code of what prevented that."""
    try:
        review = await view.command(rpc.approval.decisions.APPROVE, wanted, key)
    except Unavailable:
        return "unavailable"
    except ContractError as error:
        fields = error.body.fields
        code = fields[0].code if fields else error.body.code
        return code if code in FAILURES else "other"
    if review.status == "pending":
        return "second_officer" if review.second_officer else "already_decided"
    return review


async def _failed(view: View, failures: Sequence[str]) -> list[tuple[rpc.approval.reviews.ReviewView, str]]:
    """Return the reviews that were not approved among many, each with the code of the reason."""
    found = []
    for text in failures[: queue.PAGE]:
        review_id, _dot, code = text.partition(".")
        try:
            wanted = rpc.approval.reviews.ReviewId.model_validate({"review_id": review_id})
            found.append((await view.query(rpc.approval.reviews.VIEW_REVIEW, wanted), code))
        except (ValidationError, NotFound):
            continue  # a forged address, or the review has gone to another department
    return found


async def _places(view: View, found: rpc.approval.reviews.ReviewList) -> dict[str, decisions.Places]:
    """Return by site the free places of those who wait, where the department limits them."""
    waiting = {one.site: one for one in found.items if one.status == "pending"}
    found_by_site = {site: await decisions.places(view, one) for site, one in waiting.items()}
    return {site: one for site, one in found_by_site.items() if one}


async def _opened(
    view: View, opened: str, found: rpc.approval.reviews.ReviewList
) -> rpc.approval.reviews.ReviewView | None:
    """Return the review that is open beside the list; None where there is none."""
    if opened == FIRST:
        opened = str(found.items[0].id) if found.items else ""
    if not opened:
        return None
    try:
        wanted = rpc.approval.reviews.ReviewId.model_validate({"review_id": opened})
    except ValidationError:
        raise NotFound("there is no such review") from None
    return await view.query(rpc.approval.reviews.VIEW_REVIEW, wanted)


def _following(shown: rpc.approval.reviews.ReviewView | None, found: rpc.approval.reviews.ReviewList) -> str:
    """Return which review comes next in the list after the one that is shown."""
    ids = [one.id for one in found.items]
    if shown is None or shown.id not in ids:
        return FIRST
    behind = ids[ids.index(shown.id) + 1 :]
    return str(behind[0]) if behind else FIRST


async def _counts(view: View) -> rpc.approval.reviews.QueueCounts | None:
    """Return how many applications each tab has; None where approval does not answer soon."""
    question = rpc.approval.reviews.ReviewQuestion(status="pending", order="newest", limit=1, counts=True)
    found = await view.try_query(rpc.approval.reviews.LIST_REVIEWS, question, soon=True)
    return found.counts if found else None


async def _people(view: View) -> dict[str, Any]:
    """Return the sites and the officers by which the queue can be filtered."""
    found = await directory.officers(view, view.principal.department or "")
    return {"sites": await directory.sites(view), "officers": {one.code: one for one in found}}


async def _queue_page(
    view: View,
    filters: queue.Filters,
    found: rpc.approval.reviews.ReviewList,
    values: dict[str, Any],
    people: dict[str, Any],
    status: int = 200,
    *,
    searched: bool = False,
) -> Response:
    today = now().astimezone(IST).date()
    usual: dict[str, Any] = {
        "about": None, "decided": None, "held": (), "coming": None, "tick": "", "places": {}, "done": 0,
        "failed": [], "opened": None, "following": "", "q": "", "errors": {}, "changed": False, "typed": {},
        "site": None, "departments": [], "sites": (), "officers": {},
    }  # fmt: skip
    grouped = filters.by_visit and not searched
    shown: dict[str, Any] = {
        **usual,
        **values,
        **people,
        "filters": filters,
        "found": found,
        "searched": searched,
        "groups": list(queue.parts(found.items, today)) if grouped else [("", list(found.items))],
        "part_names": queue.PARTS,
        "tabs": queue.TABS,
        "counts": queue.tab_counts(found.counts),
        "part_counts": found.counts.model_dump() if found.counts else {},
        "orders": queue.ORDERS,
        "channels": queue.CHANNELS,
        "waits": queue.WAITING,
        "today": today,
        "at": now(),
        "can_come": queue.can_come,
    }
    return view.html("desk/queue.html", status, **shown)

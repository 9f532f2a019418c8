"""Closing a day at short notice: whom it affects, the message to them, and how far they were told."""

import asyncio
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput, TooManyAttempts, Unavailable
from contracts.free_text import note_problem
from contracts.model import IST, Language
from contracts.rpc.approval.closures import CloseDay, ClosingQuestion, ClosureId, ClosureQuestion
from contracts.rpc.notify import ClosurePreview
from contracts.visiting_rules import Calendar
from services.chassis.runtime.clock import now
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.pages.shared.view import CloserPage, ClosureReaderPage, View, page_router

router = page_router("/desk/closures")
NEW = "/desk/closures/new"
FIELDS = ("day", "department", "reason", "note")
PROBLEMS = {"day": "date_missing", "note": "too_long"}
"""Field → code of its problem where its value cannot be read; any other field is a choice."""
After = Annotated[str, Query(max_length=200)]
Text = Annotated[str, Query(max_length=64)]


@router.get("")
async def show_closures(view: ClosureReaderPage, after: After = "") -> Response:
    return await _list_page(view, {}, {}, after=after)


@router.get("/new")
async def ask_closing(
    view: CloserPage, day: Text | None = None, department: Text = "", after: After = "", step: str = ""
) -> Response:
    """Show whom the closing of a day affects, and ask why it is closed.

    What was written, and is not sent yet, is shown as the message to the visitors (``step=message``), or in
    its form again.
    """
    written = view.read_result()
    if not (written if step else day is not None):
        return view.to("/desk/closures")
    if step == "message":
        return await _message_page(view, written)
    typed = written if step else {"day": day or "", "department": department}
    problems = _day_problems(view, typed)
    if problems:
        return await _list_page(view, typed, problems, 422)
    return await _new_page(view, typed, {}, after=after)


@router.post("/new")
async def close_day(view: CloserPage) -> Response:
    """Lead to the message, or close the day and lead to its page."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in FIELDS}
    problems = _day_problems(view, typed)
    if problems:
        return await _list_page(view, typed, problems, 422)
    try:
        wanted = CloseDay.model_validate({**typed, "department": typed["department"] or None})
        missing = "required" if wanted.reason == "other" and not wanted.note else None
        if problem := missing or note_problem(wanted.note):
            raise InvalidInput.of("note", problem)
        if text_of(form, "preview"):
            return view.save_result(view.to(f"{NEW}?step=message"), NEW, typed)
        closed = await view.command(rpc.approval.closures.CLOSE_DAY, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _new_page(view, typed, problems_of(error, PROBLEMS), 422)
    except TooManyAttempts:
        return await _list_page(view, typed, {"day": "closings_many"}, 429)
    except Conflict:
        return view.to("/desk/closures", notice="already_closed")
    return view.to(f"/desk/closures/{closed.id}", notice="closed")


@router.get("/{closure_id}")
async def show_closure(view: ClosureReaderPage, closure_id: UUID) -> Response:
    """Show a closed day, and how many of its visitors were asked to choose another date."""
    closure = await view.query(rpc.approval.closures.VIEW_CLOSURE, ClosureId(closure_id=closure_id))
    return view.html(
        "closures/closure.html", closure=closure, may_close=_may_close(view), **await _usual(view)
    )


@router.post("/{closure_id}/lift")
async def lift_closure(view: CloserPage, closure_id: UUID) -> Response:
    await view.carry_out(rpc.approval.closures.LIFT_CLOSURE, ClosureId(closure_id=closure_id))
    return view.to(f"/desk/closures/{closure_id}", notice="lifted")


def _may_close(view: View) -> bool:
    return view.principal.assistant_of is None and view.principal.role != "auditor"


def _calendar(view: View) -> Calendar:
    return Calendar(now(), view.caller.state.settings.furthest_days)


def _day_problems(view: View, typed: dict[str, str]) -> dict[str, str]:
    """Return what is wrong with the day and the department, before anybody is looked for."""
    problems = {}
    try:
        day = date.fromisoformat(typed["day"])
    except ValueError:
        problems["day"] = "date_missing"
    else:
        calendar = _calendar(view)
        if day < calendar.today:
            problems["day"] = "date_past"
        elif day > calendar.furthest:
            problems["day"] = "date_too_far"
    if view.principal.role == "ado" and not typed["department"]:
        problems["department"] = "department_not_chosen"
    return problems


async def _usual(view: View) -> dict[str, Any]:
    return {"names": await directory.department_names(view), "today": now().astimezone(IST).date()}


async def _list_page(
    view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200, *, after: str = ""
) -> Response:
    question = ClosureQuestion(after=after or None, limit=50)
    found = await view.query(rpc.approval.closures.LIST_CLOSURES, question)
    return view.html(
        "closures/list.html",
        status,
        found=found,
        typed=typed,
        errors=errors,
        may_close=_may_close(view),
        furthest=_calendar(view).furthest,
        **await _usual(view),
    )


async def _new_page(
    view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200, *, after: str = ""
) -> Response:
    question = ClosingQuestion(
        day=date.fromisoformat(typed["day"]), department=typed["department"] or None, after=after or None
    )
    affected = await view.query(rpc.approval.closures.AFFECTED, question)
    return view.html(
        "closures/new.html", status, affected=affected, typed=typed, errors=errors, **await _usual(view)
    )


async def _message_page(view: View, typed: dict[str, str]) -> Response:
    """Show the message to the visitors, in each language, before it is sent."""
    wanted = CloseDay.model_validate({**typed, "department": typed["department"] or None})
    department = wanted.department or view.principal.department or ""

    async def text(language: Language) -> str:
        question = ClosurePreview(
            department=department, language=language, day=wanted.day, reason=wanted.reason, note=wanted.note
        )
        return (await view.query(rpc.notify.PREVIEW_CLOSURE, question)).text

    try:
        texts = list(zip(LANGUAGES, await asyncio.gather(*map(text, LANGUAGES)), strict=True))
    except Unavailable:
        texts = []  # the closing does not depend on it
    question = ClosingQuestion(day=wanted.day, department=wanted.department, limit=1)
    affected = await view.query(rpc.approval.closures.AFFECTED, question)
    return view.html(
        "closures/message.html", typed=typed, texts=texts, affected=affected, **await _usual(view)
    )

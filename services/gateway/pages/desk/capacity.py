"""The visiting hours of a department: when it receives visitors, how many, and what is free."""

from datetime import date, time
from typing import Any

from fastapi import Response
from fastapi.datastructures import FormData

from contracts import rpc
from contracts.capacity import Capacity, VisitingDay
from contracts.model import IST
from contracts.rpc.approval.capacity import SetCapacity
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.handlers import visit_requests
from services.gateway.pages.shared.forms import key_of, number_of, text_of
from services.gateway.pages.shared.view import DepartmentPage, View, page_router

router = page_router("/desk")
WINDOWS = (30, 60, 90, 120, 180, 240)
"""Lengths of a window that the page offers, in minutes."""
MORE_DATES = 3
"""Empty fields for dates on which nobody is received."""
SHOWN_DAYS = 5
"""Days whose free places are shown below the form."""


@router.get("/capacity")
async def show_capacity(view: DepartmentPage) -> Response:
    """Show the form, as it was last saved, and what is free on the next days."""
    return await _page(view)


@router.post("/capacity")
async def set_capacity(view: DepartmentPage) -> Response:
    form = await view.form()
    typed = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
    capacity, problems = _read(form)
    if problems:
        return await _page(view, typed, problems, 422)
    await view.command(rpc.approval.capacity.SET_CAPACITY, SetCapacity(capacity=capacity), key_of(form))
    return view.to("/desk/capacity", notice="saved")


def _read(form: FormData) -> tuple[Capacity | None, dict[str, str]]:
    """Return the capacity of a form, None where nothing is to limit it, and the problems of its fields."""
    if text_of(form, "limited") == "no":
        return None, {}
    problems: dict[str, str] = {} if text_of(form, "limited") == "yes" else {"limited": "choose_one"}
    days = []
    for weekday in range(7):
        typed = {name: text_of(form, f"{name}-{weekday}") for name in ("from", "to", "places")}
        if not any(typed.values()):
            continue
        opens, closes, places = _time(typed["from"]), _time(typed["to"]), _places(form, weekday)
        read = {"from": opens, "to": closes, "places": places}
        missing = {"from": "from_missing", "to": "to_missing", "places": "places_range"}
        problems |= {f"{name}-{weekday}": missing[name] for name, value in read.items() if value is None}
        if opens is None or closes is None:
            continue
        if closes <= opens:
            problems[f"to-{weekday}"] = "window_order"
        elif places is not None:
            days.append(VisitingDay(weekday=weekday, opens=opens, closes=closes, places=places))
    window = text_of(form, "window")
    if window not in {str(minutes) for minutes in WINDOWS}:
        problems["window"] = "choose_one"
    if not days and not problems:
        problems["from-0"] = "no_visiting_day"
    closed = sorted({day for text in form.getlist("closed") if (day := _date(str(text))) is not None})
    if problems:
        return None, problems
    return Capacity(window_minutes=int(window), days=tuple(days), closed=tuple(closed[:200])), {}


def _time(text: str) -> time | None:
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None)
    except ValueError:
        return None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None  # an empty field removes the date


def _places(form: FormData, weekday: int) -> int | None:
    places = number_of(form, f"places-{weekday}")
    return places if places is not None and 1 <= places <= 5_000 else None


def _typed(capacity: Capacity | None) -> dict[str, str]:
    """Return the fields of the form for a capacity."""
    if capacity is None:
        return {"limited": "no", "window": "60"}
    typed = {"limited": "yes", "window": str(capacity.window_minutes)}
    for day in capacity.days:
        typed |= {
            f"from-{day.weekday}": f"{day.opens:%H:%M}",
            f"to-{day.weekday}": f"{day.closes:%H:%M}",
            f"places-{day.weekday}": str(day.places),
        }
    return typed


async def _page(
    view: View, typed: dict[str, str] | None = None, errors: dict[str, str] | None = None, status: int = 200
) -> Response:
    stored = await view.query(rpc.approval.capacity.CAPACITY, Nothing())
    today = now().astimezone(IST).date()
    closed = [one.isoformat() for one in stored.capacity.closed if one >= today] if stored.capacity else []
    free = await visit_requests.availability(view.caller, stored.department) if stored.capacity else None
    values: dict[str, Any] = {
        "stored": stored,
        "typed": typed or _typed(stored.capacity),
        "errors": errors or {},
        "windows": WINDOWS,
        "closed": [*closed, *[""] * MORE_DATES],
        "free": free.days[:SHOWN_DAYS] if free else (),
        "today": today.isoformat(),
    }
    return view.html("desk/capacity.html", status, **values)

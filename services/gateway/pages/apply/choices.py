"""What can be chosen: sites, departments, officers, days and times, from the directory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from contracts import rpc
from contracts.errors import NotFound
from contracts.events import OfficerRecord, SiteRecord
from contracts.rpc.application import ApplicationView
from contracts.rpc.approval import DepartmentQuestion, DepartmentView, OfficerQuestion
from contracts.rpc.issuance import PassView
from services.chassis.runtime.clock import IST, now
from services.gateway.pages.answers import Answers
from services.gateway.pages.view import View

STEP = timedelta(minutes=30)
SHORTEST = timedelta(minutes=15)
"""Less than that no visit can be; the application service says so too."""
Window = tuple[time, time]


@dataclass(frozen=True)
class Day:
    """A day on which a site is open."""

    day: date
    windows: tuple[Window, ...]
    is_today: bool = False


async def sites(view: View) -> tuple[SiteRecord, ...]:
    """All sites."""
    return (await view.caller.state.sites.get()).items


async def site(view: View, code: str) -> SiteRecord | None:
    """One of them."""
    return next((one for one in await sites(view) if one.code == code), None)


async def departments(view: View, site_code: str, q: str = "") -> list[DepartmentView]:
    """Those that sit at a site, in the order of their names in the reader's language; a search finds them however they are spelt."""
    found = (
        await (
            view.caller.ask(rpc.approval.DEPARTMENTS, DepartmentQuestion(q=q[:100]))
            if q
            else view.caller.state.departments.get()
        )
    ).items
    return sorted((one for one in found if site_code in one.sites), key=lambda one: one.name[view.language])


async def department_names(view: View) -> dict[str, str]:
    """All departments by code, as the reader's language calls them."""
    return {one.code: one.name[view.language] for one in (await view.caller.state.departments.get()).items}


async def names(view: View, shown: ApplicationView | PassView) -> dict[str, str]:
    """Site and department in words; their codes where the directory does not know them any more."""
    place, known = await site(view, shown.site), await department_names(view)
    return {
        "site": place.name[view.language] if place else shown.site,
        "department": known.get(shown.department, shown.department),
    }


async def officers(view: View, department: str, q: str) -> tuple[OfficerRecord, ...]:
    """Officers of a department, found however they are spelt; none where there is no such department any more."""
    try:
        return (
            await view.caller.ask(rpc.approval.OFFICERS, OfficerQuestion(department=department, q=q[:100]))
        ).items
    except NotFound:
        return ()


def open_days(record: SiteRecord, furthest_days: int, at: datetime) -> Iterator[Day]:
    """The days that can be asked for, with their hours; of today what is left, from the half hour that runs."""
    there = at.astimezone(IST)
    for ahead in range(furthest_days + 1):
        day = there.date() + timedelta(days=ahead)
        windows = record.windows_on(day) if ahead else tuple(_left(record.windows_on(day), there))
        if windows:
            yield Day(day, windows, is_today=ahead == 0)


def _left(windows: Iterable[Window], there: datetime) -> Iterator[Window]:
    running = time(there.hour, there.minute - there.minute % 30)
    for opens, closes in windows:
        if datetime.combine(there, closes) - datetime.combine(there, max(opens, there.time())) >= SHORTEST:
            yield max(opens, running), closes


def begins(days: Iterable[Day]) -> list[time]:
    """Every half hour at which a visit can begin on any of the days."""
    return sorted(
        {
            at
            for one in days
            for window in one.windows
            for at in _half_hours(window)
            if _between(at, window[1]) >= SHORTEST
        }
    )


def ends(days: Iterable[Day]) -> list[time]:
    """Every half hour at which one can end, and the ends of the hours."""
    return sorted(
        {
            at
            for one in days
            for window in one.windows
            for at in (*_half_hours(window), window[1])
            if at > window[0]
        }
    )


def _half_hours(window: Window) -> Iterator[time]:
    at = datetime.combine(date.min, window[0])
    while at.time() < window[1] and at.date() == date.min:
        yield at.time()
        at += STEP


def _between(start: time, end: time) -> timedelta:
    return datetime.combine(date.min, end) - datetime.combine(date.min, start)


def usual_windows(days: Iterable[Day]) -> tuple[Window, ...]:
    """The hours of most days."""
    counted = Counter(one.windows for one in days if not one.is_today)
    return counted.most_common(1)[0][0] if counted else ()


async def of_question(view: View, name: str, answers: Answers) -> dict[str, Any]:
    """What the page of a question has to offer."""
    q = view.request.query_params.get("q", "").strip()
    if name == "site":
        return {"sites": await sites(view)}
    if name == "department":
        return {"departments": await departments(view, answers.get("site", ""), q), "q": q}
    if name == "officer":
        return {"officers": await officers(view, answers["department"], q), "q": q}
    if name == "when":
        record = await site(view, answers.get("site", ""))
        days = list(open_days(record, view.caller.state.options.furthest_days, now())) if record else []
        first = next(
            (one.day for one in days if not one.is_today), None
        )  # a department needs time: not today, unless it is chosen
        return {
            "days": days,
            "begins": begins(days),
            "ends": ends(days),
            "usual_hours": usual_windows(days),
            "first": first,
        }
    return {}


async def names_of(view: View, answers: Answers) -> dict[str, Any]:
    """What was chosen, by its names, for all answers on a page."""
    found = await departments(view, answers["site"])
    people = await officers(view, answers["department"], "") if answers.get("officer") else ()
    return {
        "site": await site(view, answers["site"]),
        "department": next((one for one in found if one.code == answers["department"]), None),
        "officer": next((one for one in people if one.code == answers.get("officer")), None),
    }

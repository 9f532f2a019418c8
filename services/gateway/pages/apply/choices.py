"""What can be chosen: sites, departments, officers, days and times, from the directory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from contracts import rpc
from contracts.events import OfficerRecord, SiteRecord
from contracts.rpc import ApplicationView, DepartmentView, OfficerQuestion, PassView
from services.chassis.clock import IST, now
from services.gateway.pages.answers import Answers
from services.gateway.pages.view import View

STEP = timedelta(minutes=30)


@dataclass(frozen=True)
class Day:
    """A day on which a site is open."""

    day: date
    windows: tuple[tuple[time, time], ...]


async def sites(view: View) -> tuple[SiteRecord, ...]:
    """All sites."""
    return (await view.caller.replica.sites.get()).items


async def site(view: View, code: str) -> SiteRecord | None:
    """One of them."""
    return next((one for one in await sites(view) if one.code == code), None)


async def departments(view: View, site_code: str) -> list[DepartmentView]:
    """Those that sit at a site, in the order of their names in the reader's language."""
    found = (await view.caller.replica.departments.get()).items
    return sorted((one for one in found if site_code in one.sites), key=lambda one: one.name[view.language])


async def names(view: View, shown: ApplicationView | PassView) -> dict[str, str]:
    """Site and department in words; their codes where the directory does not know them any more."""
    place = await site(view, shown.site)
    department = next((one.name[view.language] for one in await departments(view, shown.site) if one.code == shown.department), None)
    return {"site": place.name[view.language] if place else shown.site, "department": department or shown.department}


async def officers(view: View, department: str, q: str) -> tuple[OfficerRecord, ...]:
    """Officers of a department, found however they are spelt."""
    return (await view.caller.ask(rpc.OFFICERS, OfficerQuestion(department=department, q=q[:100]))).items


def open_days(record: SiteRecord, furthest_days: int, at: datetime) -> Iterator[Day]:
    """The days that can be asked for, with their hours; today only while some are left."""
    there = at.astimezone(IST)
    closed = {one.day for one in record.closed_days}
    for ahead in range(furthest_days + 1):
        day = there.date() + timedelta(days=ahead)
        windows = tuple(
            (hours.opens, hours.closes)
            for hours in record.hours
            if hours.weekday == day.weekday() and hours.valid_from <= day and (hours.valid_to is None or day <= hours.valid_to)
            if ahead > 0 or hours.closes > there.time()
        )
        if windows and day not in closed:
            yield Day(day, windows)


def times(days: list[Day]) -> list[time]:
    """Every half hour within the hours of any of the days, and the ends of those hours."""
    found: set[time] = set()
    for one in days:
        for opens, closes in one.windows:
            at = datetime.combine(one.day, opens)
            while at.time() < closes and at.date() == one.day:
                found.add(at.time())
                at += STEP
            found.add(closes)
    return sorted(found)


async def of_question(view: View, name: str, answers: Answers) -> dict[str, Any]:
    """What the page of a question has to offer."""
    q = view.request.query_params.get("q", "").strip()
    if name == "site":
        return {"sites": await sites(view)}
    if name == "department":
        return {"departments": await departments(view, answers.get("site", ""))}
    if name == "officer":
        return {"officers": await officers(view, answers["department"], q), "q": q}
    if name == "when":
        record = await site(view, answers.get("site", ""))
        days = list(open_days(record, view.caller.replica.options.furthest_days, now())) if record else []
        return {"days": days, "times": times(days)}
    return {}

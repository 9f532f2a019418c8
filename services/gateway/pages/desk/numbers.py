"""The numbers of an officer and of their department, as charts and as tables."""

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.rpc.approval import DeskNumbers, Numbers
from contracts.rpc.call import Nothing
from services.gateway.pages.shared import charts
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.languages import _, number, texts
from services.gateway.pages.shared.view import DepartmentPage, View

AGES: dict[int, str] = {
    0: _("Under 1 hour"),
    1: _("1 to 4 hours"),
    4: _("4 to 24 hours"),
    24: _("1 to 3 days"),
    72: _("Over 3 days"),
}
"""Hours from which something has waited → the words."""
router = APIRouter(prefix="/{language:lang}/desk", include_in_schema=False, route_class=PageRoute)


@router.get("/numbers")
async def show_numbers(view: DepartmentPage) -> Response:
    """Show what was decided in the last days, in what time, and what waits."""
    found = await view.caller.query(rpc.approval.NUMBERS, Nothing())
    gettext = texts(view.language).gettext
    ages = [(gettext(AGES[one.from_hours]), one.reviews) for one in found.waiting]
    return view.html("desk/numbers.html", found=found, ages=ages, drawn=_charts(view, found, ages))


def _charts(view: View, found: DeskNumbers, ages: list[tuple[str, int]]) -> dict[str, str]:
    gettext = texts(view.language).gettext
    return {
        "waiting": charts.rows(
            gettext("Waiting for a decision, by age"),
            [charts.Bar(name, count, number(count, view.language)) for name, count in ages],
        ),
        "decisions": charts.columns(gettext("Decisions by day"), _days(view, found)),
        "median": charts.columns(
            gettext("Usual hours to a decision, by day"), _medians(view, found.department)
        ),
    }


def _days(view: View, found: DeskNumbers) -> list[charts.Bar]:
    return [
        charts.Bar(f"{day.day.day}", day.decisions, number(day.decisions, view.language), own.decisions)
        for day, own in zip(found.department.days, found.own.days, strict=True)
    ]


def _medians(view: View, numbers: Numbers) -> list[charts.Bar]:
    bars = []
    for day in numbers.days:
        hours = (day.median_seconds or 0) / 3600
        bars.append(
            charts.Bar(f"{day.day.day}", hours, number(round(hours, 1 if hours < 10 else 0), view.language))
        )
    return bars

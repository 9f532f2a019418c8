"""The numbers of an officer and of their department, as charts and as tables."""

from math import ceil

from fastapi import Response

from contracts import rpc
from contracts.rpc.approval.numbers import Numbers
from contracts.rpc.call import Nothing
from services.gateway.pages.shared import charts
from services.gateway.pages.shared.languages import _, number, texts
from services.gateway.pages.shared.view import DepartmentPage, View, page_router

AGES: dict[int, str] = {
    0: _("Under 1 hour"),
    1: _("1 to 4 hours"),
    4: _("4 to 24 hours"),
    24: _("1 to 3 days"),
    72: _("Over 3 days"),
}
"""Hours from which something has waited → the words."""
router = page_router("/desk")


@router.get("/numbers")
async def show_numbers(view: DepartmentPage) -> Response:
    found = await view.query(rpc.approval.numbers.NUMBERS, Nothing())
    gettext = texts(view.language).gettext
    ages = [(gettext(AGES[one.from_hours]), one.reviews) for one in found.waiting]
    title, medians = _medians(view, found.department)
    aged = [charts.Bar(name, count, number(count, view.language)) for name, count in ages]
    days = [
        charts.Bar(f"{day.day.day}", day.decisions, number(day.decisions, view.language), own.decisions)
        for day, own in zip(found.department.days, found.own.days, strict=True)
    ]
    drawn = {
        "waiting": charts.rows(gettext("Waiting for a decision, by age"), aged),
        "decisions": charts.columns(gettext("Decisions by day"), days),
        "median": charts.columns(title, medians),
    }
    return view.html("desk/numbers.html", found=found, ages=ages, usual_time=title, drawn=drawn)


def _medians(view: View, numbers: Numbers) -> tuple[str, list[charts.Bar]]:
    """Return the title and the columns of the usual times, each as long as the number above it says.

    The unit is the hour, or the minute where no day took an hour.
    """
    gettext = texts(view.language).gettext
    if max((day.median_seconds or 0 for day in numbers.days), default=0) < 3600:
        title = gettext("Usual minutes to a decision, by day")
        lengths = [float(ceil((day.median_seconds or 0) / 60)) for day in numbers.days]
    else:
        title = gettext("Usual hours to a decision, by day")
        hours = [(day.median_seconds or 0) / 3600 for day in numbers.days]
        lengths = [round(one, 1 if one < 10 else 0) for one in hours]
    return title, [
        charts.Bar(f"{day.day.day}", length, number(length, view.language))
        for day, length in zip(numbers.days, lengths, strict=True)
    ]

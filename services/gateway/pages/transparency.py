"""How fast departments decide, for everybody: the numbers of a month as a chart and a table."""

from datetime import date

from fastapi import Response

from contracts.errors import NotFound
from contracts.rpc.approval.numbers import MonthNumbers
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared import charts, directory
from services.gateway.pages.shared.languages import duration_in_words, month_in_words, texts
from services.gateway.pages.shared.view import PUBLIC, OpenPage, View, page_router

router = page_router("")


@router.get("/transparency", dependencies=[rate_limited("read")])
async def show_transparency(view: OpenPage, month: str = "") -> Response:
    """Show the newest month, or another one that was counted, such as ``2026-11``."""
    found = await view.caller.state.transparency.get()
    months = list(dict.fromkeys(one.month for one in found.items))
    chosen = next((one for one in months if not month or f"{one:%Y-%m}" == month), None)
    if month and chosen is None:
        raise NotFound("this month was not counted")
    shown = [one for one in found.items if one.month == chosen]
    names = await directory.department_names(view)
    shown.sort(key=lambda one: (one.department is not None, names.get(one.department or "", "")))
    values = {"shown": shown, "names": names, "chart": _chart(view, chosen, shown, names)}
    return view.html(
        "transparency.html", 200, PUBLIC, month=chosen, months=months, counted_at=found.counted_at, **values
    )


def _chart(view: View, month: date | None, shown: list[MonthNumbers], names: dict[str, str]) -> str:
    """Return the chart of the times within which half was decided, the fastest department first."""
    known = sorted(
        (one.median_seconds, names.get(one.department, one.department))
        for one in shown
        if one.department is not None and one.median_seconds is not None
    )
    if month is None or not known:
        return ""
    title = texts(view.language).gettext("Half of the applications were decided within")
    return charts.rows(
        f"{title}, {month_in_words(month, view.language)}",
        [charts.Bar(name, seconds, duration_in_words(seconds, view.language)) for seconds, name in known],
    )

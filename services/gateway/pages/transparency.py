"""How fast departments decide and meet visitors, for everybody: a month as charts and a table."""

from datetime import date

from fastapi import Response

from contracts.errors import NotFound
from contracts.rpc.approval.numbers import MonthNumbers
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared import charts, directory
from services.gateway.pages.shared.languages import _, duration_in_words, month_in_words, number, texts
from services.gateway.pages.shared.view import PUBLIC, OpenPage, View, page_router

DECIDED = _("Half of the applications were decided within")
MET = _("Visitors met")
CALLED = _("Half were called within")
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
    values = {"shown": shown, "names": names, "drawn": _charts(view, chosen, shown, names)}
    return view.html(
        "transparency.html", 200, PUBLIC, month=chosen, months=months, counted_at=found.counted_at, **values
    )


def _charts(
    view: View, month: date | None, shown: list[MonthNumbers], names: dict[str, str]
) -> dict[str, str]:
    """Return the charts of what is known of departments, the best first; empty where nothing is known."""
    if month is None:
        return {}
    of = [(names.get(one.department, one.department), one) for one in shown if one.department is not None]
    decided = sorted((one.median_seconds, name) for name, one in of if one.median_seconds is not None)
    met = sorted((-one.percent_met, name) for name, one in of if one.percent_met is not None)
    called = sorted(
        (one.median_call_seconds, one.p95_call_seconds or one.median_call_seconds, name)
        for name, one in of
        if one.median_call_seconds is not None
    )

    def draw(title: str, bars: list[charts.Bar], most: float = 0) -> str:
        whole = f"{texts(view.language).gettext(title)}, {month_in_words(month, view.language)}"
        return charts.rows(whole, bars, most) if bars else ""

    def words(seconds: int) -> str:
        return duration_in_words(seconds, view.language)

    shares = [charts.Bar(name, -less, f"{number(-less, view.language)} %") for less, name in met]
    return {
        "decided": draw(DECIDED, [charts.Bar(name, half, words(half)) for half, name in decided]),
        "met": draw(MET, shares, 100),
        "called": draw(CALLED, [charts.Bar(name, most, words(half), half) for half, most, name in called]),
    }

"""Charts as SVG inside a page. Each stands beside a table of the same numbers.

Colours and fonts come from the style sheet, by class: a page has no inline styles, and it has a dark view.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import drawsvg
from markupsafe import Markup, escape

WIDTH = 320
"""Units of every chart: about the width of a phone, so that its texts can be read there."""
ROW = 44
COLUMNS_HEIGHT = 130
TOP, BOTTOM = 18, 20
"""Space for the numbers above columns, and for the names below them."""


@dataclass(frozen=True)
class Bar:
    """One number of a chart."""

    name: str
    value: float
    text: str
    part: float = 0


def rows(title: str, bars: Sequence[Bar], most: float = 0) -> Markup:
    """Return a chart with a bar for each name, one below the other; ``most`` is what fills the chart."""
    drawing = _drawing(title, ROW * len(bars))
    most = most or max((bar.value for bar in bars), default=0) or 1
    for at, bar in enumerate(bars):
        top = at * ROW
        _write(drawing, bar.name, 0, top + 14)
        drawing.append(drawsvg.Rectangle(0, top + 20, WIDTH, 16, class_="epass-chart__ground"))
        for value, kind in ((bar.value, "bar"), (bar.part, "part")):
            width = round(WIDTH * value / most, 1)
            drawing.append(drawsvg.Rectangle(0, top + 20, width, 16, class_=f"epass-chart__{kind}"))
        _write(drawing, bar.text, WIDTH, top + 14, text_anchor="end", class_="epass-chart__number")
    return _markup(drawing)


def columns(title: str, bars: Sequence[Bar]) -> Markup:
    """Return a chart with a column for each name, side by side."""
    drawing = _drawing(title, COLUMNS_HEIGHT)
    most = max((bar.value for bar in bars), default=0) or 1
    step, ground = WIDTH / max(len(bars), 1), COLUMNS_HEIGHT - BOTTOM
    drawing.append(drawsvg.Line(0, ground, WIDTH, ground, class_="epass-chart__line"))
    for at, bar in enumerate(bars):
        left, middle = round(at * step + 2, 1), round((at + 0.5) * step, 1)
        for value, kind in ((bar.value, "bar"), (bar.part, "part")):
            height = round((ground - TOP) * value / most, 1)
            drawing.append(
                drawsvg.Rectangle(
                    left, ground - height, round(step - 4, 1), height, class_=f"epass-chart__{kind}"
                )
            )
        if bar.value:
            top = ground - (ground - TOP) * bar.value / most - 4
            _write(drawing, bar.text, middle, round(top, 1), 10, text_anchor="middle")
        _write(drawing, bar.name, middle, COLUMNS_HEIGHT - 6, 10, text_anchor="middle")
    return _markup(drawing)


def _drawing(title: str, height: float) -> drawsvg.Drawing:
    # the library writes attributes as they are, so the title is escaped here
    return drawsvg.Drawing(WIDTH, height, role="img", aria_label=str(escape(title)), class_="epass-chart")


def _write(drawing: drawsvg.Drawing, text: str, x: float, y: float, size: int = 13, **more: str) -> None:
    drawing.append(drawsvg.Text(text, size, x, y, **{"class_": "epass-chart__text", **more}))


def _markup(drawing: drawsvg.Drawing) -> Markup:
    return Markup(drawing.as_svg(header="", skip_js=True, skip_css=True))  # noqa: S704  the library escapes texts

"""Plots of results, as SVG files in ``docs/plots/``. `python -m bench.plots` draws those of all results."""

import json
import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import drawsvg

from deploy.grafana.panels import ACROSS, Panel

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "plots"
WIDTH, LEFT, RIGHT, ROW, TOP = 720, 190, 60, 26, 44
COLOURS = (
    "#1d70b8",
    "#f47738",
    "#00703c",
    "#912b88",
    "#b58840",
    "#d53880",
    "#28a197",
    "#6f777b",
    "#85994b",
    "#4c2c92",
    "#5694ca",
    "#ffbf47",
)
FONT = "system-ui, sans-serif"
PANEL_GAP, PANEL_LEFT, PANEL_TOP, PANEL_HEIGHT = 18, 44, 24, 100
DASHBOARD_WIDTH = 900
PANEL_WIDTH = (DASHBOARD_WIDTH - PANEL_GAP * (ACROSS + 1)) / ACROSS
LEGEND_ROW, LEGEND_MOST = 13, 5
"""Height of a row of a legend, and how many lines it names."""
TITLE_LETTERS, LEGEND_LETTERS = 40, 44
"""So long may the title of a panel be, and a name in a legend."""
RED, YELLOW, GREY = "#fbe5e1", "#fff7d6", "#b1b4b6"


@dataclass(frozen=True)
class Line:
    """A series of a panel: its name, and its values by seconds. Where a value is missing it has a gap."""

    name: str
    points: Sequence[tuple[float, float]]

    @property
    def least(self) -> float:
        return min((value for _, value in self.points), default=0)

    @property
    def most(self) -> float:
        return max((value for _, value in self.points), default=0)


Drawn = Mapping[str, Sequence[tuple[Panel, Sequence[Line]]]]
"""The rows of a dashboard by their titles: each panel, and the lines that its queries found."""


def comparison(file: Path) -> Path:
    """Draw the processor time of a scan and a journey, before and now, by process; return the SVG file."""
    runs = json.loads(file.read_text())["runs"]
    names = [name for name in runs["this"][0] if "processor_ms" in runs["this"][0][name]]
    bars = {
        f"{name}{'' if version == 'this' else ' (before)'}": _parts_of(runs[version], name)
        for name in names
        for version in ("base", "this")
        if name in runs[version][0]
    }
    journeys = {name: parts for name, parts in bars.items() if name.startswith("journeys")}
    scans = {name: parts for name, parts in bars.items() if name not in journeys}
    rows = len(bars) + 6
    drawing = _drawing("Processor time by process, milliseconds", TOP + rows * ROW)
    order = [part for part, _ in sum((Counter(parts) for parts in scans.values()), Counter()).most_common()]
    order += sorted({part for parts in journeys.values() for part in parts} - set(order))
    top = TOP
    for title, group in (("a recorded scan", scans), ("a whole journey", journeys)):
        top = _stacked(drawing, title, group, order, top)
    _legend(drawing, order, top)
    return _save(drawing, f"{file.stem}.svg")


def memory(file: Path) -> Path:
    """Draw the resident memory of each process over time; return the SVG file."""
    samples: dict[str, list[float]] = json.loads(file.read_text())
    minutes = samples.pop("minutes")
    height, most = 360, 50 * math.ceil(max(max(values) for values in samples.values()) / 50)
    drawing = _drawing("Resident memory by process, MiB, over minutes of load", TOP + height + 80)
    across = WIDTH - LEFT - RIGHT
    for level in range(0, most + 1, 50):
        y = TOP + height - height * level / most
        drawing.append(drawsvg.Line(LEFT, y, LEFT + across, y, stroke="#d8d8d8"))
        _text(drawing, str(level), LEFT - 8, y + 4, "end")
    for minute in range(0, int(minutes[-1]) + 1, 10):
        _text(drawing, str(minute), LEFT + across * minute / minutes[-1], TOP + height + 18, "middle")
    for number, values in enumerate(samples.values()):
        points = [
            point
            for minute, value in zip(minutes, values, strict=False)
            for point in (LEFT + across * minute / minutes[-1], TOP + height - height * value / most)
        ]
        drawing.append(drawsvg.Lines(*points, fill="none", stroke=_colour(number), stroke_width=2))
    _legend(drawing, list(samples), TOP + height + 30)
    return _save(drawing, f"{file.stem}.svg")


def trace(title: str, spans: Sequence[tuple[int, str, str, float, float]], file: str) -> Path:
    """Draw spans one below the other over time; return the SVG file in ``docs/plots``.

    Args:
        title: of the drawing.
        spans: each with its depth in the tree, process, name, and the milliseconds of its begin and end.
        file: its name.
    """
    row, left = 22, 300
    across, last = WIDTH - left - 16, max(ended for *_, ended in spans)
    processes = list(dict.fromkeys(process for _, process, *_ in spans))
    drawing = _drawing(title, TOP + row * len(spans) + 30)
    step = next(step for step in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000) if last / step <= 8)
    for number in range(int(last // step) + 1):
        x = left + across * number * step / last
        drawing.append(drawsvg.Line(x, TOP, x, TOP + row * len(spans), stroke="#d8d8d8"))
        _text(drawing, f"{number * step} ms", x, TOP + row * len(spans) + 18, "middle")
    for number, (depth, process, name, began, ended) in enumerate(spans):
        y, x = TOP + row * number, left + across * began / last
        width = max(across * (ended - began) / last, 2)
        colour = _colour(processes.index(process))
        drawing.append(drawsvg.Rectangle(x, y + 3, width, row - 6, fill=colour))
        _text(drawing, name, 8 + 9 * depth, y + 15)
        beside = (x + width + 5, "start") if x + width < left + across * 0.6 else (x - 5, "end")
        took = f"{ended - began:.0f}" if ended - began >= 10 else f"{ended - began:.1f}"
        _text(drawing, f"{process} {took} ms", beside[0], y + 15, beside[1])
    return _save(drawing, file)


def dashboard(
    title: str, rows: Drawn, seconds: float, step: float, fault: tuple[float, float], file: str
) -> Path:
    """Draw the panels of a dashboard over time; return the SVG file in ``docs/plots``.

    Each line is drawn. The legend of a panel names the highest ones, or the lowest ones where what is low is
    bad, and counts the rest.

    Args:
        title: of the drawing.
        rows: its rows of panels, with their lines.
        seconds: how long the time is that it shows.
        step: seconds between two values; a longer pause is a gap.
        fault: from when until when something is wrong; that time is grey.
        file: its name.
    """
    below = [
        (name, panels[first : first + ACROSS])
        for name, panels in rows.items()
        for first in range(0, len(panels), ACROSS)
    ]
    heights = [
        PANEL_TOP
        + PANEL_HEIGHT
        + 26
        + LEGEND_ROW * max(min(len(lines), LEGEND_MOST + 1) for _, lines in some)
        for _, some in below
    ]
    drawing = _drawing(title, TOP + sum(heights) + 26 * len(rows), DASHBOARD_WIDTH)
    top, drawn = TOP - 6, ""
    for (name, panels), height in zip(below, heights, strict=True):
        if name != drawn:
            drawing.append(drawsvg.Line(8, top, DASHBOARD_WIDTH - 8, top, stroke=GREY))
            _text(drawing, name, 8, top + 18, size=13, weight="bold")
            top, drawn = top + 26, name
        for number, (panel, lines) in enumerate(panels):
            left = PANEL_GAP + number * (PANEL_WIDTH + PANEL_GAP)
            _Frame(drawing, left, top, seconds, step).draw(panel, lines, fault)
        top += height
    return _save(drawing, file)


class _Frame:
    """The place of a panel in a drawing.

    Args:
        drawing: of the dashboard.
        left, top: where it begins.
        seconds, step: as in `dashboard`.
    """

    def __init__(
        self, drawing: drawsvg.Drawing, left: float, top: float, seconds: float, step: float
    ) -> None:
        self._drawing, self._seconds, self._step = drawing, seconds, step
        self._left, self._top = left, top
        self._right, self._bottom = left + PANEL_WIDTH, top + PANEL_TOP + PANEL_HEIGHT
        self._highest = 1.0

    def draw(self, panel: Panel, lines: Sequence[Line], fault: tuple[float, float]) -> None:
        """Draw a panel, with the time of the fault in grey."""
        _text(self._drawing, _cut(panel.title, TITLE_LETTERS), self._left, self._top + 14, weight="bold")
        divisor, suffix = _scale(panel.unit, max((line.most for line in lines), default=0))
        most = max((line.most for line in lines), default=0) / divisor
        interval = _interval(most)
        self._highest = interval * max(math.ceil(most / interval), 1) * divisor

        self._shade(panel)
        began, ended = map(self._x, fault)
        self._rectangle(began, self._y(self._highest), ended, self._bottom, GREY, 0.35)
        for number in range(round(self._highest / divisor / interval) + 1):
            y = self._y(number * interval * divisor)
            self._drawing.append(drawsvg.Line(self._x(0), y, self._right, y, stroke="#d8d8d8"))
            text = f"{number * interval:g}{suffix}"
            _text(self._drawing, text, self._x(0) - 4, y + 3, "end", size=10)
        for minute in range(int(self._seconds // 60) + 1):
            x = self._x(minute * 60)
            _text(self._drawing, f"{minute} min", x, self._bottom + 13, "middle", size=10)

        if not lines:
            middle = (self._x(0) + self._right) / 2
            _text(self._drawing, "no data", middle, self._bottom - PANEL_HEIGHT / 2, "middle")
        ordered = sorted(lines, key=lambda line: line.least if _is_low_bad(panel) else -line.most)
        for number, line in reversed([*enumerate(ordered)]):
            path = {"stroke": _colour(number), "stroke_width": 1.5, "stroke_linecap": "round"}
            self._drawing.append(drawsvg.Path(d=self._path(line), fill="none", **path))
        self._name(ordered)

    def _shade(self, panel: Panel) -> None:
        """Colour what is a warning and what is wrong, as Grafana does."""
        if panel.limit is None:
            return
        worst = 0.0 if _is_low_bad(panel) else math.inf
        warn = panel.limit if panel.warn is None else panel.warn
        for value, other, colour in ((panel.limit, worst, RED), (warn, panel.limit, YELLOW)):
            lower, upper = sorted(min(one, self._highest) for one in (value, other))
            self._rectangle(self._x(0), self._y(upper), self._right, self._y(lower), colour, 1)

    def _name(self, lines: Sequence[Line]) -> None:
        y = self._bottom + 26
        for number, line in enumerate(lines[:LEGEND_MOST]):
            mark = drawsvg.Rectangle(self._x(0), y - 7, 10, 3, fill=_colour(number))
            self._drawing.append(mark)
            _text(self._drawing, _cut(line.name, LEGEND_LETTERS), self._x(0) + 15, y, size=10)
            y += LEGEND_ROW
        if len(lines) > LEGEND_MOST:
            _text(self._drawing, f"and {len(lines) - LEGEND_MOST} more", self._x(0) + 15, y, size=10)

    def _path(self, line: Line) -> str:
        """Return the path of a line, without points that lie between two equal ones."""
        words: list[str] = []
        before = -math.inf
        for number, (at, value) in enumerate(line.points):
            around = line.points[max(number - 1, 0) : number + 2]
            is_gap = at - before > 1.5 * self._step
            is_flat = len(around) == 3 and len({one for _, one in around}) == 1
            if is_gap or not is_flat or around[2][0] - at > 1.5 * self._step:
                words.append(f"{'M' if is_gap else 'L'}{self._x(at):.1f},{self._y(value):.1f}")
            if is_gap:
                words.append("h0")  # a dot, should the next value be missing too
            before = at
        return "".join(words)

    def _rectangle(
        self, left: float, top: float, right: float, bottom: float, colour: str, opacity: float
    ) -> None:
        if right > left and bottom > top:
            self._drawing.append(
                drawsvg.Rectangle(left, top, right - left, bottom - top, fill=colour, fill_opacity=opacity)
            )

    def _x(self, at: float) -> float:
        return self._left + PANEL_LEFT + (PANEL_WIDTH - PANEL_LEFT) * at / self._seconds

    def _y(self, value: float) -> float:
        return self._bottom - PANEL_HEIGHT * max(value, 0) / self._highest  # all panels begin at 0


def _cut(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _is_low_bad(panel: Panel) -> bool:
    return panel.warn is not None and panel.limit is not None and panel.warn > panel.limit


def _scale(unit: str, most: float) -> tuple[float, str]:
    """Return by what values of one of Grafana's units are divided to be shown, and what follows them."""
    if unit == "s" and most < 1:
        return 0.001, " ms"
    if unit == "bytes" and most >= 2**30:
        return 2**30, " GiB"
    return {"s": (1, " s"), "percentunit": (0.01, " %"), "bytes": (2**20, " MiB")}.get(
        unit, (1, "/s" if unit in {"reqps", "ops"} else "")
    )


def _interval(most: float) -> float:
    """Return a round distance between the marks of an axis, of which there are four or five at most."""
    if most <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(most / 4))
    return next(one * power for one in (1, 2, 5, 10) if most / (one * power) <= 4)


def _parts_of(runs: Sequence[dict[str, Any]], name: str) -> dict[str, float]:
    parts = {part for run in runs for part in run[name]["processor_ms"]}
    found = {
        part: statistics.median(run[name]["processor_ms"].get(part, 0) for run in runs) for part in parts
    }
    return {part: value for part, value in found.items() if value > 0}


def _stacked(
    drawing: drawsvg.Drawing, title: str, bars: dict[str, dict[str, float]], order: list[str], top: int
) -> int:
    """Draw one bar for each row, in parts; return where the next thing may be drawn."""
    most = max(sum(parts.values()) for parts in bars.values())
    _text(drawing, title, 8, top + 14, weight="bold")
    for number, (name, parts) in enumerate(bars.items()):
        y, x = top + ROW * (number + 1), float(LEFT)
        _text(drawing, name, LEFT - 8, y + 14, "end")
        for part in order:
            width = (WIDTH - LEFT - RIGHT) * parts.get(part, 0) / most
            drawing.append(drawsvg.Rectangle(x, y, width, ROW - 6, fill=_colour(order.index(part))))
            x += width
        _text(drawing, f"{sum(parts.values()):.1f}", x + 6, y + 14)
    return top + ROW * (len(bars) + 1) + 12


def _legend(drawing: drawsvg.Drawing, parts: Sequence[str], top: int) -> None:
    across = 6
    for number, part in enumerate(parts):
        x, y = 8 + number % across * 118, top + number // across * 20
        drawing.append(drawsvg.Rectangle(x, y, 12, 12, fill=_colour(number)))
        _text(drawing, part, x + 18, y + 11)


def _drawing(title: str, height: float, width: float = WIDTH) -> drawsvg.Drawing:
    drawing = drawsvg.Drawing(width, height, role="img", aria_label=title)
    drawing.append(drawsvg.Rectangle(0, 0, width, height, fill="#ffffff"))
    _text(drawing, title, 8, 22, size=15, weight="bold")
    return drawing


def _text(
    drawing: drawsvg.Drawing,
    text: str,
    x: float,
    y: float,
    anchor: str = "start",
    size: int = 12,
    weight: str = "normal",
) -> None:
    drawing.append(
        drawsvg.Text(
            text, size, x, y, text_anchor=anchor, font_family=FONT, font_weight=weight, fill="#0b0c0c"
        )
    )


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _save(drawing: drawsvg.Drawing, name: str) -> Path:
    FOLDER.mkdir(exist_ok=True)
    drawing.save_svg(str(FOLDER / name))
    return FOLDER / name


def main() -> None:
    """Draw all results anew."""
    for file in sorted((ROOT / "bench" / "results").glob("*.json")):
        print((memory if file.stem.endswith("-memory") else comparison)(file).relative_to(ROOT))


if __name__ == "__main__":
    main()

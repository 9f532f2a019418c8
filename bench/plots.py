"""Plots of results, as SVG files in ``docs/plots/``. `python -m bench.plots` draws those of all results."""

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import drawsvg

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
    height, most = 360, max(max(values) for values in samples.values())
    drawing = _drawing("Resident memory by process, MiB, over minutes of load", TOP + height + 80)
    across = WIDTH - LEFT - RIGHT
    for level in range(0, int(most) + 50, 50):
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


def _drawing(title: str, height: float) -> drawsvg.Drawing:
    drawing = drawsvg.Drawing(WIDTH, height, role="img", aria_label=title)
    drawing.append(drawsvg.Rectangle(0, 0, WIDTH, height, fill="#ffffff"))
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

"""The drawing of a trace, as an SVG file in ``docs/plots/``."""

from collections.abc import Sequence
from pathlib import Path

import drawsvg

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "plots"
WIDTH, TOP = 720, 44
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

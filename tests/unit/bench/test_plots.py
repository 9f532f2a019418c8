"""Panels of a dashboard, drawn from what Prometheus answers."""

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import ops_pictures, plots
from bench.plots import Line
from deploy.grafana.panels import Panel, graph

LOAD = graph("Requests, by status", "reqps", ("requests", "{{status}}"), ("late", "late"), warn=5, limit=8)
ANSWERS = [
    {
        "data": {
            "result": [
                {"metric": {"status": "200"}, "values": [[100, "1"], [105, "2"], [110, "NaN"]]},
                {"metric": {"status": "503"}, "values": [[105, "9"]]},
            ]
        }
    },
    {"data": {"result": []}},
]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "FOLDER", tmp_path)


def drawn(panel: Panel, lines: Sequence[Line]) -> ET.Element:
    file = plots.dashboard("One", {"Row": [(panel, lines)]}, 60, 5, (20, 40), "one.svg")
    return ET.fromstring(file.read_text())


def found(picture: ET.Element, tag: str) -> list[ET.Element]:
    return picture.findall(f"{{http://www.w3.org/2000/svg}}{tag}")


def texts(picture: ET.Element) -> list[str]:
    return [one.text or "" for one in found(picture, "text")]


def paths(picture: ET.Element) -> list[str]:
    return [one.attrib["d"] for one in found(picture, "path") if one.get("fill") == "none"]


def test_every_series_that_prometheus_returned_is_a_line_with_its_legend() -> None:
    lines = ops_pictures.lines(LOAD, ANSWERS, began=100)
    assert lines == [Line("200", [(0, 1), (5, 2)]), Line("503", [(5, 9)])]
    picture = drawn(LOAD, lines)
    assert len(paths(picture)) == 2
    assert {"Row", "Requests, by status", "200", "503", "10/s", "1 min"} <= {*texts(picture)}


def test_more_series_than_a_legend_has_room_for_are_drawn_and_counted() -> None:
    lines = [Line(f"queue {number}", [(0, number), (5, number)]) for number in range(30)]
    picture = drawn(LOAD, lines)
    assert len(paths(picture)) == 30
    assert "queue 29" in texts(picture)
    assert f"and {30 - plots.LEGEND_MOST} more" in texts(picture)


def test_a_legend_names_the_lowest_where_low_is_bad() -> None:
    up = graph("Answers", "short", ("up", "{{process}}"), warn=1, limit=0.5)
    lines = [*(Line(f"process {number}", [(0, 1)]) for number in range(9)), Line("verify", [(0, 1), (5, 0)])]
    assert "verify" in texts(drawn(up, lines))


def test_a_long_title_does_not_run_into_the_next_panel() -> None:
    panel = graph("From asking for a worker to the end of an event's batch", "s", ("events", "events"))
    assert max(map(len, texts(drawn(panel, [])))) == plots.TITLE_LETTERS


def test_a_panel_without_data_says_so() -> None:
    picture = drawn(LOAD, ops_pictures.lines(LOAD, [ANSWERS[1]] * 2, began=100))
    assert paths(picture) == []
    assert "no data" in texts(picture)


def test_a_line_has_a_gap_where_values_are_missing_and_keeps_its_corners() -> None:
    values = [(0, 1), (5, 1), (10, 1), (15, 4), (20, 4), (50, 4)]
    (path,) = paths(drawn(LOAD, [Line("a", values)]))
    assert re.findall("[ML]", path) == [*"MLLLM"]


def test_a_value_below_the_axis_stays_in_its_panel() -> None:
    below, at_zero = (paths(drawn(LOAD, [Line("a", [(0, 4), (5, value)])])) for value in (-1, 0))
    assert below == at_zero


def test_axes_have_the_unit_that_suits_their_values() -> None:
    def marks(unit: str, value: float) -> list[str]:
        return texts(drawn(graph("One", unit, ("one", "one")), [Line("a", [(0, value)])]))

    assert "300 ms" in marks("s", 0.3)
    assert "3 s" in marks("s", 3)
    assert "30 %" in marks("percentunit", 0.3)
    assert "3 MiB" in marks("bytes", 3 * 2**20)
    assert "3 GiB" in marks("bytes", 3 * 2**30)
    assert "3/s" in marks("reqps", 3)


def test_limits_are_coloured_on_their_side() -> None:
    def coloured(panel: Panel, colour: str) -> list[float]:
        picture = drawn(panel, [Line("a", [(0, 2.0)])])
        return [float(one.attrib["y"]) for one in found(picture, "rect") if one.get("fill") == colour]

    low = graph("Answers", "short", ("up", "up"), warn=1, limit=0.5)
    high = graph("Waiting", "short", ("waiting", "waiting"), warn=1, limit=1.5)
    assert coloured(low, plots.RED) > coloured(low, plots.YELLOW)
    assert coloured(high, plots.RED) < coloured(high, plots.YELLOW)
    assert coloured(graph("Free", "short", ("free", "free")), plots.RED) == []

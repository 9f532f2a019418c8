"""Charts: lengths in proportion, texts escaped, and nothing that the content security policy refuses."""

import re
import xml.etree.ElementTree as ET

from services.gateway.pages.shared import charts
from services.gateway.pages.shared.charts import Bar

SVG = "{http://www.w3.org/2000/svg}"


def widths(chart: str, kind: str) -> list[float]:
    return [
        float(one.get("width", 0))
        for one in ET.fromstring(chart).iter(f"{SVG}rect")
        if one.get("class") == f"epass-chart__{kind}"
    ]


def test_bars_are_as_long_as_their_values_and_the_longest_fills_the_chart() -> None:
    chart = charts.rows("Waiting", [Bar("a", 10, "10"), Bar("b", 5, "5"), Bar("c", 0, "0")])
    assert widths(chart, "bar") == [320, 160, 0]


def test_a_column_shows_its_part_in_front_and_an_empty_one_has_no_number() -> None:
    chart = charts.columns("Days", [Bar("1", 4, "4", 1), Bar("2", 0, "0")])
    heights = re.findall(r'height="([\d.]+)" class="epass-chart__(bar|part)"', chart)
    assert [(float(height), kind) for height, kind in heights] == [
        (92, "bar"),
        (23, "part"),
        (0, "bar"),
        (0, "part"),
    ]
    assert ">0</text>" not in chart


def test_names_and_titles_are_texts_and_never_markup() -> None:
    chart = charts.rows('<script>"x"', [Bar("<b>&", 1, "<i>")])
    root = ET.fromstring(chart)
    assert root.get("aria-label") == '<script>"x"'
    assert [one.text for one in root.iter(f"{SVG}text")] == ["<b>&", "<i>"]


def test_nothing_in_a_chart_is_a_style_or_a_script() -> None:
    chart = charts.rows("x", [Bar("a", 1, "1")]) + charts.columns("x", [Bar("a", 1, "1")])
    assert not re.search(r"style|script|\bon\w+=", chart)


def test_a_chart_without_numbers_can_be_drawn() -> None:
    assert "<svg" in charts.rows("x", [])
    assert "<svg" in charts.columns("x", [Bar("a", 0, "0")])

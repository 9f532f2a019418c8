"""The page about scaling says what the committed results say."""

import json
import re

import pytest

from bench import scale_page


def page() -> str:
    return scale_page.PAGE.read_text(encoding="utf-8")


def results() -> scale_page.Figures:
    found: scale_page.Figures = json.loads(scale_page.newest().read_text())
    return found


def test_the_page_is_what_the_script_makes_of_the_committed_results() -> None:
    assert scale_page.render(page(), results()) == page(), "python -m bench.scale --render"


def test_the_page_has_every_table() -> None:
    assert sorted(re.findall(r"<!-- table: (\w+) -->", page())) == sorted(scale_page.TABLES)


def test_a_figure_that_somebody_typed_is_found() -> None:
    row = next(line for line in page().splitlines() if line.startswith("| visitors on a busy day "))
    changed = page().replace(row, re.sub(r"\d", "7", row))
    assert scale_page.render(changed, results()) == page()


def test_a_table_that_nobody_makes_is_an_error() -> None:
    with pytest.raises(KeyError):
        scale_page.render("<!-- table: wishes -->\n<!-- end -->", results())

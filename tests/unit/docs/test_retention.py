"""The table of retention in the page of reference names every table that the models have."""

import re
from importlib import import_module

from contracts.subscriptions import SERVICES
from services.chassis.db import tables
from tests.support.stack.paths import ROOT


def stated() -> dict[str, list[str]]:
    """Return each table that the page names, with what it says about it."""
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    section = page.split("\n## Retention\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return {
        name: [cell.strip() for cell in rest]
        for first, *rest in rows
        for name in re.findall("`(.+?)`", first)
    }


def test_every_table_has_a_retention() -> None:
    own = {
        f"{service}.{table}"
        for service in SERVICES
        for table in import_module(f"services.{service}.models").Base.metadata.tables
    }
    assert set(stated()) == own | {f"*.{table}" for table in tables.metadata.tables}


def test_each_says_what_makes_it_grow_how_long_it_stays_and_who_deletes_it() -> None:
    assert [name for name, cells in stated().items() if len(cells) != 3 or not all(cells)] == []
    assert [name for name, cells in stated().items() if "the same" in cells[2]] == [], "of which row?"

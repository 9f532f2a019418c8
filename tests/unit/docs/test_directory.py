"""The page of the directory's files: each file has its columns, and each example can be imported."""

import re
from datetime import date

from services.accounts.domain import login_table
from services.approval.domain.directory_files import read_table
from services.approval.domain.directory_tables import COLUMNS, Directory
from tests.support.stack.paths import ROOT

TODAY = date(2026, 12, 1)


def examples() -> dict[str, str]:
    """Return the CSV of each section."""
    page = (ROOT / "docs" / "directory.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## (\w+)$.*?^```csv\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))


def test_the_page_shows_every_column_of_every_file() -> None:
    tables = {**COLUMNS, "logins": login_table.COLUMNS}
    shown = {name: text.splitlines()[0].split(",") for name, text in examples().items()}
    assert shown == {name: [column.name for column in columns] for name, columns in tables.items()}


def test_its_examples_are_imported_in_the_order_of_the_page() -> None:
    found, directory = examples(), Directory([], [])
    logins = found.pop("logins")
    assert list(found) == list(COLUMNS)
    for table in COLUMNS:
        reading = read_table(table, found[table], directory, TODAY)
        assert (reading.problems, reading.added + len(reading.changed) > 0) == ([], True), table
        for row in reading.changed:
            directory.put(table, row.cells)
    gates = [gate for site in directory.sites.values() for gate in site.gates]
    places = login_table.Places(directory.departments, directory.sites, gates)
    issued, problems = login_table.read_logins(logins, places, TODAY)
    assert problems == []
    assert {login.role for _, login in issued} >= {"ado", "department", "reception", "security"}

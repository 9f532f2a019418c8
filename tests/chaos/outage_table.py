"""The table "What still works when a part is down" of ``docs/operations.md``, read from the file."""

from contracts.subscriptions import SERVICES
from tests.support.stack.paths import ROOT

OPERATIONS = ROOT / "docs" / "operations.md"
HEADING = "## What still works when a part is down"
BROKER, POSTGRES = "broker", "PostgreSQL"
PARTS = (*SERVICES, "relay", "sender", "gateway", BROKER, POSTGRES)
WORKS, LATER, REFUSED = "works", "later", "503"
Table = dict[str, dict[str, str]]
"""By part, then by what people do: one of the three words."""


def read(text: str) -> Table:
    """Read the first table after the heading: a column for each part, a row for each action."""
    lines = text[text.index(HEADING) :].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    (_, *parts), _ruler, *body = rows
    return {part: {act: cells[column] for act, *cells in body} for column, part in enumerate(parts)}


def differences(table: Table, part: str, found: dict[str, str]) -> list[str]:
    """Return a line for each difference between what was observed and the table."""
    expected = table[part]
    wrong = [
        f"{act}: {found[act]}, and the table has {expected.get(act, 'nothing')}"
        for act in found
        if found[act] != expected.get(act)
    ]
    return wrong + [
        f"{act}: the table has {expected[act]}, and nobody tried" for act in expected if act not in found
    ]

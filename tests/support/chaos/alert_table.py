"""The table of ``docs/operations.md`` that says which alert names which failure."""

import re
from dataclasses import dataclass

from tests.support.paths import ROOT

HEADING = "### Which alert names which failure"
CHAOS = "`make ops-test`"
"""Where a failure is injected."""
_ROW = re.compile(r"^\| ([^|]+) \| (`[^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@dataclass(frozen=True)
class Failure:
    """A row of the table.

    Attributes:
        alerts: that name it.
        runbooks: anchors of the page.
        seen: where the alerts were seen to fire and to resolve.
    """

    alerts: tuple[str, ...]
    runbooks: tuple[str, ...]
    seen: str


def read() -> dict[str, Failure]:
    """Return the rows of the table, by the name of the failure."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    section = page.partition(HEADING)[2].partition("\n### ")[0]
    return {
        name: Failure(
            tuple(re.findall(r"`(\w+)`", alerts)), tuple(re.findall(r"\(#([\w-]+)\)", runbooks)), seen
        )
        for name, alerts, runbooks, seen in _ROW.findall(section)
    }

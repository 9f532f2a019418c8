"""The table of ``docs/runbooks.md`` that says which alert names which failure."""

import re
from dataclasses import dataclass

from tests.support.stack.paths import ROOT

HEADING = "## Which alert names which failure"
WITHOUT = "These failures have no alert of their own:"
CHAOS = "`tests/chaos/test_alerts.py`"
CLUSTER = "`tests/cluster`"
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
    return {
        name: Failure(
            tuple(re.findall(r"`(\w+)`", alerts)), tuple(re.findall(r"\(#([\w-]+)\)", runbooks)), seen
        )
        for name, alerts, runbooks, seen in _ROW.findall(_section())
    }


def without_an_alert() -> dict[str, str]:
    """Return the failures that have no alert of their own, each with the reason."""
    _, _, rest = _section().partition(WITHOUT)
    found = re.findall(r"^- \*\*(.+?)\*\*: (.+?)(?=^- |\Z)", rest, re.MULTILINE | re.DOTALL)
    return {name[0].lower() + name[1:]: reason for name, reason in found}


def _section() -> str:
    page = (ROOT / "docs" / "runbooks.md").read_text(encoding="utf-8")
    return page.partition(HEADING)[2].partition("\n## ")[0]

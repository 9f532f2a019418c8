"""The parts of `parts.toml`: the table in ``docs/upgrading.md``, and which of them end soon.

Usage: python -m deploy.parts [--check]
"""

import sys
import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from contracts.documents import table, with_block, write_or_check

FILE = Path(__file__).with_name("parts.toml")
PAGE = Path(__file__).parents[1] / "docs" / "upgrading.md"
SOON, STALE = timedelta(days=60), timedelta(days=180)


class Part(NamedTuple):
    """One part; see the head of the file."""

    name: str
    line: str
    looked: date
    source: str
    ends: date | None = None
    until: str = ""
    image: str = ""

    def warning(self, today: date) -> str:
        """Return why somebody has to look at it; empty if nobody has to."""
        if self.ends and self.ends < today:
            return f"its support ended on {self.ends}"
        if self.ends and self.ends <= today + SOON:
            return f"its support ends on {self.ends}"
        if not self.ends and self.looked + STALE < today:
            return f"nobody has read up since {self.looked} whether it is still supported ({self.source})"
        return ""


def parts(text: str = "") -> list[Part]:
    """Return all parts that a text declares, or the file."""
    declared = tomllib.loads(text or FILE.read_text())["part"]
    return [Part(**{**one, "ends": one["ends"] or None}) for one in declared]


def ending(known: list[Part], today: date) -> Iterator[tuple[str, str]]:
    """Yield each part that somebody has to look at, and why."""
    return ((f"{one.name} {one.line}", why) for one in known if (why := one.warning(today)))


def text() -> str:
    """Return the page with the table."""
    rows = (
        (one.name, one.line, str(one.ends or one.until), f"{one.source}, {one.looked}") for one in parts()
    )
    return with_block(PAGE, "parts", table(("part", "line", "supported until", "read up"), rows))


if __name__ == "__main__":
    sys.exit(write_or_check(PAGE, text()))

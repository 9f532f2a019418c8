"""The tables of events and RPCs in ``docs/architecture.md``, written from their declarations.

Usage: python -m contracts.overview [--check]
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from contracts.documents import table, with_block, write_or_check
from contracts.events import ALL
from contracts.rpc import METHODS
from contracts.subscriptions import SERVICES

FILE = Path(__file__).parents[1] / "docs" / "architecture.md"


def text() -> str:
    """Return the page with both tables."""
    events = table(
        ("event", "published by", "consumed by", "what has happened"),
        (
            (event.__name__, event.producer, ", ".join(event.subscribers) or "–", _first_line(event.__doc__))
            for event in ALL
        ),
    )
    calls = table(
        ("service", "queries", "commands, which change something"),
        (
            (service, _methods(service, command=False), _methods(service, command=True))
            for service in SERVICES
        ),
    )
    return with_block(FILE, "overview", [*events, "", *calls])


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().splitlines()[0].replace("``", "`")


def _methods(service: str, *, command: bool) -> str:
    names: Iterable[str] = (m.name for m in METHODS if (m.service, m.command) == (service, command))
    return ", ".join(f"`{name}`" for name in sorted(names))


if __name__ == "__main__":
    sys.exit(write_or_check(FILE, text()))

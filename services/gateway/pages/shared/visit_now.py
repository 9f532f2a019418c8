"""Where a visitor is in their visit, as the page of the application and that of the pass say it."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.last_day import of_last_day
from contracts.model import ApplicationStatus
from contracts.rpc.application import TimelineEntry
from services.gateway.pages.shared.timeline import Line

INSIDE = {"office_told", "visit_answered", "visit_ended"}
"""Entries of the timeline that tell a visitor who is inside how it goes on."""
PRESENCE = ("entered", "left")


@dataclass(frozen=True)
class VisitNow:
    """The newest that is said to a visitor; whether they are asked how it went; whether it goes on."""

    line: Line | None
    asks_met: bool
    follows: bool


def visit_now(status: ApplicationStatus, entries: Sequence[TimelineEntry], lines: Sequence[Line]) -> VisitNow:
    """Return where a visitor is. They are asked once the office has called them, or they have left.

    What was said on one day of a visit is said of that day alone. Nobody is asked whose entry is unknown: the
    department would not see what they say.
    """
    entries = of_last_day(entries)
    lines = lines[-len(entries) :]
    has_said = any(entry.facts.get("said_by") == "visitor" for entry in entries)
    answers = {entry.facts.get("answer") for entry in entries if entry.what == "visit_answered"}
    is_asked = status == "left" or answers - {"wait"} or any(entry.what == "visit_ended" for entry in entries)
    has_come = any(entry.what == "entered" for entry in entries)
    told = [line for line, entry in zip(lines, entries, strict=True) if entry.what in INSIDE]
    return VisitNow(
        line=told[-1] if told and status in PRESENCE else None,
        asks_met=status in PRESENCE and has_come and bool(is_asked) and not has_said,
        follows=status == "entered",
    )

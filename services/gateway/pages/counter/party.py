"""Companions pasted as a list, one per line: ``name, kind of ID, last four`` or ``name, child``.

The kind of ID may be missing or empty.
"""

import re
from dataclasses import dataclass

from contracts.visiting_rules import MOST_COMPANIONS
from services.gateway.pages.shared.answers import Answers
from services.gateway.pages.shared.pasted_list import (
    DEFAULT_ID_TYPE,
    LineProblem,
    id_type_of,
    lines,
    words_for,
)

MOST = MOST_COMPANIONS["counter"]


@dataclass(frozen=True)
class Party:
    """The companions of a pasted list.

    Args:
        companions: as answers; a line with a problem is there too, as far as it could be read.
        lines: number of the line of each companion.
        problems: of lines that could not be read.
    """

    companions: list[Answers]
    lines: list[int]
    problems: list[LineProblem]

    def problem_at(self, path: str, code: str) -> LineProblem | None:
        """Return the line of a problem that the service found at a field such as ``companions.3.name``."""
        match = re.match(r"companions\.(\d+)\.", path)
        return (self.lines[int(match[1])], code) if match else None


def read(text: str) -> Party:
    """Read a pasted list."""
    party = Party([], [], [])
    for number, parts in lines(text):
        one, problem = _companion(parts)
        party.companions.append(one)
        party.lines.append(number)
        if problem:
            party.problems.append((number, problem))
    return party


def _companion(parts: list[str]) -> tuple[Answers, str]:
    *before, last = parts
    if before and last.casefold() in words_for("Child"):
        name = ", ".join(before)
        return {"name": name, "child": True}, "" if name else "name_missing"
    name, kind = (", ".join(before[:-1]), before[-1]) if len(before) > 1 else (", ".join(before) or last, "")
    one: Answers = {
        "name": name,
        "child": False,
        "id_type": DEFAULT_ID_TYPE if not kind else id_type_of(kind),
        "id_last4": last,
    }
    if not before or not last:
        return one, "companion_id_missing"
    if not name:
        return one, "name_missing"
    return one, "" if one["id_type"] else "id_type_unknown"

"""The tables of the directory that the ADO Branch imports and exports: departments, officers, holidays."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from contracts.csv_table import Column, Problem, Row, duplicates, read
from contracts.events import ClosedDay, DepartmentRecord, OfficerRecord, SiteRecord
from contracts.model import DirectoryTable, Language

_LANGUAGES: tuple[Language, ...] = ("en", "pa", "hi")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-:.]*")


def _words(name: str, longest: int) -> tuple[Column, ...]:
    return tuple(Column(f"{name}_{language}", required=True, longest=longest) for language in _LANGUAGES)


COLUMNS: Mapping[DirectoryTable, tuple[Column, ...]] = {
    "departments": (
        Column("code", required=True, longest=64),
        *_words("name", 120),
        Column("sites", required=True, longest=400),
    ),
    "officers": (
        Column("department", required=True, longest=64),
        Column("code", required=True, longest=64),
        *_words("name", 100),
        *_words("designation", 120),
        Column("room", longest=40),
    ),
    "holidays": (
        Column("site", required=True, longest=64),
        Column("day", required=True, longest=10),
        Column("reason", required=True, longest=200),
    ),
}
KEYS: Mapping[DirectoryTable, tuple[str, ...]] = {
    "departments": ("code",),
    "officers": ("department", "code"),
    "holidays": ("site", "day"),
}
"""The columns by which a line is the same as a stored one; the last of them shows a duplicate."""


class Directory:
    """The directory as it is stored, and as a table leaves it.

    Args:
        sites: all sites.
        departments: all departments.
    """

    def __init__(self, sites: Sequence[SiteRecord], departments: Sequence[DepartmentRecord]) -> None:
        self.sites = {site.code: site for site in sites}
        self.departments = {department.code: department for department in departments}

    def lines(self, table: DirectoryTable) -> list[tuple[str, ...]]:
        """Return the lines of a table, as `read` takes them."""
        if table == "departments":
            return [
                (one.code, *_in_order(one.name), " ".join(one.sites)) for one in self.departments.values()
            ]
        if table == "officers":
            return [
                (
                    one.code,
                    officer.code,
                    *_in_order(officer.name),
                    *_in_order(officer.designation),
                    officer.room,
                )
                for one in self.departments.values()
                for officer in one.officers
            ]
        return [
            (site.code, closed.day.isoformat(), closed.reason)
            for site in self.sites.values()
            for closed in site.closed_days
        ]

    def find(self, table: DirectoryTable, key: tuple[str, ...]) -> dict[str, str]:
        """Return the cells of a line; empty if there is none."""
        names = [column.name for column in COLUMNS[table]]
        lines = (dict(zip(names, line, strict=True)) for line in self.lines(table))
        return next((cells for cells in lines if key_of(table, cells) == key), {})

    def remove_holiday(self, site_code: str, day: date) -> None:
        """Take a day off the closed days of a site."""
        site = self.sites[site_code]
        days = tuple(closed for closed in site.closed_days if closed.day != day)
        self.sites[site_code] = site.model_copy(update={"closed_days": days})

    def put(self, table: DirectoryTable, cells: Mapping[str, str]) -> None:
        """Add a line, or change the one with the same key."""
        if table == "departments":
            known = self.departments.get(cells["code"])
            self.departments[cells["code"]] = DepartmentRecord(
                code=cells["code"],
                name=_of(cells, "name"),
                sites=tuple(cells["sites"].split()),
                officers=known.officers if known else (),
            )
        elif table == "officers":
            department = self.departments[cells["department"]]
            officer = OfficerRecord(
                code=cells["code"],
                name=_of(cells, "name"),
                designation=_of(cells, "designation"),
                room=cells["room"],
            )
            self.departments[department.code] = department.model_copy(
                update={"officers": _replaced(department.officers, officer)}
            )
        else:
            site = self.sites[cells["site"]]
            day = ClosedDay(day=date.fromisoformat(cells["day"]), reason=cells["reason"])
            others = [closed for closed in site.closed_days if closed.day != day.day]
            days = tuple(sorted((*others, day), key=lambda closed: closed.day))
            self.sites[site.code] = site.model_copy(update={"closed_days": days})


def key_of(table: DirectoryTable, cells: Mapping[str, str]) -> tuple[str, ...]:
    """Return the cells by which a line is known."""
    return tuple(cells[name] for name in KEYS[table])


def digest_of(cells: Mapping[str, str]) -> str:
    """Return a digest of a line; another one means that the line has changed. Empty for no line."""
    if not cells:
        return ""
    return hashlib.sha256(json.dumps(dict(cells), sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Reading:
    """A table that was read: the lines that change something, how many of these are new, and all problems."""

    changed: list[Row]
    added: int
    unchanged: int
    problems: list[Problem]


def read_table(table: DirectoryTable, text: str, stored: Directory, today: date) -> Reading:
    """Return what a table changes in the directory, and its problems by line.

    Args:
        table: which one.
        text: of the file.
        stored: the directory as it is.
        today: in India; a holiday that is new may not lie before it.
    """
    rows, problems = read(text, COLUMNS[table])
    broken = {problem.line for problem in problems}
    names = [column.name for column in COLUMNS[table]]
    key = KEYS[table]
    places = [names.index(name) for name in key]
    present = {tuple(line[place] for place in places): line for line in stored.lines(table)}
    changed, added, unchanged, keys = [], 0, 0, []
    for row in rows:
        if row.line in broken:
            continue
        identity = tuple(row.cells[name] for name in key)
        keys.append((row.line, identity))
        if present.get(identity) == tuple(row.cells[name] for name in names):
            unchanged += 1
            continue
        found = _problems(table, row, stored, today)
        problems += found
        if not found:
            changed.append(row)
            added += identity not in present
    problems += duplicates(keys, key[-1])
    return Reading(changed, added, unchanged, sorted(problems, key=lambda problem: problem.line))


def _problems(table: DirectoryTable, row: Row, stored: Directory, today: date) -> list[Problem]:
    cells = row.cells
    checks: list[tuple[str, str, bool]] = []
    if table != "holidays":
        checks.append(("code", "bad_code", _CODE.fullmatch(cells["code"]) is not None))
    if table == "departments":
        checks.append(("sites", "unknown_site", _all_known(cells["sites"].split(), stored.sites)))
    elif table == "officers":
        checks.append(("department", "unknown_department", cells["department"] in stored.departments))
    else:
        day = _date(cells["day"])
        checks.append(("site", "unknown_site", cells["site"] in stored.sites))
        checks.append(("day", "not_a_date", day is not None))
        checks.append(("day", "date_past", day is None or day >= today))
    return [Problem(line=row.line, column=name, code=code) for name, code, is_good in checks if not is_good]


def _all_known(codes: Sequence[str], known: Collection[str]) -> bool:
    return len(set(codes)) == len(codes) and all(code in known for code in codes)


def _replaced(officers: Sequence[OfficerRecord], new: OfficerRecord) -> tuple[OfficerRecord, ...]:
    if any(officer.code == new.code for officer in officers):
        return tuple(new if officer.code == new.code else officer for officer in officers)
    return (*officers, new)


def _of(cells: Mapping[str, str], name: str) -> dict[Language, str]:
    return {language: cells[f"{name}_{language}"] for language in _LANGUAGES}


def _in_order(words: Mapping[Language, str]) -> tuple[str, ...]:
    return tuple(words.get(language, "") for language in _LANGUAGES)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

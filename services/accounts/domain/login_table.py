"""The table of logins that the ADO Branch imports: its columns, and what is wrong with each line."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import get_args

from contracts.csv_table import Column, Problem, Row, duplicates, read, with_quotes
from contracts.errors import InvalidInput
from contracts.mobile import parse_mobile
from contracts.model import Language, Role
from services.accounts.domain.logins import Scope, check_last_day, check_scope

COLUMNS = (
    Column("role", required=True, longest=20),
    Column("name", required=True),
    Column("department", longest=64),
    Column("site", longest=64),
    Column("gate", longest=64),
    Column("mobile", longest=40),
    Column("language", longest=2),
    Column("valid_until", longest=10),
)
ROLES: tuple[Role, ...] = (
    "department", "reception", "assisted", "security", "ado", "ops", "auditor", "grievance", "privacy",
)  # fmt: skip
"""A kiosk is no person, and its token is handed over beside the device."""


@dataclass(frozen=True)
class Places:
    """The codes of the directory that a login may name."""

    departments: Collection[str]
    sites: Collection[str]
    gates: Collection[str]


@dataclass(frozen=True)
class NewLogin:
    """One login of the table."""

    role: Role
    name: str
    scope: Scope
    mobile: str | None
    language: Language | None
    valid_until: date | None

    @property
    def cells(self) -> dict[str, str]:
        """Return what the table says of the login, without how to reach its person."""
        scope = self.scope
        cells = {"role": self.role, "name": self.name, "department": scope.department, "site": scope.site}
        cells |= {"gate": scope.gate, "valid_until": self.valid_until.isoformat() if self.valid_until else ""}
        return {name: cell or "" for name, cell in cells.items()}

    @property
    def identity(self) -> tuple[str, str, Scope]:
        """What two logins of one person for one task share."""
        return self.role, self.name.casefold(), self.scope


def read_logins(text: str, places: Places, today: date) -> tuple[list[tuple[int, NewLogin]], list[Problem]]:
    """Return the logins of a table with their lines, and all its problems, by line.

    A line with a problem is not among the logins.
    """
    rows, problems = read(text, COLUMNS)
    broken = {problem.line for problem in problems}
    logins = []
    for row in rows:
        found = _problems(row, places, today)
        problems += found
        if not found and row.line not in broken:
            logins.append((row.line, _login(row)))
    problems += duplicates([(line, login.identity) for line, login in logins], "name")
    return logins, with_quotes(problems, rows)


def _problems(row: Row, places: Places, today: date) -> list[Problem]:
    cells = row.cells
    codes = [
        ("role", "unknown_role", cells["role"] in ROLES),
        ("department", "unknown_department", cells["department"] in places.departments),
        ("site", "unknown_site", cells["site"] in places.sites),
        ("gate", "unknown_gate", cells["gate"] in places.gates),
        ("language", "unknown_language", cells["language"] in get_args(Language)),
        ("mobile", "not_a_mobile", _is_mobile(cells["mobile"])),
        ("valid_until", "not_a_date", _date(cells["valid_until"]) is not None),
    ]
    found = [
        Problem(line=row.line, column=name, code=code)
        for name, code, is_good in codes
        if cells[name] and not is_good
    ]
    if found or not cells["role"]:
        return found
    login = _login(row)
    try:
        check_scope(login.role, login.scope)
        check_last_day(login.valid_until, today)
    except InvalidInput as error:
        return [Problem(line=row.line, column=one.field, code=one.code) for one in error.body.fields]
    return []


def _login(row: Row) -> NewLogin:
    """Return the login of a line in which every cell is good."""
    cells = {name: cell or None for name, cell in row.cells.items()}
    role = next(role for role in ROLES if role == cells["role"])
    return NewLogin(
        role=role,
        name=" ".join(row.cells["name"].split()),
        scope=Scope(cells["department"], cells["site"], cells["gate"]),
        mobile=parse_mobile(cells["mobile"]) if cells["mobile"] else None,
        language=next((one for one in get_args(Language) if one == cells["language"]), None),
        valid_until=_date(row.cells["valid_until"]),
    )


def _is_mobile(text: str) -> bool:
    try:
        parse_mobile(text)
    except ValueError:
        return False
    return True


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None

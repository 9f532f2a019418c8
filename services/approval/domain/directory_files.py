"""A file of the directory: which of its lines change something, and what is wrong in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from pydantic import ValidationError

from contracts.csv_table import Problem, Row, duplicates, read, with_quotes
from contracts.email import is_email
from contracts.events import EscalationMinutes, GateRules, SiteAdvice
from contracts.model import DirectoryTable, site_of
from services.approval.domain.directory_tables import (
    COLUMNS,
    FIRST_DAYS,
    KEYS,
    LANGUAGES,
    YES,
    Directory,
    date_of,
)
from services.approval.domain.timetable import WEEKDAYS, read_windows

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-:.]*")
_PHONE = re.compile(r"\+?[0-9][0-9 \-]{2,18}")


@dataclass(frozen=True)
class Reading:
    """A table that was read: the lines that change something, how many of these are new, and all problems."""

    changed: list[Row]
    before: list[Mapping[str, str]]
    """What is stored of each line that changes; empty for a new one."""
    added: int
    unchanged: int
    problems: list[Problem]


def read_table(table: DirectoryTable, text: str, stored: Directory, today: date) -> Reading:
    """Return what a table changes in the directory, and its problems by line.

    Args:
        stored: the directory as it is.
        today: in India; hours and holidays that are new may not begin before it.

    A column that the file does not have stays as it is.
    """
    rows, problems = read(text, COLUMNS[table])
    broken = {problem.line for problem in problems}
    names = [column.name for column in COLUMNS[table]]
    key = KEYS[table]
    places = [names.index(name) for name in key]
    present = {tuple(line[place] for place in places): line for line in stored.lines(table)}
    changed, added, unchanged, keys = [], 0, 0, []
    before: list[Mapping[str, str]] = []
    for row in rows:
        if row.line in broken:
            continue
        identity = tuple(row.cells[name] for name in key)
        keys.append((row.line, identity))
        known = dict(zip(names, present.get(identity, ()), strict=False))
        whole = replace(row, cells={**row.cells, **{name: known.get(name, "") for name in row.missing}})
        if known == whole.cells:
            unchanged += 1
            continue
        found = _problems(table, whole, stored, today)
        problems += found
        if not found:
            changed.append(whole)
            before.append(known)
            added += identity not in present
    problems += duplicates(keys, key[-1])
    return Reading(changed, before, added, unchanged, with_quotes(problems, rows))


def _problems(table: DirectoryTable, row: Row, stored: Directory, today: date) -> list[Problem]:
    cells = row.cells
    checks: list[tuple[str, str, bool]] = []
    if "code" in cells:
        checks.append(("code", "bad_code", _CODE.fullmatch(cells["code"]) is not None))
    if "site" in cells:
        checks.append(("site", "unknown_site", cells["site"] in stored.sites))
    if table == "sites":
        checks.append(("photograph", "not_yes", cells["photograph"] in ("", YES)))
        checks += _gate_rule_checks(cells)
        texts = (*SiteAdvice.model_fields, "contact")
        checks += [check for name in texts for check in _in_each_language(cells, name)]
        checks.append(("contact_phone", "not_a_phone", _is_phone(cells["contact_phone"])))
        checks.append(("contact_email", "email_invalid", _is_email(cells["contact_email"])))
    elif table == "gates":
        checks.append(("code", "not_a_gate_code", site_of(cells["code"]) == cells["site"]))
        checks += _in_each_language(cells, "name")
    elif table == "hours":
        checks += [(name, "not_hours", read_windows(cells[name]) is not None) for name in WEEKDAYS]
        site = stored.sites.get(cells["site"])
        opens = any(cells[name] for name in WEEKDAYS) or (site is not None and bool(site.hours))
        checks.append((WEEKDAYS[0], "empty", bool(opens)))
    elif table == "departments":
        sites = cells["sites"].split()
        is_known = len(set(sites)) == len(sites) and all(code in stored.sites for code in sites)
        checks.append(("sites", "unknown_site", is_known))
    elif table == "escalation":
        checks += [
            (name, "not_minutes", _is_number_of(EscalationMinutes, name, cells[name]))
            for name in EscalationMinutes.model_fields
        ]
    if "department" in cells:
        checks.append(("department", "unknown_department", cells["department"] in stored.departments))
    if "closed" in cells:
        checks.append(("closed", "not_yes", cells["closed"] in ("", YES)))
    if table in FIRST_DAYS:
        name = FIRST_DAYS[table]
        day = date_of(cells[name])
        checks.append((name, "not_a_date", day is not None))
        checks.append((name, "date_past", day is None or day >= today))
    return [Problem(line=row.line, column=name, code=code) for name, code, is_good in checks if not is_good]


def _in_each_language(cells: Mapping[str, str], name: str) -> list[tuple[str, str, bool]]:
    """Return the checks that a text which may be missing is there in all languages or in none."""
    words = {f"{name}_{language}": cells[f"{name}_{language}"] for language in LANGUAGES}
    return [(column, "empty", bool(text) or not any(words.values())) for column, text in words.items()]


def _gate_rule_checks(cells: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Return the checks of what gates do without a network."""
    green, amber, usual = cells["gate_green"], cells["gate_amber"], GateRules()
    is_green = green == "" or _is_number_of(GateRules, "green", green)
    is_amber = amber == "" or _is_number_of(GateRules, "amber", amber)
    # The minutes with a warning end last. What is no number has a problem of its own.
    in_order = not (is_green and is_amber) or int(green or usual.green) <= int(amber or usual.amber)
    return [
        ("gate_green", "not_minutes", is_green),
        ("gate_amber", "not_minutes", is_amber),
        ("gate_amber", "amber_before_green", in_order),
        ("gate_then", "not_a_choice", cells["gate_then"] in ("", "refuse", "supervisor")),
        ("reception_phone", "not_a_phone", _is_phone(cells["reception_phone"])),
        ("security_phone", "not_a_phone", _is_phone(cells["security_phone"])),
        ("gate_digits", "not_percent", _is_percent(cells["gate_digits"])),
    ]


def _is_phone(text: str) -> bool:
    return text == "" or _PHONE.fullmatch(text) is not None


def _is_email(text: str) -> bool:
    return text == "" or is_email(text)


def _is_percent(text: str) -> bool:
    return text == "" or _is_number_of(GateRules, "digits", text)


def _is_number_of(rules: type[GateRules | EscalationMinutes], name: str, text: str) -> bool:
    try:
        rules.model_validate({name: text})
    except ValidationError:
        return False
    return text.isascii() and text.isdecimal()

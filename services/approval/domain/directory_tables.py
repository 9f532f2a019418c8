"""The tables of the directory that the ADO Branch edits, imports and exports, and what is wrong in a line."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from contracts.csv_table import Column
from contracts.events import (
    ClosedDay,
    DepartmentRecord,
    EscalationMinutes,
    GateRules,
    OfficerRecord,
    SiteAdvice,
    SiteContact,
    SiteRecord,
)
from contracts.model import DirectoryTable, Language
from services.approval.domain.timetable import (
    WEEKDAYS,
    Period,
    periods,
    read_windows,
    with_period,
    without_period,
    write_windows,
)

LANGUAGES: tuple[Language, ...] = ("en", "pa", "hi")
_TRANSLATED: tuple[Language, ...] = ("pa", "hi")
"""The languages of a holiday's reason besides the one text, which had no language before."""


YES = "1"
"""The content of a cell that says yes; an empty one says no."""
MINUTES = tuple(EscalationMinutes.model_fields)


GATE_RULES = {"gate_green": "green", "gate_amber": "amber", "gate_then": "then",
              "reception_phone": "reception_phone", "security_phone": "security_phone",
              "gate_digits": "digits"}  # fmt: skip
"""The columns of what the gates of a site do; an empty cell is as usual."""


def _words(name: str, longest: int, *, required: bool = True) -> tuple[Column, ...]:
    return tuple(Column(f"{name}_{language}", required, longest) for language in LANGUAGES)


COLUMNS: Mapping[DirectoryTable, tuple[Column, ...]] = {
    "sites": (
        Column("code", required=True, longest=64),
        *_words("name", 120),
        *_words("address", 200),
        Column("photograph", longest=1),
        *(Column(name, longest=20) for name in GATE_RULES),
        *(column for name in SiteAdvice.model_fields for column in _words(name, 400, required=False)),
        Column("contact_phone", longest=20),
        Column("contact_email", longest=254),
        *_words("contact", 200, required=False),
    ),
    "gates": (
        Column("site", required=True, longest=64),
        Column("code", required=True, longest=64),
        *_words("name", 100, required=False),
    ),
    "hours": (
        Column("site", required=True, longest=64),
        Column("valid_from", required=True, longest=10),
        *(Column(weekday, longest=60) for weekday in WEEKDAYS),
    ),
    "departments": (
        Column("code", required=True, longest=64),
        *_words("name", 120),
        Column("sites", required=True, longest=400),
        Column("closed", longest=1),
    ),
    "officers": (
        Column("department", required=True, longest=64),
        Column("code", required=True, longest=64),
        *_words("name", 100),
        *_words("designation", 120),
        Column("room", longest=40),
        Column("closed", longest=1),
    ),
    "holidays": (
        Column("site", required=True, longest=64),
        Column("day", required=True, longest=10),
        Column("reason", required=True, longest=200),
        *(Column(f"reason_{language}", longest=200) for language in _TRANSLATED),
    ),
    "escalation": (
        Column("department", required=True, longest=64),
        *(Column(name, required=True, longest=5) for name in MINUTES),
    ),
}
KEYS: Mapping[DirectoryTable, tuple[str, ...]] = {
    "sites": ("code",),
    "gates": ("site", "code"),
    "hours": ("site", "valid_from"),
    "departments": ("code",),
    "officers": ("department", "code"),
    "holidays": ("site", "day"),
    "escalation": ("department",),
}
"""The columns by which a line is the same as a stored one; the last of them shows a duplicate."""
OF_SITES: tuple[DirectoryTable, ...] = ("sites", "gates", "hours", "holidays")
"""The tables whose lines are parts of a site; those of the others are parts of a department."""
REMOVABLE: tuple[DirectoryTable, ...] = ("gates", "hours", "holidays")
"""The tables from which a line can be removed."""
FIRST_DAYS: Mapping[DirectoryTable, str] = {"hours": "valid_from", "holidays": "day"}
"""The column of a table that says from which day on a line means something; what has been stays."""


class Directory:
    """The directory as it is stored, and as a table leaves it."""

    def __init__(self, sites: Sequence[SiteRecord], departments: Sequence[DepartmentRecord]) -> None:
        self.sites = {site.code: site for site in sites}
        self.departments = {department.code: department for department in departments}

    def lines(self, table: DirectoryTable) -> list[tuple[str, ...]]:
        """Return the lines of a table, as `read` takes them."""
        if table in OF_SITES:
            return [line for site in self.sites.values() for line in _lines_of_site(table, site)]
        return [line for one in self.departments.values() for line in _lines_of_department(table, one)]

    def find(self, table: DirectoryTable, key: tuple[str, ...]) -> dict[str, str]:
        """Return the cells of a line; empty if there is none."""
        names = [column.name for column in COLUMNS[table]]
        lines = (dict(zip(names, line, strict=True)) for line in self.lines(table))
        return next((cells for cells in lines if key_of(table, cells) == key), {})

    def remove(self, table: DirectoryTable, key: tuple[str, ...]) -> None:
        """Take a line out of one of the tables `REMOVABLE`."""
        site = self.sites[key[0]]
        if table == "gates":
            names = {code: name for code, name in site.gate_names.items() if code != key[1]}
            gates = tuple(code for code in site.gates if code != key[1])
            self._update(site, gates=gates, gate_names=names)
        elif table == "hours":
            self._update(site, hours=without_period(site.hours, date.fromisoformat(key[1])))
        else:
            others = (closed for closed in site.closed_days if closed.day.isoformat() != key[1])
            self._update(site, closed_days=tuple(others))

    def put(self, table: DirectoryTable, cells: Mapping[str, str]) -> None:
        """Add a line, or change the one with the same key; what the table does not show stays as it is."""
        if table == "sites":
            code = cells["code"]
            known = self.sites.get(code) or SiteRecord(code=code, name={}, address={}, gates=(), hours=())
            advice = {name: _of(cells, name) for name in SiteAdvice.model_fields}
            contact = SiteContact(
                phone=cells["contact_phone"], email=cells["contact_email"], note=_of(cells, "contact")
            )
            rules = {name: cells[column] for column, name in GATE_RULES.items() if cells[column]}
            self._update(
                known,
                name=_of(cells, "name"),
                address=_of(cells, "address"),
                photograph=cells["photograph"] == YES,
                advice=SiteAdvice(**advice) if any(advice.values()) else None,
                contact=None if contact == SiteContact() else contact,
                gate_rules=GateRules.model_validate(rules) if rules else None,
            )
        elif table == "gates":
            site, gate = self.sites[cells["site"]], cells["code"]
            names = {code: name for code, name in site.gate_names.items() if code != gate}
            if name := _of(cells, "name"):
                names[gate] = name
            gates = site.gates if gate in site.gates else (*site.gates, gate)
            self._update(site, gates=gates, gate_names=names)
        elif table == "hours":
            site = self.sites[cells["site"]]
            week = tuple(read_windows(cells[weekday]) or () for weekday in WEEKDAYS)
            period = Period(date.fromisoformat(cells["valid_from"]), week)
            self._update(site, hours=with_period(site.hours, period))
        elif table == "departments":
            code = cells["code"]
            new = DepartmentRecord(code=code, name={}, sites=(), unstaffed=True)
            self._update(
                self.departments.get(code) or new,
                name=_of(cells, "name"),
                sites=tuple(cells["sites"].split()),
                closed=cells["closed"] == YES,
            )
        elif table == "officers":
            department = self.departments[cells["department"]]
            officer = OfficerRecord(
                code=cells["code"],
                name=_of(cells, "name"),
                designation=_of(cells, "designation"),
                room=cells["room"],
                closed=cells["closed"] == YES,
            )
            self._update(department, officers=_replaced(department.officers, officer))
        elif table == "escalation":
            department = self.departments[cells["department"]]
            minutes = EscalationMinutes.model_validate({name: cells[name] for name in MINUTES})
            self._update(department, escalation=None if minutes == EscalationMinutes() else minutes)
        else:
            site = self.sites[cells["site"]]
            day = ClosedDay(
                day=date.fromisoformat(cells["day"]),
                reason=cells["reason"],
                reason_translations={
                    language: text for language in _TRANSLATED if (text := cells[f"reason_{language}"])
                },
            )
            others = [closed for closed in site.closed_days if closed.day != day.day]
            self._update(site, closed_days=tuple(sorted((*others, day), key=lambda closed: closed.day)))

    def _update(self, record: SiteRecord | DepartmentRecord, **changes: Any) -> None:
        changed = record.model_copy(update=changes)
        if isinstance(changed, SiteRecord):
            self.sites[changed.code] = changed
        else:
            self.departments[changed.code] = changed


def key_of(table: DirectoryTable, cells: Mapping[str, str]) -> tuple[str, ...]:
    """Return the cells by which a line is known."""
    return tuple(cells[name] for name in KEYS[table])


def digest_of(cells: Mapping[str, str]) -> str:
    """Return a digest of a line; another one means that the line has changed. Empty for no line."""
    if not cells:
        return ""
    return hashlib.sha256(json.dumps(dict(cells), sort_keys=True).encode()).hexdigest()


def _gate_rule_cells(rules: GateRules | None) -> tuple[str, ...]:
    """Return the cells of what is not as usual."""
    usual = GateRules()
    given = {name: getattr(rules or usual, name) for name in GATE_RULES.values()}
    return tuple("" if value in (None, getattr(usual, name)) else str(value) for name, value in given.items())


def _lines_of_site(table: DirectoryTable, site: SiteRecord) -> list[tuple[str, ...]]:
    if table == "gates":
        return [(site.code, gate, *_in_order(site.gate_names.get(gate, {}))) for gate in site.gates]
    if table == "hours":
        weeks = periods(site.hours)
        return [(site.code, week.starts.isoformat(), *map(write_windows, week.weekdays)) for week in weeks]
    if table == "holidays":
        return [
            (
                site.code,
                closed.day.isoformat(),
                closed.reason,
                *(closed.reason_translations.get(language, "") for language in _TRANSLATED),
            )
            for closed in site.closed_days
        ]
    advice = site.advice or SiteAdvice()
    texts = (text for name in SiteAdvice.model_fields for text in _in_order(getattr(advice, name)))
    asked = site.contact or SiteContact()
    contact = (asked.phone, asked.email, *_in_order(asked.note))
    photograph = YES if site.photograph else ""
    rules = _gate_rule_cells(site.gate_rules)
    return [
        (site.code, *_in_order(site.name), *_in_order(site.address), photograph, *rules, *texts, *contact)
    ]


def _lines_of_department(table: DirectoryTable, department: DepartmentRecord) -> list[tuple[str, ...]]:
    if table == "officers":
        return [
            (
                department.code,
                officer.code,
                *_in_order(officer.name),
                *_in_order(officer.designation),
                officer.room,
                YES if officer.closed else "",
            )
            for officer in department.officers
        ]
    if table == "escalation":
        minutes = department.escalation or EscalationMinutes()
        return [(department.code, *(str(getattr(minutes, name)) for name in MINUTES))]
    closed = YES if department.closed else ""
    return [(department.code, *_in_order(department.name), " ".join(department.sites), closed)]


def _replaced(officers: Sequence[OfficerRecord], new: OfficerRecord) -> tuple[OfficerRecord, ...]:
    if any(officer.code == new.code for officer in officers):
        return tuple(new if officer.code == new.code else officer for officer in officers)
    return (*officers, new)


def _of(cells: Mapping[str, str], name: str) -> dict[Language, str]:
    """Return a text by language; empty where there is none."""
    words = {language: cells[f"{name}_{language}"] for language in LANGUAGES}
    return words if any(words.values()) else {}


def _in_order(words: Mapping[Language, str]) -> tuple[str, ...]:
    return tuple(words.get(language, "") for language in LANGUAGES)


def date_of(text: str) -> date | None:
    """Return a date that is written as the directory writes it, by which its line is known."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text else None

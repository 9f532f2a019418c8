"""Checks of a visit: the site, the department and the officer by the directory, the windows, the vehicle."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from contracts.application_form import ApplicationForm
from contracts.events import DepartmentRecord, SiteRecord
from contracts.model import MOST_STANDING_DAYS, Slot
from contracts.plates import parse_plate
from contracts.visiting_rules import Calendar, opens_within, slot_problem, windows_on
from services.application.domain.findings import Findings


@dataclass(frozen=True)
class Place:
    """The directory's records of the site and the department that a form names; None where it has none."""

    site: SiteRecord | None
    department: DepartmentRecord | None


def check_host(findings: Findings, place: Place, officer: str | None) -> None:
    """Check that the department sits at the site, and the officer in the department."""
    department = place.department
    if department is None:
        findings.refuse("department", "unknown_department")
        return
    if place.site is not None and place.site.code not in department.sites:
        findings.refuse("department", "department_not_at_site")
    if officer is not None and officer not in {known.code for known in department.officers}:
        findings.refuse("officer", "unknown_officer")


def check_staffed(findings: Findings, place: Place) -> None:
    """Check that somebody can decide about an application that arrives; one that has arrived waits."""
    if place.department is not None and place.department.unstaffed:
        findings.refuse("department", "unstaffed_department")


def check_open(findings: Findings, place: Place, officer: str | None) -> None:
    """Check that a visit can be asked for newly: the department and the officer still receive visitors."""
    if place.department is not None and place.department.closed:
        findings.refuse("department", "closed_department")
    check_officer_open(findings, place, officer)


def check_officer_open(findings: Findings, place: Place, officer: str | None) -> None:
    """Check that an officer who is named newly still receives visitors."""
    officers = place.department.officers if place.department else ()
    if any(known.code == officer and known.closed for known in officers):
        findings.refuse("officer", "closed_officer")


def windows_of(
    findings: Findings, wanted: Iterable[Slot], place: Place, calendar: Calendar
) -> tuple[Slot, ...]:
    """Return the preferred windows, and record what is wrong with the site and with each window.

    Hours are not checked if the site is unknown, or has no open hours in the calendar.
    """
    site = _open_site(findings, place, calendar)
    checked: list[Slot] = []
    for number, slot in enumerate(wanted):
        path = f"preferred.{number}"
        if slot in checked:
            findings.refuse(f"{path}.date", "duplicate_slot")
        else:
            _check_window(findings, path, slot, site, place.department, calendar)
        checked.append(slot)
    return tuple(checked)


def check_window(findings: Findings, path: str, slot: Slot, place: Place, calendar: Calendar) -> None:
    """Record what is wrong with the site, and with the only window of a form."""
    site = _open_site(findings, place, calendar)
    _check_window(findings, path, slot, site, place.department, calendar)


def _open_site(findings: Findings, place: Place, calendar: Calendar) -> SiteRecord | None:
    """Return the site if its hours can be checked; record a problem if it is unknown or never open."""
    if place.site is None:
        findings.refuse("site", "unknown_site")
    elif not opens_within(place.site, calendar):
        findings.refuse("site", "closed_site")
    else:
        return place.site
    return None


def _check_window(
    findings: Findings,
    path: str,
    slot: Slot,
    site: SiteRecord | None,
    department: DepartmentRecord | None,
    calendar: Calendar,
) -> None:
    problem = slot_problem(slot, windows_on(site, slot.day) if site else None, calendar)
    closed_days = department.closed_days if department else ()
    closed = next((one for one in closed_days if one.day == slot.day), None)
    if problem is not None:
        findings.refuse(f"{path}.{problem.member}", problem.code)
    elif closed is not None:
        findings.refuse(f"{path}.date", "day_closed", closed.reason)


def vehicle_of(findings: Findings, text: str | None) -> str | None:
    """Return a registration number in capitals without spaces, or None if none is given."""
    try:
        return parse_plate(text) if text and text.strip() else None
    except ValueError:
        findings.refuse("vehicle", "vehicle_invalid")
        return None


def weekly_until_of(
    findings: Findings, form: ApplicationForm, place: Place, standing_passes: int
) -> date | None:
    """Return until when somebody comes each week, where the site has standing passes and photographs them."""
    until, first = form.weekly_until, min(slot.day for slot in form.preferred)
    if until is None:
        return None
    if not standing_passes or place.site is None or not place.site.photograph:
        findings.refuse("weekly_until", "standing_off")
    elif form.companions or form.applicant.guardian is not None:
        findings.refuse("weekly_until", "standing_one_person")
    elif until <= first:
        findings.refuse("weekly_until", "ends_before_it_begins")
    elif (until - first).days >= MOST_STANDING_DAYS:
        findings.refuse("weekly_until", "too_many_standing_days")
    return until

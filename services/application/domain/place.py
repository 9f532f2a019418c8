"""Where a visit goes: the site, the department and the officer, as the directory knows them."""

from dataclasses import dataclass

from contracts.events import DepartmentRecord, SiteRecord
from contracts.visiting_rules import Calendar, opens_within
from services.application.domain.findings import Findings


@dataclass(frozen=True)
class Place:
    """The directory's records of the site and the department that a form names; None where it has none."""

    site: SiteRecord | None
    department: DepartmentRecord | None


def bookable_site(findings: Findings, place: Place, calendar: Calendar) -> SiteRecord | None:
    """The site, where it exists and opens on any day that can be asked for; else that is noted."""
    if place.site is None:
        findings.refuse("site", "unknown_site")
    elif not opens_within(place.site, calendar):
        findings.refuse("site", "closed_site")
    else:
        return place.site
    return None


def check_host(findings: Findings, place: Place, officer: str | None) -> None:
    """Whether the department sits at the site and the officer in the department."""
    department = place.department
    if department is None:
        findings.refuse("department", "unknown_department")
        return
    if place.site is not None and place.site.code not in department.sites:
        findings.refuse("department", "department_not_at_site")
    if officer is not None and officer not in {known.code for known in department.officers}:
        findings.refuse("officer", "unknown_officer")

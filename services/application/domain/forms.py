"""The check of a whole form: it finds every problem at once, and returns what passes cleaned."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from contracts.application_form import Amendment, ApplicationForm
from contracts.errors import FieldError
from contracts.model import ApplicantKind, Assistance, DeliverBy, Language, Person
from contracts.visiting_rules import Calendar, end_of
from services.application.domain.applications import Application, Intake, Visit
from services.application.domain.findings import Findings
from services.application.domain.people import applicant_of, companions_of, with_known_ids
from services.application.domain.text import paragraph, without_aadhaar
from services.application.domain.visits import (
    Place,
    check_host,
    check_officer_open,
    check_open,
    check_staffed,
    vehicle_of,
    weekly_until_of,
    windows_of,
)


@dataclass(frozen=True)
class CheckedForm:
    """A form that passed the check. ``masked`` names the fields in which an Aadhaar number was masked."""

    kind: ApplicantKind
    applicant: Person
    language: Language
    deliver_by: DeliverBy
    assistance: Assistance | None
    visit: Visit
    masked: tuple[str, ...]

    def as_application(self, identity: UUID, reference: str, intake: Intake) -> Application:
        """Return the application that this form makes."""
        return Application(
            id=identity,
            reference=reference,
            revision=1,
            intake=intake,
            kind=self.kind,
            applicant=self.applicant,
            language=self.language,
            deliver_by=self.deliver_by,
            assistance=self.assistance,
            visit=self.visit,
        )


def check_form(
    form: ApplicationForm,
    mobile: str | None,
    intake: Intake,
    place: Place,
    calendar: Calendar,
    known: Iterable[FieldError] = (),
    *,
    standing_passes: int = 0,
) -> CheckedForm:
    """Check the form of a new application.

    Args:
        form: as the applicant or the operator filled it in.
        mobile: the applicant's, proved or as typed at the counter.
        intake: how the application arrived.
        place: the directory's records of the site and the department.
        calendar: the days for which a visit can be requested.
        known: problems that were found elsewhere.
        standing_passes: how many a site may have; with 0 nobody asks for one.

    Raises:
        InvalidInput: with every problem.
    """
    findings = Findings(known)
    person, deliver_by = applicant_of(findings, form.applicant, mobile, is_attended=intake.is_attended)
    check_host(findings, place, form.officer)
    check_open(findings, place, form.officer)
    check_staffed(findings, place)
    visit = Visit(
        site=form.site,
        department=form.department,
        officer=form.officer,
        purpose_kind=form.purpose_kind,
        purpose=purpose_of(findings, form.purpose),
        preferred=windows_of(findings, form.preferred, place, calendar),
        companions=companions_of(findings, form.companions, intake.most_companions),
        vehicle=vehicle_of(findings, form.vehicle),
        weekly_until=weekly_until_of(findings, form, place, standing_passes),
    )
    findings.raise_if_refused()
    given = form.applicant
    return CheckedForm(
        given.kind, person, given.language, deliver_by, given.assistance, visit, findings.masked
    )


def check_amendment(
    amendment: Amendment,
    visit: Visit,
    intake: Intake,
    place: Place,
    calendar: Calendar,
    known: Iterable[FieldError] = (),
) -> tuple[Visit, tuple[str, ...]]:
    """Return the amended visit, and the fields in which an Aadhaar number was masked.

    What is left out stays, except windows that have passed. ``known`` are problems that were found elsewhere.

    Raises:
        InvalidInput: with every problem, also of what stays: the officer or the hours may have changed
            meanwhile.
    """
    findings = Findings(known)
    wanted = amendment.preferred
    if wanted is None:
        wanted = tuple(slot for slot in visit.preferred if end_of(slot) > calendar.now)
        if not wanted:
            findings.refuse("preferred", "date_past")
    officer = visit.officer if amendment.officer is None else amendment.officer or None
    check_host(findings, place, officer)
    if officer != visit.officer:
        check_officer_open(findings, place, officer)
    amended = Visit(
        site=visit.site,
        department=visit.department,
        officer=officer,
        purpose_kind=visit.purpose_kind,
        purpose=visit.purpose if amendment.purpose is None else purpose_of(findings, amendment.purpose),
        preferred=windows_of(findings, wanted, place, calendar),
        companions=visit.companions
        if amendment.companions is None
        else companions_of(
            findings, with_known_ids(amendment.companions, visit.companions), intake.most_companions
        ),
        vehicle=visit.vehicle if amendment.vehicle is None else vehicle_of(findings, amendment.vehicle),
        weekly_until=visit.weekly_until,
    )
    findings.raise_if_refused()
    return amended, findings.masked


def purpose_of(findings: Findings, text: str) -> str:
    """Return a purpose, cleaned; record a problem if there is none."""
    purpose = without_aadhaar(findings, "purpose", paragraph(text))
    if not purpose:
        findings.refuse("purpose", "purpose_missing")
    return purpose

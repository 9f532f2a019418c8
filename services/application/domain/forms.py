"""Checking a form whole: every problem is told at once, and what passes comes out cleaned."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from contracts.events import SiteRecord
from contracts.model import ApplicantKind, Assistance, DeliverBy, Language, Person, Slot
from contracts.rpc.application import AmendApplication, SubmitApplication
from contracts.visiting_rules import Calendar, end_of, slot_problem, windows_on
from services.application.domain.applications import Application, Intake, Visit
from services.application.domain.contact import email_of, mobile_of, reach_of
from services.application.domain.findings import Findings
from services.application.domain.names import latin_name_of, name_of
from services.application.domain.people import companions_of, id_last4_of, official_of
from services.application.domain.place import Place, bookable_site, check_host
from services.application.domain.text import paragraph, without_aadhaar
from services.application.domain.vehicle import vehicle_of


@dataclass(frozen=True)
class Form:
    """A form that is in order. ``masked`` names the fields in which an Aadhaar number was masked."""

    kind: ApplicantKind
    applicant: Person
    language: Language
    deliver_by: DeliverBy
    assistance: Assistance | None
    visit: Visit
    masked: tuple[str, ...]

    def as_application(self, identity: UUID, reference: str, intake: Intake) -> Application:
        """The application that this form makes."""
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
    request: SubmitApplication, mobile: str | None, intake: Intake, place: Place, calendar: Calendar
) -> Form:
    """A new application's form.

    Args:
        request: the form as it came.
        mobile: the applicant's, proved or as typed at the counter.
        intake: how it comes in.
        place: what the directory knows of the site and the department.
        calendar: which days can be asked for.

    Raises:
        InvalidInput: with every problem.
    """
    findings = Findings()
    person, deliver_by = _applicant(findings, request, mobile, intake)
    visit = _visit(findings, request, intake, place, calendar)
    findings.raise_if_refused()
    given = request.applicant
    return Form(given.kind, person, given.language, deliver_by, given.assistance, visit, findings.masked)


def check_amendment(
    request: AmendApplication, visit: Visit, intake: Intake, place: Place, calendar: Calendar
) -> tuple[Visit, tuple[str, ...]]:
    """The visit as amended, and the fields in which a number was masked. What is left out stays, but for windows that have passed.

    Raises:
        InvalidInput: with every problem, of what stays too: the officer or the hours may have changed meanwhile.
    """
    findings = Findings()
    wished = request.preferred
    if wished is None:
        wished = tuple(slot for slot in visit.preferred if end_of(slot) > calendar.now)
        if not wished:
            findings.refuse("preferred", "date_past")
    officer = visit.officer if request.officer is None else request.officer or None
    check_host(findings, place, officer)
    amended = Visit(
        site=visit.site,
        department=visit.department,
        officer=officer,
        purpose_kind=visit.purpose_kind,
        purpose=visit.purpose if request.purpose is None else _purpose(findings, request.purpose),
        preferred=_slots(findings, wished, bookable_site(findings, place, calendar), calendar),
        companions=visit.companions
        if request.companions is None
        else companions_of(findings, "companions", request.companions, intake.companions),
        vehicle=visit.vehicle
        if request.vehicle is None
        else vehicle_of(findings, "vehicle", request.vehicle),
    )
    findings.raise_if_refused()
    return amended, findings.masked


def _applicant(
    findings: Findings, request: SubmitApplication, mobile: str | None, intake: Intake
) -> tuple[Person, DeliverBy]:
    given = request.applicant
    name = name_of(findings, "applicant.name", given.name)
    reach = reach_of(
        findings,
        "applicant.deliver_by",
        mobile_of(findings, "mobile", mobile),
        email_of(findings, "applicant.email", given.email),
        given.deliver_by,
        is_attended=intake.is_attended,
    )
    person = Person(
        name=name,
        name_latin=latin_name_of(findings, "applicant.name_latin", given.name_latin, name),
        mobile=reach.mobile,
        email=reach.email,
        id_type=given.id_type,
        id_last4=id_last4_of(findings, "applicant.id_last4", given.id_last4),
        official=official_of(findings, "applicant.official", given.kind, given.official),
    )
    return person, reach.deliver_by


def _visit(
    findings: Findings, request: SubmitApplication, intake: Intake, place: Place, calendar: Calendar
) -> Visit:
    site = bookable_site(findings, place, calendar)
    check_host(findings, place, request.officer)
    return Visit(
        site=request.site,
        department=request.department,
        officer=request.officer,
        purpose_kind=request.purpose_kind,
        purpose=_purpose(findings, request.purpose),
        preferred=_slots(findings, request.preferred, site, calendar),
        companions=companions_of(findings, "companions", request.companions, intake.companions),
        vehicle=vehicle_of(findings, "vehicle", request.vehicle),
    )


def _purpose(findings: Findings, text: str) -> str:
    purpose = without_aadhaar(findings, "purpose", paragraph(text))
    if not purpose:
        findings.refuse("purpose", "purpose_missing")
    return purpose


def _slots(
    findings: Findings, slots: Iterable[Slot], site: SiteRecord | None, calendar: Calendar
) -> tuple[Slot, ...]:
    """Return the preferred windows and record what is wrong with each; hours are unchecked without a site."""
    checked: list[Slot] = []
    for number, slot in enumerate(slots):
        path = f"preferred.{number}"
        problem = slot_problem(slot, windows_on(site, slot.day) if site else None, calendar)
        if slot in checked:
            findings.refuse(f"{path}.date", "duplicate_slot")
        elif problem is not None:
            findings.refuse(f"{path}.{problem.member}", problem.code)
        checked.append(slot)
    return tuple(checked)

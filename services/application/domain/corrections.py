"""The correction of an application that was sent: who comes, and where email goes; pure."""

from contracts.application_form import Correction
from contracts.errors import Conflict, InvalidInput
from contracts.events import ApplicationCorrected, People
from contracts.model import OPEN_STATUSES, ApplicationStatus, Corrector, DeliverBy
from services.application.domain.applications import Application
from services.application.domain.findings import Findings
from services.application.domain.names import latin_name_of, name_of
from services.application.domain.people import companions_of, email_of, id_last4_of, with_known_ids

APPROVED: frozenset[ApplicationStatus] = frozenset({"approved", "issued"})


def require_correctable(status: ApplicationStatus) -> bool:
    """Return whether the department has to confirm a correction, because it has approved the visit.

    Raises:
        Conflict: ``cannot_correct``: the visit has begun or does not take place; fact ``status``.
    """
    if status not in OPEN_STATUSES:
        raise Conflict("this cannot be corrected any more", code="cannot_correct", status=status)
    return status in APPROVED


def people_of(application: Application) -> People:
    """Return who comes."""
    return People(applicant=application.applicant, companions=application.visit.companions)


def check_correction(
    request: Correction, known: People, most_companions: int, deliver_by: DeliverBy
) -> tuple[People, tuple[str, ...]]:
    """Return who is to come, and the fields in which an Aadhaar number was masked.

    Args:
        request: as the applicant filled it in.
        known: who comes so far, also by an earlier correction that waits.
        most_companions: how many may come along.
        deliver_by: the channel of messages; email needs an address.

    Raises:
        InvalidInput: with every problem, or of ``name``: ``nothing_changed``.
    """
    findings, person = Findings(), known.applicant
    name, latin = person.name, person.name_latin
    if request.name is not None or request.name_latin is not None:
        name = name if request.name is None else name_of(findings, "name", request.name)
        # one in other letters does not follow from the name of before
        given = request.name_latin or (latin if name == person.name else None)
        latin = latin_name_of(findings, "name_latin", given, name)
    email = person.email if request.email is None else email_of(findings, "email", request.email)
    if deliver_by == "email" and not email:
        findings.refuse("email", "email_missing")
    id_type, id_last4 = request.id_type or person.id_type, person.id_last4
    if request.id_last4:
        id_last4 = id_last4_of(findings, "id_last4", request.id_last4)
    if (id_type is None) != (id_last4 is None):
        findings.refuse("id_last4" if id_type else "id_type", "id_incomplete")
    companions = known.companions
    if request.companions is not None:
        given_companions = with_known_ids(request.companions, known.companions)
        companions = companions_of(findings, given_companions, most_companions)
    findings.raise_if_refused()
    told: dict[str, str | None] = {
        "name": name,
        "name_latin": latin,
        "email": email,
        "id_type": id_type,
        "id_last4": id_last4,
    }
    people = People(applicant=person.model_copy(update=told), companions=companions)
    if people == known:
        raise InvalidInput.of("name", "nothing_changed", "nothing is different from before")
    return people, findings.masked


def corrected(
    application: Application,
    people: People,
    fields: tuple[str, ...],
    number: int,
    *,
    waits: bool,
    by: Corrector,
) -> ApplicationCorrected:
    """Return the event of a correction."""
    details = application.submitted().model_copy(update={"party": 1 + len(people.companions)})
    of_people = {"applicant": people.applicant, "companions": people.companions}
    personal = details.personal.model_copy(update=of_people)
    kept = {**dict(details), "personal": personal}
    return ApplicationCorrected(**kept, number=number, corrected=fields, waits=waits, corrected_by=by)

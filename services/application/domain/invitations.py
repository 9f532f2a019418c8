"""The check of an invitation: it finds every problem at once, and returns the applications that it makes."""

from collections.abc import Iterable

from contracts.application_form import InvitationForm
from contracts.errors import FieldError
from contracts.model import Companion
from contracts.visiting_rules import Calendar
from services.application.domain.applications import Visit
from services.application.domain.findings import Findings
from services.application.domain.forms import CheckedForm, purpose_of
from services.application.domain.people import invited_visitor_of
from services.application.domain.visits import Place, check_host, check_open, check_window


def check_invitation(
    form: InvitationForm, department: str, place: Place, calendar: Calendar, known: Iterable[FieldError] = ()
) -> tuple[CheckedForm, ...]:
    """Return one form for each visitor, or for a delegation one that its first visitor leads.

    Args:
        form: as the department filled it in.
        department: the department that invites.
        place: the directory's records of the site and the department.
        calendar: the days for which a visit can be requested.
        known: problems that were found elsewhere.

    Raises:
        InvalidInput: with every problem; those of a visitor at fields such as ``visitors.3.mobile``.
    """
    findings = Findings(known)
    check_host(findings, place, form.officer)
    check_open(findings, place, form.officer)
    check_window(findings, "slot", form.slot, place, calendar)
    purpose = purpose_of(findings, form.purpose)
    visitors = [
        invited_visitor_of(findings, f"visitors.{number}", given, form.deliver_by)
        for number, given in enumerate(form.visitors)
    ]
    people = [person for person, _ in visitors]
    for number, person in enumerate(people):
        if person.name and person in people[:number]:
            findings.refuse(f"visitors.{number}.name", "invited_twice")
    findings.raise_if_refused()

    others = tuple(map(Companion.from_attributes, people[1:]))
    return tuple(
        CheckedForm(
            kind="citizen",
            applicant=person,
            language=form.language,
            deliver_by=deliver_by,
            assistance=None,
            visit=Visit(
                site=form.site,
                department=department,
                officer=form.officer,
                purpose_kind=form.purpose_kind,
                purpose=purpose,
                preferred=(form.slot,),
                companions=others if form.delegation else (),
                vehicle=None,
            ),
            masked=findings.masked,
        )
        for person, deliver_by in (visitors[:1] if form.delegation else visitors)
    )

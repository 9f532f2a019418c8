"""The commands that ask for a visit, and what only the gateway knows is wrong with them.

Pages and JSON interface send them from here. Approval knows the places of a department, the gateway's
settings whether this installation sends email, and application whether a command is a repeat. So what is
wrong travels with the command: application refuses a new one and answers a repeat as before. A wish reserves
nothing; only the approval takes places, and checks again.
"""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from contracts import rpc
from contracts.application_form import ApplicationForm, InvitationForm
from contracts.errors import ContractError, FieldError
from contracts.model import IST, Slot
from contracts.rpc.application import (
    Acknowledged,
    AmendApplication,
    ApplicationView,
    Invite,
    Invited,
    ReferenceOnly,
)
from contracts.rpc.approval.capacity import Availability, AvailabilityQuestion
from contracts.rpc.call import Method
from services.chassis.runtime.clock import now
from services.gateway.access.admission import Caller

PROBLEMS: dict[str, str] = {
    "day_closed": "the department has closed this day",
    "department_closed": "the department receives no visitors on this day",
    "department_hours": "this is outside the department's visiting hours",
    "window_full": "there are not enough free places at this time",
    "email_not_offered": "this installation sends no email",
}
"""Error code → its sentence for developers. The pages translate the codes."""
F = TypeVar("F", bound=ApplicationForm)


async def apply(
    caller: Caller, method: Method[F, Acknowledged], form: F, key: str, *, waits: bool = False
) -> Acknowledged:
    """Submit an application; who ``waits`` for a place may ask for a time that is full."""
    problems = (*email_problems(caller, form), *await problems_of(caller, form, waits=waits))
    return await caller.command(method, form, key, problems)


def email_problems(caller: Caller, form: ApplicationForm | InvitationForm) -> tuple[FieldError, ...]:
    """Return each email address of a form, and the wish for email, where this installation sends none."""
    if caller.state.settings.sends_email:
        return ()
    if isinstance(form, InvitationForm):
        fields = [f"visitors.{number}.email" for number, one in enumerate(form.visitors) if one.email]
    else:
        given = form.applicant
        wishes = {"applicant.email": given.email, "applicant.deliver_by": given.deliver_by == "email"}
        fields = [field for field, is_wished in wishes.items() if is_wished]
    code = "email_not_offered"
    return tuple(FieldError(field=field, code=code, message=PROBLEMS[code]) for field in fields)


async def problems_of(
    caller: Caller, form: ApplicationForm, *, waits: bool = False
) -> tuple[FieldError, ...]:
    """Return the problems of the preferred slots of a form that the department cannot take."""
    slots = {f"preferred.{number}": slot for number, slot in enumerate(form.preferred)}
    found = await _problems(caller, form.site, form.department, 1 + len(form.companions), slots)
    return _but_full(found) if waits else found


async def amend(
    caller: Caller,
    amendment: AmendApplication,
    key: str,
    shown: ApplicationView | None = None,
    *,
    waits: bool = False,
) -> Acknowledged:
    """Amend an application; ``shown`` is the application where it is known, ``waits`` as in `apply`."""
    if amendment.preferred is None:
        return await caller.command(rpc.application.AMEND, amendment, key)
    if shown is None:
        question = ReferenceOnly(reference=amendment.reference)
        shown = await caller.query(rpc.application.VIEW_APPLICATION, question)
    others = shown.companions if amendment.companions is None else amendment.companions
    slots = {f"preferred.{number}": slot for number, slot in enumerate(amendment.preferred)}
    problems = await _problems(caller, shown.site, shown.department, 1 + len(others), slots)
    problems = _but_full(problems) if waits else problems
    return await caller.command(rpc.application.AMEND, amendment, key, problems)


async def invite(caller: Caller, invitation: Invite, key: str) -> Invited:
    """Invite visitors of the login's department."""
    department, people = caller.principal.department or "", len(invitation.visitors)
    problems = await _problems(caller, invitation.site, department, people, {"slot": invitation.slot})
    problems = (*email_problems(caller, invitation), *problems)
    return await caller.command(rpc.application.INVITE, invitation, key, problems)


async def availability(caller: Caller, department: str, site: str | None = None) -> Availability | None:
    """Return when a department still takes visitors, and which days it has closed.

    None where approval does not answer soon: the approval checks the places.
    """
    try:
        question = AvailabilityQuestion(department=department, site=site)
        return await caller.query_soon(rpc.approval.capacity.AVAILABILITY, question)
    except (ContractError, ValidationError):
        return None


def _but_full(found: tuple[FieldError, ...]) -> tuple[FieldError, ...]:
    return tuple(one for one in found if one.code != "window_full")


async def _problems(
    caller: Caller, site: str, department: str, party: int, slots: Mapping[str, Slot]
) -> tuple[FieldError, ...]:
    """Return the problems of slots, each at its path (such as ``preferred.0.from``)."""
    places = await availability(caller, department, site)
    if places is None:
        return ()
    found = ((path, _problem(places, party, slot)) for path, slot in slots.items())
    return tuple(
        FieldError(field=f"{path}.{problem[0]}", code=problem[1], message=PROBLEMS[problem[1]])
        for path, problem in found
        if problem
    )


def _problem(places: Availability, party: int, slot: Slot) -> tuple[str, str] | None:
    """Return the member of a slot at which the department cannot take a party, and a code of ``PROBLEMS``."""
    if any(one.day == slot.day for one in places.closed):
        return "date", "day_closed"
    if not places.limited:
        return None
    windows = next((one.windows for one in places.days if one.day == slot.day), ())
    if not windows:
        return "date", "department_closed"
    touched = [one for one in windows if slot.start < one.end and one.start < slot.end]
    too_early = (
        slot.start < windows[0].start and slot.day > now().astimezone(IST).date()
    )  # today some are over
    if not touched or too_early or windows[-1].end < slot.end:
        return "from", "department_hours"
    return ("from", "window_full") if any(one.free < party for one in touched) else None

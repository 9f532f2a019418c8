"""What applicants, the counter and departments do: submit, invite, amend, cancel.

Each command has one effect for its idempotency key.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from sqlalchemy import func, literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import new_reference
from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.model import OPEN_STATUSES, Basis
from contracts.rpc.application import (
    Acknowledged,
    AmendApplication,
    Checked,
    Invite,
    Invited,
    ReferenceOnly,
    SubmitApplication,
    SubmitAtCounter,
)
from contracts.rpc.call import Call
from contracts.visiting_rules import Calendar
from services.application import models
from services.application.domain.applications import Application, Intake, require_amendable
from services.application.domain.findings import Findings
from services.application.domain.forms import CheckedForm, check_amendment, check_form
from services.application.domain.invitations import check_invitation
from services.application.domain.names import latin_name_of, name_of
from services.application.domain.people import with_known_ids
from services.application.handlers import consents, invitation_limit, photographs, unlocked_sessions
from services.application.handlers.authorization import (
    intake_of,
    inviter_of,
    is_applicant_of,
    is_reception_of,
    operator_of,
    side_of,
)
from services.application.handlers.directory import place_of
from services.application.handlers.rows import (
    Entry,
    amend_row,
    application_of,
    cancel_row,
    columns_of,
    companions_of,
    enter,
    find,
    publish,
    settle_status,
)
from services.chassis.audit.readers import mobile_of
from services.chassis.db import deferred_writes
from services.chassis.db.locks import lock
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once

MOST_OPEN = 20
"""Open applications of one mobile: a family shares a phone. A visitor at the counter needs none."""
REFERENCE_TRIES = 10
"""Of 2^35 references, ten in a row are never all taken by chance."""
_REVISIONS = models.RevisionRow.metadata.tables["revisions"]
_INSERT = (
    insert(models.ApplicationRow.metadata.tables["applications"])
    .on_conflict_do_nothing(index_elements=["reference"])
    .returning(literal(1))
)


class NoFreeReference(RuntimeError):
    """All references that were tried are taken."""


@dataclass(frozen=True)
class Submitted:
    """An application as it was submitted, from which the answer to a repeated command is rebuilt.

    ``masked`` are the fields in which something was masked.
    """

    reference: str
    revision: int
    masked: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubmittedInvitation:
    """The applications of an invitation, from which the answer to a repeated command is rebuilt."""

    references: tuple[str, ...]
    masked: tuple[str, ...]


def submit(
    request: SubmitApplication,
    call: Call,
    session: Session,
    now: datetime,
    *,
    furthest_days: int,
    rate_limits: bool,
    most_open: int = MOST_OPEN,
    basis: Basis = "law",
    standing_passes: int = 0,
) -> Acknowledged:
    """Submit an application from the mobile that an OTP proved; record which operator helped, if one did.

    Args:
        call: of an applicant.
        furthest_days: how far ahead a visit may be.
        rate_limits: whether one mobile may have only so many applications open at once.
        most_open: so many.
        basis: why personal data may be used here.
        standing_passes: how many a site may have.

    Raises:
        InvalidInput: with every problem of the form; ``consent_missing``.
        Forbidden: the principal is not an applicant, or stands at a kiosk of another site.
        Conflict: ``too_many_open``, with the fact ``most``: this mobile has so many already.
    """
    mobile = mobile_of(call.principal)
    if call.principal.kiosk and call.principal.site != request.site:
        raise Forbidden("this kiosk serves another site", code="other_site")
    intake = replace(intake_of(call.principal), notice=request.notice, consented=request.consent)
    calendar = Calendar(now, furthest_days)

    def effect() -> Submitted:
        consents.require_consent(request, basis)
        if rate_limits:
            refuse_more_open(session, mobile, most_open, now)
        filled = _with_known_cards(request, call, session, now)
        application, masked = _submit(filled, mobile, intake, call, session, calendar, standing_passes)
        return Submitted(application.reference, application.revision, masked)

    return once(session, call, "application.submit", request, effect, _acknowledged, reference=Submitted)


def refuse_more_open(session: Session, mobile: str, most: int, now: datetime) -> None:
    """Raise `Conflict` if a mobile has so many open applications; its others wait for this one."""
    lock(session, f"applications of {mobile}")
    row = models.ApplicationRow
    is_open = (row.mobile == mobile) & row.status.in_(OPEN_STATUSES) & (row.preferred_until > now)
    if (session.scalar(select(func.count()).where(is_open)) or 0) >= most:
        raise Conflict("this mobile has too many open applications", code="too_many_open", most=most)


def check(
    request: SubmitApplication,
    call: Call,
    session: Session,
    now: datetime,
    *,
    furthest_days: int,
    standing_passes: int = 0,
) -> Checked:
    """Return the problems that :func:`submit` would raise.

    A page for one question shows those of its question.

    Raises:
        Forbidden: the principal is not an applicant.
    """
    mobile, intake = mobile_of(call.principal), intake_of(call.principal)
    place = place_of(session, request.site, request.department)
    request = _with_known_cards(request, call, session, now)
    try:
        calendar = Calendar(now, furthest_days)
        form = check_form(request, mobile, intake, place, calendar, standing_passes=standing_passes)
    except InvalidInput as error:
        ignored, given = Findings(), request.applicant
        latin = latin_name_of(ignored, "", given.name_latin, name_of(ignored, "", given.name))
        return Checked(problems=error.body.fields, name_latin=latin)
    return Checked(masked=form.masked, name_latin=form.applicant.name_latin)


def submit_at_counter(
    request: SubmitAtCounter,
    call: Call,
    session: Session,
    now: datetime,
    *,
    furthest_days: int,
    basis: Basis = "law",
    standing_passes: int = 0,
) -> Acknowledged:
    """Submit an application for a visitor at the reception, who may have no mobile; the operator vouches.

    Raises:
        InvalidInput: with every problem of the form, or of its photograph.
        Forbidden: the principal is not at a reception counter, or at that of another site.
    """
    operator = operator_of(call.principal)
    if not is_reception_of(call.principal, request.site):
        raise Forbidden("this counter serves another site", code="other_site")
    intake = Intake(request.channel, submitted_by=operator, notice=request.notice, consented=request.consent)
    calendar = Calendar(now, furthest_days)

    def effect() -> Submitted:
        consents.require_consent(request, basis)
        application, masked = _submit(
            request, request.mobile, intake, call, session, calendar, standing_passes
        )
        if request.photograph:
            photographs.store(request.photograph, application, session, now)
        elif request.weekly_until:
            raise InvalidInput.of("photograph", "photograph_needed")
        return Submitted(application.reference, application.revision, masked)

    route = "application.submit_at_counter"
    return once(session, call, route, request, effect, _acknowledged, reference=Submitted)


def invite(
    request: Invite,
    call: Call,
    session: Session,
    now: datetime,
    *,
    furthest_days: int,
    basis: Basis = "law",
) -> Invited:
    """Submit applications for visitors whom a department invites; approval approves them when it hears.

    Raises:
        InvalidInput: with every problem of the form; nothing is submitted then.
        Forbidden: the principal is not a login of a department.
        TooManyAttempts: as `invitation_limit.check`.
    """
    inviter, department = inviter_of(call.principal, request.site)
    intake = Intake("invitation", submitted_by=inviter, notice=request.notice, consented=request.consent)

    def effect() -> SubmittedInvitation:
        consents.require_consent(request, basis)
        place = place_of(session, request.site, department)
        forms = check_invitation(request, department, place, Calendar(now, furthest_days), call.problems)
        invitation_limit.check(session, inviter, len(forms), now)
        references = tuple(_store(session, form, intake, now).reference for form in forms)
        return SubmittedInvitation(references, forms[0].masked)

    def answer(made: SubmittedInvitation) -> Invited:
        return Invited(references=made.references, masked=made.masked)

    return once(session, call, "application.invite", request, effect, answer, reference=SubmittedInvitation)


def amend(
    request: AmendApplication, call: Call, session: Session, now: datetime, *, furthest_days: int
) -> Acknowledged:
    """Amend an application that the department returned, or ask for other dates before it decided.

    Raises:
        InvalidInput: with every problem of the amended application.
        NotFound: the applicant has no such application.
        Forbidden: ``not_opened``: their session has not opened it.
        Conflict: ``cannot_amend``: it was decided, or has ended, or more than dates would change; fact
            ``status``.
    """
    mobile = mobile_of(call.principal)
    calendar = Calendar(now, furthest_days)

    def effect() -> Submitted:
        row = find(session, request.reference, lock=True)
        if row is None or row.mobile != mobile:
            raise NotFound("there is no such application")
        unlocked_sessions.require_open(session, row, call.principal, now)
        require_amendable(row.status, only_dates=request.only_dates)
        facts = {"changed": "dates"} if request.only_dates else {}
        before = application_of(row)
        place = place_of(session, row.site, row.department)
        visit, masked = check_amendment(request, before.visit, before.intake, place, calendar, call.problems)
        application = before.amend(visit)
        amend_row(row, application)
        record_revision(session, application, masked, now)
        publish(session, row, application.amended(), "amended", now, revision=row.revision, **facts)
        settle_status(session, row)
        return Submitted(row.reference, row.revision, masked)

    return once(session, call, "application.amend", request, effect, _acknowledged, reference=Submitted)


def cancel(request: ReferenceOnly, call: Call, session: Session, now: datetime) -> Acknowledged:
    """Cancel an application, for its applicant or for the site's reception.

    Raises:
        NotFound: the applicant or the site has no such application.
        Forbidden: ``not_opened``: the session of its applicant has not opened it.
        Conflict: ``cannot_cancel``: it has ended, or the visitor came in; fact ``status``.
    """

    def effect() -> str:
        row = find(session, request.reference, lock=True)
        by = None if row is None else side_of(call.principal, row.mobile, row.site)
        if row is None or by is None:
            raise NotFound("there is no such application")
        if by == "applicant":
            unlocked_sessions.require_open(session, row, call.principal, now)
        cancel_row(session, row, by, now)
        return row.reference

    def answer(reference: str) -> Acknowledged:
        return Acknowledged(reference=reference, status="cancelled")

    return once(session, call, "application.cancel", request, effect, answer, reference=str)


def _acknowledged(made: Submitted) -> Acknowledged:
    return Acknowledged(reference=made.reference, status="submitted", masked=made.masked)


def _with_known_cards(
    request: SubmitApplication, call: Call, session: Session, now: datetime
) -> SubmitApplication:
    """Return a form with the numbers of ID cards that it leaves to the application that it names."""
    row = find(session, request.like) if request.like else None
    if row is None or not is_applicant_of(call.principal, row.mobile):
        return request
    if not unlocked_sessions.opened_of(session, [row], call.principal, now):
        return request
    given = request.applicant
    if not given.id_last4 and given.id_type == row.id_type:
        given = given.model_copy(update={"id_last4": row.id_last4 or ""})
    companions = with_known_ids(request.companions, companions_of(row))
    return request.model_copy(update={"applicant": given, "companions": companions})


def _submit(
    request: SubmitApplication | SubmitAtCounter,
    mobile: str | None,
    intake: Intake,
    call: Call,
    session: Session,
    calendar: Calendar,
    standing_passes: int,
) -> tuple[Application, tuple[str, ...]]:
    """Check and store a form; return the application, and the fields in which something was masked."""
    place = place_of(session, request.site, request.department)
    form = check_form(
        request, mobile, intake, place, calendar, call.problems, standing_passes=standing_passes
    )
    application = _store(session, form, intake, calendar.now)
    unlocked_sessions.record(session, application.id, call.principal, calendar.now)
    return application, form.masked


def _store(session: Session, form: CheckedForm, intake: Intake, now: datetime) -> Application:
    """Store a new application, and publish it."""
    application = _insert_under_free_reference(session, form, intake, now)
    record_revision(session, application, form.masked, now)
    event_id = outbox.add(session, application.submitted(), at=now)
    enter(session, application.id, Entry(event_id, "submitted", now, {}))
    return application


def _insert_under_free_reference(
    session: Session, form: CheckedForm, intake: Intake, now: datetime
) -> Application:
    for _ in range(REFERENCE_TRIES):
        application = form.as_application(uuid4(), new_reference(), intake)
        if session.connection().execute(_INSERT, columns_of(application, now)).first() is not None:
            return application
    raise NoFreeReference(f"{REFERENCE_TRIES} references in a row are taken")


def record_revision(
    session: Session, application: Application, masked: tuple[str, ...], now: datetime
) -> None:
    """Record that a revision was made, and in which of its fields something was masked."""
    values = {"application_id": application.id, "revision": application.revision}
    deferred_writes.insert(session, _REVISIONS, [{**values, "made_at": now, "masked": masked}])

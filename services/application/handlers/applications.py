"""What applicants and the counter do: apply, amend, cancel. Each is carried out once for its key."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import new_reference
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.rpc.application import (
    Acknowledged,
    AmendApplication,
    Checked,
    ReferenceOnly,
    SubmitApplication,
    SubmitAtCounter,
)
from contracts.rpc.call import Call, Principal
from contracts.visiting_rules import MOST_COMPANIONS, Calendar
from services.application import models
from services.application.domain.applications import Intake, require_amendable
from services.application.domain.findings import Findings
from services.application.domain.forms import Form, check_amendment, check_form
from services.application.domain.names import latin_name_of, name_of
from services.application.handlers.access import intake_of, is_reception_of, mobile_of, operator_of
from services.application.handlers.directory import place_of
from services.application.handlers.rows import (
    amend_row,
    application_of,
    columns_of,
    find,
    say,
    settle_status,
)
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.settings import settings

REFERENCE_TRIES = 10
"""Of 2^35 references ten in a row are never all taken by chance."""


@dataclass(frozen=True)
class SubmittedRevision:
    """What a repeated submission finds its revision by."""

    reference: str
    revision: int


class NoFreeReference(RuntimeError):
    """All the references that were drawn are taken."""


def submit(request: SubmitApplication, call: Call, session: Session, at: datetime) -> Acknowledged:
    """An applicant applies for a visit, from the mobile that an OTP proved; it is recorded which operator helped, if one did.

    Raises:
        InvalidInput: with every problem of the form.
        Forbidden: no applicant asks, or a kiosk of another site.
    """
    mobile = mobile_of(call.principal)
    if call.principal.kiosk and call.principal.site != request.site:
        raise Forbidden("this kiosk serves another site", code="other_site")
    intake = intake_of(call.principal)
    return _apply(
        "application.submit", request, call, session, lambda: _take_in(request, mobile, intake, session, at)
    )


def check(request: SubmitApplication, call: Call, session: Session, at: datetime) -> Checked:
    """What :func:`submit` would find. A page that asks one question at a time looks at the problems of that question.

    Raises:
        Forbidden: no applicant asks.
    """
    mobile = mobile_of(call.principal)
    intake = intake_of(call.principal)
    try:
        form = check_form(
            request, mobile, intake, place_of(session, request.site, request.department), _calendar(at)
        )
    except InvalidInput as error:
        unheard, given = Findings(), request.applicant
        latin = latin_name_of(unheard, "", given.name_latin, name_of(unheard, "", given.name))
        return Checked(problems=error.body.fields, name_latin=latin)
    return Checked(masked=form.masked, name_latin=form.applicant.name_latin)


def submit_at_counter(request: SubmitAtCounter, call: Call, session: Session, at: datetime) -> Acknowledged:
    """The reception applies for a visitor, who may have no mobile; the operator vouches.

    Raises:
        InvalidInput: with every problem of the form.
        Forbidden: not the reception, or that of another site.
    """
    operator = operator_of(call.principal)
    if not is_reception_of(call.principal, request.site):
        raise Forbidden("this counter serves another site", code="other_site")
    intake = Intake(request.channel, MOST_COMPANIONS[request.channel], submitted_by=operator)
    return _apply(
        "application.submit_at_counter",
        request,
        call,
        session,
        lambda: _take_in(request, request.mobile, intake, session, at),
    )


def amend(request: AmendApplication, call: Call, session: Session, at: datetime) -> Acknowledged:
    """The applicant completes or changes what the department returned, or asks for other dates before it decided; what is left out stays.

    Raises:
        InvalidInput: with every problem of what it says now.
        NotFound: no such application of this applicant.
        Conflict: ``cannot_amend``, it was decided, or has ended, or more than dates is to change; fact ``status``.
    """
    mobile = mobile_of(call.principal)
    return _apply("application.amend", request, call, session, lambda: _amend(request, mobile, session, at))


def cancel(request: ReferenceOnly, call: Call, session: Session, at: datetime) -> Acknowledged:
    """The applicant, or the site's reception for him, does not want the visit any more.

    Raises:
        NotFound: no such application of this applicant or site.
        Conflict: ``cannot_cancel``, it has ended or the visitor came in; fact ``status``.
    """

    def answer(reference: str) -> Acknowledged:
        return Acknowledged(reference=reference, status="cancelled")

    return once(
        session,
        call,
        "application.cancel",
        request,
        lambda: _cancel(request, call.principal, session, at),
        answer,
        reference=str,
    )


def _apply(
    route: str,
    request: SubmitApplication | AmendApplication,
    call: Call,
    session: Session,
    effect: Callable[[], SubmittedRevision],
) -> Acknowledged:
    """Carries out a command that sends in a revision; its answer is rebuilt from that revision's row."""

    def answer(submitted: SubmittedRevision) -> Acknowledged:
        row = find(session, submitted.reference)
        assert row is not None
        masked = session.get_one(models.RevisionRow, (row.id, submitted.revision)).masked
        return Acknowledged(reference=submitted.reference, status="submitted", masked=tuple(masked))

    return once(session, call, route, request, effect, answer, reference=SubmittedRevision)


def _take_in(
    request: SubmitApplication, mobile: str | None, intake: Intake, session: Session, at: datetime
) -> SubmittedRevision:
    form = check_form(
        request, mobile, intake, place_of(session, request.site, request.department), _calendar(at)
    )
    row = _store_under_a_free_reference(session, form, intake, at)
    return _sent_in(session, row, form.masked, at)


def _store_under_a_free_reference(
    session: Session, form: Form, intake: Intake, at: datetime
) -> models.ApplicationRow:
    for _ in range(REFERENCE_TRIES):
        application = form.as_application(uuid4(), new_reference(), intake)
        row = (
            insert(models.ApplicationRow)
            .values(**columns_of(application, at))
            .on_conflict_do_nothing(index_elements=["reference"])
        )
        stored = session.scalars(row.returning(models.ApplicationRow)).one_or_none()
        if stored is not None:
            return stored
    raise NoFreeReference(f"{REFERENCE_TRIES} references in a row are taken")


def _amend(request: AmendApplication, mobile: str, session: Session, at: datetime) -> SubmittedRevision:
    row = find(session, request.reference, lock=True)
    if row is None or row.mobile != mobile:
        raise NotFound("there is no such application")
    require_amendable(
        row.status, only_dates=request.model_dump(exclude_none=True).keys() <= {"reference", "preferred"}
    )
    facts = {"changed": "dates"} if row.status == "submitted" else {}
    before = application_of(row)
    visit, masked = check_amendment(
        request, before.visit, before.intake, place_of(session, row.site, row.department), _calendar(at)
    )
    amend_row(row, before.amend(visit))
    return _sent_in(session, row, masked, at, **facts)


def _sent_in(
    session: Session, row: models.ApplicationRow, masked: tuple[str, ...], at: datetime, **facts: str
) -> SubmittedRevision:
    """Records a revision, says so, and returns what a repeat finds it by."""
    application = application_of(row)
    session.add(
        models.RevisionRow(application_id=row.id, revision=row.revision, made_at=at, masked=list(masked))
    )
    if row.revision == 1:
        say(session, row, application.submitted(), "submitted", at)
    else:
        say(session, row, application.amended(), "amended", at, revision=row.revision, **facts)
    settle_status(session, row)
    return SubmittedRevision(row.reference, row.revision)


def _cancel(request: ReferenceOnly, principal: Principal, session: Session, at: datetime) -> str:
    row = find(session, request.reference, lock=True)
    by = _canceller(row, principal)
    if row is None or by is None:
        raise NotFound("there is no such application")
    event = application_of(row).cancel(row.status, by)
    row.cancelled_at = at
    say(session, row, event, "cancelled", at, by=by)
    settle_status(session, row)
    return row.reference


def _canceller(
    row: models.ApplicationRow | None, principal: Principal
) -> Literal["applicant", "counter"] | None:
    if row is None:
        return None
    if principal.kind == "applicant" and principal.mobile and row.mobile == principal.mobile:
        return "applicant"
    return "counter" if is_reception_of(principal, row.site) else None


def _calendar(at: datetime) -> Calendar:
    return Calendar(at, settings().furthest_days)

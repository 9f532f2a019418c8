"""What a department does with a review: approve, reject, return, withdraw, forward.

Each command locks the review's row first, so that of two decisions at the same time the second learns of the
first.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.errors import Conflict, InvalidInput
from contracts.events import ApplicationSubmitted, Decision, PassApproved
from contracts.model import IST, ReviewStatus
from contracts.rpc.approval.decisions import Approve, Forward, Reject, Return, Withdraw
from contracts.rpc.approval.reviews import ReviewView
from contracts.rpc.call import Call
from contracts.visiting_rules import Calendar
from services.approval import metrics
from services.approval.domain import reviews, visits
from services.approval.domain.delegations import Author
from services.approval.handlers import (
    capacity,
    corrections,
    held_decisions,
    reference_data,
    standing_places,
    waiting_list,
    watchlist,
)
from services.approval.handlers.authorization import login_of, own_department, own_review
from services.approval.handlers.delegations import decides_for
from services.approval.handlers.queries import view
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.places import WaitRow
from services.approval.models.reviews import DecisionRow, FirstApprovalRow, ForwardingRow, ReviewRow
from services.chassis.db.database import after_commit
from services.chassis.rpc.idempotency import once
from services.chassis.runtime import tracing

Command = Approve | Reject | Return | Forward | Withdraw
Effect = Callable[[ReviewRow, Author, ReferenceData], None]


def approve(
    request: Approve,
    call: Call,
    session: Session,
    now: datetime,
    *,
    furthest_days: int,
    undo_seconds: float = 0,
    place_offer_minutes: int = 30,
    standing_passes: int = 0,
) -> ReviewView:
    """Approve a visit, and publish everything that issuing its pass needs, once it cannot be taken back.

    Where the window is full and the officer says so, the visitor waits for a place (`waiting_list.enter`).

    A visit that matches the watchlist needs a second officer on the same terms: the first approval is
    recorded and waits; one on other terms takes its place. A standing pass needs the ADO Branch in the same
    way (`standing.settle`), and takes no places.

    Raises:
        NotFound, Forbidden: as `own_review`.
        Conflict, InvalidInput: as `reviews.approve` and `visits.further_days`, and as `capacity.book` where
            the department has no place for the party on one of the days; Conflict where the second officer
            is the first one, ``standing_not_asked_for``, and as `standing_places.require_possible`.
    """

    def effect(row: ReviewRow, by: Author, data: ReferenceData) -> None:
        calendar = Calendar(now, furthest_days)
        row.as_domain().require_pending(request.revision)
        terms = _terms(row, request, calendar, data)
        if terms.recurring:
            if row.application.weekly_until is None:  # it would expire before the second approval
                raise Conflict("the visitor did not ask to come each week", code="standing_not_asked_for")
            standing_places.require_possible(session, row, calendar.today, standing_passes)
        elif terms.further_days:
            capacity.lock_days(session, row.department, terms.further_days)
            data = reference_data.current(session, calendar.today)
        try:
            _approve(session, row, terms, calendar, by, request.revision, data, undo_seconds)
        except Conflict as full:
            if full.body.code != "window_full" or not request.wait_if_full:
                raise
            limit, live = data.capacities.get(row.department), timedelta(minutes=place_offer_minutes)
            waiting_list.enter(session, row, terms, by, limit, calendar, live, full)

    first_day = capacity.lock_of(own_department(call.principal), request.slot.day)
    return _command(session, call, rpc.approval.decisions.APPROVE.name, request, effect, now, first_day)


def approve_invitation(
    invitation: ApplicationSubmitted, session: Session, now: datetime, *, furthest_days: int
) -> None:
    """Approve the visit of somebody who was invited, in the name of the officer who invited them.

    A visit that was changed or has ended meanwhile, or that cannot take place in this window any more, waits
    at the desk.
    """
    row = session.scalars(
        select(ReviewRow).where(ReviewRow.application_id == invitation.application_id).with_for_update()
    ).one()
    assert invitation.submitted_by is not None
    slot, calendar = invitation.preferred[0], Calendar(now, furthest_days)
    capacity.lock_days(session, row.department, (slot.day,))
    data = reference_data.current(session, calendar.today)
    with suppress(Conflict, InvalidInput):
        by = Author(invitation.submitted_by)
        _approve(session, row, visits.Terms(slot), calendar, by, invitation.revision, data)


def approve_in_turn(
    session: Session, row: ReviewRow, wait: WaitRow, now: datetime, *, furthest_days: int
) -> None:
    """Approve a visit for which there is a place now, in the name of the officer who let it wait.

    Its review is locked. Where somebody of the party is on the watchlist since, the approval is the first of
    two, and the desk goes on.

    Raises:
        Conflict, InvalidInput: as `approve`.
    """
    capacity.lock_days(session, row.department, (wait.day,))
    calendar, by = Calendar(now, furthest_days), Author(wait.approved_by, wait.on_behalf_of)
    data = reference_data.current(session, calendar.today)
    _approve(session, row, wait.terms, calendar, by, wait.revision, data, is_counted=False)


def reject(
    request: Reject, call: Call, session: Session, now: datetime, *, undo_seconds: float = 0
) -> ReviewView:
    """Reject an application, with a reason and a note.

    Raises:
        NotFound, Forbidden: as `own_review`.
        Conflict, InvalidInput: as `reviews.reject`.
    """

    def effect(row: ReviewRow, by: Author, _data: ReferenceData) -> None:
        event = reviews.reject(
            row.as_domain(), request.reason, request.note, by=by.login, revision_read=request.revision
        )
        decision = DecisionRow(reason=event.reason, note=event.personal.note)
        record(session, row, "rejected", event, decision, now, by, undo_seconds)

    return _command(session, call, rpc.approval.decisions.REJECT.name, request, effect, now)


def return_to_applicant(
    request: Return, call: Call, session: Session, now: datetime, *, undo_seconds: float = 0
) -> ReviewView:
    """Return an application to its applicant, with a note on what is missing.

    Raises:
        NotFound, Forbidden: as `own_review`.
        Conflict, InvalidInput: as `reviews.send_back`.
    """

    def effect(row: ReviewRow, by: Author, _data: ReferenceData) -> None:
        event = reviews.send_back(row.as_domain(), request.note, by=by.login, revision_read=request.revision)
        decision = DecisionRow(note=event.personal.note)
        record(session, row, "returned", event, decision, now, by, undo_seconds)

    return _command(session, call, rpc.approval.decisions.RETURN.name, request, effect, now)


def withdraw(request: Withdraw, call: Call, session: Session, now: datetime) -> ReviewView:
    """Withdraw an approval; its places are free again.

    Raises:
        NotFound, Forbidden: as `own_review`.
        Conflict, InvalidInput: as `reviews.withdraw`.
    """

    def effect(row: ReviewRow, by: Author, _data: ReferenceData) -> None:
        event = reviews.withdraw(row.as_domain(), request.reason, request.note, by=by.login)
        capacity.release(session, row.id)
        corrections.drop(row)
        decision = DecisionRow(reason=event.reason, note=event.personal.note)
        record(session, row, "withdrawn", event, decision, now, by)

    return _command(session, call, rpc.approval.decisions.WITHDRAW.name, request, effect, now)


def forward(request: Forward, call: Call, session: Session, now: datetime) -> ReviewView:
    """Forward a review to another department, or to another officer of this one.

    Raises:
        NotFound, Forbidden: as `own_review`.
        Conflict, InvalidInput: as `reviews.forward`.
    """

    def effect(row: ReviewRow, by: Author, data: ReferenceData) -> None:
        record = data.departments.get(request.department or row.department)
        department, officer = reviews.forward(row.as_domain(), request.department, request.officer, record)
        row.forwardings.append(
            ForwardingRow(
                number=len(row.forwardings) + 1,
                revision=row.revision,
                from_department=row.department,
                to_department=department,
                to_officer=officer,
                forwarded_by=by.login,
                forwarded_at=now,
            )
        )
        if department != row.department:
            row.forwarded_from = row.department
            row.drop_first_approval()
        row.department, row.officer, row.escalate_at = department, officer, now
        row.instead_of = None

    return _command(session, call, rpc.approval.decisions.FORWARD.name, request, effect, now)


def _terms(row: ReviewRow, request: Approve, calendar: Calendar, data: ReferenceData) -> visits.Terms:
    """Return the terms that an officer wants, with every day of the visit.

    The second of two officers need not repeat the reason for several days.

    Raises:
        InvalidInput: as `visits.further_days`.
    """
    further: tuple[date, ...] = ()
    if request.last_day is not None:
        site, limit = data.sites.get(row.site), data.capacities.get(row.department)
        closed = {one.day for one in data.closed_days(row.department, request.slot.day, request.last_day)}
        weekdays = request.weekdays
        further = visits.further_days(request.slot, request.last_day, site, limit, closed, calendar, weekdays)
    elif request.weekdays:
        raise InvalidInput.of("last_day", "required", reviews.PROBLEMS["required"])
    first = row.first_approval.days_reason if row.first_approval else ""
    reason = reviews.plain(request.days_reason) or first if further else ""
    return visits.Terms(
        request.slot,
        request.gate,
        request.entries,
        request.vehicle_allowed,
        further,
        reason,
        recurring=bool(request.weekdays),
    )


def _approve(
    session: Session,
    row: ReviewRow,
    terms: visits.Terms,
    calendar: Calendar,
    by: Author,
    revision_read: int | None,
    data: ReferenceData,
    undo_seconds: float = 0,
    *,
    is_counted: bool = True,
) -> None:
    """Approve a visit, whose days are locked; the first approval of one that is watched waits.

    A request for a standing pass that waits for the ADO Branch becomes no visit of one day by the way.

    Raises:
        Conflict: ``standing_waits``; and as `approve`.
        InvalidInput: as `approve`.
    """
    if row.standing_state == "waiting" and not terms.recurring:
        raise Conflict("the ADO Branch is asked for a standing pass", code="standing_waits")
    event = reviews.approve(
        row.as_domain(), terms, data.sites.get(row.site), calendar, by=by.login, revision_read=revision_read
    )
    watchlist.mark(session, row, calendar.now, data)
    row.standing_state = "waiting" if terms.recurring else None
    row.standing_until = terms.further_days[-1] if terms.recurring else None
    if terms.recurring:
        waiting_list.leave(session, row, calendar.now)
    asks_second = row.is_watched or terms.recurring
    if asks_second and (not _is_second(row, by.login, terms, calendar.now) or terms.recurring):
        return
    days = (event.slot.day, *event.further_days)
    slots = (event.slot.model_copy(update={"day": day}) for day in days)
    capacity.book(session, row, slots, event.party, data, calendar.now)
    decide(session, row, event, terms, calendar.now, by, undo_seconds, is_counted=is_counted)


def decide(
    session: Session,
    row: ReviewRow,
    event: PassApproved,
    terms: visits.Terms,
    now: datetime,
    by: Author,
    undo_seconds: float = 0,
    *,
    is_counted: bool = True,
) -> None:
    """Record an approval that nothing waits for any more, and publish it."""
    decision = DecisionRow(
        slot=event.slot.model_dump(mode="json"),
        gate=event.gate,
        entries=event.entries,
        vehicle_allowed=event.vehicle_allowed,
        further_days=list(event.further_days),
        days_reason=terms.days_reason,
    )
    record(session, row, "approved", event, decision, now, by, undo_seconds, is_counted=is_counted)
    if row.held_event is None:
        watchlist.tell_gate(session, row, now, approved_now=True)


def _command(
    session: Session,
    call: Call,
    route: str,
    request: Command,
    effect: Effect,
    now: datetime,
    then_lock: str | None = None,
) -> ReviewView:
    """Carry out a command once, under the locks of `own_review`.

    A repeat gets its answer even if another department has the review by now.
    """
    changed: ReviewRow | None = None

    def carry_out() -> UUID:
        nonlocal changed
        today = now.astimezone(IST).date()
        changed, data = own_review(session, call.principal, request.review_id, today, then_lock)
        held_decisions.let_go(session, changed)
        with tracing.continued(f"decide {route}", changed.traceparent):
            effect(changed, _author(session, call, request, changed, now, data), data)
        session.flush()
        return changed.id

    def answer(review_id: UUID) -> ReviewView:
        return view(changed or session.get_one(ReviewRow, review_id))

    return once(session, call, f"approval.{route}", request, carry_out, answer, reference=UUID)


def _author(
    session: Session, call: Call, request: Command, row: ReviewRow, now: datetime, data: ReferenceData
) -> Author:
    """Return who carries out a command, and for whom. To forward and to return is open to assistants, too.

    Raises:
        Conflict, Forbidden: as `delegations.decides_for`.
    """
    login = login_of(call.principal)
    if isinstance(request, Forward):
        return Author(login)
    prepares = isinstance(request, Return)
    claimed = request.on_behalf_of
    return Author(login, decides_for(session, call.principal, row, now, claimed, data, prepares=prepares))


def _is_second(row: ReviewRow, by: str, terms: visits.Terms, now: datetime) -> bool:
    """Return whether this approval is the second one; the first on these terms is recorded.

    Raises:
        Conflict: the first one is by the same officer.
    """
    first = row.first_approval
    if first is None:
        first = FirstApprovalRow(revision=row.revision)
        row.first_approvals.append(first)
    elif first.terms(recurring=terms.recurring) == terms:
        if first.approved_by == by:
            raise Conflict("another officer must give the second approval", code="second_officer")
        return True
    first.approved_by, first.approved_at = by, now
    first.slot, first.gate = terms.slot.model_dump(mode="json"), terms.gate
    first.entries, first.vehicle_allowed = terms.entries, terms.vehicle_allowed
    first.further_days, first.days_reason = list(terms.further_days), terms.days_reason
    return False


def record(
    session: Session,
    row: ReviewRow,
    status: ReviewStatus,
    event: Decision,
    decision: DecisionRow,
    now: datetime,
    by: Author,
    undo_seconds: float = 0,
    *,
    is_counted: bool = True,
) -> None:
    """Record a decision and publish it, once it cannot be taken back any more.

    Args:
        is_counted: whether the applicant has waited for the department, and not for a place.
    """
    event = event.model_copy(update={"on_behalf_of": by.on_behalf_of})
    decision.number = len(row.decisions) + 1
    decision.revision, decision.status, decision.department = event.revision, status, event.department
    decision.decided_by, decision.decided_at = event.decided_by, now
    decision.waited_from = row.waiting_since if is_counted and row.channel != "invitation" else None
    decision.before_visit = now < min(map(visits.start_of, row.application.preferred))
    decision.on_behalf_of = by.on_behalf_of
    row.decisions.append(decision)
    row.status = status
    held_decisions.hold(session, row, event, now, undo_seconds)
    if decision.waited_from is not None and status != "withdrawn":
        waited = (now - decision.waited_from).total_seconds()
        measured = metrics.DECISION_SECONDS.labels(metrics.department_label(row.department), status)
        after_commit(session, lambda: measured.observe(waited))

"""Closing a day at short notice: whom it affects, the closing, its lifting, and what was closed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.model import IST
from contracts.rpc.approval.closures import (
    CLOSE_DAY,
    LIFT_CLOSURE,
    Affected,
    AffectedReview,
    CloseDay,
    ClosingQuestion,
    ClosureId,
    ClosureList,
    ClosureQuestion,
    ClosureView,
)
from contracts.rpc.call import Call, Principal
from contracts.visiting_rules import Calendar
from services.approval.domain import closures
from services.approval.handlers import capacity, directory, reference_data
from services.approval.handlers.authorization import deciding_department, login_of, own_department
from services.approval.handlers.closed_visits import AffectedVisits
from services.approval.models.reviews import BookingRow, ClosureRow, DecisionRow, ReviewRow
from services.chassis.db import batches, pages
from services.chassis.db.locks import lock
from services.chassis.rpc.idempotency import once

LIMIT = 5
"""Days that one login of a department may close within `WINDOW`, lifted ones too: a closing writes to every
visitor of its day. The ADO Branch closes more."""
WINDOW = timedelta(hours=24)
NOTE_STAYS = timedelta(days=180)
"""How long after its day a closing keeps the words to the visitors."""
SEE_ALL = ("ado", "auditor")
"""Roles that may see the closings of all departments."""


def affected(request: ClosingQuestion, call: Call, session: Session, now: datetime) -> Affected:
    """Return whom the closing of a day affects: the counts, and a page of those who have to choose anew.

    The ADO Branch, which sees no department's applications, gets the counts alone.

    Raises:
        Forbidden: the principal is neither of a department nor of the ADO Branch, or names another one, or
            is limited to a site (``limited_to_site``).
        InvalidInput: the ADO Branch names no department; ``after`` is not one of our cursors.
    """
    department = _department_of(call.principal, request.department)
    if call.principal.role == "department" and call.principal.site is not None:
        raise Forbidden("these are visitors of all sites of the department", code="limited_to_site")
    found = AffectedVisits(session, department, request.day, now)
    approved, people = session.execute(
        select(func.count(), func.coalesce(func.sum(BookingRow.party), 0))
        .join(ReviewRow, ReviewRow.id == BookingRow.review_id)
        .where(found.approved, *found.booked)
    ).one()
    items: tuple[AffectedReview, ...] = ()
    following = None
    if call.principal.role == "department":
        items, following = found.page(request)
    return Affected(
        day=request.day,
        department=department,
        approved=approved,
        approved_people=people,
        keep_pass=_count(session, found.approved & found.has_other_booking),
        only_that_day=_count(session, found.only_that_day),
        with_other_days=_count(session, found.asked_for_it & found.has_other_day),
        items=items,
        next=following,
    )


def close_day(
    request: CloseDay, call: Call, session: Session, now: datetime, *, furthest_days: int
) -> ClosureView:
    """Close a day of a department. From now on nobody can ask for it, and nobody is approved for it.

    Its visitors are asked to choose another date by `closed_visits.ask_visitors`, in the next moments.

    Raises:
        Forbidden: the principal is an assistant, or as `affected`.
        InvalidInput: as `closures.new_closure`; there is no such department.
        Conflict: ``already_closed``.
        TooManyAttempts: with ``retry_after``, the seconds until this login may close another day.
    """
    department, by = _deciding(call.principal, request.department), login_of(call.principal)

    def effect() -> UUID:
        calendar = Calendar(now, furthest_days)
        closure = closures.new_closure(request.day, request.reason, request.note, by, calendar)
        if directory.department_record(session, department) is None:
            raise InvalidInput.of("department", "unknown_department")
        if call.principal.role != "ado":
            _require_below_limit(session, by, now)
        lock(session, directory.LOCK)  # first: whoever changes the directory waits for reviews
        capacity.lock_days(session, department, (request.day,))
        data = reference_data.current(session, calendar.today)
        if data.closed_days(department, request.day, request.day):
            raise Conflict("the department has closed this day already", code="already_closed")
        row = ClosureRow(
            department=department,
            day=closure.day,
            reason=closure.reason,
            note=closure.note,
            closed_by=by,
            closed_by_role=call.principal.role,
            closed_at=now,
        )
        session.add(row)
        session.flush()
        directory.publish_department(session, department, now)
        return row.id

    return once(
        session,
        call,
        f"approval.{CLOSE_DAY.name}",
        request,
        effect,
        lambda made: _view(session, session.get_one(ClosureRow, made), now),
        reference=UUID,
    )


def lift_closure(request: ClosureId, call: Call, session: Session, now: datetime) -> ClosureView:
    """Offer a closed day again. Whoever was asked to choose another date is told, and not approved again.

    Raises:
        Forbidden: the principal is an assistant, or as `affected`; ``closed_by_ado``: the ADO Branch has
            closed the day of their department.
        NotFound: no such day of the principal's department was closed.
    """
    is_ado = call.principal.role == "ado"
    own = None if is_ado else deciding_department(call.principal)

    def effect() -> UUID:
        row = session.get(ClosureRow, request.closure_id, with_for_update=True)
        if row is None or own not in (None, row.department):
            raise NotFound("there is no such closed day")
        if row.closed_by_role == "ado" and not is_ado:
            raise Forbidden("only the ADO Branch lifts what it has closed", code="closed_by_ado")
        if row.lifted_at is None:
            row.lifted_at, row.lifted_by = now, login_of(call.principal)
            session.flush()
            directory.publish_department(session, row.department, now)
        return row.id

    return once(
        session,
        call,
        f"approval.{LIFT_CLOSURE.name}",
        request,
        effect,
        lambda lifted: _view(session, session.get_one(ClosureRow, lifted), now),
        reference=UUID,
    )


def list_closures(request: ClosureQuestion, call: Call, session: Session, now: datetime) -> ClosureList:
    """Return a page of the closings of a department, the newest first.

    The ADO Branch and auditors may see those of all.

    Raises:
        Forbidden: the principal is neither of these, nor of this department.
        InvalidInput: ``after`` is not one of our cursors.
    """
    row, query = ClosureRow, select(ClosureRow)
    if call.principal.role not in SEE_ALL:
        query = query.where(row.department == _department_of(call.principal, request.department))
    elif request.department:
        query = query.where(row.department == request.department)
    page, following = pages.read(session, query, row.closed_at, row.id, request)
    views = _views(session, [closure for (closure,) in page], now)
    return ClosureList(items=tuple(_as_read_by(call.principal, one) for one in views), next=following)


def view_closure(request: ClosureId, call: Call, session: Session, now: datetime) -> ClosureView:
    """Return one closing, and how many visitors were asked to choose another date.

    Raises:
        Forbidden: as `affected`.
        NotFound: the principal's department has closed no such day.
    """
    row = session.get(ClosureRow, request.closure_id)
    sees_all = call.principal.role in SEE_ALL
    if row is None or (not sees_all and row.department != own_department(call.principal)):
        raise NotFound("there is no such closed day")
    return _as_read_by(call.principal, _view(session, row, now))


def forget_notes(session: Session, now: datetime) -> int:
    """Empty the notes of a batch of closings whose day was `NOTE_STAYS` ago; return how many."""
    row, last = ClosureRow, now.astimezone(IST).date() - NOTE_STAYS
    due = select(row).where(row.note != "", row.day < last).limit(batches.ROWS)
    rows = session.scalars(due.with_for_update(skip_locked=True)).all()
    for one in rows:
        one.note = ""
    return len(rows)


def _require_below_limit(session: Session, login: str, now: datetime) -> None:
    """Raise `TooManyAttempts` at the limit; other closings by this login wait until the transaction ends."""
    lock(session, f"closings:{login}")
    row = ClosureRow
    recent = select(row.closed_at).where(row.closed_by == login, row.closed_at > now - WINDOW)
    first = session.scalar(recent.order_by(row.closed_at.desc()).offset(LIMIT - 1).limit(1))
    if first is not None:
        raise TooManyAttempts.until(
            first + WINDOW, now, "this login has closed too many days within 24 hours"
        )


def _count(session: Session, condition: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(ReviewRow).where(condition)) or 0


def _as_read_by(principal: Principal, view: ClosureView) -> ClosureView:
    """Return a closing, for an auditor without the words to the visitors: the page says who reads those."""
    return view.model_copy(update={"note": ""}) if principal.role == "auditor" else view


def _view(session: Session, row: ClosureRow, now: datetime) -> ClosureView:
    return _views(session, (row,), now)[0]


def _views(session: Session, rows: Sequence[ClosureRow], now: datetime) -> tuple[ClosureView, ...]:
    """Return closings with their counts: one query for who was told, one for each day that is to come.

    One query for all of those days would be planned badly: with thirty days it did not end in time.
    """
    of = DecisionRow.closure_id
    counted = select(of, func.count()).where(of.in_([row.id for row in rows])).group_by(of)
    told = dict(session.execute(counted).all())
    today, waiting = now.astimezone(IST).date(), {}
    for row in rows:
        if row.lifted_at is None and row.day >= today:
            affected_ones = AffectedVisits(session, row.department, row.day, now).told
            waits = select(func.count()).select_from(ReviewRow).where(*affected_ones)
            waiting[row.id] = session.scalar(waits) or 0
    return tuple(
        ClosureView.from_attributes(row, told=told.get(row.id, 0), waiting=waiting.get(row.id, 0))
        for row in rows
    )


def _department_of(principal: Principal, named: str | None) -> str:
    """Return the department that a question is about.

    Raises:
        Forbidden: the principal is neither of this department nor of the ADO Branch.
        InvalidInput: the ADO Branch names none.
    """
    if principal.role == "ado":
        if named is None:
            raise InvalidInput.of("department", "unknown_department")
        return named
    own = own_department(principal)
    if named not in (None, own):
        raise Forbidden("this is another department's")
    return own


def _deciding(principal: Principal, named: str | None) -> str:
    """Return the department whose days the principal may close; as `_department_of`, without assistants."""
    if principal.role != "ado":
        deciding_department(principal)
    return _department_of(principal, named)

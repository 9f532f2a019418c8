"""Delegations: a department makes, lists and ends them; a decision asks for whom its login decides."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.errors import NotFound
from contracts.model import IST, Slot
from contracts.rpc.approval.decisions import Delegate, DelegationId, DelegationList, DelegationView
from contracts.rpc.call import Call, Page, Principal
from services.approval.domain import delegations
from services.approval.handlers.authorization import deciding_department, login_of, own_department
from services.approval.handlers.directory import department_record
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.reviews import DelegationRow, ReviewRow
from services.chassis.db import pages
from services.chassis.rpc.idempotency import once


def delegate(request: Delegate, call: Call, session: Session, now: datetime) -> DelegationView:
    """Let a login of the principal's department decide for one of its officers, from one day to another.

    A login that the department does not have decides nothing: whoever decides is of the department.

    Raises:
        Forbidden: the principal is not of a department, or is an assistant.
        InvalidInput: with everything that is wrong; see `delegations.PROBLEMS`.
    """
    department = deciding_department(call.principal)

    def effect() -> UUID:
        delegations.check(
            request.officer,
            request.stand_in,
            request.first_day,
            request.last_day,
            department_record(session, department),
            now.astimezone(IST).date(),
        )
        starts, ends = delegations.period(request.first_day, request.last_day)
        row = DelegationRow(
            department=department,
            officer=request.officer,
            login=request.login,
            stand_in=request.stand_in,
            starts=starts,
            ends=ends,
            made_by=login_of(call.principal),
            made_at=now,
        )
        session.add(row)
        session.flush()
        return row.id

    return once(
        session,
        call,
        f"approval.{rpc.approval.decisions.DELEGATE.name}",
        request,
        effect,
        lambda made: DelegationView.from_attributes(session.get_one(DelegationRow, made)),
        reference=UUID,
    )


def list_delegations(request: Page, call: Call, session: Session) -> DelegationList:
    """Return a page of the delegations of the principal's department, the newest first.

    Raises:
        Forbidden: the principal is not of a department.
        InvalidInput: ``after`` is not one of our cursors.
    """
    row = DelegationRow
    query = select(row).where(row.department == own_department(call.principal))
    page, following = pages.read(session, query, row.made_at, row.id, request)
    return DelegationList(items=tuple(DelegationView.from_attributes(one) for (one,) in page), next=following)


def end_delegation(request: DelegationId, call: Call, session: Session, now: datetime) -> DelegationView:
    """End a delegation at once; one that has ended stays as it is.

    Raises:
        Forbidden: as `delegate`.
        NotFound: the department has no such delegation.
    """
    department = deciding_department(call.principal)

    def effect() -> UUID:
        row = session.get(DelegationRow, request.delegation_id, with_for_update=True)
        if row is None or row.department != department:
            raise NotFound("there is no such delegation")
        if row.ended_at is None and now < row.ends:
            row.ended_at, row.ended_by = now, login_of(call.principal)
        return row.id

    return once(
        session,
        call,
        f"approval.{rpc.approval.decisions.END_DELEGATION.name}",
        request,
        effect,
        lambda ended: DelegationView.from_attributes(session.get_one(DelegationRow, ended)),
        reference=UUID,
    )


def held_by(session: Session, principal: Principal, now: datetime) -> list[delegations.Delegation]:
    """Return the delegations to the principal that hold now; none can end before the transaction ends."""
    row = DelegationRow
    held = select(row).where(
        row.department == principal.department,
        row.login == principal.login_id,
        row.starts <= now,
        row.ends > now,
        row.ended_at.is_(None),
    )
    held = held.order_by(row.made_at).with_for_update(read=True)
    return [one.as_domain() for one in session.scalars(held)]


def decides_for(
    session: Session,
    principal: Principal,
    row: ReviewRow,
    now: datetime,
    claimed: str | None,
    data: ReferenceData,
    *,
    prepares: bool,
) -> str | None:
    """Return the officer for whom the principal decides about a review; None in their own name.

    Only where they hold a delegation by now are rows read and locked.

    Raises:
        Conflict, Forbidden: as `delegations.decides_for`.
    """
    decider = delegations.Decider(login_of(principal), principal.assistant_of)
    held = held_by(session, principal, now) if data.held_by(principal, now) else []
    officers = (row.officer, row.instead_of)
    return delegations.decides_for(decider, officers, held, now, claimed, prepares=prepares)


def stand_in_of(
    session: Session, department: str, officer: str | None, preferred: tuple[Slot, ...]
) -> str | None:
    """Return the officer whom a new visit goes to because its officer is away then; None if they are not."""
    if officer is None:
        return None
    row = DelegationRow
    away = select(row).where(row.department == department, row.officer == officer, row.stand_in.is_not(None))
    known = [one.as_domain() for one in session.scalars(away.order_by(row.made_at.desc()))]
    return delegations.stand_in_of(officer, preferred, known)

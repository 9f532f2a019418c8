"""Standing passes: the ADO Branch approves them after the department; both suspend and end them."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import OfficersNote, StandingPassChanged
from contracts.model import IST, MOST_STANDING_DAYS
from contracts.rpc.approval.standing import (
    RENEWED_WITHIN_DAYS,
    SETTLE_STANDING,
    SettledStanding,
    SettleStanding,
    StandingPass,
    StandingPasses,
    StandingQuestion,
)
from contracts.rpc.call import Call, Principal
from contracts.rpc.photographs import proof_of
from contracts.visiting_rules import Calendar
from services.approval import metrics
from services.approval.domain import reviews, visits
from services.approval.domain.delegations import Author
from services.approval.handlers import corrections, held_decisions, standing_places, waiting_list, watchlist
from services.approval.handlers.authorization import login_of, own_review, readable
from services.approval.handlers.decisions import decide, record
from services.approval.handlers.delegations import decides_for
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.reviews import DecisionRow, FirstApprovalRow, ReviewRow
from services.chassis.db import pages
from services.chassis.db.database import personal_keys_of
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once

NEEDED = {"approve": "waiting", "refuse": "waiting", "suspend": "in_force", "lift": "suspended"}
"""In which state a standing pass has to be for a step; one that is suspended may end, too."""
STATUS = {"waiting": "pending", "in_force": "approved", "suspended": "approved"}
"""The status of the review in each state; in another one there is no standing pass any more."""


def list_standing(
    request: StandingQuestion, call: Call, session: Session, now: datetime, *, standing_passes: int = 0
) -> StandingPasses:
    """Return standing passes that wait for the ADO Branch, or have not ended.

    Raises:
        Forbidden: the principal is neither of a department nor of the ADO Branch.
        InvalidInput: ``after`` is not one of our cursors.
    """
    today, row, first = now.astimezone(IST).date(), ReviewRow, FirstApprovalRow
    states = (request.state,) if request.state else tuple(STATUS)
    query = (
        select(row, first)
        .join(first, (first.review_id == row.id) & (first.revision == row.revision))
        .where(
            row.standing_until >= today,
            row.standing_state.in_(states),
            (row.standing_state == "waiting") == (row.status == "pending"),
            row.status.in_(("pending", "approved")),
        )
    )
    if request.review_id is not None:
        query = query.where(row.id == request.review_id)
    if call.principal.role != "ado":
        query = query.where(readable(call.principal))
    elif call.principal.site is not None:
        query = query.where(row.site == call.principal.site)
    found, following = pages.read(session, query, row.waiting_since, row.id, request, oldest_first=True)
    last = today + timedelta(days=RENEWED_WITHIN_DAYS)
    items = [_item(one, terms, renewable=one.standing_until <= last) for one, terms in found]
    if items and request.review_id is not None and call.principal.role == "ado":
        of, keys = found[0][0].application_id, personal_keys_of(session)
        proof = proof_of(keys, of, login_of(call.principal), now)
        items = [items[0].model_copy(update={"photograph_proof": proof})]
    return StandingPasses(
        items=tuple(items),
        next=following,
        most=standing_passes,
    )


def _item(row: ReviewRow, first: FirstApprovalRow, *, renewable: bool) -> StandingPass:
    terms, personal = first.terms(recurring=True), row.application.personal
    days = (terms.slot.day, *terms.further_days)
    official = personal.applicant.official
    return StandingPass.from_attributes(
        row,
        review_id=row.id,
        state=row.standing_state,
        organisation=official.organisation if official else "",
        purpose=personal.purpose,
        vehicle=personal.vehicle,
        vehicle_allowed=terms.vehicle_allowed,
        slot=terms.slot,
        weekdays=tuple(sorted({day.weekday() for day in days})),
        last_day=days[-1],
        days=len(days),
        wished_until=row.application.weekly_until,
        photographed=bool(row.photographed),
        photograph_erased=row.photographed is False,
        photograph=row.photographed_seq if row.photographed else None,
        reason=terms.days_reason,
        approved_by=first.approved_by,
        approved_at=first.approved_at,
        suspended_by_ado=row.standing_state == "suspended" and row.suspended_by == "ado",
        renewable=renewable and row.standing_state != "waiting",
    )


def measure(session: Session, now: datetime) -> None:
    """Measure for how long the oldest standing pass waits for the ADO Branch."""
    row, first = ReviewRow, FirstApprovalRow
    oldest = session.scalar(
        select(func.min(first.approved_at))
        .join(row, (first.review_id == row.id) & (first.revision == row.revision))
        .where(row.standing_until.is_not(None), row.standing_state == "waiting", row.status == "pending")
    )
    metrics.STANDING_WAITS.set(max((now - oldest).total_seconds(), 0.0) if oldest else 0.0)


def settle(
    request: SettleStanding, call: Call, session: Session, now: datetime, *, standing_passes: int = 0
) -> SettledStanding:
    """Carry out a step with a standing pass: gates learn of it by the status list, within seconds.

    The ADO Branch may suspend also what a department has suspended: then the department cannot lift it.

    Raises:
        Forbidden: ``ado_only``, to approve and to refuse is the ADO Branch's, and to lift what it has
            suspended; or as `decides_for`.
        NotFound: there is no such standing pass, or it is another department's.
        InvalidInput: the note is missing, or as `note_problem`.
        Conflict: ``standing_changed``, somebody else acted first; ``standing_over``, its days have passed;
            ``standing_other_photograph``, another one than the ADO Branch has looked at; ``second_officer``,
            the same login has approved it first; and as `standing_places.require_possible`, or to lift it as
            `require_photograph` there.
    """
    by_ado = call.principal.role == "ado"
    if request.step in ("approve", "refuse") and not by_ado:
        raise Forbidden("the ADO Branch gives the second approval", code="ado_only")

    def carry_out() -> str:
        row, by, data = _locked(session, call.principal, request.review_id, now)
        held_decisions.let_go(session, row)
        state = row.standing_state
        takes_over = state == "suspended" and by_ado and row.suspended_by != "ado"
        needed = "suspended" if request.step == "suspend" and takes_over else NEEDED.get(request.step, state)
        if state is None or row.status != STATUS[state] or needed != state:
            raise Conflict("somebody else acted first", code="standing_changed")
        if request.step == "lift" and row.suspended_by == "ado" and not by_ado:
            raise Forbidden("the ADO Branch has suspended it", code="ado_only")
        if request.step == "lift":
            standing_places.require_photograph(row)
        if request.step == "approve":
            if request.photograph not in (None, row.photographed_seq):
                raise Conflict("another photograph was taken since", code="standing_other_photograph")
            standing_places.require_possible(session, row, now.astimezone(IST).date(), standing_passes)
            _approve(session, row, by, data, now)
        elif request.step == "refuse" or (request.step == "end" and state == "waiting"):
            refused = reviews.reject(row.as_domain(), "other", request.note, by=by.login)
            row.standing_state = row.standing_until = None
            noted = DecisionRow(reason=refused.reason, note=refused.personal.note)
            record(session, row, "rejected", refused, noted, now, by)
        elif request.step == "end":
            _end(session, row, request.note, by, now)
        else:
            row.suspended_by = call.principal.role if request.step == "suspend" else None
            _switch(session, row, request.note, by, now, suspended=request.step == "suspend")
        session.flush()
        return row.standing_state or ""

    def answer(state: str) -> SettledStanding:
        return SettledStanding.model_validate({"state": state or None})

    return once(session, call, f"approval.{SETTLE_STANDING.name}", request, carry_out, answer, reference=str)


def _approve(session: Session, row: ReviewRow, by: Author, data: ReferenceData, now: datetime) -> None:
    """Give the second approval, on the terms of the first one and on those of its days that are left."""
    first = row.first_approval
    if first is None:
        raise Conflict("the application was changed since", code="standing_changed")
    if first.approved_by == by.login:
        raise Conflict("another officer must give the second approval", code="second_officer")
    calendar, site = Calendar(now, MOST_STANDING_DAYS * 2), data.sites.get(row.site)
    terms = visits.left_of(first.terms(recurring=True), site, calendar)
    if terms is None:
        raise Conflict("none of its days is left", code="standing_over")
    first.slot, first.further_days = terms.slot.model_dump(mode="json"), list(terms.further_days)
    event = reviews.approve(row.as_domain(), terms, site, calendar, by=by.login)
    watchlist.mark(session, row, now, data)
    waiting_list.leave(session, row, now)  # of a first approval by a release that left it
    row.standing_state = "in_force"  # standing_changes goes on: issuance knows a step by its number
    decide(session, row, event, terms, now, by)


def _end(session: Session, row: ReviewRow, note: str, by: Author, now: datetime) -> None:
    """Withdraw the approval; the pass is revoked for good."""
    ended = reviews.withdraw(row.as_domain(), "other", note, by=by.login)
    if not ended.personal.note:
        raise InvalidInput.of("note", "required", reviews.PROBLEMS["required"])
    corrections.drop(row)
    row.standing_state = row.standing_until = None
    noted = DecisionRow(reason=ended.reason, note=ended.personal.note)
    record(session, row, "withdrawn", ended, noted, now, by)


def _switch(
    session: Session, row: ReviewRow, note: str, by: Author, now: datetime, *, suspended: bool
) -> None:
    """Suspend a pass, or lift that. Its number is revoked for good; a lifted one has another number."""
    row.standing_changes = (row.standing_changes or 0) + 1
    row.standing_state = "suspended" if suspended else "in_force"
    changed = StandingPassChanged(
        **reviews.common(row.as_domain(), by.login),
        number=row.standing_changes,
        suspended=suspended,
        personal=OfficersNote(note=reviews.checked_note(note)),
    )
    outbox.add(session, changed, at=now)


def _locked(
    session: Session, principal: Principal, review_id: UUID, now: datetime
) -> tuple[ReviewRow, Author, ReferenceData]:
    """Return a review of which the principal may settle the standing pass, locked, and in whose name.

    Raises:
        NotFound, Forbidden: as `own_review` and `decides_for`.
    """
    login, today = login_of(principal), now.astimezone(IST).date()
    if principal.role == "ado":
        has_one = select(ReviewRow.department).where(
            ReviewRow.id == review_id, ReviewRow.standing_state.is_not(None)
        )
        department = session.scalar(has_one)
        if department is None:
            raise NotFound("there is no such standing pass")
        of_it = principal.model_copy(update={"role": "department", "department": department})
        row, data = own_review(session, of_it, review_id, today)
        return row, Author(login), data
    row, data = own_review(session, principal, review_id, today)
    officer = decides_for(session, principal, row, now, None, data, prepares=False)
    return row, Author(login, officer), data

"""Decisions that can still be taken back: their event is held for some seconds before it leaves.

The decision itself is stored at once, with its places, and everybody at the desk sees it. Its event waits in
the row of the review. It goes to the outbox by itself when its time has come, and before that if anything
else happens to the review.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.errors import Conflict, Forbidden
from contracts.events import BY_NAME, Decision, PassApproved
from contracts.model import IST
from contracts.rpc.approval.reviews import ReviewId, ReviewView
from contracts.rpc.call import Call
from services.approval.handlers import capacity, watchlist
from services.approval.handlers.authorization import login_of, own_review
from services.approval.handlers.queries import view
from services.approval.models.places import WaitRow
from services.approval.models.reviews import DecisionRow, ReviewRow
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.chassis.runtime import logs

LOOK_SECONDS = 2.0
"""So often it is looked whose time has come."""
BATCH = 100
LONGEST = timedelta(minutes=2)
"""No decision is held longer: a later time was set by a wrong clock."""


def hold(session: Session, row: ReviewRow, event: Decision, now: datetime, seconds: float) -> None:
    """Hold the event of a decision for so long; with 0 it leaves with the decision."""
    if not seconds:
        outbox.add(session, event, at=now)
        return
    row.leaves_at = now + timedelta(seconds=seconds)
    row.held_event = {
        "type": type(event).__name__,
        "event": event.model_dump(mode="json"),
        "at": now.isoformat(),
        "correlation_id": logs.correlation_id(),
        "traceparent": logs.traceparent(),
    }


def let_go(session: Session, row: ReviewRow) -> None:
    """Let the event that a review holds leave, if it holds one."""
    held: dict[str, Any] | None = row.held_event
    if held is None:
        return
    row.held_event = row.leaves_at = None
    event = BY_NAME[held["type"]].model_validate(held["event"])
    at = datetime.fromisoformat(held["at"])
    with logs.context(correlation_id=held["correlation_id"], traceparent=held["traceparent"]):
        outbox.add(session, event, at=at)
        if isinstance(event, PassApproved):
            watchlist.tell_gate(session, row, at, approved_now=True)


def let_due_go(session: Session, now: datetime) -> int:
    """Let the events leave whose time has come, at most BATCH; return how many."""
    due = or_(ReviewRow.leaves_at <= now, ReviewRow.leaves_at > now + LONGEST)
    rows = session.scalars(
        select(ReviewRow)
        .where(ReviewRow.leaves_at.is_not(None), due)
        .order_by(ReviewRow.leaves_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        let_go(session, row)
    return len(rows)


def undo(request: ReviewId, call: Call, session: Session, now: datetime) -> ReviewView:
    """Take back a decision of the principal's own that has not left; its places are free again.

    Who waited for a place waits on, in their turn. The decision stays on record, and so does that it was
    taken back.

    Raises:
        NotFound, Forbidden: as `own_review`; Forbidden also where somebody else has decided.
        Conflict: it has left.
    """
    login = login_of(call.principal)

    def take_back() -> UUID:
        row, _ = own_review(session, call.principal, request.review_id, now.astimezone(IST).date())
        if row.held_event is None or row.leaves_at is None or row.leaves_at <= now:
            raise Conflict("the decision has left already", code="too_late_to_undo")
        taken_back = row.decisions[-1]
        assert row.status == taken_back.status, "what ends a review lets its decision go first"
        if taken_back.decided_by != login:
            raise Forbidden("somebody else has decided")
        row.held_event = row.leaves_at = None
        capacity.release(session, row.id)
        still_waits = (WaitRow.review_id == row.id) & WaitRow.ended_at.is_(None)
        session.execute(update(WaitRow).where(still_waits).values(offered_at=None, offered_until=None))
        row.decisions.append(
            DecisionRow(
                number=taken_back.number + 1,
                revision=taken_back.revision,
                status="pending",
                department=taken_back.department,
                decided_by=login,
                on_behalf_of=taken_back.on_behalf_of,
                decided_at=now,
            )
        )
        row.status = "pending"
        watchlist.tell_gate(session, row, now)
        session.flush()
        return row.id

    def answer(review_id: UUID) -> ReviewView:
        return view(session.get_one(ReviewRow, review_id))

    route = f"approval.{rpc.approval.decisions.UNDO.name}"
    return once(session, call, route, request, take_back, answer, reference=UUID)

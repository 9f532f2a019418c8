"""Routes of a department: its queue, and its decisions on a review."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from contracts import rpc
from contracts.model import Code, RejectionReason, Slot, Strict
from contracts.rpc.approval import (
    Approve,
    Delegate,
    DelegationId,
    DelegationList,
    DelegationView,
    ForOfficer,
    Forward,
    Reject,
    Return,
    ReviewId,
    ReviewList,
    ReviewQuestion,
    ReviewSearch,
    ReviewView,
    Withdraw,
)
from contracts.rpc.call import Page
from services.gateway.access import Department, IdempotencyKey
from services.gateway.api.parameters import After, Limit

router = APIRouter(prefix="/api/v1/reviews", tags=["department"])
Revision = Annotated[
    int | None, Field(description="Where given, the revision that was read; another one is a conflict.")
]


class QueueQuestion(ReviewQuestion):
    """Filters, order and page of the queue."""

    after: str | None = Field(default=None, max_length=200, description="The `next` of the page before.")


class Approval(Slot):
    """When and how the visit may take place, on one day or on several at the same hours."""

    gate: Code | None = None
    entries: int = Field(default=1, ge=1, le=20, description="How often each visitor may come in on a day.")
    vehicle_allowed: bool = False
    last_day: date | None = Field(
        default=None,
        description="The pass admits on each day up to this one, at most seven in all. Days on which the "
        "site or the department is closed or has other hours are left out.",
    )
    days_reason: str = Field(default="", max_length=500, description="Needed where there are several days.")
    revision: Revision = None
    on_behalf_of: ForOfficer = None


class Rejection(Strict):
    """A reason of the list, and a note that the applicant will read."""

    reason: RejectionReason
    note: str = Field(default="", max_length=500)
    revision: Revision = None
    on_behalf_of: ForOfficer = None


class ReturnNote(Strict):
    """What is missing, in words that the applicant will read."""

    note: str = Field(min_length=1, max_length=500)
    revision: Revision = None
    on_behalf_of: ForOfficer = None


class ForwardTo(Strict):
    """Another department, or an officer of this one: exactly one."""

    department: Code | None = None
    officer: Code | None = None


class Withdrawal(Strict):
    """Why an approval no longer holds, and a note that the applicant will read."""

    reason: RejectionReason
    note: str = Field(default="", max_length=500)
    on_behalf_of: ForOfficer = None


@router.get("")
async def list_reviews(caller: Department, question: Annotated[QueueQuestion, Query()]) -> ReviewList:
    """List the queue, the longest waiting first or in another order."""
    return await caller.query(rpc.approval.LIST_REVIEWS, ReviewQuestion(**dict(question)))


@router.post("/search")
async def search_reviews(caller: Department, body: ReviewSearch) -> ReviewList:
    """Find reviews by reference or name."""
    return await caller.query(rpc.approval.SEARCH_REVIEWS, body)


@router.get("/{review_id}")
async def view_review(caller: Department, review_id: UUID) -> ReviewView:
    """Return one review."""
    return await caller.query(rpc.approval.VIEW_REVIEW, ReviewId(review_id=review_id))


@router.post("/{review_id}/approve")
async def approve_review(
    caller: Department, review_id: UUID, body: Approval, key: IdempotencyKey
) -> ReviewView:
    """Approve the application; the pass follows by itself."""
    slot = Slot(day=body.day, start=body.start, end=body.end)
    more = body.model_dump(exclude={"day", "start", "end"}, exclude_unset=True)
    return await caller.command(rpc.approval.APPROVE, Approve(review_id=review_id, slot=slot, **more), key)


@router.post("/{review_id}/reject")
async def reject_review(
    caller: Department, review_id: UUID, body: Rejection, key: IdempotencyKey
) -> ReviewView:
    """Reject the application."""
    return await caller.command(
        rpc.approval.REJECT, Reject(review_id=review_id, **body.model_dump(exclude_unset=True)), key
    )


@router.post("/{review_id}/return")
async def return_review(
    caller: Department, review_id: UUID, body: ReturnNote, key: IdempotencyKey
) -> ReviewView:
    """Return the application to the applicant, who may complete it."""
    return await caller.command(
        rpc.approval.RETURN, Return(review_id=review_id, **body.model_dump(exclude_unset=True)), key
    )


@router.post("/{review_id}/forward")
async def forward_review(
    caller: Department, review_id: UUID, body: ForwardTo, key: IdempotencyKey
) -> ReviewView:
    """Hand the review to another department or to an officer of this one."""
    return await caller.command(
        rpc.approval.FORWARD, Forward(review_id=review_id, **body.model_dump(exclude_unset=True)), key
    )


@router.post("/{review_id}/withdraw")
async def withdraw_approval(
    caller: Department, review_id: UUID, body: Withdrawal, key: IdempotencyKey
) -> ReviewView:
    """Withdraw an approval; the pass is revoked."""
    return await caller.command(
        rpc.approval.WITHDRAW, Withdraw(review_id=review_id, **body.model_dump(exclude_unset=True)), key
    )


delegations = APIRouter(prefix="/api/v1/delegations", tags=["department"])


@delegations.get("")
async def list_delegations(caller: Department, after: After = None, limit: Limit = 50) -> DelegationList:
    """List who decides for whom, the newest first."""
    return await caller.query(rpc.approval.LIST_DELEGATIONS, Page(after=after, limit=limit))


@delegations.post("", status_code=201)
async def delegate(caller: Department, body: Delegate, key: IdempotencyKey) -> DelegationView:
    """Let a login of the department decide for one of its officers for some days."""
    return await caller.command(rpc.approval.DELEGATE, body, key)


@delegations.post("/{delegation_id}/end")
async def end_delegation(caller: Department, delegation_id: UUID, key: IdempotencyKey) -> DelegationView:
    """End a delegation at once."""
    return await caller.command(rpc.approval.END_DELEGATION, DelegationId(delegation_id=delegation_id), key)

"""RPC of approval: what is decided about an application, by whom, and what an auditor sees of it."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts.model import Code, FurtherDays, Instant, RejectionReason, ReviewStatus, Slot, Strict, Wire
from contracts.rpc.approval.reviews import ReviewId, ReviewView
from contracts.rpc.call import Http, Method, Page

ForOfficer = Annotated[
    Code | None,
    Field(
        description="The officer for whom this login decides, by a delegation. A delegation that has ended "
        "is a conflict."
    ),
]
Revision = Annotated[
    int | None, Field(description="Where given, the revision that was read; another one is a conflict.")
]


class Approve(Strict):
    """When and how a visit may take place, on one day or on several at the same hours."""

    review_id: UUID
    slot: Slot
    gate: Code | None = None
    entries: int = Field(default=1, ge=1, le=20, description="How often each visitor may come in on a day.")
    vehicle_allowed: bool = False
    last_day: date | None = Field(
        default=None,
        description="The pass admits on each day up to this one, at most seven in all. Days on which the "
        "site or the department is closed or has other hours are left out.",
    )
    days_reason: str = Field(default="", max_length=500, description="Needed where there are several days.")
    wait_if_full: bool = Field(
        default=False,
        description="Where the window is full, the visitor waits for a place, of one day that they asked "
        "for. It is offered to them in their turn.",
    )
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = Field(
        default=(),
        max_length=7,
        description="Given, a standing pass is asked for: it admits on these days of the week (0 is Monday) "
        "up to `last_day`, at most 180 days in all, once the ADO Branch has approved it, too.",
    )
    revision: Revision = None
    on_behalf_of: ForOfficer = None


class Reject(Strict):
    """A rejection: a reason of the list, and a note that the applicant will read."""

    review_id: UUID
    reason: RejectionReason
    note: str = Field(default="", max_length=500)
    revision: Revision = None
    on_behalf_of: ForOfficer = None


class Return(Strict):
    """A return: what is missing, in words that the applicant will read."""

    review_id: UUID
    note: str = Field(min_length=1, max_length=500)
    revision: Revision = None
    on_behalf_of: ForOfficer = None


class Forward(Strict):
    """New department, or new officer of the present one: exactly one of the two."""

    review_id: UUID
    department: Code | None = None
    officer: Code | None = None


class Withdraw(Strict):
    """Withdrawal of an approval, with a note that the applicant will read; the pass is revoked."""

    review_id: UUID
    reason: RejectionReason
    note: str = Field(default="", max_length=500)
    on_behalf_of: ForOfficer = None


class SettleCorrection(Strict):
    """Whether a correction of an approved visit takes effect; a refusal has a note for the applicant."""

    review_id: UUID
    number: int = Field(description="Of the correction that was read; another one is a conflict.")
    confirm: bool
    note: str = Field(default="", max_length=500)
    on_behalf_of: ForOfficer = None


MOST_AUDITED_DAYS = 366


class DecisionQuestion(Page):
    """Which decisions an auditor wants: those on one application, or those of a department on some days.

    The days are at most `MOST_AUDITED_DAYS`.
    """

    reference: str | None = Field(default=None, max_length=40)
    department: Code | None = None
    first: date | None = None
    last: date | None = None
    """The last of the days, in Indian Standard Time."""


class RecordedDecision(Wire):
    """A decision as it was recorded, without a name and without the words to the applicant."""

    reference: str
    department: str
    site: str
    status: ReviewStatus
    decided_by: str
    on_behalf_of: str | None = None
    decided_at: Instant
    reason: RejectionReason | None = None
    slot: Slot | None = None
    further_days: FurtherDays = ()
    days_reason: str = ""


class RecordedDecisions(Wire):
    """Decisions, the newest first; a review that was decided twice is there twice."""

    items: tuple[RecordedDecision, ...]
    next: str | None = None


class Delegate(Strict):
    """A delegation for whole days in India: a login decides for an officer, who may be away.

    Visitors of an officer who is away meet ``stand_in`` instead.
    """

    officer: Code
    login: Code
    stand_in: Code | None = None
    first_day: date
    last_day: date


class DelegationId(Strict):
    """One delegation."""

    delegation_id: UUID


class DelegationView(Wire):
    """A delegation of a department; ``ends`` is the first instant after it, unless it was ended before."""

    id: UUID
    officer: str
    login: str
    stand_in: str | None = None
    starts: Instant
    ends: Instant
    made_by: str
    made_at: Instant
    ended_at: Instant | None = None
    ended_by: str | None = None


class DelegationList(Wire):
    """Delegations, the newest first."""

    items: tuple[DelegationView, ...]
    next: str | None = None


DECISIONS = Method(
    "approval", "decisions", DecisionQuestion, RecordedDecisions, names_people=True, said="Decisions"
)
APPROVE = Method(
    "approval", "approve", Approve, ReviewView, command=True, said="Approved an application",
    http=Http("department", "approve_review", "POST /reviews/{review_id}/approve",
        "Approve the application; the pass follows by itself."),
)  # fmt: skip
REJECT = Method(
    "approval", "reject", Reject, ReviewView, command=True, said="Rejected an application",
    http=Http("department", "reject_review", "POST /reviews/{review_id}/reject",
        "Reject the application."),
)  # fmt: skip
RETURN = Method(
    "approval", "return_to_applicant", Return, ReviewView, command=True, said="Sent an application back",
    http=Http("department", "return_review", "POST /reviews/{review_id}/return",
        "Return the application to the applicant, who may complete it."),
)  # fmt: skip
FORWARD = Method(
    "approval", "forward", Forward, ReviewView, command=True, said="Forwarded an application",
    http=Http("department", "forward_review", "POST /reviews/{review_id}/forward",
        "Hand the review to another department or to an officer of this one."),
)  # fmt: skip
WITHDRAW = Method(
    "approval", "withdraw", Withdraw, ReviewView, command=True, said="Withdrew an approval",
    http=Http("department", "withdraw_approval", "POST /reviews/{review_id}/withdraw",
        "Withdraw an approval; the pass is revoked."),
)  # fmt: skip
UNDO = Method(
    "approval", "undo", ReviewId, ReviewView, command=True, said="Took back a decision",
    http=Http("department", "undo_decision", "POST /reviews/{review_id}/undo",
        "Take back a decision of your own, before it has left (`leaves_at`)."),
)  # fmt: skip
SETTLE_CORRECTION = Method(
    "approval", "settle_correction", SettleCorrection, ReviewView, command=True,
    said="Decided about a correction",
    http=Http("department", "settle_correction", "POST /reviews/{review_id}/correction",
        "Confirm or refuse a correction of an approved visit; its pass is issued anew."),
)  # fmt: skip
DELEGATE = Method(
    "approval", "delegate", Delegate, DelegationView, command=True, fresh=True, said="Delegated decisions",
    http=Http("department", "delegate", "POST /delegations",
        "Let a login of the department decide for one of its officers for some days.", status=201),
)  # fmt: skip
LIST_DELEGATIONS = Method(
    "approval", "list_delegations", Page, DelegationList, names_people=True, said="List of delegations",
    http=Http("department", "list_delegations", "GET /delegations",
        "List who decides for whom, the newest first."),
)  # fmt: skip
END_DELEGATION = Method(
    "approval", "end_delegation", DelegationId, DelegationView, command=True, said="Ended a delegation",
    http=Http("department", "end_delegation", "POST /delegations/{delegation_id}/end",
        "End a delegation at once."),
)  # fmt: skip

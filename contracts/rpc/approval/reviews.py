"""RPC of approval: the queue of a department, and an application at its desk."""

from datetime import date
from typing import Literal
from uuid import UUID

from pydantic import Field

from contracts.model import (
    ApplicantKind,
    Assistance,
    Channel,
    Code,
    Companion,
    Corrector,
    DeliverBy,
    FurtherDays,
    Guardian,
    IdType,
    Instant,
    Language,
    Official,
    PurposeKind,
    RejectionReason,
    ReviewStatus,
    Slot,
    StandingState,
    Strict,
    Wire,
)
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval.closures import ClosedDate
from contracts.rpc.approval.places import WaitView
from contracts.rpc.call import Http, Method, Page
from contracts.visiting_rules import ClosedWish

ReviewOrder = Literal["waiting", "newest", "visit", "decided"]
"""The longest waiting first; the newest first; who waits at the counter, then by the visit; the newest
decision first, and only what was decided."""


class ReviewQuestion(Page):
    """The queue of the principal's department, narrowed by each filter that is given."""

    status: ReviewStatus | None = None
    order: ReviewOrder = "waiting"
    site: Code | None = None
    officer: Code | None = None
    unassigned: bool | None = None
    """Whether the applicant asked for no particular officer."""
    channel: Channel | None = None
    visit_on: date | None = None
    """The day of the nearest preferred slot."""
    waiting_hours: int | None = Field(default=None, ge=1, le=10_000)
    """How long it has waited at least."""
    escalated: bool | None = None
    decided_on: date | None = None
    """The day of the latest decision."""
    corrected: bool | None = None
    waits_for_place: bool | None = None
    """Those who wait for a place in a full window. Without it they are not among those to decide."""
    """Whether a correction waits for the department."""
    counts: bool = False
    """Whether the reply counts the whole queue, whatever the filters are."""


class ReviewSearch(Strict):
    """A reference, or part of a name."""

    q: str = Field(min_length=2, max_length=100)


class DecisionView(Wire):
    """A decision: who decided what, and when."""

    status: ReviewStatus
    decided_by: str
    decided_at: Instant
    reason: RejectionReason | None = None
    note: str = ""
    slot: Slot | None = None
    gate: str | None = None
    entries: int = 1
    vehicle_allowed: bool = False
    on_behalf_of: str | None = None
    """The officer for whom ``decided_by`` decided, by a delegation."""
    further_days: FurtherDays = ()
    """The days after that of the slot; days between them were left out."""
    days_reason: str = ""
    """Why one day was not enough, for the department and the auditor."""
    closed_day: date | None = None
    """The day that was closed: the applicant chooses another date, or the visit goes on without this day."""
    day_reopened: bool = False
    """Whether the applicant was told that the closed day can be chosen again."""


class EarlierReview(Wire):
    """An earlier application of the same applicant to the same department, and what became of it."""

    id: UUID
    reference: str
    name: str
    status: ReviewStatus
    visit: Slot
    """The approved slot, else the first that was asked for."""
    decided_at: Instant | None = None
    reason: RejectionReason | None = None
    closed_day: date | None = None
    """As in a :class:`DecisionView`."""
    day_reopened: bool = False
    """As in a :class:`DecisionView`."""


class FirstApproval(Wire):
    """The first of the two approvals that an application needs; another gives the second on these terms."""

    approved_by: str
    approved_at: Instant
    slot: Slot
    gate: str | None = None
    entries: int = 1
    vehicle_allowed: bool = False
    further_days: FurtherDays = ()
    days_reason: str = ""


class CorrectionToConfirm(Wire):
    """A correction of an approved visit, which waits for the department: who is to come instead."""

    number: int
    sent_at: Instant
    name: str
    name_latin: str
    id_type: IdType | None = None
    id_last4: str | None = None
    email: str | None = None
    companions: tuple[Companion, ...] = ()
    confirmed_by: str | None = None
    """The first of two officers, where somebody in it is on the watchlist."""
    visit_begins: Instant | None = None
    """On its nearest day that is not over."""
    urgent: bool = False
    """Whether it begins so soon that an officer's stand-in would be asked to decide."""


class ReviewView(Wire):
    """Review of an application as the department sees it."""

    id: UUID
    reference: str
    revision: int
    status: ReviewStatus
    department: str
    officer: str | None = None
    site: str
    channel: Channel
    kind: ApplicantKind
    name: str
    name_latin: str
    official: Official | None = None
    guardian: Guardian | None = None
    """Of a person under 18: who has applied for them."""
    id_type: IdType | None = None
    id_last4: str | None = None
    companions: tuple[Companion, ...] = ()
    party: int
    purpose_kind: PurposeKind
    purpose: str
    preferred: tuple[Slot, ...]
    vehicle: str | None = None
    assistance: Assistance | None = None
    mobile_proved: bool
    submitted_at: Instant
    escalated: int = 0
    forwarded_from: str | None = None
    decision: DecisionView | None = None
    second_officer: bool = False
    """Whether the approval needs two officers, because of a match with the watchlist."""
    first_approval: FirstApproval | None = None
    weekly_until: date | None = None
    """The last day of the standing pass that the visitor asks for."""
    photographed: bool = False
    """Whether the reception has a photograph of the visitor, without which there is no standing pass."""
    photograph_again: bool = False
    """Whether there was one that was erased, or was of whom a correction named before."""
    standing_state: StandingState | None = None
    """Of a standing pass; it counts while the review is pending or approved."""
    waiting_since: Instant | None = None
    visit: Slot | None = None
    """The nearest preferred slot."""
    at_counter: bool = False
    """Whether the applicant waits at the counter."""
    language: Language | None = None
    deliver_by: DeliverBy | None = None
    instead_of: str | None = None
    """The officer whom the applicant named, and who is away; ``officer`` stands in for them."""
    may_decide: bool = True
    """Whether the principal may decide; an assistant may not, unless a delegation says so."""
    on_behalf_of: str | None = None
    """The officer for whom the principal would decide, by a delegation."""
    closed: tuple[date, ...] = ()
    """Preferred days on which the department or the site is closed."""
    closed_wishes: tuple[ClosedWish, ...] = ()
    """The same days, each with who closed it and why."""
    place: WaitView | None = None
    """Approved as soon as there is a place: the wait for it."""
    leaves_at: Instant | None = None
    """Until then the latest decision can be taken back, and nobody else hears of it."""
    corrected: tuple[str, ...] = ()
    """What the applicant corrected last, or wants to: ``name``, ``id``, ``companions``, ``email``."""
    corrected_at: Instant | None = None
    corrected_by: Corrector = "applicant"
    correction: CorrectionToConfirm | None = None
    earlier: tuple[EarlierReview, ...] = ()
    """The newest earlier applications; only where one review is viewed."""
    earlier_ended: tuple[ReviewStatus, ...] = ()
    """How the newest earlier ones with the same mobile stand, the newest first; only in a queue."""


class QueueCounts(Wire):
    """How many reviews a department has; none is counted further than 10,000.

    ``at_counter``, ``today``, ``tomorrow`` and ``later`` are the parts of those that wait for a decision.
    """

    by_status: dict[ReviewStatus, int]
    decided_today: int
    at_counter: int
    today: int
    tomorrow: int
    later: int
    corrections: int = 0
    """Approved visits of which a correction waits."""
    waiting_for_place: int = 0
    """Approved as soon as there is a place; they are not among those that wait for a decision."""


class ReviewList(Wire):
    """Reviews, in the order that was asked for."""

    items: tuple[ReviewView, ...]
    next: str | None = None
    counts: QueueCounts | None = None
    closed: tuple[ClosedDate, ...] = ()
    """Days from today on that the principal's department has closed; only in its queue."""


class ReviewId(Strict):
    """One review."""

    review_id: UUID


class Whereabouts(Wire):
    """The department with which an application waits, and since when."""

    department: str
    since: Instant
    place: WaitView | None = None
    """Since the department approved the visit, and its window is full: the wait for a place."""
    place_code: str = ""
    """It takes or gives up that place; only for a session that has proved the applicant's mobile."""


LIST_REVIEWS = Method(
    "approval", "list_reviews", ReviewQuestion, ReviewList, names_people=True, polled=True,
    said="Queue of applications",
    http=Http("department", "list_reviews", "GET /reviews",
        "List the queue, the longest waiting first or in another order."),
)  # fmt: skip
SEARCH_REVIEWS = Method(
    "approval", "search_reviews", ReviewSearch, ReviewList, names_people=True,
    said="Searched applications",
    http=Http("department", "search_reviews", "POST /reviews/search",
        "Find reviews by reference or name."),
)  # fmt: skip
VIEW_REVIEW = Method(
    "approval", "view_review", ReviewId, ReviewView, names_people=True, said="Application at the desk",
    http=Http("department", "view_review", "GET /reviews/{review_id}",
        "Return one review."),
)  # fmt: skip
WHEREABOUTS = Method("approval", "whereabouts", ReferenceOnly, Whereabouts)

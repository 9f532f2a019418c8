"""The tables of reviews: applications as they are known here, decisions, places, closed days, numbers."""

from datetime import date, datetime, time
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, Index, Text, false, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from contracts import spelling
from contracts.events import ApplicationDetails
from contracts.model import (
    IST,
    Channel,
    ClosureReason,
    RejectionReason,
    ReviewStatus,
    Role,
    Slot,
    StandingState,
)
from services.approval.domain import closures, delegations, reviews, transparency, visits
from services.approval.models.base import WHOLE, Base, Json
from services.approval.models.watchlist import WatchlistMatchRow

MOBILE = "((personal -> 'applicant'::text) ->> 'mobile'::text)"
"""The applicant's mobile number in a review, in the words of its index."""


class ApplicationRow(Base):
    """State of an application according to its events: ``seq`` of the newest details, and how it ended.

    Each consumer of an application's events locks this row first, so that two of them never cross. The row is
    the tombstone of an application that ended before it was known here.
    """

    __tablename__ = "heard_applications"
    application_id: Mapped[UUID] = mapped_column(primary_key=True)
    details_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    mobile_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """``seq`` of the newest MobileChanged; details from before it have the number before it."""
    cancelled_at: Mapped[datetime | None]
    expired_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]

    @property
    def outcome(self) -> reviews.Outcome:
        """How the application ended, if it did."""
        return reviews.Outcome(bool(self.cancelled_at), bool(self.expired_at), bool(self.erased_at))


class ReviewRow(Base):
    """Review of one application by a department.

    ``details`` and ``personal`` hold the newest ApplicationDetails; what is searched or sorted by has a
    column of its own. Personal data: ``name``, ``name_latin``, ``name_keys``, ``personal``, and the notes of
    the decisions.

    ``visit_at`` is the start of the nearest preferred slot. ``precedence`` is 0 for who waits at the counter,
    1 for everybody else.
    """

    __tablename__ = "reviews"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    application_id: Mapped[UUID] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(index=True)
    revision: Mapped[int]
    status: Mapped[ReviewStatus]
    site: Mapped[str]
    department: Mapped[str]
    officer: Mapped[str | None]
    instead_of: Mapped[str | None]
    """The officer whom the applicant named, and who is away; ``officer`` stands in for them."""
    forwarded_from: Mapped[str | None]
    submitted_at: Mapped[datetime]
    waiting_since: Mapped[datetime]
    escalated: Mapped[int] = mapped_column(default=0)
    """How many steps of the escalation were taken."""
    escalate_at: Mapped[datetime | None] = mapped_column(server_default=text("'epoch'"))
    """When the escalation looks at it again; null if no step is left."""
    name: Mapped[str]
    name_latin: Mapped[str]
    name_keys: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """Under which a search finds the name, however it is spelt; null until the scheduled job fills it."""
    channel: Mapped[Channel] = mapped_column(server_default="portal")
    precedence: Mapped[int] = mapped_column(server_default="1")
    visit_at: Mapped[datetime] = mapped_column(server_default="1970-01-01T00:00:00Z")
    details: Mapped[Json]
    personal: Mapped[Json]
    later_details: Mapped[Json | None]
    """Other dates that were asked for while a visit was approved; they count once its day is closed."""
    decisions: Mapped[list["DecisionRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="DecisionRow.number"
    )
    forwardings: Mapped[list["ForwardingRow"]] = relationship(cascade=WHOLE, order_by="ForwardingRow.number")
    first_approvals: Mapped[list["FirstApprovalRow"]] = relationship(cascade=WHOLE, lazy="selectin")
    matches: Mapped[list["WatchlistMatchRow"]] = relationship(cascade=WHOLE, lazy="selectin")
    entered_on: Mapped[date | None]
    """The last day on which somebody of the party went in."""
    last_left_at: Mapped[datetime | None]
    """The latest exit after which nobody of them was inside, whether or not an entry is known."""
    gate_told: Mapped[bool] = mapped_column(server_default=false())
    """Whether the gate was last told to call the supervisor."""
    traceparent: Mapped[str | None]
    """The trace context in which the newest details came; what an officer does with them continues it."""
    held_event: Mapped[Json | None]
    """The event of a decision that can still be taken back."""
    leaves_at: Mapped[datetime | None]
    """When that event leaves by itself."""
    correction: Mapped[Json | None]
    """The newest correction: ``number``, ``corrected``, ``at``, ``by``; while it waits also ``people``, who
    are to come, and ``confirmed_by``, the first of two officers."""
    correction_since: Mapped[datetime | None]
    """Since when it waits for the department."""
    standing_state: Mapped[StandingState | None] = mapped_column(Text)
    """Of a standing pass; it holds while its approval does. Null of every other visit."""
    standing_until: Mapped[date | None]
    """Its last day."""
    standing_changes: Mapped[int | None]
    """How often it was suspended, and the suspension lifted."""
    photographed: Mapped[bool | None]
    """Whether the reception has a photograph of the visitor: null if it never took one, false once erased."""
    photographed_seq: Mapped[int | None] = mapped_column(BigInteger)
    suspended_by: Mapped[Role | None] = mapped_column(Text)
    """Who suspended it last: its department, or the ADO Branch, which alone lifts that again."""

    __table_args__ = (
        Index("reviews_queue", "department", "status", "waiting_since", "id"),
        Index("reviews_age", "waiting_since", "id"),
        Index("reviews_pending", "site", "waiting_since", postgresql_where=text("status = 'pending'")),
        Index("reviews_visits", "department", "status", "precedence", "visit_at", "id"),
        Index("reviews_of_mobile", text(MOBILE), "department"),
        Index("reviews_of_name", "name_latin", "department"),
        Index("reviews_without_keys", "id", postgresql_where=text("name_keys is null")),
        Index("reviews_held", "leaves_at", postgresql_where=text("leaves_at is not null")),
        Index(
            "reviews_corrected",
            "department",
            "correction_since",
            postgresql_where=text("correction_since is not null"),
        ),
        Index(
            "reviews_standing", "site", "standing_until", postgresql_where=text("standing_until is not null")
        ),
        Index("reviews_to_escalate", "escalate_at", postgresql_where=text("status = 'pending'")),
    )

    @property
    def application(self) -> ApplicationDetails:
        """The newest known revision of the application."""
        return ApplicationDetails.model_validate({**self.details, "personal": self.personal})

    @application.setter
    def application(self, application: ApplicationDetails) -> None:
        applicant = application.personal.applicant
        self.details = application.model_dump(mode="json", exclude={"personal"})
        self.personal = application.personal.model_dump(mode="json")
        self.name, self.name_latin = applicant.name, applicant.name_latin
        self.name_keys = sorted(spelling.keys(self.name, self.name_latin))
        self.reference, self.revision = application.reference, application.revision
        self.site, self.channel = application.site, application.channel

    def forget_photograph(self, seq: int | None = None) -> None:
        """Forget the photograph, because a correction names somebody else, who has none yet.

        With the ``seq`` of its event, what comes late of the person before counts no more.
        """
        if seq is None or (self.photographed_seq or 0) < seq:
            self.photographed = False if self.photographed else self.photographed
            self.photographed_seq = seq or self.photographed_seq

    @property
    def later(self) -> ApplicationDetails | None:
        """The revision that arrived after an approval, with the same people."""
        if self.later_details is None:
            return None
        return ApplicationDetails.model_validate({**self.later_details, "personal": self.personal})

    @later.setter
    def later(self, application: ApplicationDetails | None) -> None:
        details = None
        if application is not None:
            details = application.model_dump(mode="json", exclude={"personal"})
        self.later_details = details

    def plan(self, today: date) -> None:
        """Place the review in the queue: by the nearest preferred slot, and whether the applicant waits."""
        visit = visits.nearest_visit(self.application.preferred, today)
        self.visit_at = visits.start_of(visit)
        waits = visits.waits_at_counter(self.channel, visit, self.submitted_at)
        self.precedence = 0 if waits else 1

    @property
    def visit(self) -> Slot:
        """The nearest preferred slot."""
        return visits.nearest_visit(self.application.preferred, self.visit_at.astimezone(IST).date())

    @property
    def decision(self) -> "DecisionRow | None":
        """The latest decision about the present revision; None where it was taken back."""
        about_it = [decision for decision in self.decisions if decision.revision == self.revision]
        return about_it[-1] if about_it and about_it[-1].status != "pending" else None

    @property
    def is_watched(self) -> bool:
        """Whether a match with the watchlist asks for a second officer."""
        return any(match.counts for match in self.matches)

    @property
    def first_approval(self) -> "FirstApprovalRow | None":
        """The first of two approvals of the present revision."""
        return next((one for one in self.first_approvals if one.revision == self.revision), None)

    def drop_first_approval(self) -> None:
        """Let the first of two approvals end, and that a standing pass waits for the second."""
        self.first_approvals.clear()
        self.standing_state = self.standing_until = None

    def as_domain(self) -> reviews.Review:
        """Return the review as the domain's value."""
        decided = self.decision
        decision = reviews.Decision(decided.decided_by, decided.decided_at) if decided else None
        return reviews.Review(self.id, self.application, self.department, self.officer, self.status, decision)


TAKEN_BACK = """
exists (
  select from decisions as undone
  where undone.review_id = decisions.review_id and undone.number = decisions.number + 1
    and undone.status = 'pending'
)
"""
"""Whether a decision was taken back before it left; then it counts in no number."""


class DecisionRow(Base):
    """Decision about one revision, by whom and when. It never changes, except that its words may be erased.

    One of the status ``pending`` says that the one before it was taken back (`TAKEN_BACK`).
    ``waited_from`` is since when the revision had waited, ``before_visit`` whether its first preferred time
    was still to come; both are for the numbers. Nobody waits for the decision on an invitation.
    """

    __tablename__ = "decisions"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int]
    status: Mapped[ReviewStatus]
    department: Mapped[str]
    decided_by: Mapped[str]
    on_behalf_of: Mapped[str | None]
    """The officer for whom the login decided, by a delegation."""
    decided_at: Mapped[datetime]
    reason: Mapped[RejectionReason | None]
    note: Mapped[str] = mapped_column(default="")
    slot: Mapped[Json | None]
    gate: Mapped[str | None]
    entries: Mapped[int] = mapped_column(default=1)
    vehicle_allowed: Mapped[bool] = mapped_column(default=False)
    waited_from: Mapped[datetime | None]
    before_visit: Mapped[bool | None]
    further_days: Mapped[list[date]] = mapped_column(default=list, server_default="{}")
    """The days after that of the slot, in their order."""
    days_reason: Mapped[str] = mapped_column(default="", server_default="")
    """Why one day was not enough, in the officer's words."""
    closure_id: Mapped[UUID | None] = mapped_column(ForeignKey("closures.id"))
    """The closing of a day that decided it, on ``closed_day``."""
    closed_day: Mapped[date | None]
    reopened_at: Mapped[datetime | None]
    """When the applicant was told that the closing was lifted; only where they had not chosen a date yet."""

    __table_args__ = (
        Index("decisions_of_day", "department", "decided_at"),
        Index("decisions_of_closure", "closure_id", postgresql_where=text("closure_id is not null")),
    )


class FirstApprovalRow(Base):
    """The first of two approvals of a revision that matches the watchlist, and the terms that it approved.

    An approval on other terms replaces it; a new revision or another department ends it.
    """

    __tablename__ = "first_approvals"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    approved_by: Mapped[str]
    approved_at: Mapped[datetime]
    slot: Mapped[Json]
    gate: Mapped[str | None]
    entries: Mapped[int]
    vehicle_allowed: Mapped[bool]
    further_days: Mapped[list[date]] = mapped_column(server_default="{}")
    days_reason: Mapped[str] = mapped_column(server_default="")

    def terms(self, *, recurring: bool = False) -> visits.Terms:
        """Return the terms that a second officer has to approve too."""
        return visits.Terms(
            Slot.model_validate(self.slot),
            self.gate,
            self.entries,
            self.vehicle_allowed,
            tuple(self.further_days),
            self.days_reason,
            recurring,
        )


class CapacityRow(Base):
    """How many visitors a department takes, as its login last set it; no content: nothing limits it."""

    __tablename__ = "capacities"
    department: Mapped[str] = mapped_column(primary_key=True)
    content: Mapped[Json | None]
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class BookingRow(Base):
    """The places of an approved visit on one day. The row is deleted when the visit does not take place."""

    __tablename__ = "bookings"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    department: Mapped[str]
    start: Mapped[time]
    end: Mapped[time]
    party: Mapped[int]

    __table_args__ = (Index("bookings_of_day", "department", "day"),)


class ClosureRow(Base):
    """Day that a department closed at short notice, until the closing is lifted.

    ``note`` is the department's own words for its visitors. It is emptied 180 days after the day.
    """

    __tablename__ = "closures"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    department: Mapped[str]
    day: Mapped[date]
    reason: Mapped[ClosureReason]
    note: Mapped[str]
    closed_by: Mapped[str]
    closed_by_role: Mapped[Role] = mapped_column(server_default="department")
    closed_at: Mapped[datetime]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    look_at: Mapped[datetime] = mapped_column(server_default=text("'epoch'"))
    """When the job looks for its visitors again."""

    __table_args__ = (
        Index(
            "closures_in_force", "department", "day", unique=True, postgresql_where=text("lifted_at is null")
        ),
        Index("closures_age", "closed_at", "id"),
    )

    def as_domain(self) -> closures.Closure:
        """Return the closing as the domain's value."""
        return closures.Closure(self.day, self.reason, self.note, self.closed_by)


class MonthRow(Base):
    """What was counted of a department in a month; an empty department stands for all of them."""

    __tablename__ = "month_numbers"
    department: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    applications: Mapped[int]
    decisions: Mapped[int]
    before_visit: Mapped[int]
    median_seconds: Mapped[int | None]
    p95_seconds: Mapped[int | None]
    visits: Mapped[int] = mapped_column(server_default="0")
    met: Mapped[int] = mapped_column(server_default="0")
    called: Mapped[int] = mapped_column(server_default="0")
    median_call_seconds: Mapped[int | None]
    p95_call_seconds: Mapped[int | None]
    counted_at: Mapped[datetime]

    def as_domain(self) -> transparency.Counted:
        """Return the row as the domain's value."""
        return transparency.Counted(
            department=self.department,
            applications=self.applications,
            decisions=self.decisions,
            before_visit=self.before_visit,
            median_seconds=self.median_seconds,
            p95_seconds=self.p95_seconds,
            visits=self.visits,
            met=self.met,
            called=self.called,
            median_call_seconds=self.median_call_seconds,
            p95_call_seconds=self.p95_call_seconds,
        )


class ForwardingRow(Base):
    """Forwarding of a review: by whom, from where to where. It never changes."""

    __tablename__ = "forwardings"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int]
    from_department: Mapped[str]
    to_department: Mapped[str]
    to_officer: Mapped[str | None]
    forwarded_by: Mapped[str]
    forwarded_at: Mapped[datetime]


class DelegationRow(Base):
    """Delegation: a login decides for an officer of its department. It never changes, except that it ends."""

    __tablename__ = "delegations"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    department: Mapped[str]
    officer: Mapped[str]
    login: Mapped[str]
    stand_in: Mapped[str | None]
    starts: Mapped[datetime]
    ends: Mapped[datetime]
    made_by: Mapped[str]
    made_at: Mapped[datetime]
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]

    __table_args__ = (Index("delegations_of_department", "department", "made_at", "id"),)

    def as_domain(self) -> delegations.Delegation:
        """Return the delegation as the domain's value."""
        ends = self.ended_at or self.ends
        return delegations.Delegation(self.id, self.officer, self.login, self.stand_in, self.starts, ends)

"""The tables of approval: the directory, the state of known applications, reviews with their decisions."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from contracts import spelling
from contracts.events import (
    ApplicationDetails,
    DepartmentRecord,
    SiteRecord,
)
from contracts.model import (
    IST,
    Channel,
    ClosureReason,
    Language,
    MatchKind,
    MatchSettlement,
    RejectionReason,
    ReviewStatus,
    Role,
    Slot,
)
from services.approval.domain import closures, delegations, reviews, transparency, watchlist
from services.chassis.db.import_drafts import ImportColumns

Words = dict[Language, str]
"""A text by language."""
Json = dict[str, Any]
ACTIVE = "confirmed_at is not null and ended_at is null"
"""Which entries of the watchlist are active."""
WHOLE = "all, delete-orphan"
"""Cascade of rows that are stored and deleted with the row that owns them."""
MOBILE = "((personal -> 'applicant'::text) ->> 'mobile'::text)"
"""The applicant's mobile number in a review, in the words of its index."""


class Base(DeclarativeBase):
    """Base of the tables: instants have a time zone, text has no length, words and details are JSON."""

    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        ReviewStatus: Text,
        MatchKind: Text,
        MatchSettlement: Text,
        RejectionReason: Text,
        ClosureReason: Text,
        Channel: Text,
        Role: Text,
        Words: JSONB,
        Json: JSONB(none_as_null=True),
        list[date]: ARRAY(Date),
    }


# --------------------------------------------------------------- directory


class SiteRow(Base):
    """Secretariat building."""

    __tablename__ = "sites"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Words]
    address: Mapped[Words]
    advice: Mapped[Json | None]
    photograph: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    gate_rules: Mapped[Json | None]
    gates: Mapped[list["GateRow"]] = relationship(cascade=WHOLE, lazy="selectin", order_by="GateRow.position")
    hours: Mapped[list["HoursRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="HoursRow.position"
    )
    closed_days: Mapped[list["ClosedDayRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="ClosedDayRow.day"
    )

    @classmethod
    def of(cls, record: SiteRecord) -> "SiteRow":
        """Return the rows of a record."""
        return cls(
            code=record.code,
            name=record.name,
            address=record.address,
            advice=record.advice.model_dump() if record.advice else None,
            photograph=record.photograph,
            gate_rules=record.gate_rules.model_dump() if record.gate_rules else None,
            gates=[
                GateRow(code=code, position=at, name=record.gate_names.get(code))
                for at, code in enumerate(record.gates)
            ],
            hours=[HoursRow(position=at, **hours.model_dump()) for at, hours in enumerate(record.hours)],
            closed_days=[
                ClosedDayRow(
                    day=closed.day, reason=closed.reason, reason_translations=closed.reason_translations
                )
                for closed in record.closed_days
            ],
        )


class GateRow(Base):
    """Gate of a site."""

    __tablename__ = "gates"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[Json | None]


class HoursRow(Base):
    """Opening hours of one weekday, from a date on."""

    __tablename__ = "site_hours"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    weekday: Mapped[int]
    opens: Mapped[time]
    closes: Mapped[time]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class ClosedDayRow(Base):
    """Day on which a site admits nobody."""

    __tablename__ = "closed_days"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    reason: Mapped[str]
    reason_translations: Mapped[Words] = mapped_column(default={}, server_default="{}")


class DepartmentRow(Base):
    """Department of the government."""

    __tablename__ = "departments"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Words]
    escalation: Mapped[Json | None]
    closed: Mapped[bool] = mapped_column(default=False, server_default=false())
    sites: Mapped[list["DepartmentSiteRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="DepartmentSiteRow.position"
    )
    officers: Mapped[list["OfficerRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="OfficerRow.position"
    )

    @classmethod
    def of(cls, record: DepartmentRecord) -> "DepartmentRow":
        """Return the rows of a record."""
        return cls(
            code=record.code,
            name=record.name,
            escalation=record.escalation.model_dump() if record.escalation else None,
            closed=record.closed,
            sites=[DepartmentSiteRow(site_code=code, position=at) for at, code in enumerate(record.sites)],
            officers=[OfficerRow(position=at, **dict(officer)) for at, officer in enumerate(record.officers)],
        )


class DepartmentSiteRow(Base):
    """Site at which a department sits."""

    __tablename__ = "department_sites"
    department_code: Mapped[str] = mapped_column(ForeignKey("departments.code"), primary_key=True)
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    position: Mapped[int]


class OfficerRow(Base):
    """Office that people visit, and who holds it."""

    __tablename__ = "officers"
    department_code: Mapped[str] = mapped_column(ForeignKey("departments.code"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[Words]
    designation: Mapped[Words]
    room: Mapped[str]
    closed: Mapped[bool] = mapped_column(default=False, server_default=false())


class DutyContactsRow(Base):
    """Duty contacts of the officers of a department, or of the reception of a site.

    ``sealed`` holds mobiles and e-mail addresses, encrypted under ``id``. They are in no other row and in no
    clear part of an event.
    """

    __tablename__ = "duty_contacts"
    place: Mapped[str] = mapped_column(primary_key=True)
    """The table and the code, such as ``departments/home``."""
    id: Mapped[UUID] = mapped_column(default=uuid4)
    sealed: Mapped[str]
    language: Mapped[Language] = mapped_column(Text)
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class LineChangeRow(Base):
    """A change of a line of the directory: by whom, when, and what it was. It never changes."""

    __tablename__ = "directory_history"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    record: Mapped[str]
    """The table and the key of the line, such as ``officers/home/home-superintendent``."""
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
    before: Mapped[Json | None]
    after: Mapped[Json | None]

    __table_args__ = (Index("directory_history_record", "record", "id"),)


class ImportRow(ImportColumns, Base):
    """A file of departments, officers or holidays."""


class ReferenceVersionRow(Base):
    """Token of a change of what `handlers/reference_data.py` keeps in memory; mostly there is one."""

    __tablename__ = "reference_versions"
    token: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))


# ----------------------------------------------------------------- reviews


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
    gate_told: Mapped[bool] = mapped_column(server_default=false())
    """Whether the gate was last told to call the supervisor."""
    traceparent: Mapped[str | None]
    """The trace context in which the newest details came; what an officer does with them continues it."""

    __table_args__ = (
        Index("reviews_queue", "department", "status", "waiting_since", "id"),
        Index("reviews_age", "waiting_since", "id"),
        Index("reviews_pending", "site", "waiting_since", postgresql_where=text("status = 'pending'")),
        Index("reviews_visits", "department", "status", "precedence", "visit_at", "id"),
        Index("reviews_of_mobile", text(MOBILE), "department"),
        Index("reviews_of_name", "name_latin", "department"),
        Index("reviews_without_keys", "id", postgresql_where=text("name_keys is null")),
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
        visit = reviews.nearest_visit(self.application.preferred, today)
        self.visit_at = reviews.start_of(visit)
        waits = reviews.waits_at_counter(self.channel, visit, self.submitted_at)
        self.precedence = 0 if waits else 1

    @property
    def visit(self) -> Slot:
        """The nearest preferred slot."""
        return reviews.nearest_visit(self.application.preferred, self.visit_at.astimezone(IST).date())

    @property
    def decision(self) -> "DecisionRow | None":
        """The latest decision about the present revision."""
        about_it = [decision for decision in self.decisions if decision.revision == self.revision]
        return about_it[-1] if about_it else None

    @property
    def is_watched(self) -> bool:
        """Whether a match with the watchlist asks for a second officer."""
        return any(match.counts for match in self.matches)

    @property
    def first_approval(self) -> "FirstApprovalRow | None":
        """The first of two approvals of the present revision."""
        return next((one for one in self.first_approvals if one.revision == self.revision), None)

    def as_domain(self) -> reviews.Review:
        """Return the review as the domain's value."""
        decided = self.decision
        decision = reviews.Decision(decided.decided_by, decided.decided_at) if decided else None
        return reviews.Review(self.id, self.application, self.department, self.officer, self.status, decision)


class DecisionRow(Base):
    """Decision about one revision, by whom and when. It never changes, except that its words may be erased.

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

    @property
    def terms(self) -> reviews.Terms:
        """The terms that a second officer has to approve too."""
        return reviews.Terms(
            Slot.model_validate(self.slot),
            self.gate,
            self.entries,
            self.vehicle_allowed,
            tuple(self.further_days),
            self.days_reason,
        )


class WatchlistEntryRow(Base):
    """Entry of the watchlist: active from its confirmation by a second officer until it ends.

    ``sealed`` holds name, last four, mobile and reason, encrypted; ``traits`` are keyed digests, by which
    people are found without opening every entry. Both are emptied some time after the end.
    """

    __tablename__ = "watchlist_entries"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    sealed: Mapped[str | None]
    traits: Mapped[list[str]] = mapped_column(ARRAY(Text))
    valid_until: Mapped[date]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    """None where its last day has passed."""
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("confirmed_by <> proposed_by", name="watchlist_four_eyes"),
        Index("watchlist_traits", "traits", postgresql_using="gin", postgresql_where=text(ACTIVE)),
        Index("watchlist_age", "proposed_at", "id"),
    )

    @property
    def stage(self) -> watchlist.Stage:
        """Who did what with it so far."""
        return watchlist.Stage(self.proposed_by, self.confirmed_by, self.ended_at is not None)


class WatchlistMatchRow(Base):
    """Match of a person of an application with an entry, and how an officer settled it."""

    __tablename__ = "watchlist_matches"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("watchlist_entries.id"))
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"))
    person: Mapped[int]
    """0 is the applicant, 1 the first companion."""
    person_digest: Mapped[str]
    """Keyed digest of what was compared of the person; the match ends when somebody else has this place."""
    kind: Mapped[MatchKind]
    found_at: Mapped[datetime]
    settled_as: Mapped[MatchSettlement | None]
    settled_by: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    sealed_note: Mapped[str | None]
    """Why it was settled so, encrypted."""
    entry: Mapped[WatchlistEntryRow] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (
        UniqueConstraint("review_id", "entry_id", "person", name="watchlist_match_once"),
        Index("watchlist_matches_of_entry", "entry_id"),
        Index("watchlist_matches_age", "found_at", "id"),
    )

    @property
    def counts(self) -> bool:
        """Whether it asks for a second officer: a firm one that nobody dismissed, or a confirmed one."""
        holds = self.settled_as == "confirmed" or (self.kind == "firm" and self.settled_as is None)
        return holds and self.entry.ended_at is None


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


class AnnouncementRow(Base):
    """An announcement of the whole directory: which one, and when it was made. It never changes."""

    __tablename__ = "directory_announcements"
    edition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    announced_at: Mapped[datetime]

"""RPC of approval: the directory, the review queues and the decisions."""

from datetime import date, time
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from contracts import events
from contracts.capacity import Capacity
from contracts.model import (
    ApplicantKind,
    Assistance,
    Channel,
    ClosureReason,
    Code,
    Companion,
    DeliverBy,
    EntryState,
    FurtherDays,
    IdType,
    Instant,
    Language,
    MatchKind,
    MatchSettlement,
    Official,
    PurposeKind,
    RejectionReason,
    ReviewStatus,
    Role,
    Slot,
    Strict,
    Wire,
)
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Http, Method, Nothing, Page
from contracts.rpc.imports import (
    ApplyDirectoryFile,
    CsvFile,
    DirectoryFile,
    Export,
    ImportId,
    ImportReport,
    LineHistory,
    LineId,
    LineList,
    LineView,
    PutLine,
    RemoveLine,
)
from contracts.visiting_rules import ClosedWish


class SiteList(Wire):
    """All sites."""

    items: tuple[events.SiteRecord, ...]
    next: str | None = None


class DepartmentQuestion(Strict):
    """Search for departments, by their own name or by an officer's; an empty search finds all.

    What is closed is only in the answer to an empty one: it has a name, and is not to be found.
    """

    q: str = Field(default="", max_length=100)


class DepartmentView(Wire):
    """A department without its officers, but for those whom a search found."""

    code: str
    name: dict[Language, str]
    sites: tuple[str, ...]
    found: tuple[events.OfficerRecord, ...] = ()
    closed: bool = False
    """Whether nobody can ask for a visit to it any more."""


class DepartmentList(Wire):
    """All departments, by code."""

    items: tuple[DepartmentView, ...]
    next: str | None = None


class OfficerQuestion(Strict):
    """Officers of a department whose name or designation contains ``q``."""

    department: Code
    q: str = Field(default="", max_length=100)


class OfficerList(Wire):
    """Officers."""

    items: tuple[events.OfficerRecord, ...]
    next: str | None = None


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
    earlier: tuple[EarlierReview, ...] = ()
    """The newest earlier applications; only where one review is viewed."""


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


class ClosedDate(Wire):
    """A day that a department closed at short notice, and why. Its own words go to those affected alone."""

    day: date
    reason: ClosureReason


class ReviewList(Wire):
    """Reviews, in the order that was asked for."""

    items: tuple[ReviewView, ...]
    next: str | None = None
    counts: QueueCounts | None = None
    closed: tuple[ClosedDate, ...] = ()
    """Days from today on that the principal's department has closed; only in its queue."""


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


class ReviewId(Strict):
    """One review."""

    review_id: UUID


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


class SetCapacity(Strict):
    """What a department takes from now on; None: nothing limits it."""

    capacity: Capacity | None


class CapacityView(Wire):
    """What a department takes, and who set it when; no ``capacity``: nothing limits it."""

    department: str
    capacity: Capacity | None = None
    set_by: str | None = None
    set_at: Instant | None = None


class AvailabilityQuestion(Strict):
    """When a department still takes visitors at a site; without one, at any."""

    department: Code
    site: Code | None = None


class WindowAvailability(Wire):
    """A window of a day: how many people it takes, and how many places are free."""

    start: time
    end: time
    places: int
    free: int


class DayAvailability(Wire):
    """A day on which the department receives visitors."""

    day: date
    windows: tuple[WindowAvailability, ...]


class Availability(Wire):
    """Days with their windows, and the days that the department closed at short notice.

    Where ``limited`` is false, only the hours of the site and the closed days limit a visit.
    """

    limited: bool
    days: tuple[DayAvailability, ...] = ()
    closed: tuple[ClosedDate, ...] = ()


ClosingDepartment = Annotated[
    Code | None,
    Field(description="Which department it is about; a login of a department may leave it out."),
]


class ClosingQuestion(Page):
    """Whom it would affect if a department closed a day."""

    day: date
    department: ClosingDepartment = None


class AffectedReview(Wire):
    """A review that the closing of a day affects."""

    id: UUID
    reference: str
    name: str
    name_latin: str
    status: ReviewStatus
    slot: Slot
    """The approved time on that day, else the preferred one."""
    party: int
    days: tuple[date, ...] = ()
    """All days of an approved visit."""
    keeps_pass: bool = False
    """Whether the visit stays approved, and its pass valid, on other days."""


class Affected(Wire):
    """Whom the closing of a day affects: how many, and those who have to choose another date.

    ``approved`` visits lose their pass, except ``keep_pass`` of them: those go on on another of their days,
    and their visitors are told that this day falls away. ``only_that_day`` wait for a decision and asked for
    no other day that is left; ``with_other_days`` do not have to choose again. The lists of people are for
    the department.
    """

    day: date
    department: str
    approved: int
    approved_people: int
    keep_pass: int = 0
    only_that_day: int
    with_other_days: int
    items: tuple[AffectedReview, ...] = ()
    next: str | None = None


class CloseDay(Strict):
    """The closing of a day of a department, with a reason of the list and words for its visitors.

    With the reason ``other`` the words are needed.
    """

    day: date
    reason: ClosureReason
    note: str = Field(default="", max_length=300)
    department: ClosingDepartment = None


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


class ClosureId(Strict):
    """One closing of a day."""

    closure_id: UUID


class ClosureQuestion(Page):
    """The closings of a department, the newest first."""

    department: ClosingDepartment = None


class ClosureView(Wire):
    """A closed day, by whom and why, and how far its visitors were asked to choose another date.

    ``told`` were asked; ``waiting`` are to be asked in the next moments.
    """

    id: UUID
    department: str
    day: date
    reason: ClosureReason
    note: str = ""
    closed_by: str
    closed_by_role: Role = "department"
    """What the ADO Branch closed, only the ADO Branch lifts."""
    closed_at: Instant
    lifted_by: str | None = None
    lifted_at: Instant | None = None
    told: int = 0
    waiting: int = 0


class ClosureList(Wire):
    """Closed days, the newest closing first."""

    items: tuple[ClosureView, ...]
    next: str | None = None


class DayNumbers(Wire):
    """The decisions of one day; no median where there are none."""

    day: date
    decisions: int
    median_seconds: int | None = None


class Numbers(Wire):
    """How many decisions were made, and in what time: today, and over all the days that are listed."""

    decided_today: int
    median_seconds: int | None = None
    days: tuple[DayNumbers, ...]


class AgeCount(Wire):
    """How many reviews have waited at least ``from_hours``, and less than ``to_hours`` if that is given."""

    from_hours: int
    to_hours: int | None = None
    reviews: int


class DeskNumbers(Wire):
    """The principal's own numbers, their department's, and what waits for a decision."""

    own: Numbers
    department: Numbers
    waiting: tuple[AgeCount, ...]


class MonthNumbers(Wire):
    """What is published of one month: of a department, or of all where none is named.

    A count from 1 to 4 is null, and so are the numbers about so few people, and a total that would give them
    away. A time without decisions is null too.
    """

    department: str | None = None
    month: date
    applications: int | None = None
    decisions: int | None = None
    median_seconds: int | None = None
    p95_seconds: int | None = None
    percent_before_visit: int | None = None


class Transparency(Wire):
    """How fast departments decide, the newest month first; ``counted_at`` is null before the first count."""

    items: tuple[MonthNumbers, ...]
    counted_at: Instant | None = None
    next: str | None = None


class Whereabouts(Wire):
    """The department with which an application waits, and since when."""

    department: str
    since: Instant


class ProposeEntry(Strict):
    """A new entry of the watchlist. It holds once a second officer has confirmed it.

    ``id_last4`` or ``mobile``, or both, beside the name.
    """

    name: str = Field(min_length=1, max_length=100)
    id_last4: str | None = Field(default=None, max_length=40)
    mobile: str | None = Field(default=None, max_length=40)
    reason: str = Field(min_length=1, max_length=500)
    valid_until: date
    """The last day on which it holds."""


class EntryId(Strict):
    """One entry of the watchlist."""

    entry_id: UUID


class EntryQuestion(Page):
    """The entries of a state, the newest first."""

    state: EntryState | None = None


class EntryView(Wire):
    """An entry of the watchlist, and who did what with it.

    Its content is empty some time after it ended. ``ended_by`` is None where its last day has passed.
    """

    id: UUID
    state: EntryState
    name: str
    id_last4: str | None = None
    mobile: str | None = None
    reason: str
    valid_until: date
    proposed_by: str
    proposed_at: Instant
    confirmed_by: str | None = None
    confirmed_at: Instant | None = None
    ended_by: str | None = None
    ended_at: Instant | None = None


class EntryList(Wire):
    """Entries of the watchlist, the newest first, and how many there are of each state."""

    items: tuple[EntryView, ...]
    next: str | None = None
    counts: dict[EntryState, int] = Field(default_factory=dict)


class MatchQuestion(Page):
    """Matches of applications with the watchlist, the newest first."""

    open: bool = True
    """Only those that nobody has settled and whose entry holds."""


class MatchId(Strict):
    """One match."""

    match_id: UUID


class SettleMatch(Strict):
    """Whether it is the person of the entry, and how that is known."""

    match_id: UUID
    settled_as: MatchSettlement
    note: str = Field(min_length=1, max_length=500)


class MatchView(Wire):
    """A person of an application beside the entry that they match."""

    id: UUID
    kind: MatchKind
    found_at: Instant
    entry: EntryView
    reference: str
    department: str
    site: str
    status: ReviewStatus
    visit: Slot
    name: str
    name_latin: str
    id_last4: str | None = None
    mobile: str | None = None
    settled_as: MatchSettlement | None = None
    settled_by: str | None = None
    settled_at: Instant | None = None
    note: str = ""


class MatchList(Wire):
    """Matches, the newest first."""

    items: tuple[MatchView, ...]
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


class DutyPlace(Strict):
    """Whose duty contacts: a department's, one for each officer, or a site's reception."""

    kind: Literal["departments", "sites"]
    code: Code


class DutyContact(Wire):
    """Where somebody is reached who is asked when nobody decides; each address may be empty.

    ``officer`` is None for the reception of a site.
    """

    officer: Code | None = None
    mobile: str = Field(default="", max_length=40)
    email: str = Field(default="", max_length=254)


class PutDutyContacts(DutyPlace):
    """The duty contacts as they are to be. ``was`` is the revision that was read; empty for none."""

    contacts: tuple[DutyContact, ...] = Field(max_length=100)
    language: Language
    was: str = Field(default="", max_length=64)


class DutyContacts(Wire):
    """The duty contacts of a department or a site, the language of their messages, and who set them when."""

    contacts: tuple[DutyContact, ...] = ()
    language: Language = "pa"
    revision: str = ""
    set_by: str | None = None
    set_at: Instant | None = None


DUTY_CONTACTS = Method(
    "approval", "duty_contacts", DutyPlace, DutyContacts, names_people=True, said="Duty contacts"
)
PUT_DUTY_CONTACTS = Method(
    "approval", "put_duty_contacts", PutDutyContacts, DutyContacts, command=True,
    said="Changed duty contacts",
)  # fmt: skip
EXPORT_DIRECTORY = Method(
    "approval", "export_directory", Export, CsvFile, names_people=True, said="File of the directory"
)
LIST_LINES = Method(
    "approval", "list_lines", Export, LineList,
    http=Http("ado", "list_directory_lines", "GET /directory/{table}",
        "List the lines of a table, each with a digest by which a later change of it is noticed."),
)  # fmt: skip
VIEW_LINE = Method(
    "approval", "view_line", LineId, LineView,
    http=Http("ado", "view_directory_line", "GET /directory/{table}/{key}",
        "Show one line."),
)  # fmt: skip
LINE_HISTORY = Method(
    "approval", "line_history", LineId, LineHistory,
    http=Http("ado", "view_directory_history", "GET /directory/{table}/{key}/history",
        "Show who changed a line, when, and what it was; the newest change first."),
)  # fmt: skip
PUT_LINE = Method(
    "approval", "put_line", PutLine, LineView, command=True, said="Changed the directory",
    http=Http("ado", "put_directory_line", "POST /directory/{table}",
        "Add a line, or change the one that was read with this digest. Everybody sees it within a minute."),
)  # fmt: skip
REMOVE_LINE = Method(
    "approval", "remove_line", RemoveLine, Nothing, command=True, said="Removed a line of the directory",
    http=Http("ado", "remove_directory_line", "POST /directory/{table}/{key}/remove",
        "Remove a gate, or a holiday or hours to come. Lines of other tables stay; departments can be "
        "closed."),
)  # fmt: skip
SEND_DIRECTORY_FILE = Method(
    "approval", "send_directory_file", DirectoryFile, ImportId, command=True,
    said="Sent a file of the directory",
)  # fmt: skip
CHECK_DIRECTORY_FILE = Method("approval", "check_directory_file", ImportId, ImportReport, in_transaction=True)
APPLY_DIRECTORY_FILE = Method(
    "approval", "apply_directory_file", ApplyDirectoryFile, ImportReport, command=True,
    said="Applied a file of the directory",
)  # fmt: skip
SITES = Method(
    "approval", "sites", Nothing, SiteList,
    http=Http("anyone", "list_sites", "GET /sites",
        """List sites with their gates, hours and closed days, at most a minute old.

        While approval is down this is the last copy.
        """, limit="read"),
)  # fmt: skip
DEPARTMENTS = Method("approval", "departments", DepartmentQuestion, DepartmentList)
OFFICERS = Method("approval", "officers", OfficerQuestion, OfficerList)
LIST_REVIEWS = Method(
    "approval", "list_reviews", ReviewQuestion, ReviewList, names_people=True,
    said="Queue of applications",
    http=Http("department", "list_reviews", "GET /reviews",
        "List the queue, the longest waiting first or in another order."),
)  # fmt: skip
DECISIONS = Method(
    "approval", "decisions", DecisionQuestion, RecordedDecisions, names_people=True, said="Decisions"
)
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
NUMBERS = Method(
    "approval", "numbers", Nothing, DeskNumbers,
    http=Http("department", "view_numbers", "GET /numbers",
        "Return how many decisions the login and its department made, in what time, and what waits."),
)  # fmt: skip
TRANSPARENCY = Method(
    "approval", "transparency", Nothing, Transparency,
    http=Http("anyone", "list_transparency", "GET /transparency",
        """List how fast each department decided in each month; counts from 1 to 4 are withheld.

        The numbers are at most a quarter of an hour old, or the last copy while approval is down.
        """, limit="read"),
)  # fmt: skip
CAPACITY = Method(
    "approval", "capacity", Nothing, CapacityView,
    http=Http("department", "view_capacity", "GET /capacity",
        "Return how many visitors the department takes, and who set it."),
)  # fmt: skip
SET_CAPACITY = Method(
    "approval", "set_capacity", SetCapacity, CapacityView, command=True,
    said="Changed the places of a department",
    http=Http("department", "set_capacity", "POST /capacity",
        "Set how many visitors the department takes from now on. Visits approved before stay approved."),
)  # fmt: skip
AVAILABILITY = Method(
    "approval", "availability", AvailabilityQuestion, Availability,
    http=Http("anyone", "list_availability", "GET /availability",
        "List the days and windows in which a department still takes visitors at a site.",
        limit="availability"),
)  # fmt: skip
AFFECTED = Method(
    "approval", "affected", ClosingQuestion, Affected, names_people=True,
    said="Visits that a change concerns",
    http=Http("closer", "list_affected", "GET /closures/affected",
        "List whom the closing of a day would affect; the ADO Branch sees how many they are."),
)  # fmt: skip
CLOSE_DAY = Method(
    "approval", "close_day", CloseDay, ClosureView, command=True, said="Closed a day",
    http=Http("closer", "close_day", "POST /closures",
        "Close a day. Passes for it are revoked, and its visitors are asked to choose another date.",
        status=201),
)  # fmt: skip
LIST_CLOSURES = Method(
    "approval", "list_closures", ClosureQuestion, ClosureList,
    http=Http("closure_reader", "list_closures", "GET /closures",
        """List the days that a department closed at short notice, the newest closing first.

        The ADO Branch and auditors may see those of all departments.
        """),
)  # fmt: skip
VIEW_CLOSURE = Method(
    "approval", "view_closure", ClosureId, ClosureView,
    http=Http("closure_reader", "view_closure", "GET /closures/{closure_id}",
        "Show a closed day, and how many visitors were asked to choose another date."),
)  # fmt: skip
LIFT_CLOSURE = Method(
    "approval", "lift_closure", ClosureId, ClosureView, command=True, said="Lifted the closing of a day",
    http=Http("closer", "lift_closure", "POST /closures/{closure_id}/lift",
        "Offer a closed day again. Nobody is approved again by this."),
)  # fmt: skip
WITHDRAW = Method(
    "approval", "withdraw", Withdraw, ReviewView, command=True, said="Withdrew an approval",
    http=Http("department", "withdraw_approval", "POST /reviews/{review_id}/withdraw",
        "Withdraw an approval; the pass is revoked."),
)  # fmt: skip
WATCHLIST = Method(
    "approval", "watchlist", EntryQuestion, EntryList, names_people=True, said="Watchlist",
    http=Http("watcher", "list_watchlist", "GET /watchlist/entries",
        "List entries, the newest first; `counts` says how many there are of each state."),
)  # fmt: skip
VIEW_ENTRY = Method(
    "approval", "view_entry", EntryId, EntryView, names_people=True, said="Entry of the watchlist",
    http=Http("watcher", "view_watchlist_entry", "GET /watchlist/entries/{entry_id}",
        "Show one entry."),
)  # fmt: skip
PROPOSE_ENTRY = Method(
    "approval", "propose_entry", ProposeEntry, EntryView, command=True,
    said="Proposed an entry of the watchlist",
    http=Http("watcher", "propose_watchlist_entry", "POST /watchlist/entries",
        "Propose an entry; it holds once another officer has confirmed it.", status=201),
)  # fmt: skip
CONFIRM_ENTRY = Method(
    "approval", "confirm_entry", EntryId, EntryView, command=True,
    said="Confirmed an entry of the watchlist",
    http=Http("watcher", "confirm_watchlist_entry", "POST /watchlist/entries/{entry_id}/confirm",
        "Confirm an entry that another officer proposed."),
)  # fmt: skip
END_ENTRY = Method(
    "approval", "end_entry", EntryId, EntryView, command=True, said="Ended an entry of the watchlist",
    http=Http("watcher", "end_watchlist_entry", "POST /watchlist/entries/{entry_id}/end",
        "End an entry, or decline a proposed one."),
)  # fmt: skip
MATCHES = Method(
    "approval", "matches", MatchQuestion, MatchList, names_people=True, said="Matches with the watchlist",
    http=Http("watcher", "list_watchlist_matches", "GET /watchlist/matches",
        "List matches of applications, the newest first; by default those that nobody has settled."),
)  # fmt: skip
VIEW_MATCH = Method(
    "approval", "view_match", MatchId, MatchView, names_people=True, said="Match with the watchlist",
    http=Http("watcher", "view_watchlist_match", "GET /watchlist/matches/{match_id}",
        "Show a person of an application beside the entry that they match."),
)  # fmt: skip
SETTLE_MATCH = Method(
    "approval", "settle_match", SettleMatch, MatchView, command=True,
    said="Settled a match with the watchlist",
    http=Http("watcher", "settle_watchlist_match", "POST /watchlist/matches/{match_id}/settle",
        "Confirm or dismiss a match, with the reason."),
)  # fmt: skip
DELEGATE = Method(
    "approval", "delegate", Delegate, DelegationView, command=True, said="Delegated decisions",
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
AUDIT_ENTRIES = Method(
    "approval", "audit_entries", AuditQuestion, AuditEntries, names_people=True, said="Audit log"
)
AUDIT_HEADS = Method("approval", "audit_heads", HeadQuestion, AuditHeads)

"""RPC of application: submit, follow and change applications; the counter's view of them."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from contracts.application_form import Amendment, ApplicationForm, InvitationForm
from contracts.errors import FieldError
from contracts.model import (
    ApplicationStatus,
    Assistance,
    Channel,
    ClosureReason,
    Code,
    Companion,
    DeliverBy,
    FurtherDays,
    Instant,
    Language,
    Person,
    PurposeKind,
    RejectionReason,
    Slot,
    Strict,
    VisitOutcome,
    Wire,
)
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion, most_looks
from contracts.rpc.call import Http, Method, Nothing, Page, Proof
from contracts.rpc.issuance import PassNumber
from contracts.rpc.own_data import ErasedOnRequest, OwnApplications, own_data
from contracts.visiting_rules import ClosedWish

Reference = Annotated[
    str, Field(max_length=40, description="Such as `PCS-7K3M-9QW4`; case and hyphens do not matter.")
]
NOT_OPENED = "not_opened"
"""Code of `Forbidden` where an applicant's session has not opened an application (`OPEN_APPLICATION`)."""


class SubmitApplication(ApplicationForm):
    """POST /applications: an application from the portal or a kiosk."""

    like: str | None = Field(default=None, max_length=40)
    """The reference of an application that is open in this session. Whoever comes again, with the same kind
    of ID card, may leave its number empty; that of the earlier application is taken."""


class SubmitAtCounter(ApplicationForm):
    """POST /counter/applications: the operator vouches; a visitor may have no mobile."""

    mobile: str | None = Field(default=None, max_length=40)
    channel: Literal["counter", "kiosk"] = "counter"
    photograph: str | None = Field(default=None, max_length=32_000, repr=False)
    """A JPEG of the visitor in base64, where the site wants one."""


class Invite(InvitationForm):
    """POST /invitations: visitors of the login's own department, approved by the officer who invites."""


class AmendApplication(Amendment):
    """New content of a returned application; while the department decides, only ``preferred`` may change."""

    reference: Reference


class SayMet(Strict):
    """Whether a visitor was met, in their own word."""

    reference: Reference
    outcome: VisitOutcome


class ReferenceOnly(Strict):
    """One application, by its reference."""

    reference: Reference


class LastFour(Strict):
    """The last four characters of the ID card that an application names."""

    id_last4: str = Field(max_length=40)


class OpenApplication(LastFour):
    """One application, and what opens it."""

    reference: Reference


class NewMobile(Strict):
    """Another mobile for an application: the request by which a code was sent to it, and the code."""

    request_id: UUID
    code: str = Field(max_length=20)


class NewMobileAtCounter(NewMobile, LastFour):
    """The same at the reception, with the last four characters of the ID card that the operator has seen."""


class ChangeMobile(ReferenceOnly):
    """Another mobile for an application."""

    proof: Proof = Field(repr=False)
    """The session that a code to the new number has opened; the number is in its token."""
    id_last4: str | None = Field(default=None, max_length=40)
    """At the reception: the last four characters of the ID card that the operator has seen."""


class Acknowledged(Wire):
    """A command on an application was carried out.

    ``masked`` names free-text fields in which an Aadhaar number was masked.
    """

    reference: str
    status: ApplicationStatus
    masked: tuple[str, ...] = ()


class Invited(Wire):
    """The applications that an invitation made: one for each visitor in their order, or one for a delegation.

    ``masked`` names fields in which an Aadhaar number was masked.
    """

    references: tuple[str, ...]
    masked: tuple[str, ...] = ()


class Checked(Wire):
    """What submitting a form would find: problems, masked fields, and the name in Latin letters."""

    problems: tuple[FieldError, ...] = ()
    masked: tuple[str, ...] = ()
    name_latin: str = ""


class TimelineEntry(Wire):
    """What happened when: front ends translate ``what``; ``facts`` are its particulars, never personal."""

    at: Instant
    what: str = Field(
        description="Of a message: `message_delivered` says that its vendor has accepted it, so it was sent; "
        "`message_arrived` and `message_read` that the vendor has reported so, which not every vendor does."
    )
    facts: dict[str, str | int] = Field(default_factory=dict)


class VisitOfPass(Wire):
    """Where the visitor of a pass is in their visit: its status, and what happened since they came."""

    status: ApplicationStatus
    timeline: tuple[TimelineEntry, ...] = ()


class PassSummary(Wire):
    """The pass of an application."""

    number: str
    """Empty in a history, where the application is not open."""
    valid_from: Instant
    valid_to: Instant
    """When entry ends on the first day."""
    further_days: FurtherDays = ()
    """The days after the first on which the pass admits at the same hours."""
    revoked: bool = False


class ApplicationSummary(Wire):
    """One line of a history."""

    reference: str
    status: ApplicationStatus
    site: str
    department: str
    submitted_at: Instant
    date: dt.date | None = None
    """The decided date, else the first preferred one."""
    further_days: FurtherDays = ()
    """The decided days after it."""
    closed_day: dt.date | None = None
    """The day that the department closed: another is to be chosen, or the visit goes on without this day."""
    day_reopened: bool = False
    """Whether a date is to be chosen and the closed day can be chosen again."""
    locked_until: Instant | None = None
    """Until when it stays, without people for anybody but the data officer, because its person asked for its
    erasure; then it is erased by itself."""


class HistoryLine(ApplicationSummary):
    """One line of an applicant's history."""

    opened: bool = False
    """Whether the whole application may be seen in this session; else its ID card's last four open it."""
    name: str = ""
    """Empty where it is not open."""
    slot: Slot | None = None
    """The first preferred one."""
    pass_: PassSummary | None = Field(default=None, alias="pass")

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class ApplicationList(Wire):
    """A history, newest first."""

    items: tuple[HistoryLine, ...]
    next: str | None = None


class CorrectionView(Wire):
    """The newest correction that an approval did not let take effect at once."""

    state: Literal["waits", "refused"]
    sent_at: Instant
    corrected: tuple[str, ...]
    """As in `ApplicationCorrected`."""
    applicant: Person
    """As it is to be."""
    companions: tuple[Companion, ...] = ()
    note: str = ""
    """The department's word on why it refused."""


class ApplicationView(ApplicationSummary):
    """An application with everything its applicant may see.

    An applicant's answer has no ``id_last4``, which opens it. The reception gets the application of another
    site shortened: without people, purpose, note and presence.
    """

    channel: Channel
    revision: int
    applicant: Person
    companions: tuple[Companion, ...] = ()
    officer: str | None = None
    purpose_kind: PurposeKind
    purpose: str
    preferred: tuple[Slot, ...]
    vehicle: str | None = None
    weekly_until: dt.date | None = None
    """The last day of the standing pass that is asked for."""
    needs_photograph: bool = False
    """Whether the reception has to photograph the visitor before there can be a standing pass."""
    assistance: Assistance | None = None
    language: Language
    deliver_by: DeliverBy
    note: str | None = None
    """The department's note on a rejection or a return."""
    reason: RejectionReason | None = None
    closure_reason: ClosureReason | None = None
    closed_wishes: tuple[ClosedWish, ...] = ()
    """Preferred days on which the department or the site is closed, while the application waits."""
    timeline: tuple[TimelineEntry, ...]
    pass_: PassSummary | None = Field(default=None, alias="pass")
    notice: str | None = None
    """The version of the privacy notice that was shown before it was sent, where one of our pages did."""
    correction: CorrectionView | None = None
    mobile_change_after: Instant | None = None
    """From when on the caller may change its mobile number again; null: at once."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class StatusQuestion(Strict):
    """Question for a status, by reference and the last four digits of the mobile."""

    reference: Reference
    mobile_last4: str = Field(max_length=8)


class SayMetHere(StatusQuestion):
    """Whether a visitor was met, as they say at a kiosk: as for a status, without a code."""

    outcome: VisitOutcome


class StatusView(Wire):
    """What anyone with reference and last four may see: no name, purpose or QR."""

    reference: str
    status: ApplicationStatus
    site: str
    department: str
    closed_day: dt.date | None = None
    day_reopened: bool = False
    """Both as in an :class:`ApplicationSummary`."""
    timeline: tuple[TimelineEntry, ...]
    reason: RejectionReason | None = None
    """As in an :class:`ApplicationView`, like the note: for a session of the application's mobile only."""
    note: str | None = None


class NumberToProve(Wire):
    """The mobile of an application, to which the gateway has a code sent."""

    mobile: str | None = None
    """None where there is no such application, or it has none."""


class DepartmentCode(Strict):
    """One department."""

    department: Code


class Durations(Wire):
    """How long a department took until its first answer, for applications answered in the last 90 days.

    In seconds; None if there are too few for an estimate.
    """

    answered: int = 0
    half_within: int | None = None
    """The median."""
    nearly_all_within: int | None = None
    """The 95th percentile."""


class Lookup(Strict):
    """A mobile, a reference, a pass number, the plate of a vehicle or its last four digits, or a name."""

    q: str = Field(min_length=2, max_length=100)


class LookupHit(ApplicationSummary):
    """An application as the counter sees it."""

    name: str
    name_latin: str
    vehicle: str | None = None
    pass_number: str | None = None
    reception_asked: bool = False
    """Whether the reception was asked to help, because nobody has decided and the visit is near."""


class LookupHits(Wire):
    """At most fifty."""

    items: tuple[LookupHit, ...]
    next: str | None = None
    is_cut: bool = Field(default=False, description="Whether a search found more than these.")


SUBMIT = Method(
    "application", "submit", SubmitApplication, Acknowledged, command=True, said="Sent an application",
    http=Http("applicant", "submit_application", "POST /applications",
        "Apply for a visit.", status=201),
)  # fmt: skip
CHECK = Method("application", "check", SubmitApplication, Checked)
SUBMIT_AT_COUNTER = Method(
    "application", "submit_at_counter", SubmitAtCounter, Acknowledged, command=True,
    said="Sent an application at the counter",
    http=Http("reception", "submit_at_counter", "POST /counter/applications",
        "Apply for a visitor for whom the operator vouches; the mobile may be null.", status=201),
)  # fmt: skip
INVITE = Method(
    "application", "invite", Invite, Invited, command=True, said="Invited a visitor",
    http=Http("department", "invite_visitors", "POST /invitations",
        "Invite visitors of the login's own department; each pass follows by itself.", status=201),
)  # fmt: skip
LIST_APPLICATIONS = Method(
    "application", "list_applications", Page, ApplicationList, names_people=True,
    said="List of own applications",
    http=Http("applicant", "list_applications", "GET /applications",
        "List the applicant's applications, newest first."),
)  # fmt: skip
VIEW_APPLICATION = Method(
    "application", "view", ReferenceOnly, ApplicationView, names_people=True, said="Page of an application",
    http=Http("applicant", "view_application", "GET /applications/{reference}",
        """Return the status, dated timeline and pass of an application.

        The session that sent it may see it. Any other one opens it first (403 ``not_opened``).
        """),
)  # fmt: skip
OPEN_APPLICATION = Method(
    "application", "open", OpenApplication, ApplicationView, command=True, carries_key=True,
    said="Opened an application with the ID card",
    http=Http("applicant", "open_application", "POST /applications/{reference}/open",
        """Open an application for this session by the last four characters of its ID card, and return it.

        Families share a phone. A mobile has ten wrong tries within an hour.
        """),
)  # fmt: skip
AMEND = Method(
    "application", "amend", AmendApplication, Acknowledged, command=True, said="Changed an application",
    http=Http("applicant", "amend_application", "POST /applications/{reference}/amend",
        "Complete an application that was returned, or request other dates before it is decided."),
)  # fmt: skip
CANCEL = Method(
    "application", "cancel", ReferenceOnly, Acknowledged, command=True, said="Cancelled an application",
    http=Http("applicant", "cancel_application", "POST /applications/{reference}/cancel",
        "Withdraw an application; a pass that exists is revoked."),
)  # fmt: skip
SAY_MET = Method(
    "application", "say_met", SayMet, Acknowledged, command=True, said="Said whether they were met",
    http=Http("applicant", "say_met", "POST /applications/{reference}/met",
        "Say whether you were met; the newest word counts."),
)  # fmt: skip
SAY_MET_HERE = Method(
    "application", "say_met_here", SayMetHere, Acknowledged, command=True, said="Visitor's word at a kiosk"
)
VISIT_OF_PASS = Method("application", "visit_of_pass", PassNumber, VisitOfPass)
"""For the page behind the link of a pass alone."""
CHANGE_MOBILE = Method(
    "application", "change_mobile", ChangeMobile, Acknowledged, command=True,
    said="Changed the mobile of an application",
)  # fmt: skip
STATUS = Method(
    "application", "status", StatusQuestion, StatusView,
    http=Http("anyone", "look_up_status", "POST /status",
        "Return status and timeline of an application, without a name, a purpose or a QR.", limit="status"),
)  # fmt: skip
NUMBER_TO_PROVE = Method("application", "number_to_prove", ReferenceOnly, NumberToProve)
"""For the gateway alone: no page and no interface shows the number."""
COUNTER_LOOKUP = Method(
    "application", "lookup", Lookup, LookupHits, names_people=True, said="Looked up visits at the counter",
    http=Http("reception", "look_up_at_counter", "POST /counter/lookup",
        "Find applications by mobile, reference, pass number, vehicle or name."),
)  # fmt: skip
WAITING_HERE = Method(
    "application", "waiting_here", Nothing, LookupHits, names_people=True,
    said="List of who waits at the counter",
    http=Http("reception", "list_waiting_here", "GET /counter/applications",
        """List who applied today at the counters and kiosks of this site and has not entered yet.

        These are the fifty newest, the newest last.
        """),
)  # fmt: skip
DURATIONS = Method("application", "durations", DepartmentCode, Durations)
OWN_DATA = own_data("application")
RECORD_COPY = Method(
    "application", "record_copy", OwnApplications, Nothing, command=True, said="Took a copy of their own data"
)
ERASE_OWN_DATA = Method(
    "application", "erase_own_data", OwnApplications, ErasedOnRequest, command=True,
    said="Had their own data erased",
)  # fmt: skip
AUDIT_ENTRIES = Method(
    "application", "audit_entries", AuditQuestion, AuditEntries, names_people=True, polled=True,
    said="Audit log",
)  # fmt: skip
AUDIT_HEADS = Method("application", "audit_heads", HeadQuestion, AuditHeads)
MOST_LOOKS = most_looks("application")

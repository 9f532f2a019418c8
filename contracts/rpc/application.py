"""RPC of application: applying, following an application, the counter's view of it."""

import datetime as dt
from typing import Literal

from pydantic import ConfigDict, Field

from contracts.errors import FieldError
from contracts.model import (
    ApplicantKind,
    ApplicationStatus,
    Assistance,
    Channel,
    Code,
    Companion,
    DeliverBy,
    IdType,
    Instant,
    Language,
    Official,
    Person,
    PurposeKind,
    RejectionReason,
    Slot,
    Strict,
    Wire,
)
from contracts.rpc.call import Method, Nothing, Page


class Applicant(Strict):
    """Who applies. The mobile comes from the session, or at the counter from the operator."""

    kind: ApplicantKind
    name: str = Field(max_length=400)
    name_latin: str | None = Field(default=None, max_length=400)
    language: Language = "en"
    email: str | None = Field(default=None, max_length=254)
    id_type: IdType
    id_last4: str = Field(max_length=40)
    deliver_by: DeliverBy = "sms"
    assistance: Assistance | None = None
    official: Official | None = None


class CompanionInput(Strict):
    """Someone who comes along; a child needs no ID."""

    name: str = Field(max_length=400)
    name_latin: str | None = Field(default=None, max_length=400)
    id_type: IdType | None = None
    id_last4: str | None = Field(default=None, max_length=40)
    child: bool = False


class SubmitApplication(Strict):
    """POST /applications, as the design's section 5 shows it."""

    applicant: Applicant
    site: Code
    department: Code
    officer: Code | None = None
    purpose_kind: PurposeKind
    purpose: str = Field(max_length=1000)
    preferred: tuple[Slot, ...] = Field(min_length=1, max_length=3)
    companions: tuple[CompanionInput, ...] = Field(default=(), max_length=50)
    vehicle: str | None = Field(default=None, max_length=40)


class SubmitAtCounter(SubmitApplication):
    """POST /counter/applications: the operator vouches; a visitor may have no mobile."""

    mobile: str | None = Field(default=None, max_length=40)
    channel: Literal["counter", "kiosk"] = "counter"


class AmendApplication(Strict):
    """What a returned application says now; a field left out stays. While the department decides, only ``preferred`` changes."""

    reference: str = Field(max_length=40)
    purpose: str | None = Field(default=None, max_length=1000)
    preferred: tuple[Slot, ...] | None = Field(default=None, min_length=1, max_length=3)
    officer: Code | Literal[""] | None = None
    """Empty: anyone who deals with it."""
    companions: tuple[CompanionInput, ...] | None = Field(default=None, max_length=50)
    vehicle: str | None = Field(default=None, max_length=40)


class ReferenceOnly(Strict):
    """One application."""

    reference: str = Field(max_length=40)


class Acknowledged(Wire):
    """A command on an application was carried out. ``masked`` names free-text fields in which an Aadhaar number was masked."""

    reference: str
    status: ApplicationStatus
    masked: tuple[str, ...] = ()


class Checked(Wire):
    """What submitting a form would find: every problem, the masked fields, and the name in Latin letters as it would be printed."""

    problems: tuple[FieldError, ...] = ()
    masked: tuple[str, ...] = ()
    name_latin: str = ""


class TimelineEntry(Wire):
    """What happened when: ``what`` is a word that front ends translate, ``facts`` its particulars (never personal)."""

    at: Instant
    what: str
    facts: dict[str, str | int] = Field(default_factory=dict)


class PassSummary(Wire):
    """The pass of an application."""

    number: str
    valid_from: Instant
    valid_to: Instant
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


class ApplicationList(Wire):
    """A history, newest first."""

    items: tuple[ApplicationSummary, ...]
    next: str | None = None


class ApplicationView(ApplicationSummary):
    """An application with everything its applicant may see."""

    channel: Channel
    revision: int
    applicant: Person
    companions: tuple[Companion, ...] = ()
    officer: str | None = None
    purpose_kind: PurposeKind
    purpose: str
    preferred: tuple[Slot, ...]
    vehicle: str | None = None
    assistance: Assistance | None = None
    language: Language
    deliver_by: DeliverBy
    note: str | None = None
    """What the department says with a rejection or a return."""
    reason: RejectionReason | None = None
    timeline: tuple[TimelineEntry, ...]
    pass_: PassSummary | None = Field(default=None, alias="pass")

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class StatusQuestion(Strict):
    """Where is my application: by reference and the last four digits of the mobile."""

    reference: str = Field(max_length=40)
    mobile_last4: str = Field(max_length=8)


class StatusView(Wire):
    """What anyone with reference and last four may see: no name, purpose or QR."""

    reference: str
    status: ApplicationStatus
    site: str
    department: str
    timeline: tuple[TimelineEntry, ...]


class DepartmentCode(Strict):
    """One department."""

    department: Code


class Durations(Wire):
    """How long applications to a department took until its first answer, of those that it answered in the last 90 days.

    Seconds; None where there are too few to tell.
    """

    answered: int = 0
    half_within: int | None = None
    """The median."""
    nearly_all_within: int | None = None
    """The 95th percentile."""


class Lookup(Strict):
    """A mobile, a reference or a name."""

    q: str = Field(min_length=2, max_length=100)


class LookupHit(ApplicationSummary):
    """An application as the counter sees it."""

    name: str
    name_latin: str
    pass_number: str | None = None


class LookupHits(Wire):
    """At most fifty."""

    items: tuple[LookupHit, ...]
    next: str | None = None


SUBMIT = Method("application", "submit", SubmitApplication, Acknowledged, command=True)
CHECK = Method("application", "check", SubmitApplication, Checked)
SUBMIT_AT_COUNTER = Method("application", "submit_at_counter", SubmitAtCounter, Acknowledged, command=True)
LIST_APPLICATIONS = Method("application", "list_applications", Page, ApplicationList)
VIEW_APPLICATION = Method("application", "view", ReferenceOnly, ApplicationView)
AMEND = Method("application", "amend", AmendApplication, Acknowledged, command=True)
CANCEL = Method("application", "cancel", ReferenceOnly, Acknowledged, command=True)
STATUS = Method("application", "status", StatusQuestion, StatusView)
COUNTER_LOOKUP = Method("application", "lookup", Lookup, LookupHits)
WAITING_HERE = Method("application", "waiting_here", Nothing, LookupHits)
DURATIONS = Method("application", "durations", DepartmentCode, Durations)

"""Every RPC: a name, a request and a reply. The gateway calls, the services answer; services never call each other.

A request travels as the one positional argument of a nameko call; what belongs to the call and not to the question
(who asks, until when, under which idempotency key) travels beside it as :class:`Call`.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import ConfigDict, Field

from contracts import events
from contracts.errors import FieldError
from contracts.model import (
    ApplicantKind,
    ApplicationStatus,
    Assistance,
    Channel,
    Code,
    Companion,
    DeliverBy,
    Direction,
    IdType,
    Instant,
    Language,
    Official,
    Person,
    PurposeKind,
    RejectionReason,
    ReviewStatus,
    RevocationReason,
    Role,
    Slot,
    Strict,
    Verdict,
    Wire,
)

Q = TypeVar("Q", bound=Wire)
R = TypeVar("R", bound=Wire)


class Principal(Wire):
    """Who asks. An applicant is known by the mobile that an OTP proved; staff by a login with a role and a scope.

    An applicant with a ``login_id`` is helped by that operator, who sits beside and types.
    """

    kind: Literal["anonymous", "applicant", "staff"] = "anonymous"
    id: str = "anonymous"
    """Scope of idempotency keys: a login ID, or a keyed hash of a mobile, or an address."""
    role: Role | None = None
    mobile: str | None = None
    login_id: str | None = None
    site: str | None = None
    department: str | None = None
    gate: str | None = None
    sid: UUID | None = None
    kiosk: str | None = None
    """The enrolled device at which an applicant stands; ``site`` is the device's then."""


class Call(Wire):
    """What accompanies a request: who asks, until when an answer is of use, and under which key a repeat is one."""

    principal: Principal = Principal()
    deadline: Instant
    idempotency_key: str | None = Field(default=None, max_length=200)
    correlation_id: str = ""
    traceparent: str | None = None
    address: str = ""
    """A keyed hash of the caller's network address, for limits."""


@dataclass(frozen=True)
class Method(Generic[Q, R]):
    """One RPC. ``command`` is true where it changes state."""

    service: str
    name: str
    request: type[Q]
    reply: type[R]
    command: bool = False


class Nothing(Wire):
    """No question, or no answer."""


class Page(Wire):
    """Which part of a list: pass ``next`` of the answer as ``after``."""

    after: str | None = None
    limit: int = Field(default=50, ge=1, le=200)


# ---------------------------------------------------------------- accounts


class RequestOtp(Strict):
    """Send a code to a mobile, in a language."""

    mobile: str = Field(max_length=40)
    language: Language = "en"


class OtpRequest(Wire):
    """A code is on its way."""

    request_id: UUID
    resend_after: int = 30
    """Seconds until asking again makes sense."""


class VerifyOtp(Strict):
    """The code a person typed."""

    request_id: UUID
    code: str = Field(max_length=20)


class ApplicantSession(Wire):
    """A session of an applicant."""

    access_token: str
    expires_at: Instant


class LogIn(Strict):
    """A staff login."""

    login_id: str = Field(max_length=40)
    password: str = Field(max_length=200)


class StaffSession(Wire):
    """A session of staff. With ``must_change_password`` it is good for POST /password only."""

    access_token: str
    role: Role
    login_id: str
    site: str | None = None
    department: str | None = None
    gate: str | None = None
    must_change_password: bool = False
    expires_at: Instant


class ChangePassword(Strict):
    """Both passwords, the present one first."""

    current: str = Field(max_length=200)
    new: str = Field(max_length=200)


class IssueLogin(Strict):
    """A new login; department logins need a department, security and reception ones a site."""

    role: Role
    name: str = Field(min_length=1, max_length=100)
    department: Code | None = None
    site: Code | None = None
    gate: Code | None = None
    mobile: str | None = Field(default=None, max_length=40)
    language: Language = "en"


class IssuedLogin(Wire):
    """The login with its one-time password, to be handed over by the ADO Branch; shown to nobody again."""

    login_id: str
    initial_password: str


class LoginId(Strict):
    """One login."""

    login_id: Code


class LoginView(Wire):
    """A login as the ADO Branch sees it."""

    login_id: str
    role: Role
    name: str
    department: str | None = None
    site: str | None = None
    gate: str | None = None
    disabled: bool = False
    must_change_password: bool = False
    issued_by: str | None = None
    issued_at: Instant
    last_used_at: Instant | None = None


class LoginList(Wire):
    """Logins, by ID."""

    items: tuple[LoginView, ...]
    next: str | None = None


class SessionKeys(Wire):
    """Public keys of session tokens: Ed25519 JWKs."""

    keys: tuple[events.PublicKey, ...]


class DeniedSessions(Wire):
    """Sessions and logins that ended before their tokens expire: what a gateway replica must know when it starts."""

    sessions: dict[str, dt.datetime] = Field(default_factory=dict)
    logins: dict[str, dt.datetime] = Field(default_factory=dict)
    """Login ID → tokens issued up to this instant are denied."""


REQUEST_OTP = Method("accounts", "request_otp", RequestOtp, OtpRequest, command=True)
VERIFY_OTP = Method("accounts", "verify_otp", VerifyOtp, ApplicantSession, command=True)
LOG_IN = Method("accounts", "log_in", LogIn, StaffSession, command=True)
ENROL_KIOSK = Method("accounts", "enrol_kiosk", LogIn, StaffSession, command=True)
LOG_OUT = Method("accounts", "log_out", Nothing, Nothing, command=True)
CHANGE_PASSWORD = Method("accounts", "change_password", ChangePassword, StaffSession, command=True)
ISSUE_LOGIN = Method("accounts", "issue_login", IssueLogin, IssuedLogin, command=True)
LIST_LOGINS = Method("accounts", "list_logins", Page, LoginList)
DISABLE_LOGIN = Method("accounts", "disable_login", LoginId, LoginView, command=True)
RESET_LOGIN = Method("accounts", "reset_login", LoginId, IssuedLogin, command=True)
SESSION_KEYS = Method("accounts", "session_keys", Nothing, SessionKeys)
DENIED_SESSIONS = Method("accounts", "denied_sessions", Nothing, DeniedSessions)

# ------------------------------------------------------------- application


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

# ---------------------------------------------------------------- approval


class SiteList(Wire):
    """All sites."""

    items: tuple[events.SiteRecord, ...]
    next: str | None = None


class DepartmentQuestion(Strict):
    """Departments that a search finds, by their own name or by an officer's; all of them where nothing is searched for."""

    q: str = Field(default="", max_length=100)


class DepartmentView(Wire):
    """A department without its officers, but for those whom a search found."""

    code: str
    name: dict[Language, str]
    sites: tuple[str, ...]
    found: tuple[events.OfficerRecord, ...] = ()


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


class ReviewQuestion(Page):
    """The queue of the principal's department."""

    status: ReviewStatus | None = None


class ReviewSearch(Strict):
    """A reference, or part of a name."""

    q: str = Field(min_length=2, max_length=100)


class DecisionView(Wire):
    """Who decided what, when."""

    status: ReviewStatus
    decided_by: str
    decided_at: Instant
    reason: RejectionReason | None = None
    note: str = ""
    slot: Slot | None = None
    gate: str | None = None
    entries: int = 1
    vehicle_allowed: bool = False


class ReviewView(Wire):
    """An application as the department sees it."""

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


class ReviewList(Wire):
    """Reviews, the longest waiting first."""

    items: tuple[ReviewView, ...]
    next: str | None = None


class ReviewId(Strict):
    """One review."""

    review_id: UUID


class Approve(Strict):
    """When and how the visit may take place. ``revision``, where given, must be the one that was read."""

    review_id: UUID
    slot: Slot
    gate: Code | None = None
    entries: int = Field(default=1, ge=1, le=20)
    vehicle_allowed: bool = False
    revision: int | None = None


class Reject(Strict):
    """A reason of the list; a note that the applicant will read."""

    review_id: UUID
    reason: RejectionReason
    note: str = Field(default="", max_length=500)
    revision: int | None = None


class Return(Strict):
    """What is missing, in words that the applicant will read."""

    review_id: UUID
    note: str = Field(min_length=1, max_length=500)
    revision: int | None = None


class Forward(Strict):
    """To another department, or to an officer of this one: exactly one."""

    review_id: UUID
    department: Code | None = None
    officer: Code | None = None


class Withdraw(Strict):
    """Take an approval back; the pass is revoked."""

    review_id: UUID
    reason: RejectionReason


class Whereabouts(Wire):
    """With which department an application lies, and since when it has waited there."""

    department: str
    since: Instant


SITES = Method("approval", "sites", Nothing, SiteList)
DEPARTMENTS = Method("approval", "departments", DepartmentQuestion, DepartmentList)
OFFICERS = Method("approval", "officers", OfficerQuestion, OfficerList)
LIST_REVIEWS = Method("approval", "list_reviews", ReviewQuestion, ReviewList)
SEARCH_REVIEWS = Method("approval", "search_reviews", ReviewSearch, ReviewList)
VIEW_REVIEW = Method("approval", "view_review", ReviewId, ReviewView)
WHEREABOUTS = Method("approval", "whereabouts", ReferenceOnly, Whereabouts)
APPROVE = Method("approval", "approve", Approve, ReviewView, command=True)
REJECT = Method("approval", "reject", Reject, ReviewView, command=True)
RETURN = Method("approval", "return_to_applicant", Return, ReviewView, command=True)
FORWARD = Method("approval", "forward", Forward, ReviewView, command=True)
WITHDRAW = Method("approval", "withdraw", Withdraw, ReviewView, command=True)

# ---------------------------------------------------------------- issuance


class PassNumber(Strict):
    """One pass."""

    number: str = Field(max_length=20)


class LinkCode(Strict):
    """The 22 characters of a pass link."""

    code: str = Field(max_length=40)


class PassView(Wire):
    """A pass with its token. ``state`` is what is true now."""

    number: str
    reference: str
    state: Literal["issued", "revoked", "expired"]
    token: str
    site: str
    gate: str | None = None
    department: str
    officer: str | None = None
    valid_from: Instant
    valid_to: Instant
    slot: Slot
    entries: int
    party: int
    applicant: Person
    companions: tuple[Companion, ...] = ()
    vehicle: str | None = None
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    language: Language
    replaced_by: str | None = None
    revocation: RevocationReason | None = None
    """Why it was revoked, where it was."""


class QrQuestion(PassNumber):
    """The picture of a pass's QR. ``scale`` is pixels a module."""

    format: Literal["svg", "png"]
    scale: int = Field(default=8, ge=2, le=20)


class QrPicture(Wire):
    """The picture, base64."""

    content_type: str
    base64: str


class ReissuePass(PassNumber):
    """A lost or forwarded pass: a new number, the old one revoked."""

    reason: RevocationReason = "reissued"


class Jwk(Wire):
    """A public Ed25519 key as a JWK (RFC 8037)."""

    kty: Literal["OKP"] = "OKP"
    crv: Literal["Ed25519"] = "Ed25519"
    alg: Literal["EdDSA"] = "EdDSA"
    use: Literal["sig"] = "sig"
    kid: str
    x: str


class Jwks(Wire):
    """GET /.well-known/jwks.json: keys of pass tokens and of the status list."""

    keys: tuple[Jwk, ...]


class StatusList(Wire):
    """GET /.well-known/pass-status: a JWS, ``typ: epass-status+jwt``."""

    jws: str


PASS = Method("issuance", "view", PassNumber, PassView)
PASS_BY_LINK = Method("issuance", "view_by_link", LinkCode, PassView)
QR = Method("issuance", "qr", QrQuestion, QrPicture)
QR_BY_LINK = Method("issuance", "qr_by_link", LinkCode, QrPicture)
REISSUE = Method("issuance", "reissue", ReissuePass, PassView, command=True)
JWKS = Method("issuance", "jwks", Nothing, Jwks)
STATUS_LIST = Method("issuance", "status_list", Nothing, StatusList)

# ------------------------------------------------------------------ notify


class SentMessage(Wire):
    """A message as the local phone shows it."""

    at: Instant
    to: str
    channel: DeliverBy
    purpose: str
    language: Language
    text: str
    link: str | None = None


class PhoneQuestion(Strict):
    """Messages to one number, in E.164."""

    to: str = Field(max_length=40)


class PhoneMessages(Wire):
    """Oldest first."""

    items: tuple[SentMessage, ...]


RESEND = Method("notify", "resend", ReferenceOnly, Nothing, command=True)
RECORD_PRINT = Method("notify", "record_print", PassNumber, Nothing, command=True)
LOCAL_PHONE = Method("notify", "local_phone", PhoneQuestion, PhoneMessages)

# ------------------------------------------------------------------ verify


class Matched(Strict):
    """The ID that the application names was shown; its last four are compared."""

    kind: Literal["matched"]
    id_type: IdType
    id_last4: str = Field(max_length=40)


class OtherId(Strict):
    """Another valid ID, whose name and face the officer accepts; recorded as such."""

    kind: Literal["other_id"]
    id_type: IdType
    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")


class ScanPass(Strict):
    """POST /scans. Exactly one of ``token`` and ``pass_number``; without ``id_check`` an entry is a preview."""

    token: str | None = Field(default=None, max_length=2000)
    pass_number: str | None = Field(default=None, max_length=20)
    gate: Code
    direction: Direction = "entry"
    count: int | None = Field(default=None, ge=1, le=51)
    nonce: str = Field(min_length=8, max_length=64, pattern=r"^[\x20-\x7e]+$")
    scanned_at: Instant | None = None
    id_check: Annotated[Matched | OtherId, Field(discriminator="kind")] | None = None


class ScanResult(Wire):
    """What the gate shows. A refusal of an unknown or forged pass says nothing else."""

    verdict: Verdict
    preview: bool
    pass_: str | None = Field(default=None, alias="pass")
    reference: str | None = None
    applicant: Person | None = None
    companions: tuple[Companion, ...] = ()
    party: int = 0
    inside: int = 0
    site: str | None = None
    gate: str | None = None
    """Where the pass is for; no gate means any of the site."""
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    vehicle: str | None = None
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    department: str | None = None
    officer: str | None = None
    marks: tuple[str, ...] = ()
    list_age_s: int = 0
    """Age of the revocations known here, seconds."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class InsideQuestion(Page):
    """Who is inside a site."""

    site: Code


class Inside(Wire):
    """One party inside."""

    pass_: str = Field(alias="pass")
    reference: str
    name_latin: str
    name: str
    inside: int
    party: int
    since: Instant
    gate: str
    department: str
    valid_to: Instant

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class InsideList(Wire):
    """The longest inside first; ``persons`` counts all of them, not only this page's."""

    items: tuple[Inside, ...]
    next: str | None = None
    persons: int = 0


class PassUse(Wire):
    """How far a pass is used. ``used`` is true once everybody of the party has come in as often as allowed, and has left."""

    used: bool


SCAN = Method("verify", "scan", ScanPass, ScanResult, command=True)
INSIDE = Method("verify", "inside", InsideQuestion, InsideList)
PASS_USE = Method("verify", "pass_use", PassNumber, PassUse)

METHODS: tuple[Method[Wire, Wire], ...] = tuple(value for value in list(globals().values()) if isinstance(value, Method))

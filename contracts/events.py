"""Events: one frozen model each, named by a past participle, complete enough for every subscriber.

``data`` travels in clear text and holds nothing personal; what is personal (names, mobiles, the ID's last
four, free text, a vehicle, a code) is in the model of the member ``personal``, which the envelope seals. The
subscribers of each event are in ``contracts/subscriptions.py``.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from contracts.model import (
    AccessChange,
    ApplicantKind,
    Assistance,
    Channel,
    ClosureReason,
    Code,
    Companion,
    ConflictKind,
    Contact,
    DeliverBy,
    Direction,
    EscalationStep,
    FurtherDays,
    Instant,
    Language,
    Person,
    PurposeKind,
    RejectionReason,
    RevocationReason,
    Role,
    Slot,
    Verdict,
    Wire,
    date,
    end_of_last_day,
)
from contracts.open_sets import else_

Content = dict[str, JsonValue]
"""The members of an event on the wire, the personal ones included."""
AnyDeliverBy = Annotated[DeliverBy, else_("sms")]
AnyDeliveryStatus = Annotated[Literal["delivered", "read"] | None, else_(None)]
AnyChannel = Annotated[Channel, else_("portal")]
AnyPurposeKind = Annotated[PurposeKind, else_("other")]
AnyAssistance = Annotated[Assistance | None, else_(None)]
AnyRejectionReason = Annotated[RejectionReason, else_("other")]
AnyRevocationReason = Annotated[RevocationReason, else_("withdrawn")]
AnyClosureReason = Annotated[ClosureReason, else_("other")]
AnyAccessChange = Annotated[AccessChange, else_("other")]
AnyEscalationStep = Annotated[EscalationStep | None, else_(None)]
AnyChanger = Annotated[Literal["applicant", "counter"], else_("applicant")]
AnyConflictKind = Annotated[ConflictKind, else_("other")]
AnyOfflineChoice = Annotated[Literal["refuse", "supervisor"], else_("refuse")]
AnyVerdict = Annotated[Verdict, else_("unknown_pass")]
"""A verdict that is not known here lets nobody pass: only ``admit`` and ``exit`` do, in every version."""


class Event(Wire):
    """Base of all events: a version, a producer and a subject.

    The envelope's writer excludes ``personal`` of a subclass from the clear part.
    """

    version: ClassVar[int] = 1
    upgrades: ClassVar[Mapping[int, Callable[[Content], Content]]] = {}
    """How the content of an older version becomes that of the version after it, by the older version."""
    producer: ClassVar[str]
    is_only_one: ClassVar[bool] = False
    """Whether a subject has no other event than this one; then no number needs to be remembered."""

    @property
    def subject(self) -> str:
        """Subject of the event; ``seq`` counts the events of one subject."""
        raise TypeError(f"{type(self).__name__} names no subject")


class AboutApplication(Event):
    """An event whose subject is an application."""

    application_id: UUID
    reference: str

    @property
    def subject(self) -> str:
        return f"application:{self.application_id}"


class AboutPass(Event):
    """An event whose subject is a pass."""

    pass_number: str
    application_id: UUID
    reference: str

    @property
    def subject(self) -> str:
        return f"pass:{self.pass_number}"


# ---------------------------------------------------------------- accounts


class OtpContact(Wire):
    """Who gets a one-time code, and the code."""

    mobile: str
    code: str


class OtpRequested(Event):
    """A one-time code is to be sent; stale after ``expires_at`` of the envelope."""

    producer: ClassVar[str] = "accounts"
    is_only_one: ClassVar[bool] = True
    request_id: UUID
    language: Language
    deliver_by: AnyDeliverBy = "sms"
    personal: OtpContact

    @property
    def subject(self) -> str:
        return f"otp:{self.request_id}"


class AboutLogin(Event):
    """An event whose subject is a staff login."""

    producer: ClassVar[str] = "accounts"
    login_id: Code

    @property
    def subject(self) -> str:
        return f"login:{self.login_id}"


class LoginIssued(AboutLogin):
    """The ADO Branch issued a login. The initial password is never in an event."""

    role: Role
    site: Code | None = None
    department: Code | None = None
    issued_by: Code
    language: Language = "en"
    personal: Contact


class LoginDisabled(AboutLogin):
    """The login and all its sessions ended, for good.

    It never expires: what a service keeps of the login, such as a PIN, ends however late the event arrives.
    """

    disabled_by: Code
    sessions_until: Instant
    """No token of this login is valid past this instant anyway; the denial may be forgotten then."""


class PasswordReset(AboutLogin):
    """All sessions of the login ended, since it got another one-time password. The login itself goes on."""

    reset_by: Code
    sessions_until: Instant
    """As in `LoginDisabled`."""


class AccessChanged(AboutLogin):
    """Access was given or taken, and one person is told: the holder, or somebody of the ADO Branch.

    There is one event for each person who is told. Of the file and of the rule, the login is whoever did it.
    """

    what: AnyAccessChange
    changed_by: str
    """A login, or ``epass`` for a command on the server."""
    language: Language = "en"
    personal: Contact


class SessionEnded(Event):
    """One session ended before its token expires."""

    producer: ClassVar[str] = "accounts"
    is_only_one: ClassVar[bool] = True
    sid: UUID
    token_expires_at: Instant

    @property
    def subject(self) -> str:
        return f"session:{self.sid}"


class SessionKeyWithdrawn(Event):
    """A key of sessions was withdrawn: every session under it has ended, whoever made it."""

    producer: ClassVar[str] = "accounts"
    is_only_one: ClassVar[bool] = True
    kid: str = Field(max_length=8)

    @property
    def subject(self) -> str:
        return f"session-key:{self.kid}"


# ------------------------------------------------------------- application


class ApplicationPersonal(Wire):
    """The people of an application, its purpose and vehicle."""

    applicant: Person
    companions: tuple[Companion, ...] = ()
    purpose: str
    vehicle: str | None = None


class ApplicationDetails(AboutApplication):
    """A whole application as of one revision."""

    producer: ClassVar[str] = "application"
    revision: int = Field(ge=1)
    channel: AnyChannel
    kind: ApplicantKind
    site: Code
    department: Code
    officer: Code | None = None
    purpose_kind: AnyPurposeKind
    preferred: tuple[Slot, ...]
    party: int = Field(ge=1)
    assistance: AnyAssistance = None
    language: Language
    deliver_by: AnyDeliverBy
    mobile_proved: bool
    submitted_by: Code | None = None
    """The operator at the counter who vouches, or null for the applicant."""
    personal: ApplicationPersonal


class ApplicationSubmitted(ApplicationDetails):
    """An application for a visit was submitted."""


class ApplicationAmended(ApplicationDetails):
    """An application was amended; ``revision`` is higher than before."""


class ApplicationEnded(AboutApplication):
    """An application came to an end without a visit."""

    producer: ClassVar[str] = "application"
    revision: int
    language: Language
    deliver_by: AnyDeliverBy
    personal: Contact


class ApplicationCancelled(ApplicationEnded):
    """The applicant, or the counter for them, cancelled it; a pass that exists is to be revoked."""

    cancelled_by: Literal["applicant", "counter"]


class ApplicationExpired(ApplicationEnded):
    """All preferred dates passed without a decision."""


class MobileNumbers(Wire):
    """The number that an applicant has now, and the one before it."""

    mobile: str
    before: str | None = None
    """None where there was none."""


class MobileChanged(AboutApplication):
    """The applicant has another mobile, which they have proved; messages go there from now on."""

    producer: ClassVar[str] = "application"
    changed_by: AnyChanger
    language: Language
    deliver_by: AnyDeliverBy
    personal: MobileNumbers


class PersonalDataErased(AboutApplication):
    """Every service that holds personal data of this application erases it."""

    producer: ClassVar[str] = "application"


# ---------------------------------------------------------------- approval


class OpeningHours(Wire):
    """Opening hours of one weekday (0 is Monday), valid from a date on."""

    weekday: int = Field(ge=0, le=6)
    opens: time
    closes: time
    valid_from: date
    valid_to: date | None = None


class ClosedDay(Wire):
    """A day on which a site admits nobody, or a department receives nobody."""

    day: date
    reason: str
    """Of a site its own words, in English where they are translated; of a department a `ClosureReason`."""
    reason_translations: dict[Language, str] = Field(default={}, exclude_if=lambda words: not words)
    """The words of a site in other languages."""


class SiteAdvice(Wire):
    """What a visitor of a site should know before they come.

    Each member is a text by language, empty if there is nothing to know.
    """

    prohibited: dict[Language, str] = Field(default_factory=dict)
    """What may not be brought."""
    declare: dict[Language, str] = Field(default_factory=dict)
    """What is to be declared at the gate."""
    parking: dict[Language, str] = Field(default_factory=dict)
    """Where vehicles stop."""
    wheelchair: dict[Language, str] = Field(default_factory=dict)
    """Where a visitor asks for a wheelchair."""


class GateRules(Wire):
    """What the gates of a site do without a network, and whom they telephone then."""

    green: int = Field(default=15, ge=1, le=240)
    """Minutes up to which the list of a gate without a network is as good as online."""
    amber: int = Field(default=240, ge=1, le=1_440)
    """Minutes up to which a gate goes on with a warning. After that ``then`` counts."""
    then: AnyOfflineChoice | None = None
    """What a gate does with an older list; None as the installation has it (``EPASS_OFFLINE_THEN``)."""
    reception_phone: str = ""
    security_phone: str = ""


class SiteRecord(Wire):
    """A site with its gates and hours. ``name`` is by language."""

    code: Code
    name: dict[Language, str]
    address: dict[Language, str]
    gates: tuple[Code, ...]
    gate_names: dict[Code, dict[Language, str]] = Field(default={}, exclude_if=lambda names: not names)
    """What people call a gate, by its code and by language; a gate without a name is called by its number."""
    photograph: bool = Field(default=False, exclude_if=lambda wanted: not wanted)
    """Whether the counter may take a photograph of a visitor."""
    hours: tuple[OpeningHours, ...]
    closed_days: tuple[ClosedDay, ...] = ()
    advice: SiteAdvice | None = Field(default=None, exclude_if=lambda advice: advice is None)
    gate_rules: GateRules | None = Field(default=None, exclude_if=lambda rules: rules is None)
    """None where all of them are as usual. It is not published: it has internal telephone numbers."""


class OfficerRecord(Wire):
    """An officer whom people visit; an office, not a private person."""

    code: Code
    name: dict[Language, str]
    designation: dict[Language, str]
    room: str = ""
    closed: bool = Field(default=False, exclude_if=lambda closed: not closed)
    """Whether nobody can ask to meet them any more."""


class EscalationMinutes(Wire):
    """When a review that nobody decides goes to the next step.

    ``stand_in``, ``head`` and ``reception`` are minutes of open time that are left until the visit.
    ``walk_in`` is how many minutes a visitor who waits at the reception waits for each step.
    """

    stand_in: int = Field(default=240, ge=0, le=10_000)
    head: int = Field(default=120, ge=0, le=10_000)
    reception: int = Field(default=60, ge=0, le=10_000)
    walk_in: int = Field(default=10, ge=1, le=480)


class DepartmentRecord(Wire):
    """A department, where it sits, and its officers by rank: the first is its head."""

    code: Code
    name: dict[Language, str]
    sites: tuple[Code, ...]
    officers: tuple[OfficerRecord, ...] = ()
    escalation: EscalationMinutes | None = Field(default=None, exclude_if=lambda minutes: minutes is None)
    """Without it the defaults of `EscalationMinutes` count."""
    closed_days: tuple[ClosedDay, ...] = Field(default=(), exclude_if=lambda days: not days)
    """Days that the department closed at short notice, each with a `ClosureReason`; none of the past."""
    closed: bool = Field(default=False, exclude_if=lambda closed: not closed)
    """Whether nobody can ask for a visit to it any more; what was asked before stays."""


class DirectoryChanged(Event):
    """A record of the directory as it is now: exactly one of ``site`` and ``department``."""

    producer: ClassVar[str] = "approval"
    site: SiteRecord | None = None
    department: DepartmentRecord | None = None

    @property
    def subject(self) -> str:
        return (
            f"site:{self.site.code}"
            if self.site
            else f"department:{self.department.code if self.department else ''}"
        )


class Decision(AboutApplication):
    """Base of a department's decisions; each is about one revision of an application."""

    producer: ClassVar[str] = "approval"
    review_id: UUID
    revision: int
    department: Code
    decided_by: Code
    on_behalf_of: Code | None = Field(default=None, exclude_if=lambda officer: officer is None)
    """The officer for whom the login decided, by a delegation."""


class PassApproved(Decision):
    """A department approved the visit; the event holds everything that issuing the pass needs."""

    site: Code
    gate: Code | None = None
    officer: Code | None = None
    slot: Slot
    """The hours of each day, and the first day."""
    further_days: FurtherDays = Field(default=(), exclude_if=lambda days: not days)
    entries: int = Field(default=1, ge=1, le=20)
    """How often each person may come in on each day."""
    vehicle_allowed: bool = False
    kind: ApplicantKind
    party: int = Field(ge=1)
    assistance: AnyAssistance = None
    language: Language
    deliver_by: AnyDeliverBy
    personal: ApplicationPersonal


class DecisionPersonal(Wire):
    """The note of a decision and the person who gets it."""

    contact: Contact
    note: str = ""


class PassRejected(Decision):
    """A department rejected the application."""

    reason: AnyRejectionReason
    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal


class PassReturned(Decision):
    """A department asks the applicant to complete or change the application."""

    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal


class OfficersNote(Wire):
    """The department's own words to the applicant."""

    note: str = ""


class ApprovalWithdrawn(Decision):
    """An approval no longer holds; a pass that exists is to be revoked."""

    reason: AnyRejectionReason
    personal: OfficersNote = Field(default=OfficersNote(), exclude_if=lambda given: not given.note)


class VisitDayClosed(Decision):
    """A department closed a day of a visit.

    With ``remaining_days`` only this day falls away from the visit and its pass. Without, a pass that exists
    is to be revoked; the applicant chooses another date and keeps all other answers. The note is the
    department's own words.
    """

    day: date
    remaining_days: FurtherDays = Field(default=(), exclude_if=lambda days: not days)
    """All days on which the visit stays approved, also those that have passed."""
    reason: AnyClosureReason
    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal


class VisitDayReopened(Decision):
    """The closing of a day was lifted. The applicant was asked for another date and has not chosen one yet.

    Nobody is approved again: they choose this date or another.
    """

    day: date
    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal


class EscalationContact(Wire):
    """The department's duty contact, if it has one."""

    contact: Contact = Contact()


class ReviewEscalated(AboutApplication):
    """A review has waited too long: its visit is near, or its visitor waits at the reception.

    ``level`` counts the steps from 1. ``officer`` is who is asked now, where the directory knows them.
    """

    producer: ClassVar[str] = "approval"
    review_id: UUID
    department: Code
    level: int = Field(ge=1)
    step: AnyEscalationStep = Field(default=None, exclude_if=lambda step: step is None)
    officer: Code | None = Field(default=None, exclude_if=lambda officer: officer is None)
    waiting_since: Instant
    language: Language | None = Field(default=None, exclude_if=lambda language: language is None)
    """Of the message to the duty contact."""
    personal: EscalationContact


class GateAdvice(Wire):
    """What the gate should do besides the verdict."""

    call_supervisor: bool = False


class GateAdvised(AboutApplication):
    """What the gate should do about an application's passes has changed; the advice itself is sealed."""

    producer: ClassVar[str] = "approval"
    personal: GateAdvice


# ---------------------------------------------------------------- issuance


class PublicKey(Wire):
    """The public half of an Ed25519 signing key, as JWK members (RFC 8037)."""

    kid: str = Field(max_length=8)
    x: str
    """Base64url without padding."""


class PassPersonal(Wire):
    """What the gate displays and the message needs."""

    applicant: Person
    companions: tuple[Companion, ...] = ()
    purpose: str = ""
    vehicle: str | None = None
    link_code: str
    """22 characters, 128 random bits: ``/p/<code>`` opens the pass."""
    token: str | None = Field(default=None, exclude_if=lambda token: token is None)
    """What the QR code says, for the picture in a message. It opens no more than the link does."""


class PassIssued(AboutPass):
    """A pass was issued, or a day of it was closed (``is_update``) and this is the pass as it is now.

    ``valid_from`` and ``valid_to`` bound entry on the first day, margins included, so that a reader that does
    not know ``further_days`` admits nobody after it. Entry is open at the same times on each further day.
    """

    producer: ClassVar[str] = "issuance"
    site: Code
    gate: Code | None = None
    department: Code
    officer: Code | None = None
    entries: int
    party: int
    kind: ApplicantKind
    slot: Slot
    further_days: FurtherDays = Field(default=(), exclude_if=lambda days: not days)
    valid_from: Instant
    valid_to: Instant
    vehicle_allowed: bool = False
    assistance: AnyAssistance = None
    language: Language
    deliver_by: AnyDeliverBy
    replaces: str | None = None
    closed_days: FurtherDays = Field(default=(), exclude_if=lambda days: not days)
    """Days that fell away after the approval, because the department closed them."""
    is_update: bool = Field(default=False, exclude_if=lambda update: not update)
    """Whether this pass was published before. Another event tells its applicant what has changed."""
    key: PublicKey
    personal: PassPersonal

    @property
    def ends_at(self) -> datetime:
        """When entry ends on the last day."""
        return end_of_last_day(self.valid_to, self.slot.day, self.further_days)


class RevocationPersonal(Contact):
    """The person who is told, and the department's own words."""

    note: str = Field(default="", exclude_if=lambda note: not note)


class PassRevoked(AboutPass):
    """A pass was revoked and admits nobody any more."""

    producer: ClassVar[str] = "issuance"
    reason: AnyRevocationReason
    valid_to: Instant
    """When entry would have ended on the last day."""
    replaced: bool = False
    """True where another pass took its place: then nobody needs a message about it."""
    withdrawn_for: AnyRejectionReason | None = Field(default=None, exclude_if=lambda given: given is None)
    """Why the department withdrew its approval, where that revoked it."""
    language: Language
    deliver_by: AnyDeliverBy
    personal: RevocationPersonal


class Revocation(Wire):
    """That a pass was revoked, for whoever has missed its PassRevoked."""

    pass_number: str
    reason: AnyRevocationReason
    revoked_at: Instant


class StatusListSigned(Event):
    """The list of revocations was signed again, as happens every ten seconds.

    With ``live_total`` and ``live_checksum`` a gate knows whether its own copy of the revocations is
    complete, and ``repeated`` brings what it lacks. ``revoked_total`` counts all passes that were revoked by
    ``occurred_at``, expired ones included; verify of before 0.17.0 compares that.
    """

    producer: ClassVar[str] = "issuance"
    revoked_total: int
    live_total: int | None = Field(default=None, exclude_if=lambda total: total is None)
    live_checksum: int | None = Field(default=None, exclude_if=lambda checksum: checksum is None)
    """How many passes were revoked within `live_for` before ``occurred_at``, and of their numbers."""
    live_for: ClassVar[timedelta] = timedelta(days=45)
    """Longer than any pass lives: one that was revoked earlier is over."""
    repeated: tuple[Revocation, ...] = Field(default=(), exclude_if=lambda repeated: not repeated)
    """Some of these revocations, others in each list: each comes again within an hour."""
    recent_checksum: int | None = Field(default=None, exclude_if=lambda checksum: checksum is None)
    """Of the numbers of those that were revoked within `recent`: one is not taken for another.

    A pass gets the time of its revocation before that is committed. If the list was signed in between, it is
    not on the list, and its event may arrive before that of a pass which is.
    """
    recent: ClassVar[timedelta] = timedelta(minutes=5)
    """Longer than any transaction."""
    key: PublicKey | None = Field(default=None, exclude_if=lambda key: key is None)
    """The key that signs now. Only verify of 0.7.0 takes keys from here; from 0.8.0 on nobody does."""
    key_set: str | None = Field(default=None, exclude_if=lambda signed: signed is None)
    """All keys of passes, so that gates know them before they see a pass (``contracts/key_set.py``)."""

    @property
    def subject(self) -> str:
        return "status-list"


# ------------------------------------------------------------------ notify


class MessageOutcome(Event):
    """Outcome of a message."""

    producer: ClassVar[str] = "notify"
    is_only_one: ClassVar[bool] = True
    message_id: UUID
    application_id: UUID | None = None
    purpose: str
    channel: AnyDeliverBy

    @property
    def subject(self) -> str:
        return f"message:{self.message_id}"


class NotificationDelivered(MessageOutcome):
    """The channel accepted the message, or the counter printed the pass.

    With a ``status``, the vendor has told more of a message that it accepted before. A message has one event
    of each status. ``possible_duplicate``: an earlier try may have arrived, too.
    """

    status: AnyDeliveryStatus = Field(default=None, exclude_if=lambda status: status is None)
    possible_duplicate: bool = Field(default=False, exclude_if=lambda is_one: not is_one)

    @property
    def subject(self) -> str:
        return super().subject if self.status is None else f"{super().subject}:{self.status}"


class NotificationFailed(MessageOutcome):
    """The message will not arrive on its channel, or nobody knows whether it did (``unconfirmed``).

    ``reason`` is one of our codes, never the vendor's text. ``next_channel`` is tried next; without one,
    nothing more is tried.
    """

    reason: str
    next_channel: AnyDeliverBy | None = Field(default=None, exclude_if=lambda channel: channel is None)


class PassDeliveryChanged(AboutPass):
    """No message has brought a pass to anybody, or one has since; it was printed, or ended, meanwhile."""

    producer: ClassVar[str] = "notify"
    undelivered: bool


# ------------------------------------------------------------------ verify


class PassScanned(AboutPass):
    """A gate recorded a scan; a preview is not one. ``inside``: how many of the party are inside after it."""

    producer: ClassVar[str] = "verify"
    scan_id: UUID
    site: Code
    gate: Code
    direction: Direction
    verdict: AnyVerdict
    count: int
    inside: int
    scanned_at: Instant
    marks: tuple[str, ...] = ()
    """Oddities of an exit: ``late``, ``revoked``, ``other_gate``, ``no_entry``; or ``other_id``, ``id_seen``,
    ``assumed_left``, ``offline``. An offline scan is heard of late: ``inside`` is as of then."""
    scanned_by: Code

    @property
    def subject(self) -> str:
        return f"application:{self.application_id}"


class ContradictingScan(Wire):
    """A scan that let persons in, and that contradicts others or what the pass allows."""

    scan_id: UUID
    gate: Code
    scanned_at: Instant
    count: int
    """Persons who came in with it."""
    offline: bool = False
    """Whether its gate had no network."""


class GateConflictFound(Event):
    """More persons came in than a pass allows, as a gate's scans of a time without a network show.

    It is published when the scan arrives by which this is known. Another gate's scans that have not arrived
    yet may explain it or add to it. ``pass_number`` is null for a token that is not genuine or a number that
    nobody has issued, and ``application_id`` while it is not known at the gates.
    """

    producer: ClassVar[str] = "verify"
    pass_number: str | None = None
    application_id: UUID | None = None
    reference: str | None = None
    site: Code
    kind: AnyConflictKind
    scans: tuple[ContradictingScan, ...]
    """The scans that contradict, the oldest first; one alone contradicts the pass itself."""
    exposure: int = Field(ge=0)
    """How many persons came in beyond what the pass allows."""

    @property
    def subject(self) -> str:
        if self.application_id is not None:
            return f"application:{self.application_id}"
        return f"pass:{self.pass_number}" if self.pass_number is not None else f"site:{self.site}"


ALL: tuple[type[Event], ...] = (
    OtpRequested, LoginIssued, AccessChanged, LoginDisabled, PasswordReset, SessionEnded,
    SessionKeyWithdrawn,
    ApplicationSubmitted, ApplicationAmended, ApplicationCancelled, ApplicationExpired, MobileChanged,
    PersonalDataErased,
    DirectoryChanged, PassApproved, PassRejected, PassReturned, ApprovalWithdrawn, VisitDayClosed,
    VisitDayReopened, ReviewEscalated, GateAdvised,
    PassIssued, PassRevoked, StatusListSigned, NotificationDelivered, NotificationFailed,
    PassDeliveryChanged, PassScanned,
    GateConflictFound,
)  # fmt: skip
BY_NAME: dict[str, type[Event]] = {event.__name__: event for event in ALL}

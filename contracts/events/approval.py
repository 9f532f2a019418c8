"""What approval publishes besides its directory: decisions, closed days, escalations, and visits."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from contracts.events.application import OF_A_PERSON, ApplicationPersonal
from contracts.events.base import (
    AboutApplication,
    AnyAnnouncement,
    AnyAssistance,
    AnyClosureReason,
    AnyCorrectionOutcome,
    AnyDeliverBy,
    AnyEscalationStep,
    AnyNotMetReason,
    AnyRejectionReason,
    AnyVisitAnswer,
    AnyVisitOutcome,
)
from contracts.events.example_members import (
    AT,
    COMPANION,
    CONTACT,
    DELIVERY,
    ID,
    NOTE,
    PEOPLE,
    PERSON,
    SLOT,
)
from contracts.model import (
    ApplicantKind,
    Code,
    Companion,
    Contact,
    FurtherDays,
    Instant,
    Language,
    Person,
    Slot,
    Wire,
    date,
)


class Decision(AboutApplication, producer="approval"):
    """Base of a department's decisions; each is about one revision of an application."""

    review_id: UUID
    revision: int
    department: Code
    decided_by: Code
    on_behalf_of: Code | None = None
    """The officer for whom the login decided, by a delegation."""
    example: ClassVar = {"review_id": ID, "revision": 1, "department": "home", "decided_by": "HOM-0001"}


class PassApproved(Decision, subscribers=("application", "issuance")):
    """A department approved the visit; the event holds everything that issuing the pass needs."""

    site: Code
    gate: Code | None = None
    officer: Code | None = None
    slot: Slot
    """The hours of each day, and the first day."""
    further_days: FurtherDays = ()
    entries: int = Field(default=1, ge=1, le=20)
    """How often each person may come in on each day."""
    recurring: bool = False
    """Whether it is a standing pass, whose code changes each minute."""
    vehicle_allowed: bool = False
    kind: ApplicantKind
    party: int = Field(ge=1)
    assistance: AnyAssistance = None
    language: Language
    deliver_by: AnyDeliverBy
    personal: ApplicationPersonal
    example: ClassVar = {
        **DELIVERY,
        "site": "PCS1",
        "gate": "PCS1-G1",
        "slot": SLOT,
        "kind": "citizen",
        "party": 2,
        "personal": PEOPLE,
    }


class DecisionPersonal(Wire):
    """The note of a decision and the person who gets it."""

    contact: Contact
    note: str = ""


class PassRejected(Decision, subscribers=("application", "notify")):
    """A department rejected the application."""

    reason: AnyRejectionReason
    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal
    example: ClassVar = {**DELIVERY, "reason": "no_appointment", "personal": NOTE}


class PassReturned(Decision, subscribers=("application", "notify")):
    """A department asks the applicant to complete or change the application."""

    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal
    example: ClassVar = {**DELIVERY, "personal": NOTE}


class OfficersNote(Wire):
    """The department's own words to the applicant."""

    note: str = ""


class ApprovalWithdrawn(Decision, subscribers=("application", "issuance")):
    """An approval no longer holds; a pass that exists is to be revoked."""

    reason: AnyRejectionReason
    personal: OfficersNote = Field(default=OfficersNote(), exclude_if=lambda given: not given.note)
    example: ClassVar = {"reason": "security"}


class StandingPassChanged(Decision, subscribers=("issuance",)):
    """A standing pass was suspended, or its suspension was lifted; ``number`` counts both."""

    number: int = Field(ge=1)
    suspended: bool
    personal: OfficersNote = Field(default=OfficersNote(), exclude_if=lambda given: not given.note)
    example: ClassVar = {"number": 1, "suspended": True}


class VisitDayClosed(Decision, subscribers=("application", "issuance", "notify")):
    """A department closed a day of a visit.

    With ``remaining_days`` only this day falls away from the visit and its pass. Without, a pass that exists
    is to be revoked; the applicant chooses another date and keeps all other answers. The note is the
    department's own words.
    """

    day: date
    remaining_days: FurtherDays = ()
    """All days on which the visit stays approved, also those that have passed."""
    reason: AnyClosureReason
    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal
    example: ClassVar = {**DELIVERY, "day": SLOT["date"], "reason": "urgent_meeting", "personal": NOTE}


class VisitDayReopened(Decision, subscribers=("application", "notify")):
    """The closing of a day was lifted. The applicant was asked for another date and has not chosen one yet.

    Nobody is approved again: they choose this date or another.
    """

    day: date
    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal
    example: ClassVar = {**DELIVERY, "day": SLOT["date"], "personal": NOTE}


class VisitMoved(Decision, subscribers=("application", "issuance")):
    """A department that cannot receive a visitor today has approved the visit for another day.

    The pass of this revision is replaced by one for this time; nothing else of what was approved changes.
    """

    slot: Slot
    example: ClassVar = {"slot": SLOT}


class People(Wire):
    """Who comes: the applicant and their companions."""

    applicant: Person
    companions: tuple[Companion, ...] = ()

    def changed_to(self, other: "People") -> tuple[str, ...]:
        """Return what a correction to these people changes, as `ApplicationCorrected` names it."""
        one, its = self.applicant, other.applicant
        differing = {
            "name": (one.name, one.name_latin) != (its.name, its.name_latin),
            "id": (one.id_type, one.id_last4) != (its.id_type, its.id_last4),
            "companions": self.companions != other.companions,
            "email": one.email != its.email,
        }
        return tuple(name for name, differs in differing.items() if differs)

    def is_another(self, other: "People") -> bool:
        """Return whether a photograph of this applicant proves nothing of the other one."""
        return not OF_A_PERSON.isdisjoint(self.changed_to(other))


class CorrectionPersonal(People):
    """Who comes as the department has it now; whom a correction that waits wants; the department's word."""

    wanted: People | None = None
    note: str = ""


class CorrectionSettled(AboutApplication, producer="approval", subscribers=("application", "issuance")):
    """A correction waits for the department, which application did not know, or the department decided it.

    Where application already knows how it stands (it took effect, or it waits), nothing is said.
    """

    number: int
    """As in its `ApplicationCorrected`."""
    outcome: AnyCorrectionOutcome
    corrected: tuple[Code, ...] = ()
    approved_revision: int | None = None
    """The revision whose approval is in force, if one is: its pass is issued anew."""
    party: int = Field(ge=1)
    department: Code
    personal: CorrectionPersonal
    example: ClassVar = {
        "number": 1,
        "outcome": "applied",
        "corrected": ("name", "companions"),
        "approved_revision": 1,
        "party": 2,
        "department": "home",
        "personal": {"applicant": PERSON, "companions": (COMPANION,)},
    }


class EscalationContact(Wire):
    """The department's duty contact, if it has one."""

    contact: Contact = Contact()


class ReviewEscalated(AboutApplication, producer="approval", subscribers=("application", "notify")):
    """A review has waited too long: its visit is near, or its visitor waits at the reception.

    ``level`` counts the steps from 1. ``officer`` is who is asked now, where the directory knows them.
    """

    review_id: UUID
    department: Code
    level: int = Field(ge=1)
    step: AnyEscalationStep = None
    officer: Code | None = None
    waiting_since: Instant
    language: Language | None = None
    """Of the message to the duty contact."""
    personal: EscalationContact
    example: ClassVar = {
        "review_id": ID,
        "department": "home",
        "level": 1,
        "waiting_since": AT,
        "personal": {"contact": CONTACT},
    }


class GateAdvice(Wire):
    """What the gate should do besides the verdict."""

    call_supervisor: bool = False


class GateAdvised(AboutApplication, producer="approval", subscribers=("verify",)):
    """What the gate should do about an application's passes has changed; the advice itself is sealed."""

    personal: GateAdvice
    example: ClassVar = {"personal": {"call_supervisor": True}}


class PlacePersonal(Wire):
    """Whom a place is offered to, and the code of their wait, which opens the page of the offer."""

    contact: Contact
    code: str


class Visit(AboutApplication, producer="approval"):
    """Base of what becomes of a visit on one of its days."""

    day: date
    site: Code
    department: Code
    example: ClassVar = {"day": SLOT["date"], "site": "PCS1", "department": "home"}


class VisitorArrived(Visit, subscribers=("application",)):
    """Somebody of the party went in for the first time on this day; an offline entry is heard of late.

    ``officer`` is whom the visitor is to meet.
    """

    officer: Code | None = None
    gate: Code
    arrived_at: Instant
    example: ClassVar = {"gate": "PCS1-G1", "arrived_at": AT}


class OfficeContact(EscalationContact):
    """Whom the office has for its messages, and the code of the link by which they answer; empty for none."""

    link_code: str = ""


class VisitorAnnounced(Visit, subscribers=("notify",)):
    """The office is told of a visitor who is inside, where it chose that, or because nobody answers them.

    ``step`` is who is asked where nobody answers. No message is of use after ``answer_until``.
    """

    about: AnyAnnouncement
    step: AnyEscalationStep = None
    since: Instant
    answer_until: Instant
    language: Language | None = None
    """Of the message."""
    deliver_by: AnyDeliverBy = "sms"
    personal: OfficeContact
    example: ClassVar = {
        "about": "arrived",
        "since": AT,
        "answer_until": AT,
        "personal": {"contact": CONTACT, "link_code": "q8Zr5uX0c2LmVw3T"},
    }


class VisitorCalled(Visit, subscribers=("application", "notify")):
    """The office answered a visitor who has arrived; the newest answer counts."""

    answer: AnyVisitAnswer
    answered_by: Code
    wait_until: Instant | None = None
    """Of the answer ``wait``."""
    room: str = ""
    """Where to go, of ``come_up`` and ``somebody_else``; empty where nobody said."""
    come_back: date | None = None
    """Of ``not_today``: the day for which they get another pass."""
    language: Language
    deliver_by: AnyDeliverBy
    personal: DecisionPersonal
    """The visitor, with the office's own words."""
    example: ClassVar = {
        **DELIVERY,
        "answer": "come_up",
        "answered_by": "HOM-0001",
        "room": "402",
        "personal": {"contact": CONTACT},
    }


class PlaceOffered(AboutApplication, producer="approval", subscribers=("notify",)):
    """A place in a full window became free and is offered to whoever has waited longest for it."""

    department: Code
    slot: Slot
    until: Instant
    """Then it goes on to the next."""
    language: Language
    deliver_by: AnyDeliverBy
    personal: PlacePersonal
    example: ClassVar = {
        **DELIVERY,
        "department": "home", "slot": SLOT, "until": AT,
        "personal": {"contact": CONTACT, "code": "x7KmQ2p-9w"},
    }  # fmt: skip


class VisitEnded(Visit, subscribers=("application",)):
    """The office or the visitor said whether they met; both may say so, and may differ."""

    outcome: AnyVisitOutcome
    reason: AnyNotMetReason = None
    said_by: Literal["office", "visitor"]
    example: ClassVar = {"outcome": "met", "said_by": "office"}

"""What application publishes: applications, their changes and their ends."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from contracts.events.base import (
    AboutApplication,
    AnyAssistance,
    AnyChanger,
    AnyChannel,
    AnyCorrector,
    AnyDeliverBy,
    AnyPurposeKind,
    AnyVisitOutcome,
    Event,
)
from contracts.events.example_members import CONTACT, DELIVERY, ID, OFFICIAL, PEOPLE, PERSON, SLOT, UNTIL
from contracts.model import ApplicantKind, Code, Companion, Contact, Instant, Language, Person, Slot, Wire


class ApplicationPersonal(Wire):
    """The people of an application, its purpose and vehicle."""

    applicant: Person
    companions: tuple[Companion, ...] = ()
    purpose: str
    vehicle: str | None = None


class ApplicationDetails(AboutApplication, producer="application"):
    """A whole application as of one revision."""

    revision: int = Field(ge=1)
    channel: AnyChannel
    kind: ApplicantKind
    site: Code
    department: Code
    officer: Code | None = None
    purpose_kind: AnyPurposeKind
    preferred: tuple[Slot, ...]
    weekly_until: date | None = None
    """The last day of the standing pass that is asked for."""
    party: int = Field(ge=1)
    assistance: AnyAssistance = None
    language: Language
    deliver_by: AnyDeliverBy
    mobile_proved: bool
    submitted_by: Code | None = None
    """The operator at the counter who vouches, or null for the applicant."""
    personal: ApplicationPersonal
    example: ClassVar = {
        **DELIVERY,
        "revision": 1, "channel": "portal", "kind": "citizen", "site": "PCS1", "department": "home",
        "purpose_kind": "meeting", "preferred": (SLOT,), "party": 2, "assistance": "wheelchair",
        "mobile_proved": True, "personal": PEOPLE,
    }  # fmt: skip


class ApplicationSubmitted(ApplicationDetails, subscribers=("approval", "notify")):
    """An application for a visit was submitted."""


class ApplicationAmended(ApplicationDetails, subscribers=("approval",)):
    """An application was amended; ``revision`` is higher than before."""

    example: ClassVar = {
        "revision": 2,
        "kind": "official",
        "personal": {**PEOPLE, "applicant": {**PERSON, "official": OFFICIAL}},
    }


OF_A_PERSON = frozenset({"name", "id"})
"""What of a correction makes a photograph one of somebody else."""


class ApplicationCorrected(ApplicationDetails, subscribers=("approval",)):
    """Who comes, or the email address, was corrected; approval says whether it takes effect.

    It does where no approval is in force; then ``revision`` is higher than before while the department reads
    it. An approval that is in force stays as it is until the department confirms the correction.
    """

    number: int = Field(ge=1)
    """Which correction of the application this is."""
    corrected: tuple[Code, ...]
    """What it changes: ``name``, ``id``, ``companions``, ``email``."""
    waits: bool
    """Whether application knows of an approval, so that its own row stays as it was."""
    corrected_by: AnyCorrector = "applicant"
    """Who did it: the applicant, or the data officer for them."""
    example: ClassVar = {"revision": 2, "number": 1, "corrected": ("name", "companions"), "waits": False}

    @property
    def names_another(self) -> bool:
        """Return whether application now names somebody of whom it has no photograph."""
        return not self.waits and not OF_A_PERSON.isdisjoint(self.corrected)


class ApplicationEnded(AboutApplication, producer="application"):
    """An application came to an end without a visit."""

    revision: int
    language: Language
    deliver_by: AnyDeliverBy
    personal: Contact
    example: ClassVar = {**DELIVERY, "revision": 1, "personal": CONTACT}


class ApplicationCancelled(ApplicationEnded, subscribers=("approval", "issuance", "notify")):
    """The applicant, or the counter for them, cancelled it; a pass that exists is to be revoked."""

    cancelled_by: Literal["applicant", "counter"]
    example: ClassVar = {"cancelled_by": "applicant"}


class VisitorPhotographed(AboutApplication, producer="application", subscribers=("approval",)):
    """The reception has taken a photograph of the visitor, without which there is no standing pass."""

    erased: bool = False
    """The visitor had it erased, or was corrected to somebody else; the application stays."""
    example: ClassVar = {"erased": False}


class VisitorSaid(AboutApplication, producer="application", subscribers=("approval",)):
    """A visitor said whether they were met; the newest word counts."""

    outcome: AnyVisitOutcome
    example: ClassVar = {"outcome": "not_met"}


class VisitorLeft(AboutApplication, producer="application", subscribers=("notify",)):
    """All of a visit have left, and nobody has said whether they were met: the visitor is asked, once."""

    department: Code
    until: Instant
    """From then on nobody needs to be asked."""
    language: Language
    deliver_by: AnyDeliverBy
    personal: Contact
    example: ClassVar = {**DELIVERY, "department": "home", "until": UNTIL, "personal": CONTACT}


class ApplicationExpired(ApplicationEnded, subscribers=("approval", "notify")):
    """All preferred dates passed without a decision."""


class MobileNumbers(Wire):
    """The number that an applicant has now, and the one before it."""

    mobile: str
    before: str | None = None
    """None where there was none."""


class MobileChanged(AboutApplication, producer="application", subscribers=("approval", "issuance", "notify")):
    """The applicant has another mobile, which they have proved; messages go there from now on."""

    changed_by: AnyChanger
    language: Language
    deliver_by: AnyDeliverBy
    personal: MobileNumbers
    example: ClassVar = {
        **DELIVERY,
        "changed_by": "counter",
        "personal": {"mobile": "+919876512345", "before": "+919876543210"},
    }


class RequestAnswered(Event, producer="application", subscribers=("notify",), is_only_one=True):
    """A complaint or another request was answered; a link tells its sender, without a word of it."""

    request_id: UUID
    request_number: str
    language: Language
    personal: Contact
    example: ClassVar = {
        "request_id": ID, "request_number": "REQ-7K3M-9QW6", "language": "pa", "personal": CONTACT,
    }  # fmt: skip

    @property
    def subject(self) -> str:
        return f"request:{self.request_id}"


class BreachNoticeRequested(Event, producer="application", subscribers=("notify",), is_only_one=True):
    """Somebody is to be told of a breach of their data; a link leads to the words, the same for all."""

    breach: str
    reference: str
    """Of the application, or the number of the request, in which their data was."""
    application_id: UUID | None = None
    language: Language
    personal: Contact
    example: ClassVar = {
        "breach": "2026-1", "reference": "PCS-7K3M-9QW6", "application_id": ID, "language": "pa",
        "personal": CONTACT,
    }  # fmt: skip

    @property
    def subject(self) -> str:
        return f"breach:{self.breach}:{self.reference}"


class PersonalDataErased(
    AboutApplication, producer="application", subscribers=("approval", "issuance", "notify", "verify")
):
    """Every other service erases its personal data of this application; application may keep it, locked."""

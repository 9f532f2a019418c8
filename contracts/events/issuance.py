"""What issuance publishes: passes, revocations and the signed status list."""

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.events.base import (
    AboutPass,
    AnyAssistance,
    AnyDeliverBy,
    AnyRejectionReason,
    AnyRevocationReason,
    Event,
)
from contracts.events.example_members import AT, COMPANION, CONTACT, DELIVERY, PERSON, SLOT, UNTIL
from contracts.model import (
    ApplicantKind,
    Code,
    Companion,
    Contact,
    FurtherDays,
    IdType,
    Instant,
    Language,
    LinkAnswer,
    Person,
    Slot,
    Wire,
    end_of_last_day,
)
from contracts.open_sets import else_


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
    token: str | None = None
    """What the QR code says, for the picture in a message. It opens no more than the link does."""


class PassIssued(AboutPass, producer="issuance", subscribers=("application", "notify", "verify")):
    """A pass was issued, or a day of it was closed (``is_update``) and this is the pass as it is now.

    ``valid_from`` and ``valid_to`` bound entry on the first day, margins included. Entry is open at the same
    times on each further day.
    """

    site: Code
    gate: Code | None = None
    department: Code
    officer: Code | None = None
    entries: int
    party: int
    kind: ApplicantKind
    slot: Slot
    further_days: FurtherDays = ()
    recurring: bool = False
    """Whether it is a standing pass, whose code changes each minute."""
    valid_from: Instant
    valid_to: Instant
    vehicle_allowed: bool = False
    assistance: AnyAssistance = None
    language: Language
    deliver_by: AnyDeliverBy
    replaces: str | None = None
    closed_days: FurtherDays = ()
    """Days that fell away after the approval, because the department closed them."""
    is_update: bool = False
    """Whether this pass was published before. Another event tells its applicant what has changed."""
    key: PublicKey
    personal: PassPersonal
    example: ClassVar = {
        **DELIVERY,
        "site": "PCS1",
        "department": "home",
        "entries": 1,
        "party": 2,
        "kind": "citizen",
        "slot": SLOT,
        "valid_from": AT,
        "valid_to": UNTIL,
        "key": {"kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "personal": {
            "applicant": PERSON,
            "companions": (COMPANION,),
            "purpose": "Arms licence",
            "link_code": "n3X0yq1vQ5m7Zk2LwB9aTg",
        },
    }

    @property
    def ends_at(self) -> datetime:
        """When entry ends on the last day."""
        return end_of_last_day(self.valid_to, self.slot.day, self.further_days)


class RevocationPersonal(Contact):
    """The person who is told, and the department's own words."""

    note: str = ""


class PassRevoked(AboutPass, producer="issuance", subscribers=("application", "notify", "verify")):
    """A pass was revoked and admits nobody any more."""

    reason: AnyRevocationReason
    valid_to: Instant
    """When entry would have ended on the last day."""
    replaced: bool = False
    """True where another pass took its place: then nobody needs a message about it."""
    withdrawn_for: AnyRejectionReason | None = None
    """Why the department withdrew its approval, where that revoked it."""
    language: Language
    deliver_by: AnyDeliverBy
    personal: RevocationPersonal
    example: ClassVar = {**DELIVERY, "reason": "withdrawn", "valid_to": UNTIL, "personal": CONTACT}


class ReminderPersonal(Contact):
    """The person who is reminded, the card that they bring, and the code of their pass's page."""

    id_type: Annotated[IdType | None, else_("other_photo_id")] = None
    link_code: str


class VisitNear(AboutPass, producer="issuance", subscribers=("notify",)):
    """A visit begins soon: its visitor is reminded, and says whether they come."""

    kind: Annotated[Literal["evening", "hours"], else_("hours")]
    """On the evening before, or some hours before."""
    site: Code
    gate: Code | None = None
    department: Code
    officer: Code | None = None
    slot: Slot
    """The hours of the day that is near."""
    later_day: bool = False
    """Whether it is not the first day of a visit."""
    until: Instant
    """From then on nobody needs to be reminded."""
    language: Language
    deliver_by: AnyDeliverBy
    personal: ReminderPersonal
    example: ClassVar = {
        **DELIVERY,
        "kind": "evening",
        "site": "PCS1",
        "gate": "PCS1-G1",
        "department": "home",
        "slot": SLOT,
        "until": UNTIL,
        "personal": {**CONTACT, "id_type": "aadhaar", "link_code": "n3X0yq1vQ5m7Zk2LwB9aTg"},
    }


class VisitorAnswered(AboutPass, producer="issuance", subscribers=("application",)):
    """Whoever has the link of a pass said on its page whether they come, or whether they were met."""

    answer: Annotated[LinkAnswer, else_("coming")]
    example: ClassVar = {"answer": "coming"}


class Revocation(Wire):
    """That a pass was revoked, for whoever has missed its PassRevoked."""

    pass_number: str
    reason: AnyRevocationReason
    revoked_at: Instant


class StatusListSigned(Event, producer="issuance", subscribers=("verify",)):
    """The list of revocations was signed again, as happens every ten seconds, and after revocations.

    With ``live_total`` and ``live_checksum`` a gate knows whether its own copy of the revocations is
    complete, and ``repeated`` brings what it lacks.
    """

    live_total: int
    live_checksum: int
    """How many passes were revoked within `live_for` before ``occurred_at``, and of their numbers.

    A pass gets the time of its revocation before that is committed. If the list was signed in between, it is
    not on the list, and its event may arrive before that of a pass which is: the checksum tells them apart.
    """
    live_for: ClassVar[timedelta] = timedelta(days=45)
    """Longer than any pass for up to seven days lives: one that was revoked earlier is over.

    That of a standing pass has come again each hour for so long; the list that gates hold has it to its end.
    """
    repeated: tuple[Revocation, ...] = ()
    """Some of these revocations, others in each list: each comes again within an hour."""
    recent: ClassVar[timedelta] = timedelta(minutes=5)
    """Longer than any transaction: a PassRevoked that is so late may be lost."""
    key_set: str
    """All keys of passes, so that gates know them before they see a pass (``contracts/key_set.py``)."""
    example: ClassVar = {"live_total": 1, "live_checksum": 1, "key_set": "e30.e30.e30"}

    @property
    def subject(self) -> str:
        return "status-list"

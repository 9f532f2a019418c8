"""What an applicant fills in: the form of a new application, and of an amendment.

Shapes only. The RPC of application sends them; the service's domain checks them.
"""

from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.model import (
    ApplicantKind,
    Assistance,
    Code,
    DeliverBy,
    Guardian,
    IdType,
    Language,
    Official,
    PurposeKind,
    Slot,
    Strict,
)
from contracts.visiting_rules import MOST_INVITED

NOTICE = r"[0-9a-f]{12}(?:[0-9a-f]{20})?"
"""What a version of the privacy notice looks like: 32 hexadecimal digits, the first 12 of them until 0.28."""
NoticeVersion = Annotated[str, Field(pattern=f"^(?:{NOTICE})$")]


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
    guardian: Guardian | None = None
    """Of a person under 18: the parent or guardian who applies, with a mobile of their own."""


class CompanionInput(Strict):
    """Someone who comes along; a child needs no ID."""

    name: str = Field(max_length=400)
    name_latin: str | None = Field(default=None, max_length=400)
    id_type: IdType | None = None
    id_last4: str | None = Field(default=None, max_length=40)
    child: bool = False


class ApplicationForm(Strict):
    """A new application: who applies, where and when the visit is to be, what for, and who comes along."""

    applicant: Applicant
    site: Code
    department: Code
    officer: Code | None = None
    purpose_kind: PurposeKind
    purpose: str = Field(max_length=1000)
    preferred: tuple[Slot, ...] = Field(min_length=1, max_length=3)
    companions: tuple[CompanionInput, ...] = Field(default=(), max_length=50)
    vehicle: str | None = Field(default=None, max_length=40)
    weekly_until: date | None = Field(
        default=None,
        description="Of who comes each week, alone: the last day of the standing pass that they ask for, "
        "within 180 days of the first date. The reception photographs them; the department names the days.",
    )
    notice: NoticeVersion | None = None
    """The version of the privacy notice that was shown, where it was one of our pages."""
    consent: bool = False
    """Whether they agreed that their data are used; needed where the site rests on it (`EPASS_BASIS`)."""
    uncompared: ClassVar[frozenset[str]] = frozenset({"notice"})


class InvitedVisitor(Strict):
    """Somebody whom a department invites; a name suffices.

    Without a mobile the pass goes by email, and without either it is printed at the reception. Without an ID
    the gate accepts any valid one.
    """

    name: str = Field(max_length=400)
    name_latin: str | None = Field(default=None, max_length=400)
    mobile: str | None = Field(default=None, max_length=40)
    email: str | None = Field(default=None, max_length=254)
    id_type: IdType | None = None
    id_last4: str | None = Field(default=None, max_length=40)


class InvitationForm(Strict):
    """Visitors whom a department invites for one window.

    Each gets a pass of their own; a delegation gets one pass together, which goes to the first visitor.
    """

    site: Code
    officer: Code | None = None
    purpose_kind: PurposeKind
    purpose: str = Field(max_length=1000)
    slot: Slot
    visitors: tuple[InvitedVisitor, ...] = Field(min_length=1, max_length=MOST_INVITED)
    delegation: bool = False
    language: Language = "en"
    """Of the messages."""
    deliver_by: Literal["sms", "whatsapp"] = "sms"
    notice: NoticeVersion | None = None
    """As of an `ApplicationForm`."""
    consent: bool = False
    """Whether the visitors have agreed, as whoever invites says; as of an `ApplicationForm`."""
    uncompared: ClassVar[frozenset[str]] = frozenset({"notice"})


class Amendment(Strict):
    """New content of an application; a field left out stays as it was.

    An empty ``officer`` means anyone who deals with it. A companion with the name and the kind of ID card of
    one who came along before may leave out ``id_last4``, which then stays.
    """

    purpose: str | None = Field(default=None, max_length=1000)
    preferred: tuple[Slot, ...] | None = Field(default=None, min_length=1, max_length=3)
    officer: Code | Literal[""] | None = None
    companions: tuple[CompanionInput, ...] | None = Field(default=None, max_length=50)
    vehicle: str | None = Field(default=None, max_length=40)

    @property
    def only_dates(self) -> bool:
        """Return whether nothing but the preferred windows changes."""
        others = (self.purpose, self.officer, self.companions, self.vehicle)
        return all(value is None for value in others)


class Correction(Strict):
    """What is to be corrected; a field left out stays as it was, or as an earlier correction wants it.

    A companion with the name and the kind of ID card of one who came along before may leave out
    ``id_last4``, which then stays.
    """

    name: str | None = Field(default=None, max_length=400)
    name_latin: str | None = Field(default=None, max_length=400)
    email: str | None = Field(default=None, max_length=254)
    """Empty for none."""
    id_type: IdType | None = None
    id_last4: str | None = Field(default=None, max_length=40)
    companions: tuple[CompanionInput, ...] | None = Field(default=None, max_length=50)
    """All who come along."""

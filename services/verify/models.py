"""Rows of verify: passes with who is inside, scans, and what else the gate knows from events.

That is the gates of the sites, the newest complete status list, issuance's public keys and erased
applications; the unknown numbers that were tried; how many passes were looked at; supervisors of gates;
incidents at gates; and calls for help.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.chassis.audit.seals import Source
from services.verify.domain.passes import Standing, Terms, Visitors


class Base(DeclarativeBase):
    """Metadata of this service."""

    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        list[str]: ARRAY(Text),
        list[int]: ARRAY(Integer),
        dict[str, Any]: JSONB,
    }


class PassRow(Base):
    """All that is known of one pass number, in one row, so that one lock covers all that a scan changes.

    The row is created by whichever comes first: PassIssued, PassRevoked (a tombstone without terms), or the
    first scan of a token whose PassIssued has not arrived yet (terms from the claims, no application).
    """

    __tablename__ = "passes"
    __table_args__ = (
        CheckConstraint("inside >= 0", name="passes_inside_not_negative"),
        Index("passes_inside", "inside_site", "inside_since", "number", postgresql_where=text("inside > 0")),
        Index("passes_presumed_gone", "presumed_gone_at", postgresql_where=text("inside > 0")),
        Index("passes_application", "application_id"),
        Index("passes_of_site", "site", "valid_from", "number"),
        Index("passes_recurring", "site", "valid_from", postgresql_where=text("recurring")),
        Index("passes_revoked", "revoked_at", postgresql_where=text("revoked_seq > 0")),
        Index("passes_watched", "site", postgresql_where=text("call_supervisor")),
        Index(
            "passes_not_issued", "known_since", postgresql_where=text("issued_seq = 0 and revoked_seq = 0")
        ),
    )

    number: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[UUID | None]
    reference: Mapped[str | None]

    issued_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """``seq`` of the PassIssued that the terms come from; 0 while they come from a token."""
    site: Mapped[str | None]
    gate: Mapped[str | None]
    party: Mapped[int | None]
    entries: Mapped[int | None]
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    further_days: Mapped[list[int]] = mapped_column(server_default="{}")
    """The days after the first, each by how many days after it; ``valid_to`` is of the first."""
    closed_days: Mapped[list[int]] = mapped_column(server_default="{}")
    """Days that fell away because the department closed them, counted in the same way."""
    recurring: Mapped[bool | None]
    """Whether it is a standing pass; null: no."""
    department: Mapped[str | None]
    officer: Mapped[str | None]
    vehicle_allowed: Mapped[bool] = mapped_column(server_default=false())
    assistance: Mapped[str | None]
    id_commitments: Mapped[list[str]] = mapped_column(server_default="{}")
    """Commitments of the applicant's ID and of each companion's (``contracts/commitment.py``)."""
    visitors: Mapped[dict[str, Any] | None]
    call_supervisor: Mapped[bool] = mapped_column(server_default=false())
    """Whether the officer at the gate calls the supervisor before anybody goes in."""

    delivery_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """``seq`` of the newest PassDeliveryChanged."""
    undelivered: Mapped[bool] = mapped_column(server_default=false())
    """Whether no message has brought the pass to anybody."""

    revoked_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    revoked_reason: Mapped[str | None]
    revoked_at: Mapped[datetime | None]
    """When issuance revoked it; None for one that is not revoked."""

    inside: Mapped[int] = mapped_column(server_default="0")
    admitted: Mapped[int] = mapped_column(server_default="0")
    """Number of persons let in so far, all entries together."""
    day: Mapped[int] = mapped_column(server_default="0")
    """On which day the last of them came in, by how many days after the first it is."""
    admitted_before: Mapped[int] = mapped_column(server_default="0")
    """How many of them came in before that day."""
    inside_site: Mapped[str | None]
    inside_since: Mapped[datetime | None]
    last_gate: Mapped[str | None]
    presumed_gone_at: Mapped[datetime | None]
    mismatched_at: Mapped[datetime | None]
    """When an ID was shown last that the pass does not name; None once somebody has come in since."""
    known_since: Mapped[datetime | None]
    """When its token was first scanned and recorded, where that came before all events."""

    @property
    def terms(self) -> Terms | None:
        """What the pass allows; None while only its revocation is known."""
        if (
            self.site is None
            or self.party is None
            or self.entries is None
            or self.valid_from is None
            or self.valid_to is None
        ):
            return None
        return Terms(
            self.site,
            self.gate,
            self.party,
            self.entries,
            self.valid_from,
            self.valid_to,
            tuple(self.further_days),
            tuple(self.closed_days),
            bool(self.recurring),
        )

    @property
    def standing(self) -> Standing:
        """The state of the pass that a decision needs."""
        return Standing(
            self.terms,
            self.revoked_seq > 0,
            self.inside,
            self.admitted,
            self.day,
            self.admitted_before,
            self.presumed_gone_at,
        )

    @property
    def people(self) -> Visitors | None:
        """The people of the pass; None before PassIssued and after erasure."""
        return None if self.visitors is None else Visitors.model_validate(self.visitors)

    @property
    def is_erased(self) -> bool:
        """Whether its people are erased, so that nobody's words about them are stored any more."""
        return self.issued_seq > 0 and self.visitors is None


class ScanRow(Base):
    """A recorded scan. Only ``published`` changes later, and ``reason`` when the people are erased.

    A trigger records its nonce (`NonceRow`), and leaves out a scan whose nonce the login has used before.
    """

    __tablename__ = "scans"
    __table_args__ = (
        UniqueConstraint("scanned_by", "nonce", "recorded_at", name="scans_once"),
        Index("scans_of_pass", "pass_number", "recorded_at"),
        Index("scans_position", "position"),
        Index("scans_untold", "pass_number", postgresql_where=text("not told and pass_number is not null")),
        {"postgresql_partition_by": "RANGE (recorded_at)"},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    pass_number: Mapped[str | None]
    """None for a forged token or an unknown number."""
    site: Mapped[str]
    gate: Mapped[str]
    direction: Mapped[str]
    verdict: Mapped[str]
    count: Mapped[int]
    """Number of persons who passed; 0 for a refusal."""
    inside: Mapped[int]
    """How many of the party are inside after this scan."""
    marks: Mapped[list[str]]
    scanned_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    """The time that the gate sent."""
    recorded_at: Mapped[datetime] = mapped_column(primary_key=True)
    scanned_by: Mapped[str]
    """The login; of an offline scan that another login has sent, the one that its gate names."""
    nonce: Mapped[str]
    body_hmac: Mapped[str]
    id_kind: Mapped[str | None]
    id_type: Mapped[str | None]
    reason: Mapped[str | None]
    """Why the officer accepted another ID, in their words."""
    sent_by: Mapped[str | None]
    """The login that sent the scan of another one, from a gate that was without a network."""
    supervisor: Mapped[str | None]
    """Which supervisor let them in, as it was typed at the gate; ``reason`` has their words, too."""
    list_age_s: Mapped[int | None]
    """Age of the gate's knowledge of revocations at this scan, in seconds; None where it was unknown."""
    position: Mapped[int] = mapped_column(BigInteger, server_default=text("nextval('scan_positions')"))
    """Its place among the scans, by which a seal names it."""
    published: Mapped[bool] = mapped_column("told", key="published")
    """Whether PassScanned was published; it waits until the pass's application is known."""


SEALED_SCANS = Source(
    "scans",
    "recorded_at",
    (
        "id",
        "recorded_at",
        "pass_number",
        "site",
        "gate",
        "direction",
        "verdict",
        "count",
        "inside",
        "marks",
        "scanned_at",
        "claimed_at",
        "scanned_by",
        "nonce",
        "body_hmac",
        "id_kind",
        "id_type",
        "list_age_s",
    ),
)
"""Scans are the record of what happened at the gates; ``reason`` goes with the people, ``told`` changes."""


class NonceRow(Base):
    """A nonce that a login has used for a scan. The table of scans cannot keep it unique across months."""

    __tablename__ = "scan_nonces"
    __table_args__ = (Index("scan_nonces_age", "recorded_at"),)

    scanned_by: Mapped[str] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(primary_key=True)
    recorded_at: Mapped[datetime]


class SiteRow(Base):
    """The gates of a site and their rules, from the newest record of the directory."""

    __tablename__ = "sites"

    code: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    gates: Mapped[list[str]]
    gate_rules: Mapped[dict[str, Any] | None]
    """`GateRules` of contracts/events/directory.py; None where all of them are as usual."""


class StatusListRow(Base):
    """The newest status list of issuance of which every revocation is known here; one row, with ID 1."""

    __tablename__ = "status_list"

    id: Mapped[int] = mapped_column(primary_key=True)
    complete_at: Mapped[datetime]
    """When that list was signed."""


class SigningKeyRow(Base):
    """A public key of issuance, Ed25519, base64url, from its newest key set. A withdrawn one stays."""

    __tablename__ = "signing_keys"

    kid: Mapped[str] = mapped_column(primary_key=True)
    x: Mapped[str]
    """Empty for a key of which only the withdrawal is known."""
    withdrawn: Mapped[bool] = mapped_column(server_default=false())


class KeySetRow(Base):
    """When the newest key set was signed; one row, with ID 1."""

    __tablename__ = "key_set"

    id: Mapped[int] = mapped_column(primary_key=True)
    signed_at: Mapped[datetime]


class NumberTryRow(Base):
    """An unknown pass number that was tried at a gate, or sent by a device (``gate`` is the device then)."""

    __tablename__ = "number_tries"
    __table_args__ = (Index("number_tries_of_gate", "gate", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    gate: Mapped[str]
    direction: Mapped[str] = mapped_column(server_default="entry")
    at: Mapped[datetime]


class PreviewsRow(Base):
    """How many passes a login has looked at within one minute at a gate, without recording an entry."""

    __tablename__ = "previews"

    login: Mapped[str] = mapped_column(primary_key=True)
    gate: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int]


class ErasedApplicationRow(Base):
    """An application whose people are erased, also from a PassIssued that arrives later."""

    __tablename__ = "erased_applications"

    application_id: Mapped[UUID] = mapped_column(primary_key=True)


class GateAdviceRow(Base):
    """The newest advice of approval about an application, for passes that are issued later too."""

    __tablename__ = "gate_advice"

    application_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    call_supervisor: Mapped[bool]


class SupervisorRow(Base):
    """A security login that may let visitors in where a gate asks for a supervisor, and its PIN.

    The PIN is stored as its slow key (`contracts/supervisor_pin.py`), sealed: with it the service checks the
    proofs of gates.
    """

    __tablename__ = "supervisors"

    login_id: Mapped[str] = mapped_column(primary_key=True)
    site: Mapped[str]
    named_by: Mapped[str]
    named_at: Mapped[datetime]
    key_id: Mapped[UUID | None]
    """Binds the sealed key to its row; None where there is no PIN."""
    key_sealed: Mapped[str | None]
    salt: Mapped[str | None]
    iterations: Mapped[int | None]
    verifier: Mapped[str | None]
    pin_set_at: Mapped[datetime | None]
    """When a PIN was set last; also where it is void now."""
    failures: Mapped[int] = mapped_column(server_default="0")
    """Wrong PINs since the last right one."""
    locked_until: Mapped[datetime | None]


class SupervisorRuleRow(Base):
    """Whether the gates of a site demand a supervisor: decided by the ADO Branch, and by nothing else."""

    __tablename__ = "supervisor_rules"

    site: Mapped[str] = mapped_column(primary_key=True)
    demanded: Mapped[bool]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]


class DisabledLoginRow(Base):
    """A security login that was disabled, which is for good: it is never named as supervisor again."""

    __tablename__ = "disabled_logins"

    login_id: Mapped[str] = mapped_column(primary_key=True)
    heard_at: Mapped[datetime]


class IncidentRow(Base):
    """Something that happened at the gates of a site and that somebody should look at."""

    __tablename__ = "gate_incidents"
    __table_args__ = (
        Index("gate_incidents_newest", "found_at", "id"),
        Index("gate_incidents_of_pass", "pass_number", postgresql_where=text("pass_number is not null")),
        Index("gate_incidents_unseen", "site", postgresql_where=text("seen_at is null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    found_at: Mapped[datetime]
    site: Mapped[str]
    gate: Mapped[str]
    kind: Mapped[str]
    detail: Mapped[str | None]
    pass_number: Mapped[str | None]
    reference: Mapped[str | None]
    scans: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    exposure: Mapped[int] = mapped_column(server_default="0")
    login: Mapped[str | None]
    supervisor: Mapped[str | None]
    involved: Mapped[list[str]] = mapped_column(server_default="{}")
    """Other logins that took part: who sent a late scan, and whose scans a conflict is of."""
    reason: Mapped[str | None]
    called_at: Mapped[datetime | None]
    """When the call for help was made that nobody answered."""
    seen_at: Mapped[datetime | None]
    seen_by: Mapped[str | None]


class HelpCallRow(Base):
    """A gate that has called the reception of its site, and who has answered."""

    __tablename__ = "help_calls"
    __table_args__ = (Index("help_calls_newest", "called_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    site: Mapped[str]
    gate: Mapped[str]
    reason: Mapped[str]
    called_at: Mapped[datetime]
    called_by: Mapped[str]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None]
    unanswered_at: Mapped[datetime | None]
    """When it was given up, and became an incident."""

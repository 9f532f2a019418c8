"""The tables of application.

An application's row holds its content and the facts that became known about it.
"""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, Date, ForeignKey, Index, Text, false, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from contracts.model import (
    ApplicantKind,
    ApplicationStatus,
    Assistance,
    Channel,
    ClosureReason,
    DeliverBy,
    IdType,
    Language,
    PurposeKind,
    RejectionReason,
)
from contracts.rpc.requests import ClosedAs, RequestKind
from services.application.domain.status import DecisionKind

_WORDS = (
    ApplicantKind,
    ApplicationStatus,
    Assistance,
    Channel,
    ClosedAs,
    ClosureReason,
    DecisionKind,
    DeliverBy,
    IdType,
    Language,
    PurposeKind,
    RejectionReason,
    RequestKind,
)
Json = dict[str, Any]


class Base(DeclarativeBase):
    """Base of the tables: enumerations are text, instants have a time zone, lists and objects are JSONB."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        **dict.fromkeys((str, *_WORDS), Text),
        datetime: TIMESTAMP(timezone=True),
        Json: JSONB,
        list[Json]: JSONB(none_as_null=True),
        list[str]: ARRAY(Text),
        list[date]: ARRAY(Date),
    }


class ApplicationRow(Base):
    """Application: its present revision, and the facts from which its status follows."""

    __tablename__ = "applications"
    __table_args__ = (
        Index("applications_by_mobile", "mobile", "submitted_at", "id"),
        Index("applications_by_age", "submitted_at", "id"),
        Index(
            "applications_made_there",
            "site",
            "submitted_at",
            "id",
            postgresql_where=text("channel in ('counter', 'kiosk')"),
        ),
        Index(
            "applications_reception_asked",
            "site",
            "preferred_until",
            postgresql_where=text("reception_asked_at is not null and status = 'submitted'"),
        ),
        Index(
            "applications_invited",
            "submitted_by",
            "submitted_at",
            postgresql_where=text("channel = 'invitation'"),
        ),
        Index("applications_answered", "department", "answered_at", postgresql_include=["submitted_at"]),
        Index(
            "applications_undecided",
            "preferred_until",
            postgresql_where=text("status in ('submitted', 'returned')"),
        ),
        Index("applications_ask_met", "ask_met_at", postgresql_where=text("ask_met_at is not null")),
        Index("applications_named", "name_keys", postgresql_using="gin"),
        Index("applications_without_keys", "submitted_at", postgresql_where=text("name_keys is null")),
        Index("applications_to_erase", "last_matters_at", postgresql_where=text("erased_at is null")),
        Index("applications_locked", "locked_until", postgresql_where=text("locked_until is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(unique=True)
    revision: Mapped[int] = mapped_column(default=1)
    status: Mapped[ApplicationStatus] = mapped_column(default="submitted")
    submitted_at: Mapped[datetime]
    channel: Mapped[Channel]
    mobile_proved: Mapped[bool]
    submitted_by: Mapped[str | None]
    notice: Mapped[str | None]
    """The version of the privacy notice that was shown; None where none of our pages did."""

    kind: Mapped[ApplicantKind]
    language: Mapped[Language]
    deliver_by: Mapped[DeliverBy]
    assistance: Mapped[Assistance | None]
    site: Mapped[str]
    department: Mapped[str]
    officer: Mapped[str | None]
    purpose_kind: Mapped[PurposeKind]
    preferred: Mapped[list[Json]]
    preferred_until: Mapped[datetime]
    """The end of the last preferred window; an application that is undecided then expires."""
    weekly_until: Mapped[date | None]
    """The last day of the standing pass that is asked for."""

    # personal; PERSONAL below lists them
    name: Mapped[str]
    name_latin: Mapped[str]
    name_keys: Mapped[list[str] | None]
    """Under which the counter finds the name, however it is spelt; null until the scheduled job fills it."""
    mobile: Mapped[str | None]
    """Whoever proves this number sees the application."""
    email: Mapped[str | None]
    id_type: Mapped[IdType | None]
    id_last4: Mapped[str | None]
    asks_for_card: Mapped[bool] = mapped_column(server_default=false())
    """Whether the session that sent it is known (`UnlockedSessionRow`); a version before recorded none."""
    official: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    guardian: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    """Of a person under 18."""
    companions: Mapped[list[Json]]
    purpose: Mapped[str]
    vehicle: Mapped[str | None]
    note: Mapped[str] = mapped_column(default="")
    """The department's note on its decision."""
    correction: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    """The newest correction that waits for the department or that it refused: a `CorrectionView` as stored,
    with ``number``."""

    # facts
    consented_at: Mapped[datetime | None]
    """When its person agreed that their data are used, to the notice above; None where nobody was asked."""
    consent_withdrawn_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    expired_at: Mapped[datetime | None]
    """When it expired last; that holds unless ``preferred_until`` is later, after its day was closed."""
    erased_at: Mapped[datetime | None]
    locked_at: Mapped[datetime | None]
    """When its person asked for an erasure before which the site has to keep it: no other service has its
    people any more, and nobody but the data officer is shown them."""
    locked_until: Mapped[datetime | None]
    """When it is erased then, as the person was told; no later event and no setting puts it off."""
    decision_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    decision_kind: Mapped[DecisionKind | None]
    decision_revision: Mapped[int | None]
    decision_reason: Mapped[RejectionReason | None]
    decided_day: Mapped[date | None]
    further_days: Mapped[list[date]] = mapped_column(default=list, server_default="{}")
    """The days after the decided one on which the visit goes on."""
    closed_day: Mapped[date | None]
    """The day of the visit that the department closed, where that is its latest decision.

    The visit is then ``returned``, or still ``approved`` for its other days.
    """
    closure_reason: Mapped[ClosureReason | None]
    """None where the closing was lifted before they chose another date."""
    corrections: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often its applicant has corrected it."""
    correction_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """``seq`` of the newest CorrectionSettled."""
    answered_at: Mapped[datetime | None]
    """When the department first decided anything about it."""
    reception_asked_at: Mapped[datetime | None]
    """When the reception of the site was asked to help, because nobody had decided and the visit is near."""
    scan_seq: Mapped[int] = mapped_column(BigInteger, default=0)
    inside: Mapped[int | None]
    scanned_pass: Mapped[str | None]
    """The number of the pass of the last scan; null for an exit with one that nobody came in with."""
    ask_met_at: Mapped[datetime | None]
    """When its visitor, who has left, is asked whether they were met, unless somebody says it before."""
    asked_met_at: Mapped[datetime | None]
    """When they were asked; nobody is asked twice."""
    last_matters_at: Mapped[datetime]
    """The latest time of an event about it, a preferred window or the validity of its pass."""

    @property
    def is_shown(self) -> bool:
        """Whether its people are neither erased nor locked."""
        return self.erased_at is None and self.locked_at is None


class RevisionRow(Base):
    """Submitted revision of an application, with what the answer to a repeat of that command needs."""

    __tablename__ = "revisions"

    application_id: Mapped[UUID] = mapped_column(ForeignKey("applications.id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    masked: Mapped[list[str]]


class PhotographRow(Base):
    """Photograph of the visitor of an application, sealed."""

    __tablename__ = "photographs"

    application_id: Mapped[UUID] = mapped_column(ForeignKey("applications.id"), primary_key=True)
    sealed: Mapped[str]


class UnlockedSessionRow(Base):
    """Session of an applicant that may see a whole application: it has sent it, or given its last four."""

    __tablename__ = "openings"
    __table_args__ = (Index("openings_age", "opened_at"),)

    sid: Mapped[UUID] = mapped_column(primary_key=True)
    application_id: Mapped[UUID] = mapped_column(ForeignKey("applications.id"), primary_key=True)
    opened_at: Mapped[datetime]


class UnlockTriesRow(Base):
    """How many wrong last fours a mobile has given, or were given for a pass, since an instant.

    ``who`` is a keyed hash of the mobile, or ``pass`` and its number.
    """

    __tablename__ = "opening_tries"

    who: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
    wrong: Mapped[int]


class PassRow(Base):
    """Pass of an application. It may be known as revoked before it is known as issued."""

    __tablename__ = "passes"

    number: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[UUID] = mapped_column(ForeignKey("applications.id"), index=True)
    issued: Mapped[bool] = mapped_column(default=False)
    issued_seq: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    """``seq`` of the newest PassIssued; a day of the pass may be closed after it was issued."""
    valid_from: Mapped[datetime | None]
    valid_to: Mapped[datetime | None]
    """When entry ends on the first day."""
    further_days: Mapped[list[date]] = mapped_column(default=list, server_default="{}")
    recurring: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether it is a standing pass."""
    replaces: Mapped[str | None]
    revoked: Mapped[bool] = mapped_column(default=False)
    replaced: Mapped[bool] = mapped_column(default=False)
    day_closed: Mapped[bool] = mapped_column(server_default=false())
    """Whether it was revoked because the department closed the day of the visit."""


class TimelineEntryRow(Base):
    """Entry of an application's timeline, keyed by its event. Its facts are never personal."""

    __tablename__ = "timeline"
    __table_args__ = (
        Index("timeline_by_application", "application_id", "at"),
        {"postgresql_partition_by": "RANGE (at)"},
    )

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    application_id: Mapped[UUID]
    """Without a foreign key: dropping a month would lock the applications."""
    at: Mapped[datetime] = mapped_column(primary_key=True)
    what: Mapped[str]
    facts: Mapped[Json]


class DirectoryRow(Base):
    """Newest known record of a site or a department; ``subject`` is its event's."""

    __tablename__ = "directory"

    subject: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    record: Mapped[Json]


class RequestRow(Base):
    """Complaint, question or other request of a person; its words and those of its answer are sealed."""

    __tablename__ = "requests"
    __table_args__ = (
        Index("requests_by_mobile", "mobile", "sent_at", "id"),
        Index("requests_by_answer", "answered_at", "sent_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[RequestKind]
    language: Mapped[Language]
    mobile: Mapped[str | None]
    """Who has proved it may read the request; None of one that an officer has entered."""
    entered_by: Mapped[str | None]
    """The login of that officer."""
    sealed: Mapped[str]
    sent_at: Mapped[datetime]
    answer_by: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None]
    closed_as: Mapped[ClosedAs | None]
    """Why it was closed then without an answer."""


class NoticeRow(Base):
    """A version of the privacy notice, with all that it said."""

    __tablename__ = "notices"

    version: Mapped[str] = mapped_column(primary_key=True)
    texts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """`contracts.rpc.notices.NoticeTexts.texts`; they never change."""
    first_shown: Mapped[datetime]


class BreachRow(Base):
    """A breach of personal data that people were told of."""

    __tablename__ = "breaches"

    name: Mapped[str] = mapped_column(primary_key=True)
    texts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """`contracts.rpc.breaches.BreachTexts`; they never change."""
    told_at: Mapped[datetime]
    """When the first were told."""


class BreachNoticeRow(Base):
    """One application, or request, whose person was told of a breach: each once."""

    __tablename__ = "breach_notices"

    breach: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID]
    """The event, by which notify knows its messages."""
    told_at: Mapped[datetime]


PERSONAL: dict[str, Any] = {
    "name": "",
    "name_latin": "",
    "name_keys": [],
    "mobile": None,
    "email": None,
    "id_type": None,
    "id_last4": None,
    "official": None,
    "guardian": None,
    "companions": [],
    "purpose": "",
    "vehicle": None,
    "note": "",
    "correction": None,
}
"""Every column of an application with personal data → its value after the erasure."""

"""Rows of notify: messages, the local phone, and facts about applications and passes.

Those facts make the order of events irrelevant.
"""

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import TIMESTAMP, BigInteger, Identity, Index, Text, false, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from contracts.model import DeliverBy, Language
from services.notify.domain.messages import Lane, Purpose, ReportStatus, State


class Base(DeclarativeBase):
    """Base of all rows: instants have a time zone, text has no length limit."""

    type_annotation_map: ClassVar = {
        dict[Language, str]: JSONB,
        dict[str, str]: JSONB,
        dict[str, dict[Language, str]]: JSONB,
        list[dict[str, str]]: JSONB,
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        DeliverBy: Text,
        Language: Text,
        Lane: Text,
        Purpose: Text,
        ReportStatus: Text,
        State: Text,
    }


class MessageRow(Base):
    """One message to one person on one channel: a step of the chain of channels (`domain.chains`).

    An event creates at most one message of each purpose on each channel.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("messages_event_id_purpose_channel", "event_id", "purpose", "channel", unique=True),
        Index("messages_next", "next_at", postgresql_where=text("next_at is not null")),
        Index("messages_provider_id", "provider_id", postgresql_where=text("provider_id is not null")),
        Index("messages_recipient", "recipient", "tried_at", postgresql_where=text("tried_at is not null")),
        Index("messages_undelivered", "undelivered_at", postgresql_where=text("undelivered_at is not null")),
        Index("messages_due", "lane", "due_at", postgresql_where=text("state = 'queued'")),
        Index(
            "messages_due_by_channel", "channel", "lane", "due_at", postgresql_where=text("state = 'queued'")
        ),
        Index(
            "messages_questions",
            "recipient",
            postgresql_where=text("purpose in ('visit_question', 'place_offered')"),
        ),
        Index("messages_to", "recipient", postgresql_where=text("recipient is not null")),
        Index("messages_application_id", "application_id"),
        Index("messages_pass_number", "pass_number"),
        Index("messages_age", "created_at"),
        Index("messages_of_no_application", "ended_at", postgresql_where=text("application_id is null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    """Also the idempotency key for the vendor, the same at every try."""
    event_id: Mapped[UUID]
    """ID of the event that called for it; a resend has an ID of its own."""
    purpose: Mapped[Purpose]
    lane: Mapped[Lane]
    channel: Mapped[DeliverBy]
    step: Mapped[int] = mapped_column(default=0, server_default="0")
    """0 for the channel that the person chose, 1 for the one after it, and so on."""
    language: Mapped[Language]
    recipient: Mapped[str | None]
    """The keyed digest of the person's number or email address; null in a row of 0.11.0."""
    application_id: Mapped[UUID | None]
    pass_number: Mapped[str | None]
    resend_of: Mapped[UUID | None]
    """The message of which somebody asked for this one."""
    personal: Mapped[str | None]
    """A sealed ``domain.messages.Personal``; null once it is erased, or where there is no recipient."""
    email_sealed: Mapped[str | None]
    """An email address, sealed like ``personal``, for a person who is told by another channel first."""
    state: Mapped[State]
    due_at: Mapped[datetime]
    """Earliest time of the next try; while the message is leased, the end of the lease.

    By the clock of the database.
    """
    lease: Mapped[UUID | None]
    """ID of the current lease. If it is still set at the next try, the outcome of the last try is unknown."""
    attempts: Mapped[int] = mapped_column(default=0)
    possible_duplicates: Mapped[int] = mapped_column(default=0)
    """Number of tries whose outcome was unknown when the next began.

    Their sender was killed or slow, or the vendor did not respond.
    """
    reason: Mapped[str | None]
    """Code of the last try that did not succeed."""
    failed_tries: Mapped[list[dict[str, str]]] = mapped_column(server_default="[]")
    """Time and code of the newest tries that did not succeed, the oldest first."""
    provider: Mapped[str | None]
    """`Channel.name` of the vendor that accepted the message."""
    provider_id: Mapped[str | None]
    """The digest of the vendor's ID, in which the number of the recipient may be."""
    tried_at: Mapped[datetime | None]
    """The last try, where the vendor limits how often it may be given a message for one person."""
    next_at: Mapped[datetime | None]
    """When the next step of the chain is due, unless the vendor reports the delivery before."""
    undelivered_at: Mapped[datetime | None]
    """When the chain ended without a sign that the pass has arrived; reception is shown it."""
    is_replaced: Mapped[bool] = mapped_column(server_default=false())
    """Its applicant has another number since, or the office has answered otherwise. What becomes of it is
    recorded; nothing more comes of it."""
    correlation_id: Mapped[str] = mapped_column(default="")
    traceparent: Mapped[str | None]
    """The trace context of what called for it; sending it continues that trace."""
    replies: Mapped[list[dict[str, str]] | None]
    """What its recipient replied, the oldest first: 1 or 2, and the digest of the reply's ID."""
    created_at: Mapped[datetime]
    """When the first step was queued."""
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When this step was queued, by the clock of the database."""
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ApplicationRow(Base):
    """An application of which an event arrived; its handlers lock this row."""

    __tablename__ = "applications"
    __table_args__ = (Index("applications_reference", "reference"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    mobile_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    """``seq`` of the newest MobileChanged."""
    mobile_sealed: Mapped[str | None]
    """The number of that event, sealed like ``personal`` of a message. Every message goes there."""
    mobile_proved: Mapped[bool] = mapped_column(server_default=false())
    """Whether a code had proved the number with which it was submitted. Each later one is."""
    erased_at: Mapped[datetime | None]
    """From this instant on no personal data of it is stored, whatever arrives late."""


class PassRow(Base):
    """A pass that was issued, revoked or printed, in whichever order the events arrived."""

    __tablename__ = "passes"
    __table_args__ = (
        Index("passes_told_undelivered", "number", postgresql_where=text("told_undelivered")),
        Index("passes_application_id", "application_id"),
    )

    number: Mapped[str] = mapped_column(primary_key=True)
    site: Mapped[str | None]
    """Null where only 0.11.0 or before has handled its event."""
    application_id: Mapped[UUID | None]
    """Null while the pass was printed and no event about it has arrived."""
    revoked_at: Mapped[datetime | None]
    printed_at: Mapped[datetime | None]
    told_undelivered: Mapped[bool] = mapped_column(server_default=false())
    """Whether the gates were last told that no message has brought it to anybody."""


class DepartmentRow(Base):
    """The names of a department and the rooms of its officers, from the newest record of the directory."""

    __tablename__ = "departments"

    code: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    name: Mapped[dict[Language, str]]
    rooms: Mapped[dict[str, str]] = mapped_column(server_default="{}")
    """By officer; empty until the directory was published again after the upgrade that added it."""


class SiteRow(Base):
    """The names of a site and of its gates, from the newest record of the directory."""

    __tablename__ = "sites"

    code: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    gate_names: Mapped[dict[str, dict[Language, str]]]
    """By gate and language."""
    name: Mapped[dict[Language, str]] = mapped_column(server_default="{}")
    """By language; empty until the directory was published again after the upgrade that added it."""


class MediaRow(Base):
    """A picture that was uploaded to WhatsApp, for as long as it is kept there."""

    __tablename__ = "media"
    __table_args__ = (Index("media_expires_at", "expires_at"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    """The SHA-256 of the picture."""
    sealed: Mapped[str]
    """The vendor's ID of the upload, sealed."""
    expires_at: Mapped[datetime]


class DeliveryReportRow(Base):
    """What a vendor has told of a message, until it is matched with the message and for some days after.

    A report may come before the sender has recorded that the vendor accepted the message.
    """

    __tablename__ = "delivery_reports"
    __table_args__ = (
        Index("delivery_reports_new", "received_at", postgresql_where=text("applied_at is null")),
        Index("delivery_reports_age", "received_at"),
        Index("delivery_reports_message_id", "message_id", postgresql_where=text("applied_at is null")),
    )

    provider: Mapped[str] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(primary_key=True)
    """A digest, as in a message."""
    status: Mapped[ReportStatus] = mapped_column(primary_key=True)
    message_id: Mapped[UUID | None]
    at: Mapped[datetime]
    reason: Mapped[str | None]
    use_next: Mapped[bool]
    received_at: Mapped[datetime]
    applied_at: Mapped[datetime | None]


class StatusPollRow(Base):
    """A message whose vendor is asked what became of it, until it says something final."""

    __tablename__ = "status_polls"
    __table_args__ = (
        Index("status_polls_due", "provider", "ask_at"),
        Index("status_polls_age", "stored_at"),
    )

    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider: Mapped[str]
    provider_id: Mapped[str]
    """The vendor's own ID, since it is asked by that; Mobile Seva's has the time and the account in it."""
    is_urgent: Mapped[bool]
    """Somebody waits for a code."""
    asked: Mapped[int] = mapped_column(default=0, server_default="0")
    ask_at: Mapped[datetime]
    """Earliest time of the next poll, by the clock of the database."""
    stored_at: Mapped[datetime]


OF_NOBODY = " of nobody"
"""Ends what an opt-out is about whose person is unknown: they hide their number, and answer no message."""


class OptOutRow(Base):
    """A person wants no messages on a channel, or none about an application because the number is wrong."""

    __tablename__ = "opt_outs"

    recipient: Mapped[str] = mapped_column(primary_key=True)
    """The keyed digest of their number."""
    about: Mapped[str] = mapped_column(primary_key=True)
    """The name of the channel, the ID of the application, or ``all``."""
    at: Mapped[datetime]
    is_over: Mapped[bool] = mapped_column(default=False, server_default="false")
    """They wanted messages again, at that time. An older word that comes late changes nothing."""


class ProviderRow(Base):
    """How many messages a vendor was given in the current second; who gives it more locks the row."""

    __tablename__ = "providers"

    name: Mapped[str] = mapped_column(primary_key=True)
    second: Mapped[datetime]
    used: Mapped[int]


class ProviderHourRow(Base):
    """How many messages a vendor was given in an hour."""

    __tablename__ = "provider_hours"

    provider: Mapped[str] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    used: Mapped[int]


class PhoneMessageRow(Base):
    """A message on the local phone, for development. It is not sealed, and exists only in local mode."""

    __tablename__ = "local_phone"
    __table_args__ = (Index("local_phone_recipient", "recipient", "id"), Index("local_phone_at", "at"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    message_id: Mapped[UUID] = mapped_column(unique=True)
    at: Mapped[datetime]
    recipient: Mapped[str]
    channel: Mapped[DeliverBy]
    purpose: Mapped[Purpose]
    language: Mapped[Language]
    text: Mapped[str]
    link: Mapped[str | None]

"""The tables of this service: messages, and what must be remembered of applications and passes to keep order irrelevant."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import TIMESTAMP, BigInteger, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from contracts.model import DeliverBy, Language
from services.notify.domain import Lane, Purpose, State


class Base(DeclarativeBase):
    """Instants are with time zone, text has no length."""

    type_annotation_map: ClassVar = {
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        DeliverBy: Text,
        Language: Text,
        Lane: Text,
        Purpose: Text,
        State: Text,
    }


class Message(Base):
    """One message to one person. An event makes at most one of each purpose."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("event_id", "purpose", name="messages_event_id_purpose_key"),
        Index("messages_due", "lane", "due_at", postgresql_where=text("state = 'queued'")),
        Index("messages_application_id", "application_id"),
        Index("messages_pass_number", "pass_number"),
        Index("messages_of_no_application", "ended_at", postgresql_where=text("application_id is null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    """Also the idempotency key that the vendor gets, the same at every try."""
    event_id: Mapped[UUID]
    """The event that asked for it; of a resend, an id of its own."""
    purpose: Mapped[Purpose]
    lane: Mapped[Lane]
    channel: Mapped[DeliverBy]
    language: Mapped[Language]
    application_id: Mapped[UUID | None]
    pass_number: Mapped[str | None]
    resend_of: Mapped[UUID | None]
    personal: Mapped[str | None]
    """A sealed ``domain.Personal``; null once it is forgotten, or where there is nobody to send it to."""
    state: Mapped[State]
    due_at: Mapped[datetime]
    """Not before this; while a sender holds it, when the lease ends."""
    lease: Mapped[UUID | None]
    """Who holds it. A lease that is still there at the next try ended without an outcome that is known."""
    attempts: Mapped[int] = mapped_column(default=0)
    possible_duplicates: Mapped[int] = mapped_column(default=0)
    """Tries whose outcome nobody knew when the next began: their sender was killed or slow, or the vendor did not answer."""
    reason: Mapped[str | None]
    """Of the last try that did not succeed, in a word."""
    provider_id: Mapped[str | None]
    correlation_id: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Application(Base):
    """An application that something was heard of; the row that its handlers lock."""

    __tablename__ = "applications"
    __table_args__ = (Index("applications_reference", "reference"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    erased_at: Mapped[datetime | None]
    """From then on nothing of it is kept, whatever arrives late."""


class Pass(Base):
    """A pass that was issued, revoked or printed, in whichever order that became known."""

    __tablename__ = "passes"

    number: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[UUID | None]
    """Null where it was printed before anything was heard of it."""
    revoked_at: Mapped[datetime | None]
    printed_at: Mapped[datetime | None]


class PhoneMessage(Base):
    """What the local channel has "sent": a phone for development. In clear, and only ever filled in local mode."""

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

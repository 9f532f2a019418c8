"""The tables of issuance: applications, passes, signing keys, and the one signed status list."""

from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Date,
    Dialect,
    ForeignKey,
    Index,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from contracts.events import ApplicationPersonal
from contracts.model import MOST_STANDING_DAYS, RevocationReason, Wire
from services.chassis.keys.key_store import SigningKeyColumns
from services.issuance.domain.passes import Pass, Visit

M = TypeVar("M", bound=Wire)


class Document(TypeDecorator[M], Generic[M]):
    """A model of the contracts, stored whole as JSON; None is SQL's null."""

    impl = JSONB(none_as_null=True)
    cache_ok = True

    def __init__(self, kind: type[M]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: M | None, dialect: Dialect) -> Any:  # noqa: ARG002  SQLAlchemy's signature
        return None if value is None else value.model_dump(mode="json", by_alias=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> M | None:  # noqa: ARG002  SQLAlchemy's signature
        return None if value is None else self.kind.model_validate(value)


class Base(DeclarativeBase):
    """The tables of this service."""

    type_annotation_map = {datetime: TIMESTAMP(timezone=True), str: Text, int: BigInteger}


class ApplicationRow(Base):
    """What is known of one application, also before it has a pass, and when it never gets one (a tombstone).

    Whoever changes a pass locks the row of its application first, so that two changes never run at once.
    """

    __tablename__ = "applications"

    application_id: Mapped[UUID] = mapped_column(primary_key=True)
    approved_revision: Mapped[int] = mapped_column(server_default="0")
    """The highest revision that was approved; 0 for none."""
    withdrawn_revision: Mapped[int] = mapped_column(server_default="0")
    """The highest revision whose approval was withdrawn; 0 for none."""
    shortened_revision: Mapped[int] = mapped_column(server_default="0")
    """The highest revision of whose approval days were closed; 0 for none."""
    closed_days: Mapped[list[date]] = mapped_column(ARRAY(Date), server_default="{}")
    """Those days, also where the approval is not known here yet."""
    mobile_seq: Mapped[int] = mapped_column(server_default="0")
    """``seq`` of the newest MobileChanged."""
    mobile: Mapped[str | None]
    """The number of that event. An approval from before it has the number before it."""
    corrected: Mapped[int] = mapped_column(server_default="0")
    """The number of the newest correction that took effect."""
    standing_changes: Mapped[int | None]
    """The number of the newest `StandingPassChanged`."""
    cancelled: Mapped[bool] = mapped_column(server_default=text("false"))
    erased: Mapped[bool] = mapped_column(server_default=text("false"))


class SigningKeyRow(SigningKeyColumns, Base):
    """An Ed25519 key of passes and of the status list."""


class PassRow(Base):
    """A pass. Whether it has expired is computed, never stored."""

    __tablename__ = "passes"
    __table_args__ = (
        Index("passes_one_live", "application_id", unique=True, postgresql_where=text("revoked_at is null")),
        Index("passes_application", "application_id"),
        Index("passes_key", "kid", "valid_to"),
        Index("passes_short_link", text("left(link_code, 10)")),
        Index("passes_remind_at", "remind_at", postgresql_where=text("remind_at is not null")),
        Index("passes_revoked", "valid_to", postgresql_where=text("revoked_at is not null")),
    )

    number: Mapped[str] = mapped_column(primary_key=True)
    application_id: Mapped[UUID] = mapped_column(ForeignKey("applications.application_id"))
    reference: Mapped[str]
    visit: Mapped[Visit] = mapped_column(Document(Visit))
    valid_from: Mapped[datetime]
    valid_to: Mapped[datetime]
    """When entry ends on the first day."""
    ends_at: Mapped[datetime]
    """When entry ends on the last day."""
    personal: Mapped[ApplicationPersonal | None] = mapped_column(Document(ApplicationPersonal))
    link_code: Mapped[str | None] = mapped_column(unique=True)
    idc: Mapped[str | None]
    replaces: Mapped[str | None] = mapped_column(ForeignKey("passes.number"), unique=True)
    revocation: Mapped[RevocationReason | None] = mapped_column(Text)
    revoked_at: Mapped[datetime | None]
    kid: Mapped[str] = mapped_column(ForeignKey("signing_keys.kid"))
    issued_at: Mapped[datetime]
    remind_at: Mapped[datetime | None] = mapped_column(server_default=text("'epoch'"))
    """When the job of reminders looks at it again; null where nothing is left to remind of."""
    said: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """What was said by its link on one day, the newest, each time something else than before: ``2026-12-02
    met``, ``2026-12-01 coming 2026-12-02``. Until 0.30 the word alone was stored, of all days."""

    @classmethod
    def ends_after(cls, instant: datetime) -> ColumnElement[bool]:
        """Return whether entry ends after an instant; the first condition is the one that has an index."""
        longest = timedelta(days=MOST_STANDING_DAYS - 1)
        return (cls.valid_to > instant - longest) & (cls.ends_at > instant)

    def as_pass(self) -> Pass:
        """Return the pass that this row stores."""
        return Pass(**{column.name: getattr(self, column.name) for column in fields(Pass)})


class StatusListRow(Base):
    """The status list as it was last signed. The table has at most one row."""

    __tablename__ = "status_list"
    __table_args__ = (CheckConstraint("id = 1", name="status_list_one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    signed_at: Mapped[datetime]
    jws: Mapped[str]
    steps: Mapped[list[list[Any]]] = mapped_column(JSONB, server_default="[]")
    """`Step` of domain/status_lists.py, the oldest first, each as a list of its values."""
    deltas: Mapped[list[list[Any]]] = mapped_column(JSONB, server_default="[]")
    """The signed deltas to this list, each with the ``seq`` and the digest of its base."""

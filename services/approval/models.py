"""The tables of approval: the directory, what was heard of applications, reviews with their decisions."""

from datetime import date, datetime, time
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import TIMESTAMP, BigInteger, ForeignKey, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from contracts.events import (
    ApplicationDetails,
    ClosedDay,
    DepartmentRecord,
    OfficerRecord,
    OpeningHours,
    SiteAdvice,
    SiteRecord,
)
from contracts.model import Language, RejectionReason, ReviewStatus, Slot
from contracts.rpc.approval import DecisionView
from services.approval import domain

Words = dict[Language, str]
"""A text by language."""
Json = dict[str, Any]
WHOLE = "all, delete-orphan"


class Base(DeclarativeBase):
    """Instants are with time zone, text has no length, words and details are JSON."""

    type_annotation_map = {
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        ReviewStatus: Text,
        RejectionReason: Text,
        Words: JSONB,
        Json: JSONB(none_as_null=True),
    }


# --------------------------------------------------------------- directory


class Site(Base):
    """A secretariat building."""

    __tablename__ = "sites"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Words]
    address: Mapped[Words]
    advice: Mapped[Json | None]
    gates: Mapped[list["Gate"]] = relationship(cascade=WHOLE, lazy="selectin", order_by="Gate.position")
    hours: Mapped[list["Hours"]] = relationship(cascade=WHOLE, lazy="selectin", order_by="Hours.position")
    closed_days: Mapped[list["Closed"]] = relationship(cascade=WHOLE, lazy="selectin", order_by="Closed.day")

    @classmethod
    def of(cls, record: SiteRecord) -> "Site":
        """The rows of a record."""
        return cls(
            code=record.code,
            name=record.name,
            address=record.address,
            advice=record.advice.model_dump() if record.advice else None,
            gates=[Gate(code=code, position=at) for at, code in enumerate(record.gates)],
            hours=[Hours(position=at, **hours.model_dump()) for at, hours in enumerate(record.hours)],
            closed_days=[Closed(**closed.model_dump()) for closed in record.closed_days],
        )

    def record(self) -> SiteRecord:
        """The site as it is told."""
        return SiteRecord(
            code=self.code,
            name=self.name,
            address=self.address,
            advice=SiteAdvice.model_validate(self.advice) if self.advice else None,
            gates=tuple(gate.code for gate in self.gates),
            hours=tuple(
                OpeningHours(
                    weekday=row.weekday,
                    opens=row.opens,
                    closes=row.closes,
                    valid_from=row.valid_from,
                    valid_to=row.valid_to,
                )
                for row in self.hours
            ),
            closed_days=tuple(ClosedDay(day=row.day, reason=row.reason) for row in self.closed_days),
        )


class Gate(Base):
    """A gate of a site."""

    __tablename__ = "gates"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]


class Hours(Base):
    """Opening hours of one weekday, from a date on."""

    __tablename__ = "site_hours"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    weekday: Mapped[int]
    opens: Mapped[time]
    closes: Mapped[time]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class Closed(Base):
    """A day on which a site admits nobody."""

    __tablename__ = "closed_days"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    reason: Mapped[str]


class Department(Base):
    """A department of the government."""

    __tablename__ = "departments"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Words]
    sites: Mapped[list["DepartmentSite"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="DepartmentSite.position"
    )
    officers: Mapped[list["Officer"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="Officer.position"
    )

    @classmethod
    def of(cls, record: DepartmentRecord) -> "Department":
        """The rows of a record."""
        return cls(
            code=record.code,
            name=record.name,
            sites=[DepartmentSite(site_code=code, position=at) for at, code in enumerate(record.sites)],
            officers=[
                Officer(position=at, **officer.model_dump()) for at, officer in enumerate(record.officers)
            ],
        )

    def record(self) -> DepartmentRecord:
        """The department as it is told."""
        return DepartmentRecord(
            code=self.code,
            name=self.name,
            sites=tuple(site.site_code for site in self.sites),
            officers=tuple(officer.record() for officer in self.officers),
        )


class DepartmentSite(Base):
    """Where a department sits."""

    __tablename__ = "department_sites"
    department_code: Mapped[str] = mapped_column(ForeignKey("departments.code"), primary_key=True)
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    position: Mapped[int]


class Officer(Base):
    """An office that people visit, and who holds it."""

    __tablename__ = "officers"
    department_code: Mapped[str] = mapped_column(ForeignKey("departments.code"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[Words]
    designation: Mapped[Words]
    room: Mapped[str]

    def record(self) -> OfficerRecord:
        """The officer as told."""
        return OfficerRecord(code=self.code, name=self.name, designation=self.designation, room=self.room)


# ----------------------------------------------------------------- reviews


class HeardApplication(Base):
    """What was heard of an application, whatever came first: the newest details' ``seq``, and how it ended.

    Each consumer of an application's events locks this row first, so that two of them never cross. It is the
    tombstone of an application that ended before it was known here.
    """

    __tablename__ = "heard_applications"
    application_id: Mapped[UUID] = mapped_column(primary_key=True)
    details_seq: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cancelled_at: Mapped[datetime | None]
    expired_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]

    @property
    def ending(self) -> domain.Ending:
        """How the application ended, if it did."""
        return domain.Ending(bool(self.cancelled_at), bool(self.expired_at), bool(self.erased_at))


class Review(Base):
    """One application on a department's desk.

    ``details`` and ``personal`` are the newest ApplicationDetails whole; what is searched or sorted by has a column.
    Personal: ``name``, ``name_latin``, ``personal``, and the notes of the decisions.
    """

    __tablename__ = "reviews"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    application_id: Mapped[UUID] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(index=True)
    revision: Mapped[int]
    status: Mapped[ReviewStatus]
    site: Mapped[str]
    department: Mapped[str]
    officer: Mapped[str | None]
    forwarded_from: Mapped[str | None]
    submitted_at: Mapped[datetime]
    waiting_since: Mapped[datetime]
    escalated: Mapped[int] = mapped_column(default=0)
    name: Mapped[str]
    name_latin: Mapped[str]
    details: Mapped[Json]
    personal: Mapped[Json]
    decisions: Mapped[list["Decision"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="Decision.number"
    )
    forwardings: Mapped[list["Forwarding"]] = relationship(cascade=WHOLE, order_by="Forwarding.number")

    __table_args__ = (
        Index("reviews_queue", "department", "status", "waiting_since", "id"),
        Index("reviews_age", "waiting_since", "id"),
        Index("reviews_pending", "site", "waiting_since", postgresql_where=text("status = 'pending'")),
    )

    @property
    def application(self) -> ApplicationDetails:
        """The application as it was last heard of."""
        return ApplicationDetails.model_validate({**self.details, "personal": self.personal})

    @application.setter
    def application(self, application: ApplicationDetails) -> None:
        self.details = application.model_dump(mode="json", exclude={"personal"})
        self.personal = application.personal.model_dump(mode="json")
        self.name, self.name_latin = (
            application.personal.applicant.name,
            application.personal.applicant.name_latin,
        )
        self.reference, self.revision, self.site = (
            application.reference,
            application.revision,
            application.site,
        )

    def as_domain(self) -> domain.Review:
        """The review that decisions are made about."""
        about_this_revision = [decision for decision in self.decisions if decision.revision == self.revision]
        decision = about_this_revision[-1].view() if about_this_revision else None
        return domain.Review(self.id, self.application, self.department, self.officer, self.status, decision)


class Decision(Base):
    """What was decided about one revision, by whom and when. None is ever changed, but for the erasure of its note."""

    __tablename__ = "decisions"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int]
    status: Mapped[ReviewStatus]
    department: Mapped[str]
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
    reason: Mapped[RejectionReason | None]
    note: Mapped[str] = mapped_column(default="")
    slot: Mapped[Json | None]
    gate: Mapped[str | None]
    entries: Mapped[int] = mapped_column(default=1)
    vehicle_allowed: Mapped[bool] = mapped_column(default=False)

    def view(self) -> DecisionView:
        """The decision as the desk sees it."""
        return DecisionView(
            status=self.status,
            decided_by=self.decided_by,
            decided_at=self.decided_at,
            reason=self.reason,
            note=self.note,
            slot=Slot.model_validate(self.slot) if self.slot else None,
            gate=self.gate,
            entries=self.entries,
            vehicle_allowed=self.vehicle_allowed,
        )


class Forwarding(Base):
    """Who passed a review on, from where to where. Never changed."""

    __tablename__ = "forwardings"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    revision: Mapped[int]
    from_department: Mapped[str]
    to_department: Mapped[str]
    to_officer: Mapped[str | None]
    forwarded_by: Mapped[str]
    forwarded_at: Mapped[datetime]

"""The tables of the directory: sites, departments, officers, and the history of their lines."""

from datetime import date, datetime, time
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from contracts.events import DepartmentRecord, SiteRecord
from contracts.model import Language
from services.approval.models.base import WHOLE, Base, Json, Words
from services.chassis.db.import_drafts import ImportColumns


class SiteRow(Base):
    """Secretariat building."""

    __tablename__ = "sites"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Words]
    address: Mapped[Words]
    advice: Mapped[Json | None]
    photograph: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    gate_rules: Mapped[Json | None]
    contact: Mapped[Json | None]
    gates: Mapped[list["GateRow"]] = relationship(cascade=WHOLE, lazy="selectin", order_by="GateRow.position")
    hours: Mapped[list["HoursRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="HoursRow.position"
    )
    closed_days: Mapped[list["ClosedDayRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="ClosedDayRow.day"
    )

    @classmethod
    def of(cls, record: SiteRecord) -> "SiteRow":
        """Return the rows of a record."""
        return cls(
            code=record.code,
            name=record.name,
            address=record.address,
            advice=record.advice.model_dump() if record.advice else None,
            photograph=record.photograph,
            gate_rules=record.gate_rules.model_dump() if record.gate_rules else None,
            contact=record.contact.model_dump() if record.contact else None,
            gates=[
                GateRow(code=code, position=at, name=record.gate_names.get(code))
                for at, code in enumerate(record.gates)
            ],
            hours=[HoursRow(position=at, **hours.model_dump()) for at, hours in enumerate(record.hours)],
            closed_days=[
                ClosedDayRow(
                    day=closed.day, reason=closed.reason, reason_translations=closed.reason_translations
                )
                for closed in record.closed_days
            ],
        )


class GateRow(Base):
    """Gate of a site."""

    __tablename__ = "gates"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[Json | None]


class HoursRow(Base):
    """Opening hours of one weekday, from a date on."""

    __tablename__ = "site_hours"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    weekday: Mapped[int]
    opens: Mapped[time]
    closes: Mapped[time]
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]


class ClosedDayRow(Base):
    """Day on which a site admits nobody."""

    __tablename__ = "closed_days"
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    reason: Mapped[str]
    reason_translations: Mapped[Words] = mapped_column(default={}, server_default="{}")


class DepartmentRow(Base):
    """Department of the government."""

    __tablename__ = "departments"
    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[Words]
    escalation: Mapped[Json | None]
    closed: Mapped[bool] = mapped_column(default=False, server_default=false())
    sites: Mapped[list["DepartmentSiteRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="DepartmentSiteRow.position"
    )
    officers: Mapped[list["OfficerRow"]] = relationship(
        cascade=WHOLE, lazy="selectin", order_by="OfficerRow.position"
    )

    @classmethod
    def of(cls, record: DepartmentRecord) -> "DepartmentRow":
        """Return the rows of a record."""
        return cls(
            code=record.code,
            name=record.name,
            escalation=record.escalation.model_dump() if record.escalation else None,
            closed=record.closed,
            sites=[DepartmentSiteRow(site_code=code, position=at) for at, code in enumerate(record.sites)],
            officers=[OfficerRow(position=at, **dict(officer)) for at, officer in enumerate(record.officers)],
        )


class DepartmentSiteRow(Base):
    """Site at which a department sits."""

    __tablename__ = "department_sites"
    department_code: Mapped[str] = mapped_column(ForeignKey("departments.code"), primary_key=True)
    site_code: Mapped[str] = mapped_column(ForeignKey("sites.code"), primary_key=True)
    position: Mapped[int]


class OfficerRow(Base):
    """Office that people visit, and who holds it."""

    __tablename__ = "officers"
    department_code: Mapped[str] = mapped_column(ForeignKey("departments.code"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[Words]
    designation: Mapped[Words]
    room: Mapped[str]
    closed: Mapped[bool] = mapped_column(default=False, server_default=false())


class DecidersRow(Base):
    """Whether a login can decide for a department, as accounts has last said. Without a row it can.

    A department that the ADO Branch adds has a row at once: nobody can decide for it yet.
    """

    __tablename__ = "deciders"
    department: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    can_decide: Mapped[bool]


class DutyContactsRow(Base):
    """Duty contacts of the officers of a department, or of the reception of a site.

    ``sealed`` holds mobiles and e-mail addresses, encrypted under ``id``. They are in no other row and in no
    clear part of an event.
    """

    __tablename__ = "duty_contacts"
    place: Mapped[str] = mapped_column(primary_key=True)
    """The table and the code, such as ``departments/home``."""
    id: Mapped[UUID] = mapped_column(default=uuid4)
    sealed: Mapped[str]
    language: Mapped[Language] = mapped_column(Text)
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class SiteTextRow(Base):
    """Text of the site in the languages in which the ADO Branch has written it; or its emblem.

    Of the emblem, ``words`` has the picture under ``png``, as base64.
    """

    __tablename__ = "site_texts"
    name: Mapped[str] = mapped_column(primary_key=True)
    words: Mapped[Json]
    set_by: Mapped[str]
    set_at: Mapped[datetime]


class LineChangeRow(Base):
    """A change of a line of the directory: by whom, when, and what it was. It never changes."""

    __tablename__ = "directory_history"
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    record: Mapped[str]
    """The table and the key of the line, such as ``officers/home/home-superintendent``."""
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]
    before: Mapped[Json | None]
    after: Mapped[Json | None]

    __table_args__ = (Index("directory_history_record", "record", "id"),)


class ImportRow(ImportColumns, Base):
    """A file of departments, officers or holidays."""


class ReferenceVersionRow(Base):
    """Token of a change of what `handlers/reference_data.py` keeps in memory; mostly there is one."""

    __tablename__ = "reference_versions"
    token: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))


class AnnouncementRow(Base):
    """An announcement of the whole directory: which one, and when it was made. It never changes."""

    __tablename__ = "directory_announcements"
    edition: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    announced_at: Mapped[datetime]

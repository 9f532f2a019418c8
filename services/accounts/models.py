"""The tables of this service."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    Text,
    false,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from contracts.model import Language, LoginState, Role
from services.accounts.domain.second_factor import SignInPurpose
from services.chassis.db.import_drafts import ImportColumns
from services.chassis.keys.key_store import SigningKeyColumns


class Base(DeclarativeBase):
    """The base of all rows. Instants have a time zone, texts have no maximum length."""

    type_annotation_map: ClassVar = {
        datetime: TIMESTAMP(timezone=True),
        str: Text,
        Role: Text,
        Language: Text,
        SignInPurpose: Text,
    }


class LoginRow(Base):
    """A staff login. Its scope never changes: a person who moves gets a new login."""

    __tablename__ = "logins"

    login_id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[Role]
    name: Mapped[str]
    department: Mapped[str | None]
    site: Mapped[str | None]
    gate: Mapped[str | None]
    assistant_of: Mapped[str | None]
    """The officer whom the holder assists; null for every other login."""
    password_hash: Mapped[str]
    must_change_password: Mapped[bool]
    issued_by: Mapped[str | None]
    """Null if the login came with the installation."""
    issued_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_by: Mapped[str | None]
    tokens_void_to: Mapped[datetime | None]
    """Tokens issued up to this instant are denied, because the login was disabled or reset."""
    devices_void_to: Mapped[datetime | None]
    """Browsers that signed in up to this instant are strangers again; its sessions may go on."""
    enrolled_at: Mapped[datetime | None]
    """When a device has used its token; null for people."""
    valid_until: Mapped[date | None]
    """The last day on which it can be used, in Indian Standard Time."""
    mobile_sealed: Mapped[str | None]
    """Where its holder is told of what happens to it; erased with the login. Null where nobody gave one."""
    language: Mapped[Language | None]
    """Of these messages."""

    @property
    def strangers_to(self) -> datetime | None:
        """The instant up to which browsers are not known that this login signed in on."""
        return max(filter(None, (self.tokens_void_to, self.devices_void_to)), default=None)

    def state_on(self, today: date) -> LoginState:
        """Return the state of the login. Disabled outweighs expired, and expired outweighs never used."""
        if self.disabled_at is not None:
            return "disabled"
        if self.valid_until is not None and self.valid_until < today:
            return "expired"
        return "active" if self.last_used_at is not None else "never_used"

    @classmethod
    def is_usable(cls, today: date) -> ColumnElement[bool]:
        """Return the condition that a login is neither disabled nor expired."""
        return cls.disabled_at.is_(None) & or_(cls.valid_until.is_(None), cls.valid_until >= today)


class ImportRow(ImportColumns, Base):
    """A file of logins."""


class ToldDepartmentRow(Base):
    """What was last published of a department: whether a login can decide for it."""

    __tablename__ = "told_departments"

    department: Mapped[str] = mapped_column(primary_key=True)
    can_decide: Mapped[bool]
    told_at: Mapped[datetime]


class LoginCounterRow(Base):
    """The last number that 0.23.0 and earlier issued under a prefix. Ids are random now."""

    __tablename__ = "login_counters"

    prefix: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class LoginFailureRow(Base):
    """A wrong password since the last right one from the same source.

    The account is a keyed digest, because some people type their password into the field of the login id.
    """

    __tablename__ = "login_failures"
    __table_args__ = (
        Index("login_failures_account", "account", "at"),
        Index("login_failures_address", "address", "at"),
        Index("login_failures_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    account: Mapped[str]
    address: Mapped[str]
    device: Mapped[str | None]
    """The device on which this login had signed in before, or the session that tried; null for a stranger."""
    at: Mapped[datetime]


class SessionRow(Base):
    """A session with all claims of its token, so that the token can be made again, byte for byte the same."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index("sessions_login_id", "login_id"),
        Index("sessions_ended_at", "ended_at"),
        Index("sessions_expires_at", "expires_at"),
        Index("sessions_kid", "kid", "expires_at"),
    )

    sid: Mapped[UUID] = mapped_column(primary_key=True)
    kid: Mapped[str]
    subject: Mapped[str]
    login_id: Mapped[str | None] = mapped_column(ForeignKey("logins.login_id"))
    """Null for an applicant."""
    mobile_sealed: Mapped[str | None]
    role: Mapped[Role | None]
    department: Mapped[str | None]
    site: Mapped[str | None]
    gate: Mapped[str | None]
    assistant_of: Mapped[str | None]
    must_change_password: Mapped[bool]
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    """When a gateway has last told that a person used it; null until then."""
    factor_at: Mapped[datetime | None]
    """When its holder has last shown their second factor; null if they never did."""


class GateDeviceRow(Base):
    """What is known of an enrolled gate device beyond its login."""

    __tablename__ = "gate_devices"

    login_id: Mapped[str] = mapped_column(ForeignKey("logins.login_id"), primary_key=True)
    enrolled_by: Mapped[str | None]
    """The guard who has entered its code."""
    guard_sid: Mapped[UUID | None]
    """The session that was open on it when it last reported; it ends with the device."""
    reported_at: Mapped[datetime | None]
    version: Mapped[str | None]
    list_at: Mapped[datetime | None]
    """Of when its list of revoked passes is."""
    unsent: Mapped[int]
    """How many scans it had that the server did not have."""
    unsent_since: Mapped[datetime | None]


class SecondFactorRow(Base):
    """The second factor of a login: an authenticator app that shows time-based one-time passwords."""

    __tablename__ = "second_factors"

    login_id: Mapped[str] = mapped_column(ForeignKey("logins.login_id"), primary_key=True)
    secret_sealed: Mapped[str]
    enrolled_at: Mapped[datetime]
    last_step: Mapped[int] = mapped_column(BigInteger)
    """The time step of the last code that was accepted. No code of this step or an earlier one is."""


class RecoveryCodeRow(Base):
    """A code that stands in for the app once, for somebody who has lost it."""

    __tablename__ = "recovery_codes"
    __table_args__ = (Index("recovery_codes_login_id", "login_id"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    login_id: Mapped[str] = mapped_column(ForeignKey("logins.login_id"))
    used_at: Mapped[datetime | None]


class FactorRuleRow(Base):
    """Which roles need a second factor, as the ADO Branch has decided; one row, or none yet."""

    __tablename__ = "factor_rules"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    roles: Mapped[list[str]] = mapped_column(ARRAY(Text))
    offered: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """The roles that there were then: a later one needs a second factor. None: those before 0.26."""
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class LookBudgetRow(Base):
    """Of how many people a login may see data in an hour, as the ADO Branch has decided; one row, or none."""

    __tablename__ = "look_budgets"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    roles: Mapped[dict[str, Any]] = mapped_column(JSONB)
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class SignInRow(Base):
    """A sign-in whose password was right, and which waits for a code, or for an app to be set up."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("sign_ins_login_id", "login_id"), Index("sign_ins_made_at", "made_at"))

    id: Mapped[UUID] = mapped_column(primary_key=True)
    login_id: Mapped[str] = mapped_column(ForeignKey("logins.login_id"))
    purpose: Mapped[SignInPurpose]
    """``enrol`` sets up the first app, ``replace`` another one."""
    made_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ActivityReportRow(Base):
    """When a gateway has last told which sessions are used; one row."""

    __tablename__ = "activity_reports"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]


class SigningKeyRow(SigningKeyColumns, Base):
    """An Ed25519 key of session tokens."""


class OtpCodeRow(Base):
    """A one-time code to a number. Several requests may have sent it."""

    __tablename__ = "otp_codes"
    __table_args__ = (
        Index("otp_codes_mobile", "mobile_digest", "created_at"),
        Index("otp_codes_created_at", "created_at"),
    )

    code_id: Mapped[UUID] = mapped_column(primary_key=True)
    mobile_digest: Mapped[str]
    mobile_sealed: Mapped[str]
    code_digest: Mapped[str]
    code_sealed: Mapped[str | None]
    """Stored only to send the code again while it is live; erased when the code is used."""
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class OtpRequestRow(Base):
    """A request for a code, and until when the code is good for whoever made this request."""

    __tablename__ = "otp_requests"
    __table_args__ = (
        Index("otp_requests_mobile", "mobile_digest", "requested_at"),
        Index("otp_requests_address", "address", "requested_at"),
        Index("otp_requests_requested_at", "requested_at"),
        Index(
            "otp_requests_untyped",
            "requested_at",
            postgresql_where=text("is_unproved is true and answered is false"),
        ),
    )

    request_id: Mapped[UUID] = mapped_column(primary_key=True)
    code_id: Mapped[UUID] = mapped_column(ForeignKey("otp_codes.code_id"))
    mobile_digest: Mapped[str]
    address: Mapped[str]
    requested_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(server_default="0")
    """Wrong ones. A stranger who asks for this number's code and guesses spends their own request."""
    device: Mapped[str | None]
    """The device that had proved this number before; null for a stranger."""
    answered: Mapped[bool] = mapped_column(server_default=false())
    """Whether somebody typed the code that was sent, for this request or another one."""
    is_unproved: Mapped[bool | None]
    """Whether nobody had ever proved the number; null of a release that did not ask."""
    challenge: Mapped[str | None]
    """That of the proof of work which came with it, so that none is used twice."""


class ProvedMobileRow(Base):
    """A number that somebody has proved, and when they did last."""

    __tablename__ = "proved_mobiles"
    __table_args__ = (Index("proved_mobiles_proved_at", "proved_at"),)

    mobile_digest: Mapped[str] = mapped_column(primary_key=True)
    proved_at: Mapped[datetime]

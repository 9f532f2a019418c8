"""What accounts publishes: one-time codes, logins and the ends of sessions."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from contracts.events.base import AnyAccessChange, AnyDeliverBy, Event
from contracts.events.example_members import CONTACT, ID, UNTIL
from contracts.model import Code, Contact, Instant, Language, Role, Wire


class OtpContact(Wire):
    """Who gets a one-time code, and the code."""

    mobile: str
    code: str


class OtpRequested(Event, producer="accounts", subscribers=("notify",), is_only_one=True):
    """A one-time code is to be sent; stale after ``expires_at`` of the envelope."""

    request_id: UUID
    language: Language
    deliver_by: AnyDeliverBy = "sms"
    personal: OtpContact
    example: ClassVar = {
        "request_id": ID,
        "language": "pa",
        "personal": {"mobile": "+919876543210", "code": "042731"},
    }

    @property
    def subject(self) -> str:
        return f"otp:{self.request_id}"


class AboutLogin(Event, producer="accounts"):
    """An event whose subject is a staff login."""

    login_id: Code
    example: ClassVar = {"login_id": "PWD-0007"}

    @property
    def subject(self) -> str:
        return f"login:{self.login_id}"


class LoginIssued(AboutLogin, subscribers=("notify",)):
    """The ADO Branch issued a login. The initial password is never in an event."""

    role: Role
    site: Code | None = None
    department: Code | None = None
    issued_by: Code
    language: Language = "en"
    personal: Contact
    example: ClassVar = {
        "role": "department",
        "department": "pwd",
        "issued_by": "ADO-0001",
        "personal": CONTACT,
    }


class LoginDisabled(AboutLogin, subscribers=("verify", "gateway")):
    """The login and all its sessions ended, for good.

    It never expires: what a service keeps of the login, such as a PIN, ends however late the event arrives.
    """

    disabled_by: Code
    sessions_until: Instant
    """No token of this login is valid past this instant anyway; the denial may be forgotten then."""
    example: ClassVar = {"disabled_by": "ADO-0001", "sessions_until": UNTIL}


class DecidersChanged(Event, producer="accounts", subscribers=("approval",)):
    """Whether a login can decide for a department: said when it changes, and again each hour.

    An assistant's login alone cannot. The repetition mends what was lost on the way.
    """

    department: Code
    can_decide: bool
    example: ClassVar = {"department": "home", "can_decide": True}

    @property
    def subject(self) -> str:
        return f"department:{self.department}"


class PasswordReset(AboutLogin, subscribers=("gateway",)):
    """All sessions of the login ended, since it got another one-time password. The login itself goes on."""

    reset_by: Code
    sessions_until: Instant
    """As in `LoginDisabled`."""
    example: ClassVar = {"reset_by": "ADO-0001", "sessions_until": UNTIL}


class AccessChanged(AboutLogin, subscribers=("notify",)):
    """Access was given or taken, and one person is told: the holder, or somebody of the ADO Branch.

    There is one event for each person who is told. Of the file and of the rule, the login is whoever did it.
    """

    what: AnyAccessChange
    changed_by: str
    """A login, or ``epass`` for a command on the server."""
    language: Language = "en"
    personal: Contact
    example: ClassVar = {
        "what": "factor_reset",
        "changed_by": "ADO-0001",
        "language": "hi",
        "personal": CONTACT,
    }


class SessionEnded(Event, producer="accounts", subscribers=("gateway",), is_only_one=True):
    """One session ended before its token expires."""

    sid: UUID
    token_expires_at: Instant
    example: ClassVar = {"sid": ID, "token_expires_at": UNTIL}

    @property
    def subject(self) -> str:
        return f"session:{self.sid}"


class SessionKeyWithdrawn(Event, producer="accounts", subscribers=("gateway",), is_only_one=True):
    """A key of sessions was withdrawn: every session under it has ended, whoever made it."""

    kid: str = Field(max_length=8)
    example: ClassVar = {"kid": "k1"}

    @property
    def subject(self) -> str:
        return f"session-key:{self.kid}"

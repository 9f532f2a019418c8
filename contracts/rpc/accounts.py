"""RPC of accounts: codes and sessions, staff logins, kiosks, devices of gates."""

import datetime as dt
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from contracts import events
from contracts.model import Code, GateDeviceWorry, Instant, Language, LoginState, Role, Strict, Wire
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Http, Method, Nothing, Page
from contracts.rpc.imports import CsvFile, ImportFile, ImportId, ImportReport, LoginImport

DEVICES = 16
DeviceToken = Annotated[str, Field(max_length=100)]
"""Shows that somebody signed in on this device before. It opens nothing, but no stranger makes it wait."""


class RequestOtp(Strict):
    """Send a code to a mobile, in a language."""

    mobile: str = Field(max_length=40)
    language: Language = "en"
    devices: tuple[DeviceToken, ...] = Field(default=(), max_length=DEVICES)
    """What earlier sessions on this device gave as ``device``."""


class OtpAccepted(Wire):
    """A code is on its way."""

    request_id: UUID
    resend_after: int = 30
    """Seconds until another code may be requested."""


class VerifyOtp(Strict):
    """The code a person typed."""

    request_id: UUID
    code: str = Field(max_length=20)


class ApplicantSession(Wire):
    """A session of an applicant."""

    access_token: str
    expires_at: Instant
    device: str | None = None
    """To be sent with the next request for a code to this mobile."""


class LogIn(Strict):
    """A staff login."""

    login_id: str = Field(max_length=40)
    password: str = Field(max_length=200)
    devices: tuple[DeviceToken, ...] = Field(default=(), max_length=DEVICES)
    """What earlier sessions on this device gave as ``device``."""


class StaffSession(Wire):
    """A session of staff. With ``must_change_password`` it is good for POST /password only."""

    access_token: str
    role: Role
    login_id: str
    site: str | None = None
    department: str | None = None
    gate: str | None = None
    must_change_password: bool = False
    expires_at: Instant
    device: str | None = None
    """To be sent when this login signs in on this device again."""


class SignInToken(Strict):
    """Continues a sign-in whose password was right, for a quarter of an hour."""

    sign_in: str = Field(max_length=100)
    """The fact ``sign_in`` of the problem ``second_factor_required`` or ``second_factor_missing``."""


class EnterCode(SignInToken):
    """The code that somebody typed: six digits of their app, or a recovery code."""

    code: str = Field(max_length=40)
    devices: tuple[DeviceToken, ...] = Field(default=(), max_length=DEVICES)
    """What earlier sessions on this device gave as ``device``."""


class Enrolment(Wire):
    """What an authenticator app needs to know, until its first code is entered."""

    login_id: str
    secret: str = Field(repr=False)
    """In base32, for somebody who types it."""
    address: str = Field(repr=False)
    """``otpauth://totp/…``, for a QR."""


class Enrolled(Wire):
    """A session whose holder has set up an app, and the codes for the day on which they lose it."""

    session: StaffSession
    recovery_codes: tuple[str, ...] = Field(repr=False)
    """Each works once. They are not shown again."""


class StartEnrolment(Strict):
    """Set up an app, the first one or another one."""

    password: str = Field(default="", max_length=200)
    """The caller's own, if they have no app yet. Who has one shows it again, within the minute before."""


class WaitingSignIn(Wire):
    """An app can be set up with this token, as at a sign-in."""

    sign_in: str = Field(repr=False)


class FactorCode(Strict):
    """A code of the caller's own app, or a recovery code."""

    code: str = Field(max_length=40)


class RecoveryCodes(Wire):
    """New recovery codes; those of before work no more."""

    recovery_codes: tuple[str, ...] = Field(repr=False)


class OwnFactor(Wire):
    """What the caller has as a second factor."""

    enrolled_at: Instant | None = None
    """Null without an app."""
    recovery_codes: int = 0
    """How many are left."""
    required: bool = False
    """Whether the role needs one."""


class FactorRule(Wire):
    """The roles whose logins need a second factor."""

    roles: tuple[Role, ...]
    changed_by: str | None = None
    """Null while the installation's own setting holds."""
    changed_at: Instant | None = None


class SetFactorRule(Strict):
    """From now on these roles need a second factor, and no others."""

    roles: tuple[Role, ...] = Field(max_length=20)


class ChangePassword(Strict):
    """Both passwords, the present one first."""

    current: str = Field(max_length=200)
    new: str = Field(max_length=200)


class IssueLogin(Strict):
    """A new login; department logins need a department, security and reception ones a site."""

    role: Role
    name: str = Field(min_length=1, max_length=100)
    department: Code | None = None
    site: Code | None = None
    gate: Code | None = None
    assistant_of: Code | None = None
    """The officer whom the holder of a department's login assists; it prepares, and decides by delegation."""
    mobile: str | None = Field(default=None, max_length=40)
    language: Language = "en"
    valid_until: dt.date | None = None
    """Its last day, in Indian Standard Time; without it the login has no end."""


class IssuedLogin(Wire):
    """The login with its one-time password, to be handed over by the ADO Branch; it is shown only once."""

    login_id: str
    initial_password: str
    valid_until: Instant | None = None
    """The end of the initial password."""


class LoginId(Strict):
    """One login."""

    login_id: Code


class ExtendLogin(LoginId):
    """A new last day of a login, later or earlier than before; without it the login has no end."""

    valid_until: dt.date | None = Field(
        default=None, description="In Indian Standard Time; null for a login without an end."
    )


class SetLoginMobile(LoginId):
    """Where the holder of a login is told of what happens to it, and in which language."""

    mobile: str = Field(min_length=1, max_length=40)
    language: Language = "en"


class EndedSessions(Wire):
    """How many sessions of a login were open and have ended now."""

    login_id: str
    ended: int


class OwnSession(Wire):
    """An open session of the caller."""

    sid: UUID
    opened_at: Instant
    last_used_at: Instant | None = None
    second_factor: bool = False
    """Whether it was opened with a second factor."""
    is_this: bool = False
    """Whether it is the one that asks."""


class OwnSessions(Wire):
    """The open sessions of the caller, the newest first."""

    items: tuple[OwnSession, ...]


class EndOwnSessions(Strict):
    """Which session of the caller ends."""

    sid: UUID | None = None
    """Without it all but the one that asks."""


class EndedOwnSessions(Wire):
    """The sessions that ended."""

    sids: tuple[UUID, ...]


class LoginQuestion(Page):
    """Which logins are wanted; a filter that is left out admits all."""

    role: Role | None = None
    department: Code | None = None
    site: Code | None = None
    state: LoginState | None = None


class LoginView(Wire):
    """A login as the ADO Branch sees it."""

    login_id: str
    role: Role
    name: str
    department: str | None = None
    site: str | None = None
    gate: str | None = None
    assistant_of: str | None = None
    disabled: bool = False
    state: LoginState = "active"
    valid_until: dt.date | None = None
    sessions: int = 0
    """How many sessions are open."""
    must_change_password: bool = False
    second_factor_since: Instant | None = None
    """When the holder has set up their app; null without one."""
    has_mobile: bool = False
    """Whether its holder is told of what happens to it."""
    issued_by: str | None = None
    issued_at: Instant
    last_used_at: Instant | None = None


class LoginList(Wire):
    """Logins, by ID."""

    items: tuple[LoginView, ...]
    next: str | None = None
    counts: dict[LoginState, int] = Field(default_factory=dict)
    """How many logins of each state the other filters admit, on all pages."""


class Colleague(Wire):
    """A login of the same department, to which an officer can delegate."""

    login_id: str
    name: str
    assistant_of: str | None = None


class ColleagueList(Wire):
    """The enabled logins of a department, by ID."""

    items: tuple[Colleague, ...]


class EnrolGateDevice(Strict):
    """The one-time code of a gate device, as the ADO Branch shows it: scanned, or typed."""

    code: str = Field(max_length=100)


class GateDeviceEnrolled(Wire):
    """The device that this browser is now."""

    device: str
    site: str
    gate: str


class GateDeviceReport(Strict):
    """What the app of a gate says of its device, every minute while somebody is signed in."""

    version: str = Field(max_length=64, pattern=r"^[\x20-\x7e]*$")
    """Of the app."""
    list_age_s: int | None = Field(default=None, ge=0, le=10**9)
    """How old its list of revoked passes is; None where it has none."""
    unsent: int = Field(ge=0, le=10**9)
    """How many scans it could not send."""


class GateDeviceView(Wire):
    """A gate device: where it stands, and what it has last reported."""

    device: str
    """Its login ID."""
    name: str
    site: str
    gate: str
    state: Literal["waiting", "enrolled", "revoked"]
    """``waiting``: its code was not entered yet."""
    issued_by: str | None = None
    issued_at: Instant
    enrolled_by: str | None = None
    enrolled_at: Instant | None = None
    reported_at: Instant | None = None
    version: str | None = None
    list_at: Instant | None = None
    unsent: int = 0
    worries: tuple[GateDeviceWorry, ...] = ()


class GateDeviceList(Wire):
    """The devices of gates, by site and gate."""

    items: tuple[GateDeviceView, ...]


class SessionKeys(Wire):
    """Public keys of session tokens: Ed25519 JWKs."""

    keys: tuple[events.PublicKey, ...]
    certificates: dict[str, str] = Field(default_factory=dict)
    """By ``kid``: accounts' word for the key, which goes along with calls (`contracts.rpc.call.Proof`)."""


class ActiveSessions(Wire):
    """What a gateway replica tells when it asks for the denied sessions, every minute."""

    active: tuple[UUID, ...]
    """Sessions that people have used here since it asked last."""


class DeniedSessions(Wire):
    """Sessions and logins that ended before their tokens expire.

    A gateway replica must know them when it starts.
    """

    sessions: dict[str, dt.datetime] = Field(default_factory=dict)
    logins: dict[str, dt.datetime] = Field(default_factory=dict)
    """Login ID → tokens issued up to this instant are denied."""


REQUEST_OTP = Method(
    "accounts", "request_otp", RequestOtp, OtpAccepted, command=True, said="Asked for a code",
    http=Http("anyone", "request_otp", "POST /otp",
        "Send a one-time code to a mobile. Requesting one again within its life repeats the same code.",
        status=202, limit="otp"),
)  # fmt: skip
VERIFY_OTP = Method(
    "accounts", "verify_otp", VerifyOtp, ApplicantSession, command=True, said="Signed in with a mobile",
    http=Http("anyone", "verify_otp", "POST /otp/verify",
        "Return a session to whoever has the code.", limit="otp_verify"),
)  # fmt: skip
LOG_IN = Method(
    "accounts", "log_in", LogIn, StaffSession, command=True, said="Signed in with a password",
    http=Http("anyone", "log_in", "POST /sessions",
        """Return a session for a login that the ADO Branch issued.

        `401` with `second_factor_required`: send the fact `sign_in` with a code to `/sessions/code`. With
        `second_factor_missing`: send it to `/sessions/enrolment` first, and the app's code to
        `/sessions/enrolment/code`. Both have a quarter of an hour.
        """, limit="login"),
)  # fmt: skip
ENROL_KIOSK = Method("accounts", "enrol_kiosk", LogIn, StaffSession, command=True, said="Enrolled a kiosk")
ENROL_GATE_DEVICE = Method(
    "accounts", "enrol_gate_device", LogIn, StaffSession, command=True, said="Enrolled a gate device"
)
REPORT_GATE_DEVICE = Method(
    "accounts", "report_gate_device", GateDeviceReport, Nothing, in_transaction=True,
    http=Http("guard_on_device", "report_gate_device", "POST /gate/device/report",
        "Say how this device is: the version of its app, the age of its list, the scans it has to send."),
)  # fmt: skip
GATE_DEVICES = Method("accounts", "gate_devices", Nothing, GateDeviceList)
ENTER_CODE = Method(
    "accounts", "enter_code", EnterCode, StaffSession, command=True, said="Signed in with the app's code",
    http=Http("anyone", "enter_code", "POST /sessions/code",
        "Return a session for a sign-in that waits for the second factor, and its code.", limit="login"),
)  # fmt: skip
SHOW_ENROLMENT = Method(
    "accounts", "show_enrolment", SignInToken, Enrolment,
    http=Http("anyone", "show_enrolment", "POST /sessions/enrolment",
        "Return what an authenticator app needs to know, for a sign-in that has to set up one.",
        limit="login"),
)  # fmt: skip
ENROL_FACTOR = Method(
    "accounts", "enrol_factor", EnterCode, Enrolled, command=True, said="Set up an app",
    http=Http("anyone", "enrol_factor", "POST /sessions/enrolment/code",
        "Set up an app by its first code; the answer has a session, and recovery codes that are shown once.",
        limit="login"),
)  # fmt: skip
OWN_FACTOR = Method(
    "accounts", "own_factor", Nothing, OwnFactor,
    http=Http("staff", "view_own_factor", "GET /second-factor",
        "Show what the caller has as a second factor."),
)  # fmt: skip
START_ENROLMENT = Method(
    "accounts", "start_enrolment", StartEnrolment, WaitingSignIn, command=True,
    said="Began to set up an app",
    http=Http("staff", "start_enrolment", "POST /second-factor/enrolment",
        "Begin to set up an app; go on with `sign_in` at `/sessions/enrolment`."),
)  # fmt: skip
CONFIRM_FACTOR = Method(
    "accounts", "confirm_factor", FactorCode, StaffSession, command=True,
    said="Showed the app's code again",
    http=Http("staff", "confirm_factor", "POST /sessions/current/code",
        """Show the second factor again, where `403` with `second_factor_stale` asks for it.

        The answer is the same session with a new token, which counts for five minutes.
        """),
)  # fmt: skip
RENEW_RECOVERY_CODES = Method(
    "accounts", "renew_recovery_codes", Nothing, RecoveryCodes, command=True,
    said="Made new recovery codes",
    http=Http("staff", "renew_recovery_codes", "POST /second-factor/recovery-codes",
        "Replace the recovery codes; the new ones are shown once."),
)  # fmt: skip
LOG_OUT = Method("accounts", "log_out", Nothing, Nothing, command=True, said="Signed out")
OWN_SESSIONS = Method("accounts", "own_sessions", Nothing, OwnSessions)
END_OWN_SESSIONS = Method(
    "accounts", "end_own_sessions", EndOwnSessions, EndedOwnSessions, command=True,
    said="Signed out elsewhere",
)  # fmt: skip
RENEW_KIOSK = Method(
    "accounts", "renew_kiosk", Nothing, StaffSession, command=True, said="Renewed a kiosk or a gate device"
)
CHANGE_PASSWORD = Method(
    "accounts", "change_password", ChangePassword, StaffSession, command=True, said="Changed the password",
    http=Http("staff", "change_password", "POST /password",
        "Change the password; the answer is a new session."),
)  # fmt: skip
ISSUE_LOGIN = Method(
    "accounts", "issue_login", IssueLogin, IssuedLogin, command=True, said="Issued a login or a device",
    http=Http("ado", "issue_login", "POST /logins",
        "Issue a login with its initial password, which is never shown again.", status=201),
)  # fmt: skip
LIST_LOGINS = Method(
    "accounts", "list_logins", LoginQuestion, LoginList, names_people=True, said="List of logins",
    http=Http("ado", "list_logins", "GET /logins",
        "List logins, by ID; `counts` says how many there are of each state."),
)  # fmt: skip
COLLEAGUES = Method(
    "accounts", "colleagues", Nothing, ColleagueList, names_people=True, said="List of colleagues"
)
VIEW_LOGIN = Method(
    "accounts", "view_login", LoginId, LoginView, names_people=True, said="Page of a login",
    http=Http("ado", "view_login", "GET /logins/{login_id}",
        "Show one login, with the number of its open sessions."),
)  # fmt: skip
SET_LOGIN_MOBILE = Method(
    "accounts", "set_login_mobile", SetLoginMobile, LoginView, command=True,
    said="Changed the mobile of a login",
    http=Http("ado", "set_login_mobile", "POST /logins/{login_id}/mobile",
        "Set where the holder is told of what happens to the login. They are told on both numbers."),
)  # fmt: skip
EXTEND_LOGIN = Method(
    "accounts", "extend_login", ExtendLogin, LoginView, command=True,
    said="Changed the last day of a login",
    http=Http("ado", "extend_login", "POST /logins/{login_id}/extend",
        "Set another last day, or none. Sessions that would outlive the login end."),
)  # fmt: skip
END_SESSIONS = Method(
    "accounts", "end_sessions", LoginId, EndedSessions, command=True, said="Signed a login out everywhere",
    http=Http("ado", "sign_out_login", "POST /logins/{login_id}/sign-out",
        "End all sessions of a login, everywhere within two seconds. Its password stays."),
)  # fmt: skip
DISABLE_LOGIN = Method(
    "accounts", "disable_login", LoginId, LoginView, command=True, said="Disabled a login or a device",
    http=Http("ado", "disable_login", "POST /logins/{login_id}/disable",
        "End the login and all its sessions, everywhere within two seconds."),
)  # fmt: skip
RESET_LOGIN = Method(
    "accounts", "reset_login", LoginId, IssuedLogin, command=True,
    said="Gave a login a new password, or a device a new code",
    http=Http("ado", "reset_login", "POST /logins/{login_id}/reset",
        "Give a new initial password, which must be changed; sessions of the old one end."),
)  # fmt: skip
RESET_FACTOR = Method(
    "accounts", "reset_factor", LoginId, LoginView, command=True, said="Reset an app",
    http=Http("ado", "reset_factor", "POST /logins/{login_id}/reset-factor",
        "Remove the second factor of somebody who has lost it; all their sessions end."),
)  # fmt: skip
FACTOR_RULE = Method(
    "accounts", "factor_rule", Nothing, FactorRule,
    http=Http("ado", "view_factor_rule", "GET /second-factor-rule",
        "Show which roles need a second factor."),
)  # fmt: skip
SET_FACTOR_RULE = Method(
    "accounts", "set_factor_rule", SetFactorRule, FactorRule, command=True,
    said="Decided who needs an app",
    http=Http("ado", "set_factor_rule", "POST /second-factor-rule",
        "Decide which roles need a second factor. Their sessions that were opened without one end."),
)  # fmt: skip
EXPORT_LOGINS = Method(
    "accounts", "export_logins", Nothing, CsvFile, names_people=True, said="File of all logins"
)
SEND_LOGIN_FILE = Method(
    "accounts", "send_login_file", ImportFile, ImportId, command=True, said="Sent a file of logins"
)
CHECK_LOGIN_FILE = Method(
    "accounts", "check_login_file", LoginImport, ImportReport, in_transaction=True, names_people=True,
    said="Checked a file of logins",
)  # fmt: skip
APPLY_LOGIN_FILE = Method(
    "accounts", "apply_login_file", LoginImport, ImportReport, command=True,
    said="Issued the logins of a file",
)  # fmt: skip
SESSION_KEYS = Method("accounts", "session_keys", Nothing, SessionKeys, in_transaction=True)
DENIED_SESSIONS = Method("accounts", "denied_sessions", ActiveSessions, DeniedSessions, in_transaction=True)
AUDIT_ENTRIES = Method(
    "accounts", "audit_entries", AuditQuestion, AuditEntries, names_people=True, said="Audit log"
)
AUDIT_HEADS = Method("accounts", "audit_heads", HeadQuestion, AuditHeads)

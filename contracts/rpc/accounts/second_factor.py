"""RPC of accounts: the second factor of a login, and who needs one."""

from pydantic import Field

from contracts.model import Instant, Role, Strict, Wire
from contracts.rpc.accounts.sessions import DEVICES, DeviceToken, StaffSession
from contracts.rpc.call import Http, Method, Nothing


class SignInToken(Strict):
    """Continues a sign-in whose password was right, for a quarter of an hour."""

    sign_in: str = Field(max_length=100)
    """The fact ``sign_in`` of the problem ``second_factor_required`` or ``second_factor_missing``."""


class EnterCode(SignInToken):
    """The code that somebody typed: six digits of their app, or a recovery code."""

    code: str = Field(max_length=40)
    devices: tuple[DeviceToken, ...] = Field(default=(), max_length=DEVICES)
    """What earlier sessions on this device gave as ``device``, and the session of an enrolled gate device."""


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


ENTER_CODE = Method(
    "accounts", "enter_code", EnterCode, StaffSession, command=True, said="Signed in with the app's code",
    http=Http("signing_in", "enter_code", "POST /sessions/code",
        "Return a session for a sign-in that waits for the second factor, and its code.", limit="login"),
)  # fmt: skip
SHOW_ENROLMENT = Method(
    "accounts", "show_enrolment", SignInToken, Enrolment,
    http=Http("signing_in", "show_enrolment", "POST /sessions/enrolment",
        "Return what an authenticator app needs to know, for a sign-in that has to set up one.",
        limit="login"),
)  # fmt: skip
ENROL_FACTOR = Method(
    "accounts", "enrol_factor", EnterCode, Enrolled, command=True, said="Set up an app",
    http=Http("signing_in", "enrol_factor", "POST /sessions/enrolment/code",
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
FACTOR_RULE = Method(
    "accounts", "factor_rule", Nothing, FactorRule,
    http=Http("ado", "view_factor_rule", "GET /second-factor-rule",
        "Show which roles need a second factor."),
)  # fmt: skip
SET_FACTOR_RULE = Method(
    "accounts", "set_factor_rule", SetFactorRule, FactorRule, command=True, fresh=True,
    said="Decided who needs an app",
    http=Http("ado", "set_factor_rule", "POST /second-factor-rule",
        "Decide which roles need a second factor. Their sessions that were opened without one end."),
)  # fmt: skip

"""RPC of accounts: signing in and out, passwords, and what the gateway knows of sessions."""

import datetime as dt
from typing import Annotated
from uuid import UUID

from pydantic import Field

from contracts import events
from contracts.model import Instant, Language, Role, Strict, Wire
from contracts.proof_of_work import LONGEST_PROOF
from contracts.rpc.call import Http, Method, Nothing

DEVICES = 25
"""Guards of three shifts share a tablet, and it may be the enrolled device of a gate."""
DeviceToken = Annotated[str, Field(max_length=2_000)]
"""Shows that somebody signed in on this device before, or is the session of the enrolled device of a gate,
for staff of its site. No stranger elsewhere makes whoever has one wait."""


class RequestOtp(Strict):
    """Send a code to a mobile, in a language."""

    mobile: str = Field(max_length=40)
    language: Language = "en"
    devices: tuple[DeviceToken, ...] = Field(default=(), max_length=DEVICES)
    """What earlier sessions on this device gave as ``device``."""
    work: str = Field(default="", max_length=LONGEST_PROOF)
    """The proof of work that was asked for (`contracts.proof_of_work`), if one was."""


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
    """What earlier sessions on this device gave as ``device``, and the session of an enrolled gate device."""


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


class ChangePassword(Strict):
    """Both passwords, the present one first."""

    current: str = Field(max_length=200)
    new: str = Field(max_length=200)


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
    most: int | None = None
    """How many the login may have at once; None for any number."""


class EndOwnSessions(Strict):
    """Which session of the caller ends."""

    sid: UUID | None = None
    """Without it all but the one that asks."""


class EndedOwnSessions(Wire):
    """The sessions that ended."""

    sids: tuple[UUID, ...]


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
        """Send a one-time code to a mobile. Requesting one again within its life repeats the same code.

        `422` with `country_not_served`: codes do not go to numbers of that country. `429` with
        `work_required`: very many codes are asked for. Send the request again within five minutes with
        `work`, the proof for the fact `challenge`: the challenge and as many numbers as the fact `answers`
        says, with a dot before each. Number i, from 0 on, is an n for which SHA-256 of `challenge:i:n`
        begins with as many bits of zero as the fact `bits` says. `429` with the `limit` `unproved`: until
        `retry_after` only numbers that somebody has proved before get a code.
        """,
        status=202, limit="otp"),
)  # fmt: skip
VERIFY_OTP = Method(
    "accounts", "verify_otp", VerifyOtp, ApplicantSession, command=True, said="Signed in with a mobile",
    http=Http("anyone", "verify_otp", "POST /otp/verify",
        "Return a session to whoever has the code.", limit="otp_verify"),
)  # fmt: skip
LOG_IN = Method(
    "accounts", "log_in", LogIn, StaffSession, command=True, said="Signed in with a password",
    http=Http("signing_in", "log_in", "POST /sessions",
        """Return a session for a login that the ADO Branch issued.

        `401` with `second_factor_required`: send the fact `sign_in` with a code to `/sessions/code`. With
        `second_factor_missing`: send it to `/sessions/enrolment` first, and the app's code to
        `/sessions/enrolment/code`. Both have a quarter of an hour.
        """, limit="login"),
)  # fmt: skip
ENROL_KIOSK = Method("accounts", "enrol_kiosk", LogIn, StaffSession, command=True, said="Enrolled a kiosk")
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
SESSION_KEYS = Method("accounts", "session_keys", Nothing, SessionKeys, in_transaction=True)
DENIED_SESSIONS = Method("accounts", "denied_sessions", ActiveSessions, DeniedSessions, in_transaction=True)

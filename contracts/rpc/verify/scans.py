"""RPC of verify: a scan at a gate, and what is recorded of the scans of a pass."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from contracts.model import (
    Assistance,
    Code,
    Companion,
    Direction,
    IdType,
    Instant,
    Person,
    Strict,
    Verdict,
    Wire,
)
from contracts.rpc.call import Http, Method
from contracts.rpc.issuance import PassNumber


class Matched(Strict):
    """An ID that the application names was shown; its last four characters are compared."""

    kind: Literal["matched"]
    id_type: IdType
    id_last4: str = Field(max_length=40)


class OtherId(Strict):
    """Another valid ID was shown, and the officer accepts its name and face; it is recorded as such."""

    kind: Literal["other_id"]
    id_type: IdType
    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")


class Seen(Strict):
    """An ID of this type was shown, and the officer compared name and photograph with what the gate shows.

    It is one tap. The four characters of `Matched` stay the stronger form: the gate does not show them.
    """

    kind: Literal["seen"]
    id_type: IdType


IdCheck = Annotated[Matched | Seen | OtherId, Field(discriminator="kind")]
ScannedAt = Annotated[
    Instant, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2100, 1, 1, tzinfo=UTC))
]
"""When a gate says that it scanned. What is outside of these years, no clock of a gate has shown."""
PROOF = r"^[A-Za-z0-9_-]{43}$"
"""The form of an HMAC-SHA256 in base64url (`contracts/supervisor_pin.py`)."""
PIN = r"^[0-9]{6}$"


class Supervisor(Strict):
    """A supervisor who let somebody in, why, and the proof that they typed their PIN."""

    login_id: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")
    """As it was typed at the gate. Without a network nobody could check it."""
    reason: str = Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")
    proof: str | None = Field(default=None, pattern=PROOF)
    """Made of the PIN, the nonce and what was scanned. The PIN itself never leaves the app's device."""
    pin: str | None = Field(default=None, pattern=PIN, repr=False)
    """The PIN itself, from a page without scripts, which can make no proof. It is stored nowhere."""
    overrides: tuple[Verdict, ...] = Field(default=(), max_length=6)
    """The refusals that they set aside; the proof is made of them, too. Others stay refusals."""


class ScanPass(Strict):
    """A scan. Exactly one of ``token`` and ``pass_number``; without ``id_check`` an entry is a preview.

    An exit is one where ``ask_count`` says so. ``nonce`` is the idempotency key of the scan.
    """

    token: str | None = Field(default=None, max_length=2000)
    pass_number: str | None = Field(default=None, max_length=20)
    gate: Code
    direction: Direction = "entry"
    count: int | None = Field(default=None, ge=1, le=51)
    nonce: str = Field(min_length=8, max_length=64, pattern=r"^[\x20-\x7e]+$")
    scanned_at: ScannedAt | None = None
    id_check: IdCheck | None = None
    supervisor: Supervisor | None = None
    """Who agreed to this entry. With a proof that is not theirs the scan is refused (``wrong_pin``).

    An entry that needs their agreement is refused without it (``supervisor_missing``).
    """
    ask_count: bool = False
    """Whether an exit without ``count`` is only looked at where several are inside: the officer says then how
    many of them leave. If one is inside, or nobody, it is recorded at once."""


class ScanResult(Wire):
    """What the gate shows. The refusal of an unknown or forged pass has the verdict only.

    Persons, their department and officer and their needs are there only where they pass, may pass, or the
    officer has to decide (``admit``, ``exit``, ``id_mismatch``). At another site than that of
    the pass an exit is answered ``wrong_site``, and nobody is counted out.

    A token that cannot be read has no verdict: the answer is the error ``unreadable_token``, and nothing is
    recorded.
    """

    verdict: Verdict
    preview: bool
    pass_: str | None = Field(default=None, alias="pass")
    reference: str | None = None
    applicant: Person | None = None
    companions: tuple[Companion, ...] = ()
    party: int = 0
    inside: int = 0
    may_enter: int = 0
    """How many may come in now; only in a preview that admits."""
    site: str | None = None
    gate: str | None = None
    """The gate that the pass is for; None means any gate of its site."""
    valid_from: Instant | None = None
    valid_to: Instant | None = None
    """When entry is open: on the day of the scan, else on the next day of the pass, else on its last."""
    days: tuple[date, ...] = ()
    """All days of a pass for several days."""
    vehicle: str | None = None
    vehicle_allowed: bool = False
    assistance: Assistance | None = None
    department: str | None = None
    officer: str | None = None
    call_supervisor: bool = False
    """Whether the officer calls the supervisor before anybody goes in; the verdict does not change."""
    undelivered: bool = False
    """Whether no message has brought this pass to anybody, so that the visitor may have no QR code; only at
    an entry by a typed number. The verdict does not change."""
    supervisors: tuple[str, ...] = ()
    """The logins of whom one has to agree by their PIN: to an entry for which the supervisor is called, to
    another card after one that did not match, or to an entry against what is ``overridable``. Empty where
    nobody has to, or where the site has no supervisor with a PIN."""
    supervisors_void: bool = False
    """Whether one of them has to agree and none can: each PIN is void after too many wrong ones."""
    overridable: tuple[Verdict, ...] = ()
    """All that stands against an entry, where a supervisor may set all of it aside; only in a preview."""
    marks: tuple[str, ...] = ()
    list_age_s: int | None = None
    """How old the gate's knowledge of revocations was at the scan, in seconds.

    Issuance signs a status list every ten seconds. verify uses the newest list whose revocations it has all
    received, and this is the age of that list: a pass that was revoked later may not be refused yet. None
    while no such list has arrived, and in the answer to a forged token or an unknown number.
    """
    inside_since: Instant | None = None
    """When the first of those inside came in; only where the verdict is ``already_inside``."""
    inside_gate: str | None = None
    """The gate that they came in by; only where the verdict is ``already_inside``."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class PassUse(Wire):
    """Whether a pass is used up: everybody of the party has come in as often as allowed, and has left."""

    used: bool


class RecordedScan(Wire):
    """A scan as it was recorded, without a name."""

    scanned_at: Instant
    recorded_at: Instant
    gate: str
    direction: Direction
    verdict: Verdict
    count: int
    inside: int
    marks: tuple[str, ...] = ()
    scanned_by: str


class ScanHistory(Wire):
    """The newest recorded scans of a pass, at most 200."""

    pass_number: str
    reference: str | None = None
    """Of its application; None while it is not known at the gate."""
    items: tuple[RecordedScan, ...] = ()


SCAN = Method(
    "verify", "scan", ScanPass, ScanResult, command=True, carries_key=True, keeps_own_record=True,
    together=True, said="Scanned a pass",
    http=Http("guard", "scan_pass", "POST /scans",
        """Check a pass.

        Without an ID check an entry is a preview and nothing is recorded; a refusal is a verdict, not an
        error. A token that a scanner did not read whole is the problem `unreadable_token`: scan it again.
        Nothing is recorded, and the nonce is still free.

        `nonce` is the key of the scan, so there is no `Idempotency-Key`: a repeat with the same nonce has one
        effect and one answer.
        """),
)  # fmt: skip
PASS_USE = Method("verify", "pass_use", PassNumber, PassUse)
SCAN_HISTORY = Method(
    "verify", "scan_history", PassNumber, ScanHistory, names_people=True, said="Scans of a pass"
)

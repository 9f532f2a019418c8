"""RPC of verify: scans, who is inside, whether a pass is used up."""

from datetime import date
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
from contracts.rpc.audit import AuditEntries, AuditHeads, AuditQuestion, HeadQuestion
from contracts.rpc.call import Method, Page
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


class ScanPass(Strict):
    """A scan. Exactly one of ``token`` and ``pass_number``; without ``id_check`` an entry is a preview.

    ``nonce`` is the idempotency key of the scan.
    """

    token: str | None = Field(default=None, max_length=2000)
    pass_number: str | None = Field(default=None, max_length=20)
    gate: Code
    direction: Direction = "entry"
    count: int | None = Field(default=None, ge=1, le=51)
    nonce: str = Field(min_length=8, max_length=64, pattern=r"^[\x20-\x7e]+$")
    scanned_at: Instant | None = None
    id_check: Annotated[Matched | OtherId, Field(discriminator="kind")] | None = None


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


class InsideQuestion(Page):
    """The question who is inside a site."""

    site: Code


class Inside(Wire):
    """One party inside."""

    pass_: str = Field(alias="pass")
    reference: str
    name_latin: str
    name: str
    inside: int
    party: int
    since: Instant
    gate: str
    department: str
    valid_to: Instant

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)


class InsideList(Wire):
    """Parties inside, the longest first; ``persons`` counts all who are inside, not only this page's."""

    items: tuple[Inside, ...]
    next: str | None = None
    persons: int = 0


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
    "verify",
    "scan",
    ScanPass,
    ScanResult,
    command=True,
    carries_key=True,
    keeps_own_record=True,
    together=True,
)
INSIDE = Method("verify", "inside", InsideQuestion, InsideList, names_people=True)
PASS_USE = Method("verify", "pass_use", PassNumber, PassUse)
SCAN_HISTORY = Method("verify", "scan_history", PassNumber, ScanHistory, names_people=True)
AUDIT_ENTRIES = Method("verify", "audit_entries", AuditQuestion, AuditEntries, names_people=True)
AUDIT_HEADS = Method("verify", "audit_heads", HeadQuestion, AuditHeads)
